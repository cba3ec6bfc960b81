//! TLS of the HTTP API: version 1.3 only, like everything else, but clients are people with tokens and dial by name.

use super::{
    TlsError,
    config::provider,
    pin::{PinVerifier, WrongAuthority},
};
use crate::identity::{IdentityError, Peer, PeerRole};
use rustls::{
    CertificateError, ClientConfig, Error, OtherError, RootCertStore, ServerConfig,
    client::Resumption,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::NoServerSessionStorage,
    version::TLS13,
};
use std::{io, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Said by both ends in the handshake. Agents say another word: a connection meant for their port ends here at once.
const PROTOCOL_NAME: &[u8] = b"http/1.1";

/// Most certificates of a chain or a bundle that are read.
const CERTIFICATES_MAX: usize = 1024;

/// The listening end. No certificate is asked for: an agent's proves nothing here.
pub fn api_server_config(chain_pem: &str, key_pem: &str) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(chain_pem)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_| IdentityError::NotPem("the key"))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![PROTOCOL_NAME.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Whom a person's client believes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiTrust {
    /// The authority, or the certificate that signed itself, whose public key has this SHA-256.
    Pin(String),
    /// The authorities in this PEM text.
    Authorities(String),
}

/// The dialling end of a person. Chain, dates and name are checked, whatever the trust begins with.
pub fn api_client_config(trust: &ApiTrust) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
    let builder = match trust {
        ApiTrust::Pin(pin) => builder.dangerous().with_custom_certificate_verifier(PinVerifier::new(pin, provider())),
        ApiTrust::Authorities(pem) => {
            let mut roots = RootCertStore::empty();
            certificates(pem)?.into_iter().try_for_each(|certificate| roots.add(certificate))?;
            builder.with_root_certificates(roots)
        }
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL_NAME.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Connects to the API at `host`. Agents have certificates of the same authority: one of theirs is refused.
pub async fn connect_api<S: AsyncRead + AsyncWrite + Unpin>(
    config: &Arc<ClientConfig>,
    stream: S,
    host: &str,
) -> Result<TlsStream<S>, TlsError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| TlsError::Handshake(io::Error::other(error)))?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(TlsError::Handshake)?;
    let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).ok_or(TlsError::NoCertificate)?;
    // A certificate of the administrator's own names no identity of ours, and need not.
    match Peer::from_der(leaf) {
        Ok(peer) if peer.role == PeerRole::Agent => {
            let got = peer.host.map_or_else(|| "an agent".to_owned(), |host| format!("the agent of {host}"));
            Err(TlsError::WrongPeer { expected: "the controller".to_owned(), got })
        }
        _ => Ok(stream),
    }
}

/// What is wrong with the other end, as far as a person can do something about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiDistrust {
    /// Its authority is not the pinned one.
    Authority(WrongAuthority),
    /// It is trusted, and not under the name that was dialled; the names it is trusted under.
    Name(Vec<String>),
    /// Nobody we know has signed for it.
    Unknown,
    /// It does not speak TLS.
    NoTls,
    Other(String),
}

impl ApiDistrust {
    /// Finds the reason in what `connect_api` failed with; `None` when the connection just broke.
    pub fn of(error: &TlsError) -> Option<Self> {
        let TlsError::Handshake(error) = error else { return Some(Self::Other(error.to_string())) };
        let error = error.get_ref()?.downcast_ref::<Error>()?;
        Some(match error {
            Error::Other(OtherError(inner)) => match inner.downcast_ref::<WrongAuthority>() {
                Some(wrong) => Self::Authority(wrong.clone()),
                None => Self::Other(inner.to_string()),
            },
            Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
                Self::Name(presented.clone())
            }
            Error::InvalidCertificate(CertificateError::NotValidForName) => Self::Name(Vec::new()),
            // Every embedded authority has the same name: another one's looks like ours with a wrong signature.
            Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
                Self::Unknown
            }
            Error::InvalidMessage(_) => Self::NoTls,
            other => Self::Other(other.to_string()),
        })
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).take(CERTIFICATES_MAX).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError::Identity(IdentityError::NotPem("the certificate file"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{identity::Authority, tls::client_config};
    use model::HostName;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    /// What a client makes of a server that shows this chain, dialled by this name.
    async fn dial(chain: &str, key: &str, trust: &ApiTrust, host: &str) -> Result<(), TlsError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = api_server_config(chain, key).unwrap();
        let serve = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(mut stream) = tokio_rustls::TlsAcceptor::from(server).accept(stream).await {
                let _ = stream.write_all(b"x").await;
                let _ = stream.shutdown().await;
            }
        });
        let config = api_client_config(trust).unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let met = connect_api(&config, stream, host).await;
        let result = match met {
            Ok(mut stream) => stream.read_u8().await.map(drop).map_err(TlsError::Handshake),
            Err(error) => Err(error),
        };
        serve.await.unwrap();
        result
    }

    fn issued(authority: &Authority) -> (String, String) {
        let identity = authority.issue_controller(&["ctl.example".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        (identity.certificate + &identity.authority, identity.key)
    }

    #[tokio::test]
    async fn the_pinned_authority_and_the_right_name_are_believed_and_nothing_else() {
        let (ours, theirs) = (Authority::create().unwrap(), Authority::create().unwrap());
        let (chain, key) = issued(&ours);
        let pin = |authority: &Authority| ApiTrust::Pin(authority.fingerprint().unwrap());
        for host in ["ctl.example", "127.0.0.1"] {
            dial(&chain, &key, &pin(&ours), host).await.unwrap();
            dial(&chain, &key, &ApiTrust::Authorities(ours.certificate_pem().to_owned()), host).await.unwrap();
        }
        assert!(matches!(dial(&chain, &key, &pin(&ours), "other.example").await, Err(TlsError::Handshake(_))));
        let why = |met: Result<(), TlsError>| ApiDistrust::of(&met.unwrap_err()).unwrap();
        let (seen, pinned) = (ours.fingerprint().unwrap(), theirs.fingerprint().unwrap());
        let wrong = ApiDistrust::Authority(WrongAuthority { pinned, seen });
        assert_eq!(why(dial(&chain, &key, &pin(&theirs), "ctl.example").await), wrong);
        let foreign = ApiTrust::Authorities(theirs.certificate_pem().to_owned());
        assert_eq!(why(dial(&chain, &key, &foreign, "ctl.example").await), ApiDistrust::Unknown);
        let ApiDistrust::Name(names) = why(dial(&chain, &key, &pin(&ours), "other.example").await) else { panic!() };
        assert!(names.iter().any(|name| name.contains("ctl.example")), "{names:?}");
    }

    #[tokio::test]
    async fn an_agent_cannot_stand_for_the_api() {
        let authority = Authority::create().unwrap();
        let agent = authority.issue_agent(&HostName::from("mx1")).unwrap();
        let trust = ApiTrust::Pin(authority.fingerprint().unwrap());
        // Every certificate of ours carries this name.
        let met = dial(&(agent.certificate + &agent.authority), &agent.key, &trust, "standin").await;
        assert!(matches!(met, Err(TlsError::WrongPeer { .. })), "{met:?}");
    }

    #[tokio::test]
    async fn an_agents_connection_ends_in_the_handshake() {
        let authority = Authority::create().unwrap();
        let (chain, key) = issued(&authority);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = api_server_config(&chain, &key).unwrap();
        let serve = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            tokio_rustls::TlsAcceptor::from(server).accept(stream).await.is_err()
        });
        let agent = client_config(&authority.issue_agent(&HostName::from("mx1")).unwrap()).unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        assert!(super::super::connect(&agent, stream, super::super::Expected::Controller).await.is_err());
        assert!(serve.await.unwrap());
    }
}

//! The two ends' configuration.

use super::{TlsError, pin::PinVerifier};
use crate::identity::{Identity, IdentityError};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    version::TLS13,
};
use std::sync::Arc;

/// Spoken by both ends, so that a connection meant for another service ends in the handshake.
const PROTOCOL_NAME: &[u8] = b"standin/1";

/// Whether a server insists on a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// Checked when shown; the access table decides what may be done without.
    Optional,
    Required,
}

/// The listening end. It shows its authority too, for joining agents to compare with their token.
pub fn server_config(identity: &Identity, client: ClientCertificate) -> Result<Arc<ServerConfig>, TlsError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(authority(identity)?, provider());
    let verifier = match client {
        ClientCertificate::Optional => verifier.allow_unauthenticated().build()?,
        ClientCertificate::Required => verifier.build()?,
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(identity)?, key(identity)?)?;
    config.alpn_protocols = vec![PROTOCOL_NAME.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The dialling end of a program that has an identity: it shows it, and trusts its authority.
pub fn client_config(identity: &Identity) -> Result<Arc<ClientConfig>, TlsError> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(authority(identity)?)
        .with_client_auth_cert(chain(identity)?, key(identity)?)?;
    Ok(finish(config))
}

/// The dialling end of an agent that has only a token: it trusts the authority whose public key has this SHA-256.
pub fn joining_config(pin: &str) -> Result<Arc<ClientConfig>, TlsError> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(PinVerifier::new(pin, provider()))
        .with_no_client_auth();
    Ok(finish(config))
}

fn finish(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![PROTOCOL_NAME.to_vec()];
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// Named here and handed down: a process-wide default could be set by anybody.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn authority(identity: &Identity) -> Result<Arc<RootCertStore>, TlsError> {
    let mut store = RootCertStore::empty();
    store.add(certificate(&identity.authority, "the authority")?)?;
    Ok(Arc::new(store))
}

fn chain(identity: &Identity) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    Ok(vec![certificate(&identity.certificate, "the identity")?, certificate(&identity.authority, "the authority")?])
}

fn certificate(pem: &str, what: &'static str) -> Result<CertificateDer<'static>, IdentityError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| IdentityError::NotPem(what))
}

fn key(identity: &Identity) -> Result<PrivateKeyDer<'static>, IdentityError> {
    PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(|_| IdentityError::NotPem("the key"))
}

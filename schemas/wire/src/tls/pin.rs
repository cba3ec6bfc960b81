//! The check of who knows nothing but a hash: a joining agent, or a person's client.

use crate::identity::pin_of_der;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{fmt, iter, sync::Arc};

/// Nothing that the peer showed has the pinned key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongAuthority {
    pub pinned: String,
    /// SHA-256 of the public key of the authority that was shown.
    pub seen: String,
}

impl fmt::Display for WrongAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the authority's fingerprint is {}, not {}", self.seen, self.pinned)
    }
}

impl std::error::Error for WrongAuthority {}

/// Trusts the one authority, or the certificate that signed itself, whose public key has the pinned hash; chain, dates,
/// name and handshake are checked as ever.
#[derive(Debug)]
pub(super) struct PinVerifier {
    pin: String,
    provider: Arc<CryptoProvider>,
}

impl PinVerifier {
    pub(super) fn new(pin: &str, provider: Arc<CryptoProvider>) -> Arc<Self> {
        Arc::new(Self { pin: pin.to_owned(), provider })
    }

    fn roots(&self, shown: &[&CertificateDer<'_>]) -> Result<RootCertStore, Error> {
        let Some(pinned) = shown.iter().find(|der| pin_of_der(der).as_ref() == Some(&self.pin)) else {
            let seen = shown.last().and_then(|der| pin_of_der(der)).unwrap_or_else(|| "not readable".to_owned());
            return Err(Error::Other(OtherError(Arc::new(WrongAuthority { pinned: self.pin.clone(), seen }))));
        };
        let mut roots = RootCertStore::empty();
        roots.add((*pinned).clone().into_owned())?;
        Ok(roots)
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown: Vec<_> = iter::once(end_entity).chain(intermediates).collect();
        let roots = Arc::new(self.roots(&shown)?);
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

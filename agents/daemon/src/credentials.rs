//! What this host shows of itself: one key for as long as it belongs to the installation, and its present certificate.

use crate::agent::lock;
use model::Timestamp;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};
use wire::{
    identity::{CertificateRequest, Identity, IdentityError, Lifetime},
    tls::{self, ClientCertificate, TlsError},
};

/// Why a certificate was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    #[error("it is not one for this host and its key")]
    Identity(#[from] IdentityError),
    #[error("it cannot be shown")]
    Tls(#[from] TlsError),
    #[error("it is for somebody else")]
    OtherSubject,
    #[error("it ends no later than the one this host has")]
    NotLater,
}

/// The identity of this host, and what connections are made with.
pub struct Credentials {
    directory: PathBuf,
    held: Mutex<Held>,
    /// Held while a certificate is taken, so that the one on disk is the one that is shown.
    taking: Mutex<()>,
}

struct Held {
    identity: Identity,
    client: Arc<rustls::ClientConfig>,
    server: Arc<rustls::ServerConfig>,
}

impl Held {
    fn of(identity: Identity) -> Result<Self, TlsError> {
        let (client, server) =
            (tls::client_config(&identity)?, tls::server_config(&identity, ClientCertificate::Required)?);
        Ok(Self { identity, client, server })
    }
}

impl Credentials {
    /// `directory` is where the identity was read from.
    pub fn new(identity: Identity, directory: PathBuf) -> Result<Self, TlsError> {
        Ok(Self { directory, held: Mutex::new(Held::of(identity)?), taking: Mutex::default() })
    }

    /// What the next connection that this host makes is made with.
    pub fn client(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&lock(&self.held).client)
    }

    /// What the next connection that this host takes is taken with.
    pub fn server(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&lock(&self.held).server)
    }

    /// When the certificate ends, once it is time for the next one.
    pub fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let lifetime = Lifetime::of(&lock(&self.held).identity.certificate).ok()?;
        lifetime.is_due(now).then_some(lifetime.until)
    }

    /// Asks for the next certificate of the same key.
    pub fn request(&self) -> Result<String, IdentityError> {
        Ok(CertificateRequest::renewing(&lock(&self.held).identity)?.pem().to_owned())
    }

    /// Keeps a certificate and uses it for every connection from now on. Blocks on the disk.
    ///
    /// **Guarantees** that it is durable before it is shown, and that the one before stays where it is refused.
    pub fn renew(&self, certificate: String) -> Result<Timestamp, RenewError> {
        let _one_at_a_time = lock(&self.taking);
        let before = lock(&self.held).identity.clone();
        let authority = before.authority.clone();
        let next = CertificateRequest::renewing(&before)?.into_identity(certificate, authority)?;
        if next.subject()? != before.subject()? {
            return Err(RenewError::OtherSubject);
        }
        let until = Lifetime::of(&next.certificate)?.until;
        if until <= Lifetime::of(&before.certificate)?.until {
            return Err(RenewError::NotLater);
        }
        let next = Held::of(next)?;
        next.identity.save(&self.directory)?;
        *lock(&self.held) = next;
        Ok(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use wire::identity::{Authority, LEAF_LIFETIME};

    #[test]
    fn only_a_later_certificate_of_the_same_host_and_key_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::create().unwrap().lasting(Duration::from_secs(600));
        let identity = authority.issue_agent(&"mx1".into()).unwrap();
        let credentials = Credentials::new(identity.clone(), directory.path().to_owned()).unwrap();
        let (client, server, request) = (credentials.client(), credentials.server(), credentials.request().unwrap());
        assert!(matches!(credentials.renew(identity.certificate.clone()), Err(RenewError::NotLater)));
        let authority = authority.lasting(LEAF_LIFETIME);
        let other_key = authority.issue_agent(&"mx1".into()).unwrap().certificate;
        assert!(matches!(credentials.renew(other_key), Err(RenewError::Identity(IdentityError::Mismatch))));
        let other_host = authority.sign_agent(&request, &"mx2".into()).unwrap();
        assert!(matches!(credentials.renew(other_host), Err(RenewError::OtherSubject)));
        assert!(credentials.renew("nothing".to_owned()).is_err());
        assert!(Arc::ptr_eq(&client, &credentials.client()) && !Identity::exists(directory.path()));
        let next = authority.sign_agent(&request, &"mx1".into()).unwrap();
        let until = credentials.renew(next.clone()).unwrap();
        assert_eq!(Identity::load(directory.path()).unwrap(), Identity { certificate: next, ..identity });
        assert!(!Arc::ptr_eq(&client, &credentials.client()) && !Arc::ptr_eq(&server, &credentials.server()));
        assert_eq!(credentials.due(Timestamp(0)), None);
        assert_eq!(credentials.due(until), Some(until));
    }
}

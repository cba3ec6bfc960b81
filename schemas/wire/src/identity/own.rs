//! What a program shows of itself.

use super::{IdentityError, files, peer};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PublicKeyData};
use std::{fmt, path::Path};

const FILE: &str = "identity.pem";

/// Certificate, key and the authority both ends trust, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
    pub authority: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Identity {
    /// Writes `identity.pem` (0600) in a directory only we can enter. One file, so that a crash while joining anew
    /// can never leave the key of one identity beside the certificate of another.
    pub fn save(&self, directory: &Path) -> Result<(), IdentityError> {
        let text = [&self.key, &self.certificate, &self.authority].map(|part| part.trim_end()).join("\n") + "\n";
        files::write(directory, FILE, &text, 0o600)
    }

    /// Reads what `save` wrote and checks that key and certificate belong together.
    pub fn load(directory: &Path) -> Result<Self, IdentityError> {
        let text = files::read(directory, FILE)?;
        let (mut key, mut certificates) = (None, Vec::new());
        for (label, section) in sections(&text) {
            match label {
                "CERTIFICATE" => certificates.push(section),
                _ => key = Some(section),
            }
        }
        let (Some(key), Ok([certificate, authority])) = (key, <[String; 2]>::try_from(certificates)) else {
            return Err(IdentityError::NotPem(FILE));
        };
        if peer::public_key(&certificate)? != KeyPair::from_pem(&key)?.subject_public_key_info() {
            return Err(IdentityError::Mismatch);
        }
        Ok(Self { certificate, key, authority })
    }

    /// Tells whether an identity was saved here.
    pub fn exists(directory: &Path) -> bool {
        directory.join(FILE).exists()
    }

    /// What this program is, as its peers read it.
    pub fn subject(&self) -> Result<peer::Peer, IdentityError> {
        peer::Peer::from_pem(&self.certificate)
    }
}

/// Cuts a text into its PEM sections, each with its label.
fn sections(text: &str) -> impl Iterator<Item = (&str, String)> {
    const BEGIN: &str = "-----BEGIN ";
    text.split(BEGIN).skip(1).filter_map(|rest| {
        let label = &rest[..rest.find("-----")?];
        let end = format!("-----END {label}-----");
        let length = rest.find(&end)? + end.len();
        Some((label, format!("{BEGIN}{}\n", &rest[..length])))
    })
}

/// A key and the request to have it certified. The key never leaves the host it was made on.
pub struct CertificateRequest {
    key: KeyPair,
    pem: String,
}

impl CertificateRequest {
    pub fn create() -> Result<Self, IdentityError> {
        Self::of(KeyPair::generate()?)
    }

    /// Asks for the next certificate of a key that has one.
    pub fn renewing(identity: &Identity) -> Result<Self, IdentityError> {
        Self::of(KeyPair::from_pem(&identity.key)?)
    }

    fn of(key: KeyPair) -> Result<Self, IdentityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new(); // the authority decides the names
        let pem = params.serialize_request(&key)?.pem()?;
        Ok(Self { key, pem })
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Puts the answer of the authority beside the key.
    pub fn into_identity(self, certificate: String, authority: String) -> Result<Identity, IdentityError> {
        if peer::public_key(&certificate)? != self.key.subject_public_key_info() {
            return Err(IdentityError::Mismatch);
        }
        peer::Peer::from_pem(&certificate)?;
        Ok(Identity { certificate, key: self.key.serialize_pem(), authority })
    }
}

//! What a program reads of its peer.

use super::IdentityError;
use crate::digest;
use model::{HostName, names::is_name};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

/// What kind of program a certificate stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerRole {
    Agent,
    Controller,
}

/// A program that has shown a certificate of our authority and the key to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub role: PeerRole,
    /// Set for agents, and only for them.
    pub host: Option<HostName>,
    /// BLAKE3 of the public key (SPKI) in hexadecimal.
    pub key: String,
}

impl Peer {
    /// Reads the identity out of a certificate whose chain was already checked.
    ///
    /// **Errors**: `Unnamed` unless it holds exactly one URI and that URI is one of ours.
    pub fn from_der(certificate: &[u8]) -> Result<Self, IdentityError> {
        let parsed = parse(certificate, "the peer's certificate")?;
        let (role, host) = named(&parsed).ok_or(IdentityError::Unnamed)?;
        Ok(Self { role, host, key: key_hash(parsed.public_key().raw) })
    }

    pub fn from_pem(certificate: &str) -> Result<Self, IdentityError> {
        Self::from_der(&der(certificate)?)
    }

    pub fn is_agent(&self, host: &HostName) -> bool {
        self.role == PeerRole::Agent && self.host.as_ref() == Some(host)
    }
}

/// BLAKE3 of a certificate's public key (SPKI) in hexadecimal: what a stream names its peer by.
pub fn key_of(certificate_pem: &str) -> Result<String, IdentityError> {
    Ok(key_hash(&public_key(certificate_pem)?))
}

/// SHA-256 of a certificate's public key (SPKI) in hexadecimal: what a token pins its authority by.
pub fn pin_of(certificate_pem: &str) -> Result<String, IdentityError> {
    Ok(digest::sha256_hex(&public_key(certificate_pem)?))
}

/// Enough of a key's hash for people to tell two apart.
pub fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// As `pin_of`, from DER; `None` when it is no certificate.
pub(crate) fn pin_of_der(certificate: &[u8]) -> Option<String> {
    let parsed = parse(certificate, "the authority").ok()?;
    Some(digest::sha256_hex(parsed.public_key().raw))
}

pub(super) fn public_key(certificate_pem: &str) -> Result<Vec<u8>, IdentityError> {
    read(certificate_pem, |certificate| certificate.public_key().raw.to_vec())
}

/// What `look` finds in a certificate.
pub(super) fn read<T>(certificate_pem: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> Result<T, IdentityError> {
    Ok(look(&parse(&der(certificate_pem)?, "the file")?))
}

pub(super) fn key_hash(public_key: &[u8]) -> String {
    blake3::hash(public_key).to_hex().to_string()
}

fn der(certificate_pem: &str) -> Result<CertificateDer<'static>, IdentityError> {
    CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| IdentityError::NotPem("the text"))
}

fn parse<'a>(der: &'a [u8], what: &'static str) -> Result<X509Certificate<'a>, IdentityError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(IdentityError::NotPem(what)),
    }
}

fn named(certificate: &X509Certificate<'_>) -> Option<(PeerRole, Option<HostName>)> {
    let names = certificate.subject_alternative_name().ok()??;
    let mut uris = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    let (Some(uri), None) = (uris.next(), uris.next()) else {
        return None;
    };
    match uri.strip_prefix("spiffe://standin/")?.split_once('/') {
        None if uri.ends_with("/controller") => Some((PeerRole::Controller, None)),
        Some(("agent", host)) if is_name(host) => Some((PeerRole::Agent, Some(host.into()))),
        _ => None,
    }
}

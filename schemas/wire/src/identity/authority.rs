//! The certificate authority inside the controller.

use super::{Identity, IdentityError, SERVER_NAME, files, own::CertificateRequest, peer, peer::key_hash, pin_of};
use crate::digest;
use model::{HostName, names::is_name};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use std::{
    io,
    net::IpAddr,
    ops::Range,
    path::Path,
    time::{Duration, SystemTime},
};

const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca.key";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * DAY.as_secs());
/// How long the certificates of controller and agents are good. Agents renew theirs long before.
pub const LEAF_LIFETIME: Duration = Duration::from_secs(365 * DAY.as_secs());
/// How far the clock of a host may be behind the controller's without refusing a new certificate.
const CLOCK_ALLOWANCE: Duration = Duration::from_secs(60 * 60);

/// Signs every certificate of one installation.
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
    leaf_lifetime: Duration,
}

impl Authority {
    /// Makes a new authority with a key of its own.
    pub fn create() -> Result<Self, IdentityError> {
        let key = KeyPair::generate()?;
        let mut params = params(validity(AUTHORITY_LIFETIME), "Standin authority")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { certificate, issuer: Issuer::new(params, key), leaf_lifetime: LEAF_LIFETIME })
    }

    /// Reads an authority and checks that its two files belong together.
    pub fn load(directory: &Path) -> Result<Self, IdentityError> {
        let certificate = files::read(directory, CERTIFICATE_FILE)?;
        let key = KeyPair::from_pem(&files::read(directory, KEY_FILE)?)?;
        if peer::public_key(&certificate)? != key.subject_public_key_info() {
            return Err(IdentityError::Mismatch);
        }
        let issuer = Issuer::from_ca_cert_pem(&certificate, key)?;
        Ok(Self { certificate, issuer, leaf_lifetime: LEAF_LIFETIME })
    }

    /// Signs certificates of another lifetime from now on.
    pub fn lasting(self, leaf_lifetime: Duration) -> Self {
        Self { leaf_lifetime, ..self }
    }

    /// Writes both files, each atomically; the certificate comes last, so where it is the key is too.
    pub fn save(&self, directory: &Path) -> Result<(), IdentityError> {
        files::write(directory, KEY_FILE, &self.issuer.key().serialize_pem(), 0o600)?;
        files::write(directory, CERTIFICATE_FILE, &self.certificate, 0o644)
    }

    /// Reads the authority, or makes and keeps one where there is none yet.
    pub fn load_or_create(directory: &Path) -> Result<Self, IdentityError> {
        match Self::load(directory) {
            Err(IdentityError::File { path, source })
                if source.kind() == io::ErrorKind::NotFound && path.ends_with(CERTIFICATE_FILE) =>
            {
                let authority = Self::create()?;
                authority.save(directory)?;
                Ok(authority)
            }
            result => result,
        }
    }

    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// SHA-256 of the public key (SPKI) in hexadecimal: what tokens pin and people compare.
    pub fn fingerprint(&self) -> Result<String, IdentityError> {
        pin_of(&self.certificate)
    }

    /// Makes key and certificate of a controller; `names` are the DNS names and addresses it is reached by.
    pub fn issue_controller(&self, names: &[String]) -> Result<Identity, IdentityError> {
        let key = KeyPair::generate()?;
        let mut params = leaf(validity(self.leaf_lifetime), "spiffe://standin/controller", "Standin controller")?;
        for name in names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into()?),
            });
        }
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Identity { certificate, key: key.serialize_pem(), authority: self.certificate.clone() })
    }

    /// Signs the public key of a certificate request for one host.
    ///
    /// Only the key is taken from the request, after its signature was checked; names it asks for are ignored.
    pub fn sign_agent(&self, request_pem: &str, host: &HostName) -> Result<String, IdentityError> {
        self.sign_agent_for(request_pem, host, validity(self.leaf_lifetime))
    }

    /// Signs anew for a host that stays who it is.
    ///
    /// **Errors** `OtherKey` unless the request is for the very key (`Peer::key`) that the host is known by: streams
    /// name their peers by it.
    pub fn renew_agent(&self, request_pem: &str, host: &HostName, key: &str) -> Result<String, IdentityError> {
        let request = CertificateSigningRequestParams::from_pem(request_pem)?;
        if key_hash(&request.public_key.subject_public_key_info()) != key {
            return Err(IdentityError::OtherKey);
        }
        self.sign_agent(request_pem, host)
    }

    pub(super) fn sign_agent_for(
        &self,
        request_pem: &str,
        host: &HostName,
        validity: Range<SystemTime>,
    ) -> Result<String, IdentityError> {
        if !is_name(host.as_str()) {
            return Err(IdentityError::HostName(host.as_str().to_owned()));
        }
        let request = CertificateSigningRequestParams::from_pem(request_pem)?;
        let params = leaf(validity, &format!("spiffe://standin/agent/{host}"), host.as_str())?;
        Ok(params.signed_by(&request.public_key, &self.issuer)?.pem())
    }

    /// Makes an agent's identity in one go, for programs that hold both ends, such as tests.
    pub fn issue_agent(&self, host: &HostName) -> Result<Identity, IdentityError> {
        let request = CertificateRequest::create()?;
        let certificate = self.sign_agent(request.pem(), host)?;
        request.into_identity(certificate, self.certificate.clone())
    }
}

pub(super) fn validity(lifetime: Duration) -> Range<SystemTime> {
    let now = SystemTime::now();
    now - CLOCK_ALLOWANCE..now + lifetime
}

fn leaf(validity: Range<SystemTime>, uri: &str, name: &str) -> Result<CertificateParams, IdentityError> {
    let mut params = params(validity, name)?;
    params.subject_alt_names = vec![SanType::URI(uri.try_into()?), SanType::DnsName(SERVER_NAME.try_into()?)];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn params(validity: Range<SystemTime>, name: &str) -> Result<CertificateParams, IdentityError> {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    let mut serial: [u8; 16] = digest::random().ok_or(IdentityError::Random)?;
    serial[0] &= 0x7f; // a positive number, as RFC 5280 section 4.1.2.2 asks
    let mut params = CertificateParams::default();
    params.not_before = validity.start.into();
    params.not_after = validity.end.into();
    params.distinguished_name = distinguished_name;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

use super::*;
use model::HostName;
use rcgen::{CertificateParams, KeyPair};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_authority_survives_its_directory() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("ca");
    let made = Authority::load_or_create(&home).unwrap();
    let read = Authority::load_or_create(&home).unwrap();
    assert_eq!(made.certificate_pem(), read.certificate_pem());
    assert_eq!(made.fingerprint().unwrap(), read.fingerprint().unwrap());
    assert_eq!((mode(&home), mode(&home.join("ca.key"))), (0o700, 0o600));
    read.issue_agent(&HostName::from("mx1")).unwrap();
}

#[test]
fn a_foreign_key_beside_the_certificate_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    Authority::create().unwrap().save(directory.path()).unwrap();
    fs::write(directory.path().join("ca.key"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(matches!(Authority::load(directory.path()), Err(IdentityError::Mismatch)));
    assert!(Authority::load_or_create(directory.path()).is_err(), "an authority must never be replaced in silence");
}

#[test]
fn a_lost_key_is_not_replaced_in_silence() {
    let directory = tempfile::tempdir().unwrap();
    Authority::create().unwrap().save(directory.path()).unwrap();
    fs::remove_file(directory.path().join("ca.key")).unwrap();
    assert!(Authority::load_or_create(directory.path()).is_err());
}

#[test]
fn an_identity_is_one_private_file() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("agent");
    assert!(!Identity::exists(&home));
    let identity = Authority::create().unwrap().issue_agent(&HostName::from("mx1")).unwrap();
    identity.save(&home).unwrap();
    assert!(Identity::exists(&home));
    assert_eq!(Identity::load(&home).unwrap(), identity);
    assert_eq!((mode(&home), mode(&home.join("identity.pem"))), (0o700, 0o600));
    assert_eq!(fs::read_dir(&home).unwrap().count(), 1, "no temporary file stays");
    assert!(!format!("{identity:?}").contains("PRIVATE"));
}

#[test]
fn a_torn_identity_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let identity = Authority::create().unwrap().issue_agent(&HostName::from("mx1")).unwrap();
    identity.save(directory.path()).unwrap();
    let path = directory.path().join("identity.pem");
    let whole = fs::read_to_string(&path).unwrap();
    for length in (0..whole.len() - 1).step_by(97) {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(Identity::load(directory.path()).is_err(), "{length} bytes");
    }
}

#[test]
fn the_names_say_who_it_is() {
    let authority = Authority::create().unwrap();
    let agent = authority.issue_agent(&HostName::from("mx1")).unwrap();
    let peer = agent.subject().unwrap();
    assert_eq!((peer.role, peer.host.clone()), (PeerRole::Agent, Some(HostName::from("mx1"))));
    assert_eq!(peer.key, key_of(&agent.certificate).unwrap());
    assert!(peer.is_agent(&HostName::from("mx1")) && !peer.is_agent(&HostName::from("mx2")));

    let controller = authority.issue_controller(&["controller.example".to_owned(), "10.0.0.1".to_owned()]).unwrap();
    let peer = controller.subject().unwrap();
    assert_eq!((peer.role, peer.host), (PeerRole::Controller, None));
}

#[test]
fn names_in_a_request_are_ignored() {
    let authority = Authority::create().unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["controller".to_owned()]).unwrap();
    params.subject_alt_names.push(rcgen::SanType::URI("spiffe://standin/controller".try_into().unwrap()));
    let request = params.serialize_request(&key).unwrap().pem().unwrap();
    let certificate = authority.sign_agent(&request, &HostName::from("mx1")).unwrap();
    let peer = Peer::from_pem(&certificate).unwrap();
    assert_eq!((peer.role, peer.host), (PeerRole::Agent, Some(HostName::from("mx1"))));
}

#[test]
fn bad_requests_and_names_are_refused() {
    let authority = Authority::create().unwrap();
    let request = CertificateRequest::create().unwrap();
    for host in ["", "MX1", "a/b", "../x", "a b"] {
        let result = authority.sign_agent(request.pem(), &HostName::from(host));
        assert!(matches!(result, Err(IdentityError::HostName(_))), "{host:?}");
    }
    let host = HostName::from("mx1");
    assert!(authority.sign_agent("", &host).is_err());
    assert!(
        authority
            .sign_agent("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", &host)
            .is_err()
    );
}

#[test]
fn a_request_with_a_wrong_signature_is_refused() {
    use rustls_pki_types::{CertificateSigningRequestDer, pem::PemObject};
    let request = CertificateRequest::create().unwrap();
    let der = CertificateSigningRequestDer::from_pem_slice(request.pem().as_bytes()).unwrap();
    let mut bytes = der.as_ref().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let damaged = CertificateSigningRequestDer::from(bytes);
    assert!(rcgen::CertificateSigningRequestParams::from_der(&damaged).is_err());
    assert!(rcgen::CertificateSigningRequestParams::from_der(&der).is_ok());
}

#[test]
fn an_answer_for_another_key_is_refused() {
    let authority = Authority::create().unwrap();
    let other = authority.issue_agent(&HostName::from("mx2")).unwrap();
    let answer = CertificateRequest::create().unwrap().into_identity(other.certificate, other.authority);
    assert!(matches!(answer, Err(IdentityError::Mismatch)));
}

#[test]
fn a_certificate_is_renewed_for_the_same_key_and_for_no_other() {
    let (host, hour) = (HostName::from("mx1"), std::time::Duration::from_secs(3600));
    let authority = Authority::create().unwrap().lasting(hour);
    let old = authority.issue_agent(&host).unwrap();
    let (authority, key) = (authority.lasting(LEAF_LIFETIME), old.subject().unwrap().key);
    let request = CertificateRequest::renewing(&old).unwrap();
    let certificate = authority.renew_agent(request.pem(), &host, &key).unwrap();
    let new = request.into_identity(certificate, old.authority.clone()).unwrap();
    assert_eq!((new.subject().unwrap(), &new.key), (old.subject().unwrap(), &old.key));
    let until = |identity: &Identity| Lifetime::of(&identity.certificate).unwrap().until;
    assert!(until(&new).since(until(&old)) > LEAF_LIFETIME - 2 * hour);

    let stranger = CertificateRequest::create().unwrap();
    assert!(matches!(authority.renew_agent(stranger.pem(), &host, &key), Err(IdentityError::OtherKey)));
    assert!(authority.renew_agent("", &host, &key).is_err());
}

#[test]
fn a_certificate_without_our_uri_is_nobody() {
    let key = KeyPair::generate().unwrap();
    for uris in [
        vec![],
        vec!["spiffe://other/controller"],
        vec!["spiffe://standin/agent/A"],
        vec!["spiffe://standin/"],
        vec!["spiffe://standin/agent/a", "spiffe://standin/controller"],
        vec!["spiffe://standin/agent/a/controller"],
    ] {
        let mut params = CertificateParams::new(vec!["standin".to_owned()]).unwrap();
        for uri in &uris {
            params.subject_alt_names.push(rcgen::SanType::URI((*uri).try_into().unwrap()));
        }
        let pem = params.self_signed(&key).unwrap().pem();
        assert!(matches!(Peer::from_pem(&pem), Err(IdentityError::Unnamed)), "{uris:?}");
    }
}

/// For the tests of handshakes: an identity that has expired.
pub(crate) fn expired(authority: &Authority, host: &HostName) -> Identity {
    let request = CertificateRequest::create().unwrap();
    let hours = |n: u64| std::time::Duration::from_secs(n * 3600);
    let now = std::time::SystemTime::now();
    let certificate = authority.sign_agent_for(request.pem(), host, now - hours(3)..now - hours(1)).unwrap();
    request.into_identity(certificate, authority.certificate_pem().to_owned()).unwrap()
}

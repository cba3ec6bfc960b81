//! The next certificate of a whole agent.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fleet;

use fleet::{Controller, Host, eventually};
use model::AgentStatus;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::{path::Path, time::Duration};
use tokio::net::TcpStream;
use wire::{
    identity::{Authority, Identity, LEAF_LIFETIME, Lifetime},
    tls::{self, Expected},
};

/// The same authority twice: one signs certificates that are due as soon as they are made, one those of a year.
fn authorities(directory: &Path) -> [Authority; 2] {
    Authority::create().unwrap().save(directory).unwrap();
    let load = || Authority::load(directory).unwrap();
    [load().lasting(Duration::from_secs(600)), load()]
}

/// What the agent shows to whoever dials it.
async fn shown(controller: &Controller, host: &Host) -> CertificateDer<'static> {
    let peer = controller.authority.issue_agent(&"mx9".into()).unwrap();
    let stream = TcpStream::connect(host.address).await.unwrap();
    let name = host.name.as_str().into();
    let expected = Expected::Agent { host: &name, key: &host.key };
    let (stream, _) = tls::connect(&tls::client_config(&peer).unwrap(), stream, expected).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_near_its_end_is_renewed_kept_and_shown_and_the_key_stays() {
    let directory = tempfile::tempdir().unwrap();
    let [short, long] = authorities(directory.path());
    let controller = Controller::signing(short, Some(long)).await;
    let mut host = Host::join(&controller, directory.path(), "mx1").await;
    let state = host.path("state");
    let stored = || Identity::load(&state).unwrap();
    let (before, now) = (stored(), std::time::SystemTime::now());
    host.start().await;
    eventually("renewed", || stored().certificate != before.certificate).await;
    let after = stored();
    assert_eq!((&after.key, after.subject().unwrap()), (&before.key, before.subject().unwrap()));
    let until = Lifetime::of(&after.certificate).unwrap().until;
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    assert!(until.0 > now + (LEAF_LIFETIME / 2).as_millis() as u64);
    // It is on disk a moment before it is shown.
    let next = CertificateDer::from_pem_slice(after.certificate.as_bytes()).unwrap();
    let deadline = tokio::time::Instant::now() + fleet::DEADLINE;
    while shown(&controller, &host).await != next {
        assert!(tokio::time::Instant::now() < deadline, "never shown");
    }
    host.stop().await;
    host.start().await;
    controller.until_status("mx1", "connected with it", |_| true).await;
    assert_eq!((shown(&controller, &host).await, controller.renewals.borrow().len()), (next, 1));
    host.stop().await;
    controller.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_knows_no_renewals_is_not_asked() {
    let directory = tempfile::tempdir().unwrap();
    let [short, _] = authorities(directory.path());
    let controller = Controller::signing(short, None).await;
    let mut host = Host::join(&controller, directory.path(), "mx1").await;
    host.start().await;
    let any = |_: &AgentStatus| true;
    let first = controller.until_status("mx1", "connected", any).await;
    controller.until_status("mx1", "still connected", |status| status.at > first.at).await;
    assert!(controller.renewals.borrow().is_empty());
    host.stop().await;
    controller.stop.cancel();
}

use crate::{
    agent::perfect,
    fixture::{Fixture, SHOP},
};
use controller::{ServeError, StoreError, serve};
use model::view::ScenarioState;
use std::os::unix::fs::PermissionsExt;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_second_controller_is_refused_and_the_first_stops_cleanly() {
    let mut fixture = Fixture::start().await;
    let mode = std::fs::metadata(fixture.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
    let second = serve(fixture.config(), CancellationToken::new(), |_| panic!("served")).await;
    assert!(matches!(second, Err(ServeError::Store(StoreError::Held { .. }))), "{second:?}");
    let mut elsewhere = fixture.config();
    elsewhere.state = fixture.temp.path().join("other");
    let second = serve(elsewhere, CancellationToken::new(), |_| panic!("served")).await;
    assert!(matches!(second, Err(ServeError::Socket { .. })), "{second:?}");
    fixture.get("/v1/version").await.ok::<wire::api::Version>();
    fixture.stop().await.unwrap();
    assert!(!fixture.socket().exists());
    fixture.open().await;
}

#[tokio::test]
async fn a_restarted_controller_knows_everything_and_takes_nobody_for_connected() {
    let mut fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let (mx1, mx2) = (fixture.agent("mx1", perfect).await, fixture.agent("mx2", perfect).await);
    let before = fixture.until("protecting", |s| s.status.state == ScenarioState::Protecting).await;
    let revision = mx1.specs.borrow().as_ref().unwrap().revision;
    drop((mx1, mx2));
    fixture.stop().await.unwrap();
    fixture.open().await;
    let after = fixture.scenario().await;
    assert_eq!((&after.ledger, &after.metadata), (&before.ledger, &before.metadata));
    assert!(after.status.members.iter().all(|member| !member.connected && member.last_seen.is_some()));
    let mx1 = fixture.agent("mx1", perfect).await;
    let mut specs = mx1.specs.clone();
    let spec = specs.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert!(spec.revision >= revision, "{} after {revision}", spec.revision);
}

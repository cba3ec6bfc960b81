use crate::{
    agent::{Line, hello, join, perfect},
    fixture::{Fixture, SHOP},
};
use model::{HostName, view::EventView};
use wire::{
    api::{List, StoredScenario, TokenRequest},
    tls::client_config,
};

#[tokio::test]
async fn a_token_lets_one_host_in_once() {
    let fixture = Fixture::start().await;
    let address = *fixture.address.borrow();
    let token = fixture.token("mx1").await;
    assert!(join(address, &token.token, "mx2").await.unwrap_err().contains("not valid"), "for another host");
    let identity = join(address, &token.token, "mx1").await.expect("the failure did not use it up");
    assert_eq!(identity.subject().unwrap().host, Some(HostName::from("mx1")));
    assert!(join(address, &token.token, "mx1").await.unwrap_err().contains("not valid"), "used");
    let guess = token.token.rsplit_once('.').unwrap().0.to_owned() + "." + &"0".repeat(64);
    assert!(join(address, &guess, "mx1").await.unwrap_err().contains("not valid"), "guessed");
    let events: List<EventView> = fixture.get("/v1/events").await.ok();
    assert!(events.items.iter().any(|event| event.kind == "JoinRefused"));
}

#[tokio::test]
async fn a_token_lives_for_an_hour_at_most() {
    let fixture = Fixture::start().await;
    fixture.token("mx1").await;
    let request = |seconds| TokenRequest { host: HostName::from("mx1"), ttl_seconds: seconds };
    for seconds in [0, 3601] {
        fixture.post("/v1/tokens", &request(seconds)).await.problem(400, 2);
    }
    let odd = TokenRequest { host: HostName::from("../etc"), ttl_seconds: 60 };
    fixture.post("/v1/tokens", &odd).await.problem(400, 2);
    let short: wire::api::Token = fixture.post("/v1/tokens", &request(1)).await.ok();
    let expired = || std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64 > short.expires.0;
    while !expired() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let address = *fixture.address.borrow();
    assert!(join(address, &short.token, "mx1").await.unwrap_err().contains("not valid"));
}

#[tokio::test]
async fn only_a_declared_host_gets_a_token() {
    let fixture = Fixture::start().await;
    let request = TokenRequest { host: HostName::from("mx7"), ttl_seconds: 60 };
    let problem = fixture.post("/v1/tokens", &request).await.problem(412, 6);
    assert!(problem.message.contains("no host mx7 is declared"), "{problem:?}");
    assert!(problem.help[0].contains("standin apply"), "{problem:?}");
    // The command is right once the address stands in it.
    let yaml = problem.help[0].split('\'').nth(1).unwrap().replace("ADDRESS", "'10.0.0.7'");
    fixture.apply(&yaml).await;
    let _: wire::api::Token = fixture.post("/v1/tokens", &request).await.ok();
}

#[tokio::test]
async fn who_fails_too_often_has_to_wait() {
    let fixture = Fixture::start().await;
    let (address, token) = (*fixture.address.borrow(), fixture.token("mx1").await);
    for _ in 0..10 {
        join(address, &token.token, "mx2").await.unwrap_err();
    }
    assert!(join(address, &token.token, "mx1").await.unwrap_err().contains("too many"));
}

#[tokio::test]
async fn a_host_that_joins_anew_leaves_its_old_key_behind() {
    let fixture = Fixture::start().await;
    let old = fixture.join("mx1").await;
    let mut before = Line::dial(*fixture.address.borrow(), &client_config(&old).unwrap()).await.unwrap();
    before.say(&hello("mx1", "a")).await.unwrap();
    assert!(matches!(before.hear().await, Ok(wire::control::ToAgent::Welcome { .. })));
    fixture.join("mx1").await;
    while before.hear().await.is_ok() {}
    let mut again = Line::dial(*fixture.address.borrow(), &client_config(&old).unwrap()).await.unwrap();
    again.say(&hello("mx1", "a")).await.unwrap();
    assert!(again.refusal().await.contains("key"));
}

#[tokio::test]
async fn the_newest_session_stays_and_a_clone_is_told_of() {
    let fixture = Fixture::start().await;
    let identity = fixture.join("mx1").await;
    let config = client_config(&identity).unwrap();
    let dial = |instance: &'static str| {
        let (address, config) = (*fixture.address.borrow(), config.clone());
        async move {
            let mut line = Line::dial(address, &config).await.unwrap();
            line.say(&hello("mx1", instance)).await.unwrap();
            line
        }
    };
    let mut first = dial("a").await;
    assert!(matches!(first.hear().await, Ok(wire::control::ToAgent::Welcome { .. })));
    let mut second = dial("b").await;
    assert!(matches!(second.hear().await, Ok(wire::control::ToAgent::Welcome { .. })));
    while first.hear().await.is_ok() {}
    let mut clone = dial("a").await;
    assert!(clone.refusal().await.contains("another agent"));
    let spec = model::AgentSpec { host: "mx1".into(), ..model::AgentSpec::default() };
    second.say(&wire::control::ToController::Status(Box::new(perfect(&spec)))).await.unwrap();
    let events: List<EventView> = fixture.get("/v1/events").await.ok();
    assert!(events.items.iter().any(|event| event.kind == "DuplicateAgent"));
}

#[tokio::test]
async fn an_agent_that_is_gone_is_told_of_and_unknown() {
    let fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let (_mx1, mx2) = (fixture.agent("mx1", perfect).await, fixture.agent("mx2", perfect).await);
    let all = |s: &StoredScenario| s.status.members.iter().all(|member| member.connected);
    fixture.until("connected", all).await;
    drop(mx2);
    let after = fixture.until("disconnected", |s| !all(s)).await;
    let connected = after.status.conditions.iter().find(|c| c.kind == "AgentsConnected").unwrap();
    assert_ne!(connected.status, "True");
    assert!(after.status.members.iter().any(|member| !member.connected && member.last_seen.is_some()));
    let events: List<EventView> = fixture.get("/v1/events?severity=warning").await.ok();
    assert!(events.items.iter().any(|e| e.kind == "AgentDisconnected" && e.host == Some(HostName::from("mx2"))));
}

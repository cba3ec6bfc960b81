//! Access tokens from their making to their end, and who is written down.

use crate::{
    agent::perfect,
    fixture::{Fixture, SHOP, set, switchover},
    http::Answer,
    network::{api, person, say},
};
use model::view::{EventView, RunView};
use tokio::net::TcpStream;
use wire::{
    access::Role,
    api::List,
    people::{PersonRequest, PersonView},
};

async fn ask(fixture: &Fixture, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let stream = TcpStream::connect(fixture.api_address.unwrap()).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let text = say(stream, (head + body).as_bytes()).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, body: body.to_owned() }
}

async fn delete(fixture: &Fixture, name: &str) -> Answer {
    crate::http::request(&fixture.socket(), "DELETE", &format!("/v1/people/{name}"), "").await
}

#[tokio::test]
async fn a_token_is_told_once_and_outlives_a_restart_until_it_is_revoked() {
    let mut fixture = Fixture::start_with(Some(api(false))).await;
    let made = person(&fixture, "ci", Role::Viewer).await;
    let again = PersonRequest { name: Some("ci".to_owned()), role: Role::Admin, ttl_seconds: 60 };
    fixture.post("/v1/people", &again).await.problem(409, 4);
    let unnamed: wire::people::NewPerson =
        fixture.post("/v1/people", &PersonRequest { name: None, role: Role::Admin, ttl_seconds: 60 }).await.ok();
    assert!(unnamed.name.starts_with("admin-"), "{}", unnamed.name);
    for (name, seconds) in [("../x", 60), ("a b", 60), ("", 60), ("x", 0), ("x", 367 * 86_400)] {
        let odd = PersonRequest { name: Some(name.to_owned()), role: Role::Admin, ttl_seconds: seconds };
        fixture.post("/v1/people", &odd).await.problem(400, 2);
    }
    fixture.kill();
    fixture.open().await;
    assert_eq!(ask(&fixture, "GET", "/v1/scenarios", &made.token, "").await.status, 200);
    let listed = fixture.get("/v1/people").await;
    let secret = made.token.rsplit_once('_').unwrap().1;
    let everything = listed.body.clone() + &fixture.get("/v1/events").await.body;
    assert!(!everything.contains(secret) && !everything.contains(&wire::token::hash(secret)));
    let store = std::fs::read(fixture.temp.path().join("state/store.sqlite")).unwrap();
    assert!(!String::from_utf8_lossy(&store).contains(secret), "the secret is nowhere on disk");
    let listed: List<PersonView> = listed.ok();
    assert_eq!((listed.items.len(), listed.items[1].name.as_str()), (2, "ci"));
    assert!(!listed.items[1].created_by.is_empty() && !listed.items[1].expired);
    delete(&fixture, "ci").await.ok::<()>();
    ask(&fixture, "GET", "/v1/scenarios", &made.token, "").await.problem(401, 3);
    delete(&fixture, "ci").await.problem(404, 1);
    delete(&fixture, "..%2Fx").await.problem(404, 1);
    fixture.kill();
    fixture.open().await;
    ask(&fixture, "GET", "/v1/scenarios", &made.token, "").await.problem(401, 3);
    let events: List<EventView> = fixture.get("/v1/events").await.ok();
    for kind in ["TokenCreated", "TokenRevoked"] {
        assert!(events.items.iter().any(|event| event.kind == kind && event.message.contains("ci")), "{kind}");
    }
}

#[tokio::test]
async fn whoever_did_it_is_written_down() {
    let fixture = Fixture::start_with(Some(api(false))).await;
    let (admin, operator) = (person(&fixture, "ci", Role::Admin).await, person(&fixture, "duty", Role::Operator).await);
    let body = serde_json::to_string(&set(SHOP)).unwrap();
    let refused = ask(&fixture, "POST", "/v1/apply", &operator.token, &body).await.problem(403, 3);
    assert!(refused.message.contains("token duty has the role operator") && refused.message.contains("needs admin"));
    assert_eq!(ask(&fixture, "POST", "/v1/apply", &admin.token, &body).await.status, 200);
    let _agents = (fixture.agent("mx1", perfect).await, fixture.agent("mx2", perfect).await);
    let run = fixture.started(&switchover()).await;
    fixture.run_done(run.id.as_str()).await;
    let suspend = r#"{"verb":"suspend","scenario":"shop"}"#;
    let run: RunView = ask(&fixture, "POST", "/v1/runs", &operator.token, suspend).await.ok();
    assert_eq!(run.by, "token duty");
    let events: List<EventView> = fixture.get("/v1/events").await.ok();
    let said = |kind: &str, by: &str| events.items.iter().any(|e| e.kind == kind && e.message.starts_with(by));
    assert!(said("ManifestApplied", "token ci applied") && said("RunStarted", "token duty started"), "{events:#?}");
}

/// A refusal has to arrive whole, however much was sent along with the request.
#[tokio::test]
async fn a_large_set_is_refused_in_words() {
    let fixture = Fixture::start_with(Some(api(false))).await;
    let viewer = person(&fixture, "ci", Role::Viewer).await;
    let body = serde_json::to_string(&set(&"# a comment\n".repeat(1 << 20))).unwrap();
    for _ in 0..5 {
        ask(&fixture, "POST", "/v1/apply", &viewer.token, &body).await.problem(403, 3);
    }
    ask(&fixture, "POST", "/v1/apply", "nobody", &body[..1 << 19]).await.problem(401, 3);
}

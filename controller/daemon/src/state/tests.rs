use super::*;
use model::{AgentStatus, HostName, ScenarioName, Timestamp};

fn seated(sitting: Sitting) -> (SessionId, tokio_util::sync::CancellationToken) {
    match sitting {
        Sitting::Seated { id, closed } => (id, closed),
        Sitting::Duplicate => panic!("refused"),
    }
}

#[test]
fn the_newest_session_wins_and_the_one_before_says_nothing_more() {
    let (roster, host) = (Roster::default(), HostName::from("mx1"));
    let (old, old_closed) = seated(roster.sit(&host, "a"));
    assert_eq!(roster.report(&host, old, AgentStatus::default(), Timestamp(1)), Some(true));
    assert_eq!(roster.report(&host, old, AgentStatus::default(), Timestamp(2)), Some(false));
    let (new, new_closed) = seated(roster.sit(&host, "b"));
    assert!(old_closed.is_cancelled() && !new_closed.is_cancelled());
    assert!(!roster.seen()[&host].connected, "not before it has reported");
    assert_eq!(roster.report(&host, old, AgentStatus::default(), Timestamp(3)), None);
    assert!(!roster.leave(&host, old), "the host is still here by its newer session");
    assert_eq!(roster.report(&host, new, AgentStatus::default(), Timestamp(4)), Some(true));
    assert!(roster.leave(&host, new));
    assert!(!roster.seen()[&host].connected);
}

#[test]
fn a_replaced_instance_cannot_come_back_while_its_successor_is_here() {
    let (roster, host) = (Roster::default(), HostName::from("mx1"));
    seated(roster.sit(&host, "a"));
    let (b, b_closed) = seated(roster.sit(&host, "b"));
    assert!(matches!(roster.sit(&host, "a"), Sitting::Duplicate));
    assert!(!b_closed.is_cancelled());
    seated(roster.sit(&host, "b"));
    assert!(b_closed.is_cancelled(), "the same instance dials again");
    assert!(!roster.leave(&host, b));
    roster.close(&host);
}

#[test]
fn a_stored_report_is_known_and_not_connected() {
    let (roster, host) = (Roster::default(), HostName::from("mx1"));
    roster.remember(host.clone(), AgentStatus { revision: 7, ..AgentStatus::default() }, Timestamp(5));
    let seen = &roster.seen()[&host];
    assert_eq!((seen.status.revision, seen.connected, seen.last_seen), (7, false, Some(Timestamp(5))));
    assert!(roster.unsaved().is_empty());
    let (id, _) = seated(roster.sit(&host, "a"));
    roster.report(&host, id, AgentStatus::default(), Timestamp(6));
    assert_eq!(roster.unsaved().len(), 1);
    assert!(roster.unsaved().is_empty());
}

#[test]
fn of_a_host_that_was_deleted_nothing_stays() {
    let (roster, host) = (Roster::default(), HostName::from("mx1"));
    let (id, closed) = seated(roster.sit(&host, "a"));
    roster.report(&host, id, AgentStatus::default(), Timestamp(1));
    roster.forget(&host);
    assert!(closed.is_cancelled() && roster.seen().is_empty() && roster.unsaved().is_empty());
    assert_eq!(roster.report(&host, id, AgentStatus::default(), Timestamp(2)), None);
    assert!(!roster.leave(&host, id));
}

#[tokio::test]
async fn triggers_coalesce() {
    let triggers = Triggers::default();
    for name in ["a", "b", "a"] {
        triggers.scenario(ScenarioName::from(name));
    }
    let Triggered::These(names) = triggers.take().await else { panic!() };
    assert_eq!(names.len(), 2);
    for n in 0..5000 {
        triggers.scenario(ScenarioName(format!("s{n}")));
    }
    assert_eq!(triggers.take().await, Triggered::All);
}

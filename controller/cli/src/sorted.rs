//! What lists are sorted by: in rising order of attention where there is one, so that the worst stands last.

use crate::{
    exit::{Exit, Failure, Outcome},
    listed::Listed,
    show::lists::{SEVERITIES, word, worst_lag},
};
use model::{
    Timestamp,
    view::{EventView, RunState, RunView},
};
use std::cmp::{Ordering, Reverse};
use wire::api::{StoredHost, StoredPlan, StoredScenario};

/// A field that a list can be sorted by.
pub struct Field<T> {
    pub name: &'static str,
    pub order: fn(&T, &T) -> Ordering,
}

/// The field of this name; a failure names those that there are.
pub fn field<T: Listed>(name: &str) -> Outcome<&'static Field<T>> {
    let names: Vec<&str> = T::FIELDS.iter().map(|field| field.name).collect();
    T::FIELDS.iter().find(|field| field.name == name).ok_or_else(|| {
        let known =
            names.split_last().map_or_else(String::new, |(last, rest)| format!("{} or {last}", rest.join(", ")));
        Failure::new(Exit::Malformed, format!("--sort-by {name}: {}s are sorted by {known}", T::KIND))
    })
}

/// Orders by a key.
macro_rules! by {
    ($name:literal, $key:expr) => {
        Field {
            name: $name,
            order: |a, b| {
                let key = $key;
                key(a).cmp(&key(b))
            },
        }
    };
}

pub const SCENARIOS: &[Field<StoredScenario>] = &[
    by!("name", |item: &StoredScenario| item.name()),
    by!("state", |item: &StoredScenario| word(&item.status.state)),
    by!("health", |item: &StoredScenario| item.status.health),
    by!("lag", |item: &StoredScenario| worst_lag(&item.status)),
    by!("age", |item: &StoredScenario| youngest(item.metadata.created_at)),
];

pub const HOSTS: &[Field<StoredHost>] = &[
    by!("name", |item: &StoredHost| item.name()),
    by!("state", |item: &StoredHost| host_attention(item)),
    by!("age", |item: &StoredHost| youngest(item.metadata.created_at)),
];

pub const PLANS: &[Field<StoredPlan>] =
    &[by!("name", |item: &StoredPlan| item.name()), by!("age", |item: &StoredPlan| youngest(item.metadata.created_at))];

pub const RUNS: &[Field<RunView>] = &[
    by!("name", |item: &RunView| item.name()),
    by!("state", |item: &RunView| run_attention(item.state)),
    by!("time", |item: &RunView| item.started),
    by!("age", |item: &RunView| Reverse(item.started)),
];

pub const EVENTS: &[Field<EventView>] = &[
    by!("name", |item: &EventView| item.id),
    by!("severity", |item: &EventView| SEVERITIES.iter().position(|known| *known == item.severity)),
    by!("kind", |item: &EventView| item.kind.clone()),
    by!("time", |item: &EventView| item.at),
    by!("age", |item: &EventView| Reverse(item.at)),
];

/// The youngest first; of unknown age last.
fn youngest(created: Option<Timestamp>) -> Reverse<Option<Timestamp>> {
    Reverse(created)
}

/// Connected, not joined yet, silent.
fn host_attention(item: &StoredHost) -> u8 {
    match (item.status.connected, item.status.joined) {
        (true, _) => 0,
        (false, false) => 1,
        (false, true) => 2,
    }
}

fn run_attention(state: RunState) -> u8 {
    match state {
        RunState::Done => 0,
        RunState::Running => 1,
        RunState::RolledBack => 2,
        RunState::Paused => 3,
        RunState::Stuck => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::lists::tests::{member, stored};
    use model::{
        Role,
        view::{Health, ScenarioState},
    };

    fn sorted<T: Listed>(name: &str, items: &[T]) -> String {
        let mut items = items.to_vec();
        items.sort_by(field::<T>(name).unwrap().order);
        items.iter().map(T::name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn scenarios_by_each_field() {
        let with = |name: &str, state, health, lag, created| {
            let members = vec![member("p", "mx1", Role::Active, None), member("copy", "mx2", Role::Standby, lag)];
            let mut item = stored(name, state, health, "", members);
            item.metadata.created_at = Some(Timestamp(created));
            item
        };
        let items = [
            with("b", ScenarioState::Protecting, Health::Failed, Some(10_000), 3),
            with("d", ScenarioState::Protecting, Health::Unknown, None, 1),
            with("a", ScenarioState::Halted, Health::Ok, Some(9_000), 2),
            with("c", ScenarioState::Stopped, Health::Suspended, None, 4),
        ];
        assert_eq!(sorted("name", &items), "a b c d");
        assert_eq!(sorted("health", &items), "a c d b", "in rising order of attention, not of letters");
        assert_eq!(sorted("state", &items), "a b d c", "equal ones stay in their order");
        assert_eq!(sorted("lag", &items), "c a b d", "not applicable, 9 s before 10 s, unknown");
        assert_eq!(sorted("age", &items), "c b a d", "the youngest first");
    }

    #[test]
    fn hosts_by_each_field() {
        let host = |name: &str, joined, connected, created| {
            let mut item = StoredHost::default();
            item.metadata.name = name.into();
            item.metadata.created_at = created;
            (item.status.joined, item.status.connected) = (joined, connected);
            item
        };
        let items = [
            host("silent", true, false, None),
            host("new", false, false, Some(Timestamp(1))),
            host("fine", true, true, Some(Timestamp(2))),
        ];
        assert_eq!(sorted("name", &items), "fine new silent");
        assert_eq!(sorted("state", &items), "fine new silent");
        assert_eq!(sorted("age", &items), "fine new silent", "of unknown age last");
    }

    #[test]
    fn runs_and_events_by_each_field() {
        let run = |id: &str, state, started| RunView {
            id: id.into(),
            state,
            started: Timestamp(started),
            ..RunView::default()
        };
        let runs = [run("r-2", RunState::Stuck, 1), run("r-1", RunState::Running, 3), run("r-3", RunState::Done, 2)];
        assert_eq!(sorted("name", &runs), "r-1 r-2 r-3");
        assert_eq!(sorted("state", &runs), "r-3 r-1 r-2");
        assert_eq!((sorted("time", &runs), sorted("age", &runs)), ("r-2 r-3 r-1".into(), "r-1 r-3 r-2".into()));
        let event = |id, severity: &str, kind: &str, at| EventView {
            id,
            severity: severity.into(),
            kind: kind.into(),
            at: Timestamp(at),
            ..EventView::default()
        };
        let events = [event(10, "error", "B", 1), event(9, "info", "C", 3), event(8, "warning", "A", 2)];
        assert_eq!((sorted("name", &events), sorted("severity", &events)), ("8 9 10".into(), "9 8 10".into()));
        assert_eq!((sorted("kind", &events), sorted("time", &events)), ("8 10 9".into(), "10 8 9".into()));
        assert_eq!(sorted("age", &events), "9 8 10");
    }

    #[test]
    fn an_unknown_field_names_the_others() {
        let failure = field::<StoredHost>("lag").err().unwrap();
        assert_eq!(failure.exit, Exit::Malformed);
        assert_eq!(failure.obstacles[0].message, "--sort-by lag: hosts are sorted by name, state or age");
    }
}

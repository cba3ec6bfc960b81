//! What scripts are told.

use super::plan::Situation;
use model::{Direction, HostName, Role, ScenarioName};

/// Variables of a script's environment.
pub type Environment = Vec<(&'static str, String)>;

/// The variables that every script of a part finds.
pub fn of(host: &HostName, scenario: &ScenarioName, situation: &Situation<'_>) -> Environment {
    let role = match situation.decide().role {
        Role::Active => "active",
        Role::Standby => "standby",
        Role::Fenced => "fenced",
    };
    let upstream = situation.assignment.streams.iter().find(|stream| stream.direction == Direction::In);
    let active = match situation.assignment.role {
        Role::Active => host.0.clone(),
        _ => upstream.map(|stream| stream.peer_host.0.clone()).unwrap_or_default(),
    };
    vec![
        ("STANDIN_HOST", host.0.clone()),
        ("STANDIN_SCENARIO", scenario.0.clone()),
        ("STANDIN_EPOCH", situation.epoch.to_string()),
        ("STANDIN_ROLE", role.to_owned()),
        ("STANDIN_ACTIVE_HOST", active),
    ]
}

/// The same for a step of a plan: who is active by then, and the step's name.
pub fn stepping(mut base: Environment, active_host: &str, step: &str) -> Environment {
    base.retain(|(name, _)| *name != "STANDIN_ACTIVE_HOST");
    base.push(("STANDIN_ACTIVE_HOST", active_host.to_owned()));
    base.push(("STANDIN_STEP", step.to_owned()));
    base
}

/// The same for a redirection: where clients are to go, and by which point.
pub fn redirecting(mut base: Environment, active_host: &str, point: &str) -> Environment {
    base.retain(|(name, _)| *name != "STANDIN_ACTIVE_HOST");
    base.push(("STANDIN_ACTIVE_HOST", active_host.to_owned()));
    base.push(("STANDIN_POINT", point.to_owned()));
    base
}

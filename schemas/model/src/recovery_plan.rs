//! Ordered steps that people write instead of the built-in plan.

use crate::{
    names::{PointName, ScenarioName},
    units::Period,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeMap};
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// The word that stands for the plan Standin makes by itself; no RecoveryPlan may be called so.
pub const BUILT_IN: &str = "built-in";

/// Ordered steps of a switchover or switchback of one scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryPlanSpec {
    /// Name of the Scenario whose work it moves.
    #[schemars(example = &"mail")]
    pub scenario: ScenarioName,
    /// Which verb it is for.
    #[schemars(example = &"switchover")]
    pub purpose: Purpose,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"Mail moves once the help desk knows")]
    pub description: Option<String>,
    /// What is chosen when a run is started, with `--set NAME=VALUE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), example = serde_json::json!([{"name": "ticket", "type": "text", "required": true}]))]
    pub parameters: Vec<Parameter>,
    /// What is done, strictly in order; each step does exactly one thing.
    #[schemars(
        length(min = 1, max = 200),
        example = serde_json::json!([{"name": "drain", "waitForDrain": {}}, {"name": "make-active", "setActive": {}}])
    )]
    pub steps: Vec<PlanStep>,
}

/// Which verb a plan is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// From the active host to a replica, both sides alive.
    #[default]
    Switchover,
    /// From a replica home again, both sides alive.
    Switchback,
}

impl Purpose {
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Switchover => "switchover",
            Purpose::Switchback => "switchback",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something that is chosen when a run is started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Name of the parameter, unique in the plan.
    #[schemars(example = &"ticket")]
    pub name: String,
    /// What it may be.
    #[serde(rename = "type")]
    #[schemars(example = &"text")]
    pub kind: ParameterKind,
    /// It has to be given with `--set`. One that is not required needs a default.
    #[serde(default)]
    #[schemars(example = true)]
    pub required: bool,
    /// Its value when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"dublin")]
    pub default: Option<String>,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"The change this belongs to")]
    pub description: Option<String>,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ParameterKind {
    /// Any text, for the words of a command.
    #[default]
    Text,
    /// A host of the scenario.
    Host,
    /// A replica of the scenario; where a host is wanted, its host.
    Replica,
}

impl ParameterKind {
    pub fn as_str(self) -> &'static str {
        match self {
            ParameterKind::Text => "text",
            ParameterKind::Host => "host",
            ParameterKind::Replica => "replica",
        }
    }
}

/// One step: a name, exactly one action, and how it is carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStep {
    /// Name of the step, unique in the plan; runs show it.
    #[schemars(example = &"drain")]
    pub name: String,
    /// Where a `run` is done: a host of the scenario, or `primary`, `active` or `target`. `active` is the host that is
    /// active when the step begins. Services and checks have their host; it may be named, and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"active")]
    pub host: Option<Given>,
    /// Waits until a person says yes with `standin run resume`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({"message": "The help desk knows?"}))]
    pub approve: Option<Approve>,
    /// Stops the services on the active host, in reverse order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({}))]
    pub stop_services: Option<Plain>,
    /// Waits until everything captured is durable at the replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({"replica": "target"}))]
    pub wait_for_drain: Option<ToReplica>,
    /// Fences the active host at a new epoch and makes the other one active: the point of no return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({"replica": "target"}))]
    pub set_active: Option<ToReplica>,
    /// Starts the services on the host that has become active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({}))]
    pub start_services: Option<Plain>,
    /// Runs monitoring checks once on the active host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({"checks": ["smtp"]}))]
    pub check: Option<RunChecks>,
    /// Sends clients to the host that has become active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({"apply": ["forwarder"]}))]
    pub redirect: Option<ApplyPoints>,
    /// Runs a script of the agent on `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({"command": ["check-mailboxes", "--sample", "200"]}))]
    pub run: Option<RunScript>,
    /// Replicates from the host that is active away from home to the home host, until equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({}))]
    pub reverse_replication: Option<Plain>,
    /// Longest time before the step has failed; for `run` the longest time of its script, 1h at most. Left out: 5m for
    /// `run`, a day for `approve`, what the action usually needs for the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"3m")]
    pub timeout: Option<Period>,
    /// Further attempts after a failure; a script that is run again must bear it. Left out: a step is tried again only
    /// where that is known to be safe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({"max": 3, "delay": "10s"}))]
    pub retries: Option<Retries>,
    /// What follows a failure. Left out: `undo` before the point of no return, `pause` after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"pause")]
    pub on_failure: Option<OnFailure>,
    /// What takes a `run` back when everything is taken back; left out, nothing does. The other actions are taken back
    /// by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({"run": {"command": ["announce", "--end"]}}))]
    pub undo: Option<UndoAction>,
    /// A `run` that is also carried out after everything was taken back, and is not taken back itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("default" = false), example = true)]
    pub always: bool,
    /// A `run` after which there is no way back. `setActive` always is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = true)]
    pub point_of_no_return: Option<bool>,
}

/// An action that has nothing to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plain {}

impl schemars::JsonSchema for Plain {
    fn schema_name() -> Cow<'static, str> {
        "Plain".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "object", "properties": {}})
    }
}

/// A question to a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approve {
    /// What the person is asked.
    #[schemars(length(min = 1), example = &"Mail will be down for a minute. Go ahead?")]
    pub message: String,
}

/// An action that concerns one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ToReplica {
    /// Name of a replica, or `target` for the one this run acts on. Left out: `target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"target")]
    pub replica: Option<Given>,
}

/// Which checks are run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RunChecks {
    /// Names of checks in the scenario's `monitoring`. Left out: all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), example = serde_json::json!(["smtp"]))]
    pub checks: Vec<String>,
}

/// Which clients are redirected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplyPoints {
    /// Names of redirection points of the scenario, in the order in which they are applied.
    #[schemars(length(min = 1, max = 100), example = serde_json::json!(["forwarder"]))]
    pub apply: Vec<PointName>,
}

/// A script of the agent. It finds `STANDIN_HOST`, `STANDIN_SCENARIO`, `STANDIN_EPOCH`, `STANDIN_ROLE`,
/// `STANDIN_ACTIVE_HOST` and `STANDIN_STEP` in its environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunScript {
    /// Name of a file in the agent's scripts directory, then its arguments. Never a path.
    #[schemars(length(min = 1, max = 100), example = serde_json::json!(["check-mailboxes", "--sample", "200"]))]
    pub command: Vec<Given>,
    /// Exits 0 when the work is done already; asked before and after `command`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), example = serde_json::json!(["announce", "--check"]))]
    pub check: Vec<Given>,
}

/// What takes a step back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UndoAction {
    /// A script of the agent, run on the host of the step.
    #[schemars(example = serde_json::json!({"command": ["announce", "--end"]}))]
    pub run: RunScript,
}

/// Further attempts after a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retries {
    /// How many there are at most.
    #[schemars(range(min = 1, max = 100), example = 3, extend("x-unit" = "attempts"))]
    pub max: u32,
    /// Time between the beginnings of two attempts, unless one takes longer.
    #[serde(default = "retry_delay")]
    #[schemars(example = &"10s")]
    pub delay: Period,
}

fn retry_delay() -> Period {
    Period::from_secs(10)
}

/// What follows a failed step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// Everything done so far is taken back, in reverse order.
    Undo,
    /// The run waits for a person.
    Pause,
    /// The run goes on with the next step.
    Continue,
}

impl OnFailure {
    pub fn as_str(self) -> &'static str {
        match self {
            OnFailure::Undo => "undo",
            OnFailure::Pause => "pause",
            OnFailure::Continue => "continue",
        }
    }
}

/// A text as written, or the value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    Text(String),
    FromParameter(String),
}

impl Default for Given {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Given {
    /// The text itself; the value of a parameter when `values` has one, `None` otherwise.
    pub fn value<'a>(&'a self, values: &'a BTreeMap<String, String>) -> Option<&'a str> {
        match self {
            Given::Text(text) => Some(text),
            Given::FromParameter(name) => values.get(name).map(String::as_str),
        }
    }

    pub fn literal(&self) -> Option<&str> {
        match self {
            Given::Text(text) => Some(text),
            Given::FromParameter(_) => None,
        }
    }

    pub fn parameter(&self) -> Option<&str> {
        match self {
            Given::Text(_) => None,
            Given::FromParameter(name) => Some(name),
        }
    }
}

impl Serialize for Given {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Given::Text(text) => serializer.serialize_str(text),
            Given::FromParameter(name) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("fromParameter", name)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Given;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or {fromParameter: NAME}")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Given, E> {
                Ok(Given::Text(text.to_owned()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Given, A::Error> {
                let mut name = None;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "fromParameter" => name = Some(map.next_value()?),
                        _ => drop(map.next_value::<serde::de::IgnoredAny>()?),
                    }
                }
                name.map(Given::FromParameter).ok_or_else(|| A::Error::missing_field("fromParameter"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl schemars::JsonSchema for Given {
    fn schema_name() -> Cow<'static, str> {
        "Given".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A text, or the value of a parameter.",
            "type": ["string", "object"],
            "properties": {"fromParameter": {
                "description": "Name of a parameter of this plan.", "type": "string", "examples": ["ticket"],
            }},
            "required": ["fromParameter"],
            "examples": ["target"],
        })
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action<'a> {
    Approve(&'a Approve),
    StopServices,
    WaitForDrain(&'a ToReplica),
    SetActive(&'a ToReplica),
    StartServices,
    Check(&'a RunChecks),
    Redirect(&'a ApplyPoints),
    Run(&'a RunScript),
    ReverseReplication,
}

impl Action<'_> {
    /// The keys of all actions, in the order in which a move uses them.
    pub const KEYS: [&'static str; 9] = [
        "approve",
        "stopServices",
        "waitForDrain",
        "setActive",
        "startServices",
        "check",
        "redirect",
        "run",
        "reverseReplication",
    ];

    /// The key that says it.
    pub fn key(self) -> &'static str {
        match self {
            Action::Approve(_) => "approve",
            Action::StopServices => "stopServices",
            Action::WaitForDrain(_) => "waitForDrain",
            Action::SetActive(_) => "setActive",
            Action::StartServices => "startServices",
            Action::Check(_) => "check",
            Action::Redirect(_) => "redirect",
            Action::Run(_) => "run",
            Action::ReverseReplication => "reverseReplication",
        }
    }
}

impl PlanStep {
    /// The action of a step that has exactly one, as the reader makes sure.
    pub fn action(&self) -> Option<Action<'_>> {
        let found = [
            self.approve.as_ref().map(Action::Approve),
            self.stop_services.map(|_| Action::StopServices),
            self.wait_for_drain.as_ref().map(Action::WaitForDrain),
            self.set_active.as_ref().map(Action::SetActive),
            self.start_services.map(|_| Action::StartServices),
            self.check.as_ref().map(Action::Check),
            self.redirect.as_ref().map(Action::Redirect),
            self.run.as_ref().map(Action::Run),
            self.reverse_replication.map(|_| Action::ReverseReplication),
        ];
        let mut found = found.into_iter().flatten();
        found.next().filter(|_| found.next().is_none())
    }

    /// Every value that may come from a parameter: where it stands below the step, and which kinds it takes.
    pub fn values(&self) -> Vec<(String, &Given, &'static [ParameterKind])> {
        use ParameterKind::{Host, Replica, Text};
        let mut values: Vec<(String, &Given, &'static [ParameterKind])> = Vec::new();
        values.extend(self.host.iter().map(|value| ("/host".to_owned(), value, [Host, Replica].as_slice())));
        for (key, to) in [("waitForDrain", &self.wait_for_drain), ("setActive", &self.set_active)] {
            let replica = to.as_ref().and_then(|to| to.replica.as_ref());
            values.extend(replica.map(|value| (format!("/{key}/replica"), value, [Replica].as_slice())));
        }
        let scripts = [("/run", self.run.as_ref()), ("/undo/run", self.undo.as_ref().map(|undo| &undo.run))];
        for (at, script) in scripts.into_iter().filter_map(|(at, script)| Some((at, script?))) {
            for (key, words) in [("command", &script.command), ("check", &script.check)] {
                let words = words.iter().enumerate();
                values
                    .extend(words.map(|(n, word)| (format!("{at}/{key}/{n}"), word, [Text, Host, Replica].as_slice())));
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_text_or_a_parameter() {
        for (json, value) in [
            (r#""mx1""#, Given::Text("mx1".into())),
            (r#"{"fromParameter":"host"}"#, Given::FromParameter("host".into())),
        ] {
            assert_eq!(serde_json::from_str::<Given>(json).unwrap(), value);
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
        }
        assert!(serde_json::from_str::<Given>("{}").is_err());
        assert!(serde_json::from_str::<Given>("[]").is_err());
    }

    #[test]
    fn a_step_does_exactly_one_thing() {
        let mut step = PlanStep { stop_services: Some(Plain {}), ..PlanStep::default() };
        assert_eq!(step.action(), Some(Action::StopServices));
        step.start_services = Some(Plain {});
        assert_eq!(step.action(), None);
        assert_eq!(PlanStep::default().action(), None);
    }
}

//! How a step is carried out.

use crate::steps::AnyStep;
use model::{
    recovery_plan::{OnFailure, Retries},
    units::Period,
};
use serde::{Deserialize, Serialize};

/// What a RecoveryPlan says about one step besides what is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Manner {
    /// As in the plan; with the part of it where one step of the plan is several here.
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    /// `None`: `undo` before the point of no return, `pause` after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// Set for a step that is done in any case: what is done once everything else was taken back. It may differ from
    /// the step itself, since another host is active then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub always: Option<Box<AnyStep>>,
}

impl Manner {
    /// What a person should know of it before it begins.
    pub(super) fn said(&self) -> String {
        let failure = self.on_failure.map(|answer| format!("on failure: {}", answer.as_str()));
        let retries = self.retries.map(|retries| format!("up to {} attempts", retries.max.saturating_add(1)));
        let always = self.always.is_some().then(|| "in any case".to_owned());
        let said: Vec<String> = [retries, failure, always].into_iter().flatten().collect();
        if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
    }
}

//! Stops the active host taking writes, before any other may.

use super::{
    Asking, Found, Progress, ReopenActive, Sight, Step, Undo, drain_spool::drained_to_barrier, patience_with,
    services_settle,
};
use crate::settings::Place;
use model::{Epoch, Errand, FenceProof, Ledger, Role, agent_status::ServiceState, errand::Work, units::Period};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Raises the epoch and fences the active member, by its own agent's word or by that of a person.
///
/// **Guarantees** that reaching it means: the old active said at this epoch that it is fenced, with its services
/// stopped, or the ledger holds the word of a person. With `drain_to`, also that writes which slipped in before
/// the fence are durable at the successor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FenceActive {
    pub from: Place,
    pub epoch: Epoch,
    pub services: Vec<String>,
    /// Longest time that all of them may take to stop.
    #[serde(default)]
    pub time: Period,
    /// Where what slipped in has to arrive; `None` when that cannot be had.
    pub drain_to: Option<Place>,
    /// Who vouches for a host that does not answer.
    pub word: Option<OperatorWord>,
    /// Whether this step is the one that takes the services away.
    pub serving: bool,
}

/// What a person has vouched for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorWord {
    pub name: String,
    pub text: String,
}

impl FenceActive {
    fn proven_by_person(&self, ledger: &Ledger) -> Option<Found> {
        let (member, FenceProof::Operator { name, text }) = ledger.proofs.get(&self.epoch)? else {
            return None;
        };
        (*member == self.from.member).then(|| Found::note(format!("{name}: {text}")))
    }

    fn proven_by_agent(&self, cx: &Asking, sight: &Sight<'_>) -> Result<Found, Progress> {
        let host = &self.from.host;
        let report = sight.report(cx, host)?;
        if report.epoch < self.epoch || report.role != Role::Fenced {
            return Err(Progress::Waiting(format!("{host} is {:?} at epoch {}", report.role, report.epoch)));
        }
        sight.services(cx, host, &self.services, ServiceState::Stopped)?;
        match &self.drain_to {
            None => Ok(Found::note(format!("{host} is fenced at epoch {}", self.epoch))),
            Some(to) => {
                let mark = drained_to_barrier(cx, sight, &self.from, to)?;
                Ok(Found::note(format!("{host} is fenced at epoch {}, {} has change {mark}", self.epoch, to.called())))
            }
        }
    }
}

impl Step for FenceActive {
    fn name(&self) -> String {
        "fence".to_owned()
    }

    fn title(&self) -> String {
        let by = if self.word.is_some() { ", by the operator's word" } else { "" };
        format!("fence {} (epoch {}{by})", self.from.host, self.epoch)
    }

    fn ask(&self, cx: &Asking, ledger: &mut Ledger) {
        ledger.epoch = ledger.epoch.max(self.epoch);
        ledger.members.entry(self.from.member.clone()).or_default().role = Role::Fenced;
        ledger.serving = None;
        if let Some(OperatorWord { name, text }) = &self.word {
            let proof = FenceProof::Operator { name: name.clone(), text: text.clone() };
            ledger.proofs.insert(self.epoch, (self.from.member.clone(), proof));
        }
        if self.drain_to.is_some() {
            ledger.errands.insert(cx.errand(), Errand { member: self.from.member.clone(), work: Work::Barrier });
        }
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        self.proven_by_person(sight.ledger).map_or_else(|| self.proven_by_agent(cx, sight), Ok).into()
    }

    fn undo(&self) -> Undo {
        let (at, serving) = (self.from.clone(), self.serving);
        Undo::with(ReopenActive { at, epoch: self.epoch.next(), serving })
    }

    fn patience(&self) -> Duration {
        patience_with(self.time)
    }

    fn settle(&self, cx: &Asking) -> Duration {
        services_settle(cx)
    }
}

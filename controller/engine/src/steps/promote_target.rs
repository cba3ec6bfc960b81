//! Makes the successor active: the point of no return.

use super::{Asking, Found, Progress, Sight, Step, Undo};
use crate::settings::Place;
use model::{Epoch, FenceProof, Ledger, MemberName, Role, ledger::Divergence};
use serde::{Deserialize, Serialize};

/// Rewrites roles and edges at once: the new active has no upstream, everybody else hangs under it, and the
/// home primary only when reverse replication is on.
///
/// **Assumes** that the step before has proven the fence; it records the agent's word as the proof.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PromoteTarget {
    pub from: Place,
    pub to: Place,
    pub epoch: Epoch,
    /// Whether everything the old active captured has been proven to be at its successor.
    pub drained: bool,
    /// Whether no other step brings the services here.
    pub serving: bool,
    /// Everybody else. Without a drain, what they hold may be beyond what the successor has.
    #[serde(default)]
    pub others: Vec<MemberName>,
}

impl PromoteTarget {
    /// Whatever differs at a member that was or followed the old active is set aside before it is replaced. After a
    /// drain only the old active can hold more than its successor; otherwise another replica may have been ahead of it.
    fn mark_divergence(&self, ledger: &mut Ledger) {
        let (to, from) = (&self.to.member, &self.from.member);
        let ahead = self.others.iter().filter(|_| !self.drained);
        for name in ahead.chain([from]) {
            let member = ledger.members.entry(name.clone()).or_default();
            let followed = name != from && member.divergence.is_some_and(|divergence| divergence.followed);
            member.divergence = Some(Divergence { since: self.epoch, drained: self.drained, followed });
        }
        ledger.members.entry(to.clone()).or_default().divergence = None;
    }

    fn rewrite_edges(&self, ledger: &mut Ledger) {
        let (to, from) = (&self.to.member, &self.from.member);
        // Somebody who leaves home is not followed by home until a person has looked at it.
        ledger.reverse = ledger.reverse && !to.is_primary() && !from.is_primary();
        for name in [from, to].into_iter().chain(&self.others) {
            ledger.members.entry(name.clone()).or_default();
        }
        for (name, member) in &mut ledger.members {
            let follows = name != to && (!name.is_primary() || ledger.reverse);
            member.upstream = follows.then(|| to.clone());
            member.role = match (name == to, follows) {
                (true, _) => Role::Active,
                (_, true) => Role::Standby,
                _ => Role::Fenced,
            };
        }
    }
}

impl Step for PromoteTarget {
    fn name(&self) -> String {
        "make active".to_owned()
    }

    fn title(&self) -> String {
        format!("make {} active", self.to.host)
    }

    fn ask(&self, _: &Asking, ledger: &mut Ledger) {
        let (to, from) = (&self.to.member, &self.from.member);
        ledger.epoch = ledger.epoch.max(self.epoch);
        self.rewrite_edges(ledger);
        self.mark_divergence(ledger);
        ledger.lineage.insert(self.epoch, to.clone());
        ledger.proofs.entry(self.epoch).or_insert_with(|| (from.clone(), FenceProof::Agent(self.epoch)));
        if self.serving {
            ledger.serving = Some(to.clone());
        }
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        let host = &self.to.host;
        let seen = sight.report(cx, host).and_then(|report| match report.role {
            Role::Active if report.epoch >= self.epoch => {
                Ok(Found::note(format!("{host} is active at epoch {}", report.epoch)))
            }
            role => Err(Progress::Waiting(format!("{host} is {role:?} at epoch {}", report.epoch))),
        });
        seen.into()
    }

    fn undo(&self) -> Undo {
        Undo::Never
    }
}

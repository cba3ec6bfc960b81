//! Replicates from the active host to its former home, or ends that.

use super::{Asking, COPY_PATIENCE, Found, Progress, Sight, Step, Undo};
use crate::settings::Place;
use model::{Ledger, Role};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Turns reverse replication on and waits until home is synchronized, or turns it off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReverseReplication {
    pub active: Place,
    pub home: Place,
    pub on: bool,
}

impl ReverseReplication {
    /// Synced counts only in the lineage the active issues now: an older one is the past before it left home.
    fn synced(&self, cx: &Asking, sight: &Sight<'_>) -> Result<Found, Progress> {
        let source = sight.report(cx, &self.active.host)?.source.as_ref();
        let source = source.ok_or_else(|| Progress::Waiting(format!("{} is not a source yet", self.active.host)))?;
        let stream = source.streams.iter().find(|stream| stream.target == self.home.member);
        if let Some(progress) = stream.and_then(|stream| stream.progress.as_ref()) {
            return Err(Progress::Waiting(crate::status::progress_text(progress)));
        }
        let (target, mark) = sight.synced_target(cx, &self.active.member, &self.home)?;
        if target.lineage.as_deref() != Some(source.lineage.as_str()) {
            return Err(Progress::Waiting(format!("{} still holds an older lineage", self.home.host)));
        }
        if target.lag.is_none() {
            return Err(Progress::Waiting(format!("how far {} is behind is not measured yet", self.home.host)));
        }
        let aside = target.set_aside.as_ref().filter(|aside| aside.entries > 0);
        let aside = aside.map_or(String::new(), |aside| {
            let entries = crate::text::count(aside.entries, "entry", "entries");
            format!(", {entries} set aside in .standin/quarantine/{}", aside.epoch)
        });
        Ok(Found::note(format!("{} has everything up to {mark}{aside}", self.home.host)))
    }

    fn ended(&self, cx: &Asking, sight: &Sight<'_>) -> Result<Found, Progress> {
        let report = sight.report(cx, &self.home.host)?;
        match report.target {
            None => Ok(Found::note(format!("{} receives no changes", self.home.host))),
            Some(_) => Err(Progress::Waiting(format!("{} still follows", self.home.host))),
        }
    }
}

impl Step for ReverseReplication {
    fn name(&self) -> String {
        if self.on { "reverse".to_owned() } else { "end reverse".to_owned() }
    }

    fn title(&self) -> String {
        let (from, to) = (&self.active.host, &self.home.host);
        match self.on {
            true => format!("replicate from {from} to {to} until equal"),
            false => format!("stop replicating from {from} to {to}"),
        }
    }

    fn ask(&self, _: &Asking, ledger: &mut Ledger) {
        ledger.reverse = self.on;
        let home = ledger.members.entry(self.home.member.clone()).or_default();
        home.role = if self.on { Role::Standby } else { Role::Fenced };
        home.upstream = self.on.then(|| self.active.member.clone());
        if let Some(divergence) = &mut home.divergence {
            // Turning it off again does not bring back what was replaced meanwhile.
            divergence.followed |= self.on;
        }
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        if self.on { self.synced(cx, sight).into() } else { self.ended(cx, sight).into() }
    }

    fn undo(&self) -> Undo {
        Undo::with(Self { on: !self.on, ..self.clone() })
    }

    fn patience(&self) -> Duration {
        if self.on { COPY_PATIENCE } else { Duration::from_secs(300) }
    }
}

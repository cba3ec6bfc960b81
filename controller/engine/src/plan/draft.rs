//! A plan in the making.

use super::{Plan, settled::settled};
use crate::{
    compose::head,
    settings::{Observed, Options, Place, Settings},
    steps::{AnyStep, CheckActive, PromoteTarget, Redirect, StartServices},
    text,
};
use model::{
    Epoch, Ledger, Role, RunId,
    view::{BlockerView, Verb},
};

/// Collects checks, losses, steps and blockers.
pub(super) struct Draft<'a> {
    pub options: &'a Options,
    pub settings: &'a Settings<'a>,
    pub ledger: &'a Ledger,
    pub observed: &'a Observed,
    pub title: String,
    pub checks: Vec<String>,
    pub losses: Vec<String>,
    pub steps: Vec<AnyStep>,
    pub blockers: Vec<BlockerView>,
}

impl<'a> Draft<'a> {
    pub fn new(options: &'a Options, settings: &'a Settings<'a>, ledger: &'a Ledger, observed: &'a Observed) -> Self {
        Self {
            options,
            settings,
            ledger,
            observed,
            title: String::new(),
            checks: Vec::new(),
            losses: Vec::new(),
            steps: Vec::new(),
            blockers: Vec::new(),
        }
    }

    pub fn finish(self, verb: Verb) -> Plan {
        Plan {
            verb,
            scenario: self.settings.scenario.clone(),
            title: self.title,
            generation: self.settings.generation,
            ledger_revision: self.ledger.revision,
            checks: self.checks,
            losses: self.losses,
            settled: settled(self.settings, self.ledger, self.observed),
            steps: self.steps,
            blockers: self.blockers,
        }
    }

    /// Adds a reason why this cannot be run; facts, help and the accepting flag are filled in by the caller.
    pub fn block(&mut self, message: impl Into<String>) -> &mut BlockerView {
        let at = self.blockers.len();
        self.blockers.push(BlockerView { message: message.into(), ..BlockerView::default() });
        &mut self.blockers[at]
    }

    pub fn check(&mut self, sentence: impl Into<String>) {
        self.checks.push(sentence.into());
    }

    pub fn step(&mut self, step: impl Into<AnyStep>) {
        self.steps.push(step.into());
    }

    pub fn held_by(&mut self, run: &RunId) {
        let name = self.settings.scenario;
        let blocker = self.block(format!("run {run} holds {name}"));
        blocker.help = vec![format!("standin run show {run}"), format!("standin run attach {run}")];
    }

    /// The member at the root of the streams, blocking when the ledger knows none.
    pub fn head(&mut self) -> Option<Place> {
        let place = head(self.ledger).and_then(|member| self.settings.place(member));
        if place.is_none() {
            self.block("no member of this scenario has ever been active");
        }
        place
    }

    /// The active member, blocking while there is none.
    pub fn active(&mut self) -> Option<Place> {
        let active = self.ledger.active().and_then(|member| self.settings.place(member));
        if active.is_none() {
            let (name, last) = (self.settings.scenario, head(self.ledger));
            let facts = last.map(|last| format!("{last} was active last and is fenced")).into_iter().collect();
            let blocker = self.block("no host is active");
            blocker.facts = facts;
            blocker.help = vec![format!("standin failover {name} --to MEMBER")];
        }
        active
    }

    /// The member named by `--to` or, when there is only one replica that could be meant, that one.
    pub fn successor(&mut self, from: &Place) -> Option<Place> {
        let others: Vec<Place> = self.settings.places().into_iter().filter(|p| p.member != from.member).collect();
        let names: Vec<String> = others.iter().map(|place| place.member.to_string()).collect();
        let name = self.settings.scenario;
        let Some(to) = &self.options.to else {
            return match &others[..] {
                [only] => Some(only.clone()),
                _ => {
                    self.block("it is not said which replica takes over").help =
                        vec![format!("--to {}", names.join(" or --to "))];
                    None
                }
            };
        };
        if *to == from.member && self.ledger.role(to) == Role::Active {
            self.block(format!("{from} is already active"));
            return None;
        }
        let found = others.into_iter().find(|place| place.member == *to);
        if found.is_none() {
            self.block(format!("{name} has no replica {to}")).help =
                vec![format!("members that could take over: {}", text::list(&names))];
        }
        found
    }

    /// The epoch that ends the activity of the one who is active now.
    pub fn next_epoch(&self) -> Epoch {
        self.ledger.epoch.next()
    }

    /// From the promotion on, every move of the roles is the same: traffic moves last.
    pub fn promote_and_open(&mut self, from: &Place, to: &Place, drained: bool) {
        let services = self.settings.services();
        let (from, to) = (from.clone(), to.clone());
        let epoch = self.next_epoch();
        let serving = services.is_empty();
        let others = self.settings.places().into_iter().map(|place| place.member);
        let others = others.filter(|member| *member != from.member && *member != to.member).collect();
        self.step(PromoteTarget { from: from.clone(), to: to.clone(), epoch, drained, serving, others });
        if !serving {
            self.step(StartServices { at: to.clone(), services });
        }
        let checks: Vec<String> = self.settings.spec.monitoring.checks.iter().map(|c| c.name.clone()).collect();
        if !checks.is_empty() {
            self.step(CheckActive { at: to.clone(), checks });
        }
        for point in &self.settings.spec.redirection {
            if let Some(script) = point.script.clone() {
                self.step(Redirect { point: point.name.clone(), to: to.clone(), from: from.clone(), script });
            }
        }
    }
}

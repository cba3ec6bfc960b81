//! A plan in the making.

use super::{Manner, Plan, settled::settled};
use crate::{
    compose::head,
    settings::{Observed, Options, Place, Settings},
    steps::{AnyStep, CheckActive, PromoteTarget, Redirect, StartServices},
    text,
};
use model::{
    Epoch, Ledger, MemberName, PointName, Role, RunId,
    view::{BlockerView, Verb},
};

/// Collects checks, losses, steps and blockers.
pub(super) struct Draft<'a> {
    pub options: &'a Options,
    pub settings: &'a Settings<'a>,
    pub ledger: &'a Ledger,
    pub observed: &'a Observed,
    /// The replica that is asked for, by the person or by the plan.
    pub to: Option<MemberName>,
    pub title: String,
    pub checks: Vec<String>,
    pub losses: Vec<String>,
    pub steps: Vec<AnyStep>,
    /// As many as there are steps, or none for the built-in plan.
    pub manners: Vec<Manner>,
    pub blockers: Vec<BlockerView>,
}

impl<'a> Draft<'a> {
    pub fn new(options: &'a Options, settings: &'a Settings<'a>, ledger: &'a Ledger, observed: &'a Observed) -> Self {
        Self {
            options,
            settings,
            ledger,
            observed,
            to: options.to.clone(),
            title: String::new(),
            checks: Vec::new(),
            losses: Vec::new(),
            steps: Vec::new(),
            manners: Vec::new(),
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
            manners: self.manners,
            source: self.options.plan.as_ref().map(|recipe| recipe.source.clone()),
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
        let Some(to) = self.to.clone() else {
            return match &others[..] {
                [only] => Some(only.clone()),
                _ => {
                    self.block("it is not said which replica takes over").help =
                        vec![format!("--to {}", names.join(" or --to "))];
                    None
                }
            };
        };
        if to == from.member && self.ledger.role(&to) == Role::Active {
            self.block(format!("{from} is already active"));
            return None;
        }
        let found = others.into_iter().find(|place| place.member == to);
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
        let (services, time) = (self.settings.services(), self.settings.services_time());
        let serving = services.is_empty();
        let promotion = self.promotion(from, to, drained, serving);
        self.step(promotion);
        if !serving {
            self.step(StartServices { at: to.clone(), services, time });
        }
        let checks = self.checks(to, &[]);
        checks.into_iter().for_each(|step| self.step(step));
        for point in &self.settings.spec.redirection {
            let redirection = self.redirection(&point.name, from, to);
            redirection.into_iter().for_each(|step| self.step(step));
        }
    }

    /// Makes `to` active; with `serving`, no other step brings the services there.
    pub fn promotion(&self, from: &Place, to: &Place, drained: bool, serving: bool) -> PromoteTarget {
        let others = self.settings.places().into_iter().map(|place| place.member);
        let others = others.filter(|member| *member != from.member && *member != to.member).collect();
        PromoteTarget { from: from.clone(), to: to.clone(), epoch: self.next_epoch(), drained, serving, others }
    }

    /// The named checks at `at`, all when none is named; `None` when there is none.
    pub fn checks(&self, at: &Place, named: &[String]) -> Option<CheckActive> {
        let all = || self.settings.spec.monitoring.checks.iter().map(|check| check.name.clone());
        let checks: Vec<String> = all().filter(|name| named.is_empty() || named.contains(name)).collect();
        let some = checks.len() < all().count();
        let time = self.settings.checks_time(&checks);
        (!checks.is_empty()).then(|| CheckActive { at: at.clone(), checks, some, time })
    }

    /// Sends the clients of one point to `to`; `None` when there is no such point.
    pub fn redirection(&self, point: &PointName, from: &Place, to: &Place) -> Option<Redirect> {
        let found = self.settings.spec.redirection.iter().find(|known| known.name == *point)?;
        let script = found.script.clone()?;
        Some(Redirect { point: point.clone(), to: to.clone(), from: from.clone(), script })
    }
}

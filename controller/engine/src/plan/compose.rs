//! From the steps that people write, or the built-in ones, to the engine's own.

use super::{Manner, draft::Draft, recipe::Ready};
use crate::{
    settings::Place,
    steps::{
        AnyStep, Approve, Asking, DrainSpool, FenceActive, ReverseReplication, RunScript, Script, StartServices,
        StopServices,
    },
};
use model::{
    Ledger, MemberName, RecoveryPlanSpec, Role,
    recovery_plan::{Action, Given, PlanStep, Purpose, RunScript as Words, ToReplica},
    units::Period,
};
use std::collections::BTreeMap;

/// Longest time of a script whose step says nothing about it.
const SCRIPT_TIME: Period = Period::from_secs(300);

/// Adds the steps of `spec`, from `from` to `to`. With `named`, they are those of a RecoveryPlan and keep its manners.
pub(super) fn add_steps(draft: &mut Draft<'_>, from: &Place, to: &Place, ready: &Ready, named: bool) {
    let Ready { spec, values } = ready;
    let mut composing = Composing { from, to, spec, values, moved: false, drained: false };
    for step in &spec.steps {
        let Some(action) = step.action() else { continue };
        let made = composing.step(draft, step, action);
        let several = made.len() > 1;
        for (n, made) in made.into_iter().enumerate() {
            if named {
                let manner = composing.manner(draft, step, &made, several, n);
                draft.manners.push(manner);
            }
            draft.step(made);
        }
    }
    if let Some(why) = unsafe_prefix(&draft.steps, draft.ledger) {
        draft.block(format!("the plan is not safe: {why}"));
    }
}

/// Whether the spool is drained to `to` before the roles move.
pub(super) fn drains(ready: &Ready, to: &Place) -> bool {
    let before = ready.spec.steps.iter().take_while(|step| step.set_active.is_none());
    let mut drains = before.filter_map(|step| step.wait_for_drain.as_ref());
    drains.any(|drain| is_target(drain, to, &ready.values))
}

fn is_target(drain: &ToReplica, to: &Place, values: &BTreeMap<String, String>) -> bool {
    let named = drain.replica.as_ref().map(|replica| replica.value(values));
    // A value that is missing has a reason of its own why this cannot be run.
    named.flatten().is_none_or(|name| name == "target" || name == to.member.as_str())
}

struct Composing<'a> {
    from: &'a Place,
    to: &'a Place,
    spec: &'a RecoveryPlanSpec,
    values: &'a BTreeMap<String, String>,
    /// Whether the roles have moved before this step.
    moved: bool,
    drained: bool,
}

impl Composing<'_> {
    fn active(&self) -> &Place {
        if self.moved { self.to } else { self.from }
    }

    fn step(&mut self, draft: &mut Draft<'_>, step: &PlanStep, action: Action<'_>) -> Vec<AnyStep> {
        let (services, time) = (draft.settings.services(), draft.settings.services_time());
        let (from, to) = (self.from.clone(), self.to.clone());
        match action {
            Action::Approve(approve) => vec![Approve { message: approve.message.clone() }.into()],
            Action::StopServices | Action::StartServices if services.is_empty() => Vec::new(),
            Action::StopServices => {
                self.placed(draft, step, self.from);
                vec![StopServices { at: from, services, time }.into()]
            }
            Action::WaitForDrain(drain) => self.drain(draft, drain).into_iter().map(AnyStep::from).collect(),
            Action::SetActive(_) => self.set_active(draft, services),
            Action::StartServices => {
                self.placed(draft, step, self.to);
                vec![StartServices { at: to, services, time }.into()]
            }
            Action::Check(check) => {
                let at = self.active().clone();
                self.placed(draft, step, &at);
                self.known(draft, step, "check", &check.checks, |draft, name| {
                    draft.settings.spec.monitoring.checks.iter().any(|check| check.name == *name)
                });
                draft.checks(&at, &check.checks).into_iter().map(AnyStep::from).collect()
            }
            Action::Redirect(redirect) => {
                let names: Vec<String> = redirect.apply.iter().map(ToString::to_string).collect();
                self.known(draft, step, "redirection", &names, |draft, name| {
                    draft.settings.spec.redirection.iter().any(|point| point.name.as_str() == name)
                });
                let points = redirect.apply.iter().filter_map(|point| draft.redirection(point, &from, &to));
                points.map(AnyStep::from).collect()
            }
            Action::Run(words) => self.run(draft, step, words).into_iter().map(AnyStep::from).collect(),
            Action::ReverseReplication => self.reverse(draft).into_iter().map(AnyStep::from).collect(),
        }
    }

    fn drain(&mut self, draft: &mut Draft<'_>, drain: &ToReplica) -> Option<DrainSpool> {
        let named = drain.replica.as_ref().and_then(|replica| replica.value(self.values));
        let to = match named.filter(|name| *name != "target") {
            None => self.to.clone(),
            Some(name) => {
                let place = draft.settings.place(&MemberName::from(name));
                if place.is_none() {
                    draft.block(format!("{} has no replica {name} to drain to", draft.settings.scenario));
                }
                place?
            }
        };
        self.drained |= to.member == self.to.member;
        if to.member != self.to.member {
            draft.require_synced(self.from, &to);
        }
        Some(DrainSpool { from: self.from.clone(), to })
    }

    fn set_active(&mut self, draft: &mut Draft<'_>, services: Vec<String>) -> Vec<AnyStep> {
        self.moved = true;
        let serving = services.is_empty();
        let starts = self.spec.steps.iter().any(|step| step.start_services.is_some());
        let fence = FenceActive {
            from: self.from.clone(),
            epoch: draft.next_epoch(),
            serving,
            services,
            time: draft.settings.services_time(),
            drain_to: self.drained.then(|| self.to.clone()),
            word: None,
        };
        let promotion = draft.promotion(self.from, self.to, self.drained, serving || !starts);
        vec![fence.into(), promotion.into()]
    }

    /// From the member that is active away from home to home; nothing, when that is on already.
    fn reverse(&self, draft: &mut Draft<'_>) -> Option<ReverseReplication> {
        let home = draft.settings.place(&MemberName::primary())?;
        let active = self.active().clone();
        let on = draft.ledger.reverse && (!self.moved || !self.from.member.is_primary());
        if self.spec.purpose == Purpose::Switchover && !self.from.member.is_primary() && !on {
            let name = draft.settings.scenario;
            let blocker = draft.block("reverse replication cannot begin with this switchover");
            blocker.facts =
                vec![format!("{} was active before {}, home may hold changes of its own", self.from, active)];
            blocker.help = vec![format!("afterwards  standin resume {name} --reverse")];
        }
        (!on).then_some(ReverseReplication { active, home, on: true })
    }

    fn run(&self, draft: &mut Draft<'_>, step: &PlanStep, words: &Words) -> Option<RunScript> {
        let at = self.host(draft, step, self.active())?;
        if at.member != self.from.member && at.member != self.to.member {
            let message = format!("{} does not answer, and step {} runs there", at.host, step.name);
            draft.require_answer(&at, message);
        }
        Some(RunScript {
            step: step.name.clone(),
            at,
            active: self.active().host.clone(),
            script: self.script(words),
            timeout: step.timeout.unwrap_or(SCRIPT_TIME),
            undo: step.undo.as_ref().map(|undo| self.script(&undo.run)),
            point_of_no_return: step.point_of_no_return == Some(true),
        })
    }

    fn script(&self, words: &Words) -> Script {
        // A plan that lacks a value is shown all the same, with the name of what is missing.
        let text = |word: &Given| match word.value(self.values) {
            Some(text) => text.to_owned(),
            None => format!("<{}>", word.parameter().unwrap_or_default()),
        };
        let texts = |words: &[Given]| words.iter().map(text).collect();
        Script { command: texts(&words.command), check: texts(&words.check) }
    }

    /// The host of a step, `active` being who is active then.
    fn host(&self, draft: &mut Draft<'_>, step: &PlanStep, active: &Place) -> Option<Place> {
        let name = step.host.as_ref()?.value(self.values)?;
        let places = draft.settings.places();
        let found = match name {
            "active" => Some(active.clone()),
            "target" => Some(self.to.clone()),
            "primary" => draft.settings.place(&MemberName::primary()),
            _ => {
                let replica = places.iter().find(|p| p.member.as_str() == name).filter(|_| step_is_given(step));
                places.iter().find(|place| place.host.as_str() == name).or(replica).cloned()
            }
        };
        if found.is_none() {
            let hosts: Vec<&str> = places.iter().map(|place| place.host.as_str()).collect();
            let message = format!("step {}: {} has no host {name}", step.name, draft.settings.scenario);
            draft.block(message).facts = vec![format!("hosts: {}", crate::text::list(&hosts))];
        }
        found
    }

    /// Services and checks have their host: a step may name it, and no other.
    fn placed(&self, draft: &mut Draft<'_>, step: &PlanStep, at: &Place) {
        let named = self.host(draft, step, self.active());
        if let Some(named) = named.filter(|named| named != at) {
            let key = step.action().map_or("", Action::key);
            draft.block(format!("step {} names {}", step.name, named.host)).facts =
                vec![format!("{key} is done on {}, the active host by then", at.host)];
        }
    }

    fn known(
        &self,
        draft: &mut Draft<'_>,
        step: &PlanStep,
        what: &str,
        names: &[String],
        is_known: impl Fn(&Draft<'_>, &String) -> bool,
    ) {
        for name in names {
            if !is_known(draft, name) {
                draft.block(format!("step {}: {} has no {what} {name}", step.name, draft.settings.scenario));
            }
        }
    }

    fn manner(&self, draft: &mut Draft<'_>, step: &PlanStep, made: &AnyStep, several: bool, n: usize) -> Manner {
        let plain = !several || matches!(made, AnyStep::PromoteTarget(_));
        let name = if !plain { format!("{}: {}", step.name, made.name()) } else { step.name.clone() };
        let script = matches!(made, AnyStep::RunScript(_));
        // What cannot be taken back is not ordered to be: the promotion of a `setActive` has its own answer.
        let promotion = step.set_active.is_some() && n > 0;
        let always = match made {
            AnyStep::RunScript(run) if step.always => self.host(draft, step, self.from).map(|at| {
                let taken_back = RunScript { at, active: self.from.host.clone(), ..run.clone() };
                Box::new(AnyStep::from(taken_back))
            }),
            _ => None,
        };
        Manner {
            name,
            timeout: step.timeout.filter(|_| !script),
            retries: step.retries,
            on_failure: step.on_failure.filter(|_| !promotion),
            always,
        }
    }
}

/// Where a replica's name may stand for its host: only a parameter of that type brings one there.
fn step_is_given(step: &PlanStep) -> bool {
    step.host.as_ref().is_some_and(|host| host.parameter().is_some())
}

/// The first step after which two members could accept writes, or services could run where nobody is active.
fn unsafe_prefix(steps: &[AnyStep], ledger: &Ledger) -> Option<String> {
    let mut ledger = ledger.clone();
    for (at, step) in steps.iter().enumerate() {
        let before = ledger.active().cloned();
        let cx = Asking { step: (at + 1).to_string(), attempt: 1, epoch: ledger.epoch, ..Asking::default() };
        step.ask(&cx, &mut ledger);
        let active = ledger.members.values().filter(|member| member.role == Role::Active).count();
        let taken_over = before.is_some() && ledger.active().is_some() && before.as_ref() != ledger.active();
        if active > 1 || taken_over {
            return Some(format!("step {} makes another member active while one is", at + 1));
        }
        if ledger.serving.as_ref().is_some_and(|serving| ledger.role(serving) != Role::Active) {
            return Some(format!("step {} orders services where nobody is active", at + 1));
        }
    }
    None
}

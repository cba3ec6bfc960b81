//! What a RecoveryPlan must not say, by itself and about its scenario.
//!
//! The reader of manifests makes findings of it, the engine makes reasons why a plan cannot be run: a scenario may
//! have changed since the plan was read.

use crate::{
    recovery_plan::{Action, OnFailure, PlanStep, Purpose, RecoveryPlanSpec},
    scenario::ScenarioSpec,
};
use std::collections::BTreeMap;

/// Which kind of rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The steps stand in an order that is not safe, or one is missing.
    Order,
    /// A point of no return where there is none, or none where there is one.
    NoReturn,
    /// A failure cannot be answered in this way.
    Failure,
    /// A key says nothing in this step.
    Idle,
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misstep {
    pub rule: Rule,
    /// Whether the plan may be run all the same.
    pub warning: bool,
    /// Where, below `spec`, such as `/steps/3/setActive`.
    pub pointer: String,
    pub message: String,
    /// Said at the place.
    pub label: String,
    /// The other half of the contradiction: where, below `spec`, and what is said there.
    pub other: Option<(String, String)>,
    /// What in the scenario demands it: where, below its `spec`, and what is said there.
    pub scenario: Option<(String, String)>,
}

impl Misstep {
    fn new(rule: Rule, pointer: String, message: impl Into<String>, label: impl Into<String>) -> Self {
        let (message, label) = (message.into(), label.into());
        Self { rule, warning: false, pointer, message, label, other: None, scenario: None }
    }

    fn other(mut self, pointer: String, label: &str) -> Self {
        self.other = Some((pointer, label.to_owned()));
        self
    }

    fn scenario(mut self, pointer: &str, label: &str) -> Self {
        self.scenario = Some((pointer.to_owned(), label.to_owned()));
        self
    }
}

/// Every broken rule. Without the scenario, only what the plan says by itself is looked at.
pub fn missteps(plan: &RecoveryPlanSpec, scenario: Option<&ScenarioSpec>) -> Vec<Misstep> {
    let steps: Vec<(&PlanStep, Action<'_>)> =
        plan.steps.iter().filter_map(|step| Some((step, step.action()?))).collect();
    if steps.len() != plan.steps.len() {
        return without_one_action(plan); // such a step can stand anywhere: nothing is known about the order
    }
    let mut look = Look { plan, steps, scenario, found: Vec::new() };
    look.moves();
    look.each();
    look.points();
    look.way_home();
    if let Some(scenario) = scenario {
        look.missing(scenario);
    }
    (0..look.steps.len()).for_each(|at| {
        look.idle(at);
        look.no_return(at);
        look.failure(at);
    });
    look.found
}

/// The steps that do nothing, or more than one thing.
fn without_one_action(plan: &RecoveryPlanSpec) -> Vec<Misstep> {
    let undecided = plan.steps.iter().enumerate().filter(|(_, step)| step.action().is_none());
    let misstep = |(index, _)| {
        let message = "a step that does not say what to do";
        Misstep::new(Rule::Order, at(index, "name"), message, "needs exactly one action")
    };
    undecided.map(misstep).collect()
}

struct Look<'a> {
    plan: &'a RecoveryPlanSpec,
    steps: Vec<(&'a PlanStep, Action<'a>)>,
    scenario: Option<&'a ScenarioSpec>,
    found: Vec<Misstep>,
}

fn at(index: usize, key: &str) -> String {
    format!("/steps/{index}/{key}")
}

impl Look<'_> {
    fn first(&self, key: &str) -> Option<usize> {
        self.steps.iter().position(|(_, action)| action.key() == key)
    }

    fn add(&mut self, misstep: Misstep) {
        self.found.push(misstep);
    }

    fn order(&mut self, index: usize, message: impl Into<String>, label: &str, other: Option<(usize, &str)>) {
        let misstep = Misstep::new(Rule::Order, at(index, self.steps[index].1.key()), message, label);
        let other = other.map(|(other, said)| (at(other, self.steps[other].1.key()), said.to_owned()));
        self.add(Misstep { other, ..misstep });
    }

    /// What moves the work is there once.
    fn moves(&mut self) {
        for key in ["stopServices", "setActive", "startServices", "reverseReplication"] {
            let Some(first) = self.first(key) else { continue };
            let again: Vec<usize> = (first + 1..self.steps.len()).filter(|n| self.steps[*n].1.key() == key).collect();
            for index in again {
                self.order(index, format!("a second `{key}`"), "again here", Some((first, "first here")));
            }
        }
        if self.first("setActive").is_none() {
            let message = "no step makes the other host active";
            self.add(Misstep::new(Rule::Order, "/steps".to_owned(), message, "needs a `setActive`"));
        }
    }

    /// Each step where it stands: freeze, drain, fence and promote, start, check, redirect.
    fn each(&mut self) {
        let (stop, moved, start) = (self.first("stopServices"), self.first("setActive"), self.first("startServices"));
        for index in 0..self.steps.len() {
            let key = self.steps[index].1.key();
            let late = moved.filter(|moved| index > *moved).map(|moved| (moved, "the roles have moved here"));
            let early = moved.filter(|moved| index < *moved).map(|moved| (moved, "the other host is active only here"));
            let unstopped = stop.filter(|stop| index < *stop).map(|stop| (stop, "they are stopped only here"));
            let unstarted = start.filter(|start| index < *start).map(|start| (start, "they are started only here"));
            match (key, late, early) {
                ("stopServices", Some(other), _) => {
                    self.order(index, "`stopServices` after `setActive`", "it would stop the new active", Some(other));
                }
                ("waitForDrain", Some(other), _) => {
                    let label = "nothing is left to wait for";
                    self.order(index, "`waitForDrain` after `setActive`", label, Some(other));
                }
                ("waitForDrain", None, _) if unstopped.is_some() => {
                    self.order(index, "`waitForDrain` before `stopServices`", "services still write", unstopped);
                }
                ("startServices", _, Some(other)) => {
                    self.order(index, "`startServices` before `setActive`", "the host may not serve yet", Some(other));
                }
                ("redirect", _, Some(other)) => {
                    self.order(index, "`redirect` before `setActive`", "clients would find no service", Some(other));
                }
                ("redirect", Some(_), _) if unstarted.is_some() => {
                    self.order(index, "`redirect` before `startServices`", "traffic moves last", unstarted);
                }
                ("check", ..) if unstarted.is_some() && stop.is_some_and(|stop| index > stop) => {
                    self.order(index, "`check` while no service runs", "it can only fail", unstarted);
                }
                ("reverseReplication", ..) => self.reverse(index, late, early, stop),
                _ => {}
            }
            self.place(index, late.is_some());
        }
    }

    fn reverse(
        &mut self,
        index: usize,
        late: Option<(usize, &str)>,
        early: Option<(usize, &str)>,
        stop: Option<usize>,
    ) {
        let stopped = stop.filter(|stop| index > *stop).map(|stop| (stop, "services are down from here"));
        match (self.plan.purpose, late, early) {
            (Purpose::Switchover, _, Some(other)) => {
                let message = "`reverseReplication` before `setActive`";
                self.order(index, message, "home is still the source", Some(other));
            }
            (Purpose::Switchback, Some(other), _) => {
                let message = "`reverseReplication` after `setActive`";
                self.order(index, message, "home is active by then and follows nobody", Some(other));
            }
            (Purpose::Switchback, None, _) if stopped.is_some() => {
                let message = "`reverseReplication` after `stopServices`";
                self.order(index, message, "the copy would be made while nobody is served", stopped);
            }
            _ => {}
        }
    }

    /// Whether a role is certainly not that of the active host.
    fn is_idle(&self, role: &str, moved: bool) -> bool {
        matches!(
            (self.plan.purpose, moved, role),
            (_, false, "target") | (Purpose::Switchback, false, "primary") | (Purpose::Switchover, true, "primary")
        )
    }

    /// A step that can only be done on one host may name it, and no other.
    fn place(&mut self, index: usize, moved: bool) {
        let (step, action) = self.steps[index];
        let Some(host) = step.host.as_ref().and_then(|host| host.literal()) else { return };
        let wrong = match action {
            Action::StopServices => self.is_idle(host, false),
            Action::StartServices => self.is_idle(host, true),
            Action::Check(_) => self.is_idle(host, moved),
            _ => false,
        };
        if wrong {
            let message = format!("`{}` on `{host}`", action.key());
            let label = "services run on the active host";
            self.add(Misstep::new(Rule::Order, at(index, "host"), message, label));
        }
    }

    /// A redirection point is applied once.
    fn points(&mut self) {
        let mut seen = BTreeMap::new();
        let mut twice = Vec::new();
        for (index, (_, action)) in self.steps.iter().enumerate() {
            let Action::Redirect(redirect) = action else { continue };
            for (n, point) in redirect.apply.iter().enumerate() {
                let here = at(index, &format!("redirect/apply/{n}"));
                match seen.get(point) {
                    Some(first) => twice.push((point.clone(), here, String::clone(first))),
                    None => drop(seen.insert(point.clone(), here)),
                }
            }
        }
        for (point, here, first) in twice {
            let message = format!("redirection `{point}` is applied twice");
            self.add(Misstep::new(Rule::Order, here, message, "again here").other(first, "first here"));
        }
    }

    /// Home is only made active once it has everything.
    fn way_home(&mut self) {
        if self.plan.purpose == Purpose::Switchback && self.first("waitForDrain").is_none() {
            let message = "nothing waits for the drain, and a switchback loses nothing";
            self.add(Misstep::new(Rule::Order, "/steps".to_owned(), message, "needs a `waitForDrain`"));
        }
    }

    /// What this scenario needs and no step does.
    fn missing(&mut self, scenario: &ScenarioSpec) {
        let steps = || "/steps".to_owned();
        let lacks = |key| self.first(key).is_none();
        let mut found = Vec::new();
        let services = !scenario.services.commands.is_empty();
        for (key, message) in [
            ("stopServices", "the services are not stopped before the roles move"),
            ("startServices", "the services are never started on the new active"),
        ] {
            if services && lacks(key) {
                let misstep = Misstep::new(Rule::Order, steps(), message, format!("needs a `{key}`"));
                found.push(misstep.scenario("/services/commands", "what runs on the active host only"));
            }
        }
        if scenario.switchover.guards.require_drain && self.plan.purpose == Purpose::Switchover && lacks("waitForDrain")
        {
            let message = "nothing waits for the drain, and `requireDrain` is true";
            let misstep = Misstep::new(Rule::Order, steps(), message, "needs a `waitForDrain` before `setActive`");
            found.push(misstep.scenario("/switchover/guards/requireDrain", "true here, or by default"));
        }
        for point in scenario.redirection.iter().map(|point| &point.name) {
            let applies = |(_, action): &(&PlanStep, Action<'_>)| matches!(action, Action::Redirect(redirect) if redirect.apply.contains(point));
            if !self.steps.iter().any(applies) {
                let message = format!("redirection `{point}` is not applied: its clients stay where they are");
                let label = format!("needs a `redirect` with `{point}`");
                let misstep = Misstep::new(Rule::Order, steps(), message, label);
                found.push(Misstep { warning: true, ..misstep });
            }
        }
        self.found.append(&mut found);
    }

    fn idle(&mut self, index: usize) {
        let (step, action) = self.steps[index];
        let key = action.key();
        let mut says_nothing = |field: &str, label: &str| {
            let message = format!("`{field}` says nothing in a step with `{key}`");
            self.found.push(Misstep::new(Rule::Idle, at(index, field), message, label));
        };
        let placed = matches!(action, Action::Run(_) | Action::StopServices | Action::StartServices | Action::Check(_));
        if step.host.is_some() && !placed {
            says_nothing("host", "it is not done on a host that could be chosen");
        }
        let repeated = !matches!(action, Action::Approve(_) | Action::SetActive(_) | Action::ReverseReplication);
        if step.retries.is_some() && !repeated {
            says_nothing("retries", "another attempt would be the same one");
        }
        if step.always && !matches!(action, Action::Run(_)) {
            says_nothing("always", "only a `run` is carried out after everything was taken back");
        }
        if matches!(action, Action::Run(_)) && step.host.is_none() {
            let misstep = Misstep::new(Rule::Idle, at(index, "run"), "a `run` without `host`", "where?");
            self.add(misstep);
        }
        let no_services = self.scenario.is_some_and(|scenario| scenario.services.commands.is_empty());
        if no_services && matches!(action, Action::StopServices | Action::StartServices) {
            let message = format!("`{key}` in a plan for a scenario without services");
            let misstep = Misstep::new(Rule::Idle, at(index, key), message, "there is none");
            self.add(misstep.scenario("/primary", "no `services.commands` in this scenario"));
        }
        if let (Action::SetActive(to), Purpose::Switchback) = (action, self.plan.purpose)
            && to.replica.is_some()
        {
            let message = "`replica` says nothing in a switchback";
            self.add(Misstep::new(Rule::Idle, at(index, "setActive/replica"), message, "it always ends at home"));
        }
    }

    fn no_return(&mut self, index: usize) {
        let (step, action) = self.steps[index];
        let pointer = at(index, "pointOfNoReturn");
        let new = |message: &str, label: &str| Misstep::new(Rule::NoReturn, pointer.clone(), message, label);
        let moved = self.first("setActive");
        let misstep = match (step.point_of_no_return, action) {
            (Some(false), Action::SetActive(_)) => {
                new("`setActive` always is a point of no return", "leave it out, or write `true`")
            }
            (None | Some(false), _) | (Some(true), Action::SetActive(_)) => return,
            (Some(true), Action::Run(_)) if step.undo.is_some() => {
                new("a point of no return that can be taken back", "and yet it has an `undo`")
                    .other(at(index, "undo"), "this takes it back")
            }
            (Some(true), Action::Run(_)) if step.always => {
                new("a point of no return among what is done always", "it would stop the way back")
            }
            (Some(true), Action::Run(_)) => match moved.filter(|moved| *moved < index) {
                None => return,
                Some(moved) => {
                    let misstep = new("there is no way back here already", "says nothing after `setActive`");
                    let misstep = misstep.other(at(moved, "setActive"), "the point of no return");
                    Misstep { warning: true, ..misstep }
                }
            },
            (Some(true), _) => new(&format!("`{}` is not a point of no return", action.key()), "it can be taken back"),
        };
        self.add(misstep);
    }

    /// The step from which on nothing is taken back.
    fn point(&self) -> Option<usize> {
        self.steps.iter().position(|(step, action)| match action {
            Action::SetActive(_) => true,
            Action::Run(_) => step.point_of_no_return == Some(true),
            _ => false,
        })
    }

    fn failure(&mut self, index: usize) {
        let (step, action) = self.steps[index];
        let key = action.key();
        let new =
            |field: &str, message: String, label: &str| Misstep::new(Rule::Failure, at(index, field), message, label);
        let after = self.point().filter(|point| *point < index);
        let by_itself = self.point() == Some(index) && !matches!(action, Action::SetActive(_));
        let mut found = Vec::new();
        if step.undo.is_some() {
            match action {
                Action::Run(_) if step.always => {
                    let misstep = new("undo", "an `always` step is never taken back".to_owned(), "never carried out");
                    found.push(misstep.other(at(index, "always"), "this one is done in any case"));
                }
                Action::Run(_) => found.extend(after.map(|point| {
                    let message = "nothing is taken back after the point of no return".to_owned();
                    let (point, said) = (at(point, self.steps[point].1.key()), "the point of no return");
                    new("undo", message, "never carried out").other(point, said)
                })),
                Action::SetActive(_) => {
                    found.push(new("undo", "`setActive` cannot be taken back".to_owned(), "never carried out"));
                }
                _ => {
                    let message = format!("`{key}` is taken back by itself");
                    found.push(new("undo", message, "leave it out"));
                }
            }
        }
        match step.on_failure {
            Some(OnFailure::Undo) if after.is_some() || by_itself => {
                let message = "nothing can be taken back after the point of no return".to_owned();
                let point = self.point().unwrap_or(index);
                let misstep = new("onFailure", message, "write `pause` or `continue`");
                found.push(misstep.other(at(point, self.steps[point].1.key()), "the point of no return"));
            }
            Some(OnFailure::Continue) if self.must_hold(index) => {
                let message = format!("nothing can go on without `{key}`");
                found.push(new("onFailure", message, "write `undo` or `pause`"));
            }
            _ => {}
        }
        self.found.append(&mut found);
    }

    /// Whether what follows is only safe or possible after this step.
    fn must_hold(&self, index: usize) -> bool {
        match self.steps[index].1 {
            Action::Approve(_) | Action::StopServices | Action::WaitForDrain(_) | Action::SetActive(_) => true,
            Action::ReverseReplication => self.plan.purpose == Purpose::Switchback,
            Action::StartServices | Action::Check(_) | Action::Redirect(_) | Action::Run(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_does_nothing_is_a_misstep() {
        let steps = ["drain", "rest"].map(|name| PlanStep { name: name.into(), ..PlanStep::default() });
        let mut plan = RecoveryPlanSpec { steps: steps.to_vec(), ..RecoveryPlanSpec::default() };
        plan.steps[0].wait_for_drain = Some(Default::default());
        let found = missteps(&plan, None);
        let found: Vec<_> = found.iter().map(|misstep| (misstep.pointer.as_str(), misstep.warning)).collect();
        assert_eq!(found, [("/steps/1/name", false)]);
    }
}

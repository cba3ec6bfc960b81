//! What is true now, in sentences: for the moment when a person has to decide.

use super::{Run, State};
use crate::{
    compose::head,
    settings::{Observed, Settings},
    steps::{AnyStep, FenceActive},
    text,
};
use model::{FenceProof, HostName, Ledger, MemberName, Role, agent_status::ServiceState};

impl Run {
    pub(super) fn true_now(&self, settings: &Settings<'_>, ledger: &Ledger, observed: &Observed) -> Vec<String> {
        let mut sentences = roles(settings, ledger, observed);
        sentences.extend(services(settings, ledger, observed));
        sentences.extend(self.clients(settings, ledger));
        sentences.extend(self.data());
        sentences.extend(home(settings, ledger, observed));
        if let Some(suspended) = &ledger.suspended {
            sentences.push(format!("replication is suspended by {}: {}", suspended.by, suspended.reason));
        }
        sentences
    }

    /// Where clients are sent. A redirection that was begun and did not end well is unknown.
    fn clients(&self, settings: &Settings<'_>, ledger: &Ledger) -> Vec<String> {
        let mut sentences = Vec::new();
        let points = settings.spec.redirection.iter().filter(|point| point.script.is_some());
        for point in points {
            let steps = self.plan.steps.iter().zip(&self.records);
            let of_point = |step: &AnyStep| matches!(step, AnyStep::Redirect(step) if step.point == point.name);
            let state = steps.into_iter().find(|(step, _)| of_point(step)).map(|(_, record)| record.state);
            let host = ledger.redirected.get(&point.name).and_then(|member| settings.spec.host_of(member));
            let name = &point.name;
            sentences.push(match (state, host) {
                (None | Some(State::Untouched | State::Reached | State::Undone), Some(host)) => {
                    format!("{name} sends clients to {host}")
                }
                _ => format!("it is not known where {name} sends clients"),
            });
        }
        sentences
    }

    /// What is known to be lost, or that nothing is.
    fn data(&self) -> Vec<String> {
        let crossed = self.moved();
        let fence = self.plan.steps.iter().find_map(|step| match step {
            AnyStep::FenceActive(FenceActive { drain_to, .. }) => Some(drain_to.is_some()),
            _ => None,
        });
        match fence {
            Some(true) if crossed => vec!["no data lost: the spool was drained before the roles moved".to_owned()],
            Some(false) if crossed && !self.plan.losses.is_empty() => self.plan.losses.clone(),
            Some(_) if !crossed => vec!["the roles have not moved".to_owned()],
            _ => Vec::new(),
        }
    }
}

fn host<'a>(settings: &'a Settings<'_>, member: &MemberName) -> Option<&'a HostName> {
    settings.spec.host_of(member)
}

fn roles(settings: &Settings<'_>, ledger: &Ledger, observed: &Observed) -> Vec<String> {
    let mut sentences = Vec::new();
    let place = |member: &MemberName| settings.place(member).map_or(member.to_string(), |place| place.to_string());
    match ledger.active() {
        Some(active) => {
            sentences.push(format!("{} is active at epoch {}", place(active), ledger.epoch));
            let silent = host(settings, active).filter(|host| !observed.connected(host));
            sentences.extend(silent.map(|host| format!("{}: how it is there is unknown", observed.silence(host))));
        }
        None => {
            let last = head(ledger).map_or(String::new(), |last| format!(": {} is fenced", place(last)));
            sentences.push(format!("no host is active{last}"));
        }
    }
    let proof = ledger.proofs.values().next_back();
    if let (Some(_), Some((member, proof))) = (ledger.active(), proof)
        && ledger.role(member) == Role::Fenced
        && let Some(host) = host(settings, member)
    {
        sentences.push(match proof {
            FenceProof::Agent(epoch) => format!("{host} is fenced by its own agent at epoch {epoch}"),
            FenceProof::Operator { name, text } => format!("{host} is fenced by the word of {name}: {text}"),
        });
    }
    sentences
}

fn services(settings: &Settings<'_>, ledger: &Ledger, observed: &Observed) -> Vec<String> {
    let names = settings.services();
    if names.is_empty() {
        return Vec::new();
    }
    let Some(host) = ledger.serving.as_ref().and_then(|member| settings.spec.host_of(member)) else {
        return vec![format!("{} is ordered to run nowhere", text::list(&names))];
    };
    let report = observed.fresh(settings.scenario, host);
    let sentence = |name: &String| {
        let status = report.and_then(|report| report.services.iter().find(|status| status.name == *name));
        match status.map(|status| (status.state, status.message.as_str())) {
            Some((ServiceState::Running, _)) => format!("{name} runs on {host}"),
            Some((ServiceState::Failed, message)) => format!("{name} does not run on {host}: {message}"),
            Some((ServiceState::Stopped, _)) => format!("{name} does not run on {host}"),
            _ => format!("whether {name} runs on {host} is unknown"),
        }
    };
    names.iter().map(sentence).collect()
}

/// How home stands while another member is active.
fn home(settings: &Settings<'_>, ledger: &Ledger, observed: &Observed) -> Vec<String> {
    let primary = MemberName::primary();
    let (Some(active), Some(home)) = (ledger.active(), host(settings, &primary)) else {
        return Vec::new();
    };
    if active.is_primary() {
        return Vec::new();
    }
    if !ledger.reverse {
        return vec![format!("{home} receives no changes")];
    }
    let mut sentences = vec![format!("{home} receives the changes of {active}")];
    let target = observed.last(settings.scenario, home).and_then(|report| report.target.as_ref());
    if let Some(aside) = target.and_then(|target| target.set_aside.as_ref()).filter(|aside| aside.entries > 0) {
        let entries = text::count(aside.entries, "entry", "entries");
        sentences.push(format!("{entries} of {home} set aside in .standin/quarantine/{}", aside.epoch));
    }
    sentences
}

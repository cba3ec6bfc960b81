//! The set as the manifest crate reads it, together with what is stored already.

use crate::http::Refusal;
use manifest::{Finding, Located, Severity, Surroundings, read_with, to_yaml};
use model::{HostName, Kind, Object, PlanName, ScenarioName};
use std::collections::BTreeSet;
use wire::api::ManifestFile;

/// A set that may be stored.
#[derive(Debug)]
pub struct Whole {
    pub objects: Vec<Written>,
    /// Stored objects that go: their project does not write them any more.
    pub removed: Vec<Object>,
}

/// An object and where it is written.
#[derive(Clone, Debug)]
pub struct Written {
    pub object: Object,
    pub file: String,
    /// From 1.
    pub line: u64,
}

/// Reads a set. Stored objects that it does not replace are read with it, so that it cannot contradict them; those
/// of the project `prune` that are not in it go.
pub fn read(files: Vec<ManifestFile>, stored: &[Object], prune: Option<&str>) -> Result<Whole, Refusal> {
    let own: Vec<(String, String)> = files.into_iter().map(|file| (file.path, file.text)).collect();
    let mut alone = read_with(&own, &names_of(stored.iter()));
    if alone.has_errors() {
        return Err(invalid(&own, alone.findings));
    }
    let written: BTreeSet<_> = alone.objects.iter().map(|l| (l.object.kind(), l.object.name().to_owned())).collect();
    let others = stored.iter().filter(|object| !written.contains(&(object.kind(), object.name().to_owned())));
    let (removed, kept): (Vec<&Object>, Vec<&Object>) = others.partition(|object| belongs_to(object, prune));
    if !removed.is_empty() {
        // Once more without what goes: nothing of the set may name it.
        alone = read_with(&own, &names_of(kept.iter().copied()));
        if alone.has_errors() {
            return Err(invalid(&own, alone.findings));
        }
    }
    ensure_fits(&own, &kept)?;
    let objects = alone.objects.into_iter().map(|located| placed(located, &own)).collect();
    Ok(Whole { objects, removed: removed.into_iter().cloned().collect() })
}

fn belongs_to(object: &Object, project: Option<&str>) -> bool {
    let from = object.metadata().applied_from.as_ref();
    project.is_some() && from.and_then(|from| from.project.as_deref()) == project
}

/// What a set may refer to without holding it.
pub fn names_of<'a>(objects: impl Iterator<Item = &'a Object>) -> Surroundings {
    let mut known = Surroundings::default();
    for object in objects {
        let name = object.name();
        match object.kind() {
            Kind::Host => known.known_hosts.push(HostName::from(name)),
            Kind::Scenario => known.known_scenarios.push(ScenarioName::from(name)),
            Kind::RecoveryPlan => known.known_plans.push(PlanName::from(name)),
        }
    }
    known
}

/// Reads the set together with the stored objects that stay.
fn ensure_fits(own: &[(String, String)], kept: &[&Object]) -> Result<(), Refusal> {
    // The stored ones come first, so that a contradiction is shown where it was written just now.
    let stored = kept.iter().map(|object| (format!("(stored) {}/{}", object.kind(), object.name()), to_yaml(object)));
    let mut texts: Vec<(String, String)> = stored.collect();
    let first = texts.len();
    texts.extend(own.iter().cloned());
    let together = read_with(&texts, &names_of(kept.iter().copied()));
    // A stored object is not judged again for itself, only for what the set makes of it.
    let concerns =
        |finding: &Finding| finding.file >= first || finding.context.iter().any(|context| context.file >= first);
    let mut contradictions = together.findings;
    contradictions.retain(|finding| finding.severity == Severity::Error && concerns(finding));
    if contradictions.is_empty() { Ok(()) } else { Err(invalid(&texts, contradictions)) }
}

fn placed(located: Located, own: &[(String, String)]) -> Written {
    let (file, text) = own.get(located.file).cloned().unwrap_or_default();
    let begins = located.tree.map().first().map_or(located.tree.span.start, |entry| entry.key_span.start);
    let line = 1 + text.as_bytes().iter().take(begins).filter(|byte| **byte == b'\n').count() as u64;
    Written { object: located.object, file, line }
}

fn invalid(texts: &[(String, String)], findings: Vec<Finding>) -> Refusal {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let first = findings.iter().find(|f| f.severity == Severity::Error).map(|f| f.message.clone());
    let shown = manifest::render::json(&findings, texts);
    let message = format!("{errors} error{} in the manifests; nothing was applied", if errors == 1 { "" } else { "s" });
    let refusal = Refusal::invalid(message, shown);
    match first {
        Some(first) => refusal.fact(first),
        None => refusal,
    }
}

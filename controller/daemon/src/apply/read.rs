//! The set as the manifest crate reads it, together with what is stored already.

use crate::http::Refusal;
use manifest::{Finding, Severity, Surroundings, read_with, to_yaml};
use model::{HostName, Kind, Object, PlanName, ScenarioName};
use std::collections::BTreeSet;
use wire::api::ManifestFile;

/// Objects that may be stored, each with the file it came from.
#[derive(Debug)]
pub struct Whole {
    pub objects: Vec<(Object, String)>,
}

/// Reads a set. Stored objects that it does not replace are read with it, so that it cannot contradict them.
pub fn read(files: Vec<ManifestFile>, stored: &[Object]) -> Result<Whole, Refusal> {
    let own: Vec<(String, String)> = files.into_iter().map(|file| (file.path, file.text)).collect();
    let known_hosts = stored.iter().filter(|o| o.kind() == Kind::Host).map(|o| HostName::from(o.name())).collect();
    let named = |kind: Kind| stored.iter().filter(move |object| object.kind() == kind).map(Object::name);
    let surroundings = Surroundings {
        known_hosts,
        known_scenarios: named(Kind::Scenario).map(ScenarioName::from).collect(),
        known_plans: named(Kind::RecoveryPlan).map(PlanName::from).collect(),
    };
    let alone = read_with(&own, &surroundings);
    if alone.has_errors() {
        return Err(invalid(&own, alone.findings));
    }
    let replaced: BTreeSet<_> = alone.objects.iter().map(|l| (l.object.kind(), l.object.name().to_owned())).collect();
    let others = stored.iter().filter(|object| !replaced.contains(&(object.kind(), object.name().to_owned())));
    // The stored ones come first, so that a contradiction is shown where it was written just now.
    let others = others.map(|object| (format!("(stored) {}/{}", object.kind(), object.name()), to_yaml(object)));
    let mut texts: Vec<(String, String)> = others.collect();
    let first = texts.len();
    texts.extend(own.iter().cloned());
    let together = read_with(&texts, &surroundings);
    // A stored object is not judged again for itself, only for what the set makes of it.
    let concerns =
        |finding: &Finding| finding.file >= first || finding.context.iter().any(|context| context.file >= first);
    let mut contradictions = together.findings;
    contradictions.retain(|finding| finding.severity == Severity::Error && concerns(finding));
    if !contradictions.is_empty() {
        return Err(invalid(&texts, contradictions));
    }
    let path = |file: usize| own.get(file).map(|(path, _)| path.clone()).unwrap_or_default();
    let objects = alone.objects.into_iter().map(|located| (located.object, path(located.file))).collect();
    Ok(Whole { objects })
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

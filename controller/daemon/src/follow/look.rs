//! One look: reads the set, compares it with what is stored, and applies it when it is a new one.

use super::{
    Follow,
    record::{How, Novelty, Record, Refused},
    set,
    source::{Set, Unreadable},
    stored,
};
use crate::{apply, http::Refusal, hub::Hub, state::now};
use manifest::Severity;
use std::{path::Path, sync::Arc};
use wire::api::{ApplyRequest, ApplyResult, FollowState, FollowView, ManifestFile};

/// Findings that are listed at most.
const FACTS_MAX: usize = 50;

/// Looks once. `record` is what was applied before, and is what was applied now on return.
pub async fn look(hub: &Arc<Hub>, follow: &Follow, state: &Path, record: &mut Record) -> FollowView {
    let view = FollowView {
        source: follow.from.name(),
        overlay: follow.overlay.clone(),
        looked_at: now(),
        ..FollowView::default()
    };
    let view = match follow.from.read(state, follow.overlay.as_deref()).await {
        Err(Unreadable { what, facts }) => FollowView { state: FollowState::Unreadable, why: what, facts, ..view },
        Ok(set) => take(hub, follow, set, state, record, view).await,
    };
    FollowView { applied_commit: record.commit.clone(), applied_at: model::Timestamp(record.at), ..view }
}

async fn take(
    hub: &Arc<Hub>,
    follow: &Follow,
    set: Set,
    state: &Path,
    record: &mut Record,
    view: FollowView,
) -> FollowView {
    let view = FollowView { commit: set.commit.clone(), ..view };
    let objects = hub.board.lock().await.objects();
    let composed = set::composed(&set.loaded, &apply::names_of(objects.iter()), jiff::Zoned::now().date());
    let stored = stored::digest(&objects, &composed.found.subjects, &view.source);
    let how = How { overlay: follow.overlay.clone(), prune: follow.prune };
    let novelty = record.novelty(&set.digest, &how, &stored);
    let view = match composed.files {
        Some(files) => put(hub, follow, &set, files, novelty, view).await,
        None => wrong(view, &composed.found, &set.loaded.files),
    };
    match view.state {
        FollowState::Current => remember(state, record, &view, &set, how),
        FollowState::Refused => remember_refused(state, record, &view, Refused { digest: set.digest, stored }),
        FollowState::Drifted | FollowState::Unreadable => {}
    }
    view
}

/// Applies a set unless it is stored already, would undo what a person did, or is refused.
async fn put(
    hub: &Arc<Hub>,
    follow: &Follow,
    set: &Set,
    files: Vec<ManifestFile>,
    novelty: Novelty,
    view: FollowView,
) -> FollowView {
    let by = match &set.commit {
        Some(commit) => format!("{} at {}", view.source, &commit[..commit.len().min(12)]),
        None => view.source.clone(),
    };
    let origin = Some(follow.from.origin(set));
    let request = ApplyRequest { files, origin, prune: follow.prune, ..ApplyRequest::default() };
    let found = match apply::diff(hub, request.clone(), &by).await {
        Ok(found) => found,
        Err(refusal) => return refused(view, &refusal),
    };
    if found.changes.is_empty() && found.unchanged == 0 {
        let why = "there is not one manifest; what is stored stays".to_owned();
        return FollowView { state: FollowState::Refused, why, ..view };
    }
    if found.changes.is_empty() {
        return FollowView { state: FollowState::Current, ..view };
    }
    if let Some(why) = undoes(novelty, &found) {
        return drifted(view, why, &found);
    }
    // Whoever asks for pruning has said that whole objects may go, and nothing less.
    let removed = found.changes.iter().filter(|change| change.removed && follow.prune);
    let allow_destroy = removed.flat_map(|change| &change.fields).filter_map(|field| field.gives_up.clone()).collect();
    let request = ApplyRequest { expect: Some(found.digest), allow_destroy, ..request };
    let own = Arc::clone(hub);
    match hub.detached(async move { apply::apply(&own, request, &by).await }).await {
        Ok(done) => FollowView { state: FollowState::Current, changed: named(&done), ..view },
        Err(refusal) => refused(view, &refusal),
    }
}

/// Why applying what was found would undo what a person did, if it would.
fn undoes(novelty: Novelty, found: &ApplyResult) -> Option<&'static str> {
    let known = "what is stored is not what was applied from here";
    match novelty {
        Novelty::New => None,
        Novelty::Prunes => found.changes.iter().any(|change| !change.removed).then_some(known),
        Novelty::Known => Some(known),
        Novelty::Overtaken => {
            Some("this was refused before, and what is stored was changed since; it does not go over that")
        }
    }
}

fn remember(state: &Path, record: &mut Record, view: &FollowView, set: &Set, how: How) {
    let (source, digest, commit) = (view.source.clone(), set.digest.clone(), set.commit.clone());
    let same = record.digest == digest && record.commit == commit;
    let at = if same { record.at } else { now().0 };
    let new = Record { source, digest, commit, at, how: Some(how), refused: None };
    if *record != new {
        keep(state, record, new);
    }
}

/// The first refusal of a set counts: what is changed after it was changed by somebody who may have seen it.
fn remember_refused(state: &Path, record: &mut Record, view: &FollowView, refused: Refused) {
    if record.refused.as_ref().is_none_or(|known| known.digest != refused.digest) {
        let new = Record { source: view.source.clone(), refused: Some(refused), ..record.clone() };
        keep(state, record, new);
    }
}

fn keep(state: &Path, record: &mut Record, new: Record) {
    if let Err(error) = new.store(state) {
        tracing::warn!(%error, "what was applied cannot be recorded; a drift may be taken for a change in the files");
    }
    *record = new;
}

/// A person's apply is not undone by a loop: the next change of the files goes over it.
fn drifted(view: FollowView, why: &str, found: &ApplyResult) -> FollowView {
    FollowView { state: FollowState::Drifted, why: why.to_owned(), facts: named(found), ..view }
}

fn wrong(view: FollowView, found: &manifest::Set, files: &[(String, String)]) -> FollowView {
    let counted = |severity, one: &str| match found.count(severity) {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    };
    let (errors, warnings) = (counted(Severity::Error, "error"), counted(Severity::Warning, "warning"));
    let why = format!("{errors} and {warnings} in the manifests; nothing was applied");
    let facts = manifest::render::json(&found.findings, files).iter().filter_map(finding).take(FACTS_MAX).collect();
    FollowView { state: FollowState::Refused, why, facts, ..view }
}

fn refused(view: FollowView, refusal: &Refusal) -> FollowView {
    let problem = &refusal.problem;
    let shown = problem.findings.iter().filter_map(finding);
    let facts = shown.chain(problem.facts.iter().chain(&problem.help).cloned()).collect();
    FollowView { state: FollowState::Refused, why: problem.message.clone(), facts, ..view }
}

/// `hosts.yaml:4:3 DR0101 unknown field`
fn finding(value: &serde_json::Value) -> Option<String> {
    let text = |key: &str| value.get(key).and_then(serde_json::Value::as_str);
    let at = |key: &str| value.pointer(&format!("/range/start/{key}")).and_then(serde_json::Value::as_u64);
    let place = format!("{}:{}:{}", text("file")?, at("line")?, at("column")?);
    Some(format!("{place} {} {}", text("code")?, text("message")?))
}

/// `scenario/mail spec.spool.maxSize`
fn named(result: &ApplyResult) -> Vec<String> {
    let fields = |change: &wire::api::ObjectChange| {
        let paths: Vec<&str> = change.fields.iter().map(|field| field.path.as_str()).collect();
        if change.generation_before.is_none() { "new".to_owned() } else { paths.join(", ") }
    };
    let one = |change: &wire::api::ObjectChange| {
        format!("{}/{} {}", change.kind.as_str().to_lowercase(), change.name, fields(change))
    };
    result.changes.iter().map(one).collect()
}

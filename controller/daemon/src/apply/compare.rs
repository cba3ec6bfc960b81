//! A set against what is stored.

use super::{
    read::{Whole, Written},
    sizes,
};
use crate::{http::Refusal, reconcile::Board, state::Seen};
use model::{
    HostName, Kind, MemberName, Object, ScenarioName,
    change::{FieldChange, ObjectChange},
};
use std::collections::BTreeMap;
use wire::api::{ApplyResult, DIFF_SCHEMA, ObjectName};

/// What a set changes.
#[derive(Debug)]
pub struct Compared {
    /// The objects that change, each with the stored one, in the order of `result.changes`.
    pub objects: Vec<(Written, Option<Object>)>,
    /// Those that go; they come last in `result.changes`.
    pub removed: Vec<Object>,
    /// Those that are as they should be.
    pub same: Vec<Object>,
    pub result: ApplyResult,
}

/// Compares a set with what is stored.
///
/// **Errors** with a conflict when an object names a version that is not the stored one.
pub fn compare(board: &Board, seen: &BTreeMap<HostName, Seen>, whole: &Whole) -> Result<Compared, Refusal> {
    let result = ApplyResult { schema: DIFF_SCHEMA.to_owned(), ..ApplyResult::default() };
    let mut compared = Compared { objects: Vec::new(), removed: Vec::new(), same: Vec::new(), result };
    let mut digest = blake3::Hasher::new();
    for written in &whole.objects {
        let object = &written.object;
        let stored = board.object(object.kind(), object.name());
        ensure_version(object, stored.as_ref())?;
        add_to_digest(&mut digest, &[&version(stored.as_ref()), &manifest::to_yaml(object)]);
        let fields = manifest::diff_at(stored.as_ref(), object, &active(board, object));
        match stored {
            Some(stored) if fields.is_empty() => compared.same.push(stored),
            stored => {
                compared.result.changes.push(change(board, written, stored.as_ref(), fields));
                compared.objects.push((written.clone(), stored));
            }
        }
    }
    for object in &whole.removed {
        let name = ObjectName { kind: object.kind(), name: object.name().to_owned() };
        add_to_digest(&mut digest, &[&version(Some(object)), &format!("gone {name}")]);
        compared.result.changes.push(removal(object));
        compared.removed.push(object.clone());
    }
    sizes::fill(board, seen, &mut compared.result.changes);
    let result = &mut compared.result;
    result.unchanged = compared.same.len();
    let named = |object: &Object| ObjectName { kind: object.kind(), name: object.name().to_owned() };
    result.unchanged_objects = compared.same.iter().map(named).collect();
    result.digest = digest.finalize().to_hex().to_string();
    Ok(compared)
}

/// Whose work it is now; at home when nobody's.
pub fn active(board: &Board, object: &Object) -> MemberName {
    let entry = board.scenarios.get(&ScenarioName::from(object.name())).filter(|_| object.kind() == Kind::Scenario);
    entry.and_then(|entry| entry.stored.ledger.active()).cloned().unwrap_or_else(MemberName::primary)
}

fn change(board: &Board, written: &Written, stored: Option<&Object>, fields: Vec<FieldChange>) -> ObjectChange {
    let object = &written.object;
    let before = stored.map(|stored| stored.metadata().generation.unwrap_or(1));
    // Labels and annotations are for people; only the spec makes a new generation.
    let raised = fields.iter().any(|field| !field.path.starts_with("metadata"));
    let name = ScenarioName::from(object.name());
    let run = board.run_of(&name).filter(|_| object.kind() == Kind::Scenario);
    // One that was deleted and comes back goes on counting: its old generations are known to runs and events.
    let former = board.former.get(&name).filter(|_| object.kind() == Kind::Scenario);
    let first = former.map_or(1, |former| former.generation + 1);
    ObjectChange {
        kind: object.kind(),
        name: object.name().to_owned(),
        file: written.file.clone(),
        generation_before: before,
        generation: before.map_or(first, |generation| generation + u64::from(raised)),
        fields,
        deferred_by: run.map(|run| run.0.clone()),
        removed: false,
    }
}

/// An object that goes, as a change.
pub fn removal(object: &Object) -> ObjectChange {
    let metadata = object.metadata();
    let generation = metadata.generation.unwrap_or(1);
    ObjectChange {
        kind: object.kind(),
        name: metadata.name.clone(),
        file: metadata.applied_from.as_ref().and_then(|from| from.path.clone()).unwrap_or_default(),
        generation_before: Some(generation),
        generation,
        fields: vec![manifest::diff::whole_object(object)],
        deferred_by: None,
        removed: true,
    }
}

fn ensure_version(object: &Object, stored: Option<&Object>) -> Result<(), Refusal> {
    let Some(stated) = &object.metadata().resource_version else { return Ok(()) };
    let stored = stored.and_then(|stored| stored.metadata().resource_version.clone());
    if stored.as_ref() == Some(stated) {
        return Ok(());
    }
    let (kind, name) = (object.kind(), object.name());
    let fact = match stored {
        Some(stored) => format!("the manifest was made from version {stated}, stored is {stored}"),
        None => format!("the manifest was made from version {stated}, and no {kind} {name} is stored"),
    };
    let help = format!("look at it again: standin get {} {name} -o yaml", kind.as_str().to_lowercase());
    Err(Refusal::conflict(format!("{kind} {name} has changed since it was read")).fact(fact).help(help))
}

fn version(stored: Option<&Object>) -> String {
    stored.and_then(|stored| stored.metadata().resource_version.clone()).unwrap_or_default()
}

/// The digest stands for the objects of the set and for the versions they were compared with.
fn add_to_digest(digest: &mut blake3::Hasher, parts: &[&str]) {
    for part in parts {
        digest.update(&(part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
}

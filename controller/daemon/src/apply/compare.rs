//! A set against what is stored.

use super::read::Whole;
use crate::{http::Refusal, reconcile::Board};
use manifest::FieldChange;
use model::{Kind, Object, ScenarioName};
use wire::api::{ApplyResult, Effect, ObjectChange};

/// What a set changes.
#[derive(Debug)]
pub struct Compared {
    /// The objects that change, each with the stored one, in the order of `result.changes`.
    pub objects: Vec<(Object, Option<Object>)>,
    pub result: ApplyResult,
}

/// Compares a set with what is stored.
///
/// **Errors** with a conflict when an object names a version that is not the stored one.
pub fn compare(board: &Board, whole: &Whole) -> Result<Compared, Refusal> {
    let mut compared = Compared { objects: Vec::new(), result: ApplyResult::default() };
    let mut digest = blake3::Hasher::new();
    for (object, file) in &whole.objects {
        let stored = board.object(object.kind(), object.name());
        ensure_version(object, stored.as_ref())?;
        add_to_digest(&mut digest, object, stored.as_ref());
        let fields = manifest::diff(stored.as_ref(), object);
        if stored.is_some() && fields.is_empty() {
            compared.result.unchanged += 1;
            continue;
        }
        compared.result.changes.push(change(board, object, stored.as_ref(), file, fields));
        compared.objects.push((object.clone(), stored));
    }
    compared.result.digest = digest.finalize().to_hex().to_string();
    Ok(compared)
}

fn change(
    board: &Board,
    object: &Object,
    stored: Option<&Object>,
    file: &str,
    fields: Vec<FieldChange>,
) -> ObjectChange {
    let before = stored.map(|stored| stored.metadata().generation.unwrap_or(1));
    // Labels and annotations are for people; only the spec makes a new generation.
    let raised = fields.iter().any(|field| !field.path.starts_with("metadata"));
    let run = board.run_of(&ScenarioName::from(object.name())).filter(|_| object.kind() == Kind::Scenario);
    ObjectChange {
        kind: object.kind(),
        name: object.name().to_owned(),
        file: file.to_owned(),
        generation_before: before,
        generation: before.map_or(1, |generation| generation + u64::from(raised)),
        fields: fields.into_iter().map(shown).collect(),
        deferred_by: run.map(|run| run.0.clone()),
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

/// The digest stands for the objects of the set and for the versions they were compared with.
fn add_to_digest(digest: &mut blake3::Hasher, object: &Object, stored: Option<&Object>) {
    let version = stored.and_then(|stored| stored.metadata().resource_version.clone()).unwrap_or_default();
    for part in [version, manifest::to_yaml(object)] {
        digest.update(&(part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
}

fn shown(change: FieldChange) -> wire::api::FieldChange {
    let effect = match change.effect {
        manifest::Effect::Live => Effect::Live,
        manifest::Effect::Restart => Effect::Restart,
        manifest::Effect::Resync => Effect::Resync,
        manifest::Effect::Destroys => Effect::Destroys,
    };
    wire::api::FieldChange { path: change.path, before: change.before, after: change.after, effect }
}

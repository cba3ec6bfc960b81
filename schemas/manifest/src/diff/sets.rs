//! Two whole sets against each other, such as two states of a repository.

use super::diff;
use model::{
    Kind, Object,
    change::{Effect, FieldChange, ObjectChange, Stake},
};
use std::collections::HashMap;

/// An object and the file it is written in.
#[derive(Clone, Copy, Debug)]
pub struct Sided<'a> {
    pub object: &'a Object,
    pub file: &'a str,
}

/// What changes from one set to the other, in the order of `after`, then what is gone; and what does not change.
/// With `prune`, what is gone would be taken away by an apply, and what that gives up is said.
pub fn between<'a>(before: &[Sided<'a>], after: &[Sided<'a>], prune: bool) -> (Vec<ObjectChange>, Vec<Sided<'a>>) {
    let (old_ones, new_ones) = (by_name(before), by_name(after));
    let (mut changes, mut unchanged) = (Vec::new(), Vec::new());
    for new in after {
        let old = old_ones.get(&key(new));
        let fields = diff(old.map(|old| old.object), new.object);
        match old {
            Some(_) if fields.is_empty() => unchanged.push(*new),
            _ => changes.push(change(new, old.is_some(), fields)),
        }
    }
    let gone = before.iter().filter(|old| !new_ones.contains_key(&key(old)));
    changes.extend(gone.map(|old| removal(old, prune)));
    (changes, unchanged)
}

fn key<'a>(side: &Sided<'a>) -> (Kind, &'a str) {
    (side.object.kind(), side.object.name())
}

/// Of two with one name, the first.
fn by_name<'a>(sides: &[Sided<'a>]) -> HashMap<(Kind, &'a str), Sided<'a>> {
    sides.iter().rev().map(|side| (key(side), *side)).collect()
}

/// Generations are the controller's; between two states of files there are none but "was" and "is".
fn change(new: &Sided<'_>, known: bool, fields: Vec<FieldChange>) -> ObjectChange {
    ObjectChange {
        kind: new.object.kind(),
        name: new.object.name().to_owned(),
        file: new.file.to_owned(),
        generation_before: known.then_some(0),
        generation: 0,
        fields,
        deferred_by: None,
        removed: false,
    }
}

fn removal(old: &Sided<'_>, prune: bool) -> ObjectChange {
    let fields = if prune { vec![whole_object(old.object)] } else { Vec::new() };
    ObjectChange { removed: true, ..change(old, true, fields) }
}

/// The one change that the removal of a whole object is.
pub fn whole_object(object: &Object) -> FieldChange {
    let gives_up = Some(super::destroyed_object(object.kind(), object.name()));
    match object {
        Object::Scenario(_, spec) => {
            let roots = spec.primary.roots.iter().map(|root| root.name.clone()).collect();
            let members = spec.replicas.iter().map(|replica| replica.name.clone()).collect();
            let stake = Some(Stake { roots, members, files: None, bytes: None });
            FieldChange { effect: Effect::Destroys, stake, gives_up, ..FieldChange::default() }
        }
        Object::Host(..) => FieldChange { effect: Effect::Destroys, gives_up, ..FieldChange::default() },
        // Nothing is held by it: what it says is in git.
        Object::RecoveryPlan(..) => FieldChange::default(),
    }
}

//! What changes between a stored object and a new one, and what that leads to.

mod effect;
mod fields;
mod secret;
mod sets;

#[cfg(test)]
mod tests;

pub use effect::{destroyed_object, member_of, root_of};
pub use model::change::{Effect, FieldChange, ObjectChange, Stake};
pub use sets::{Sided, between, whole_object};

use model::{MemberName, Object};

/// The changes from `stored` to `new`, in the order of the fields, with the work at home. Reordered lists of objects
/// and defaults written out are no changes; nothing that the controller sets is compared. A new object is compared
/// with an empty one.
pub fn diff(stored: Option<&Object>, new: &Object) -> Vec<FieldChange> {
    diff_at(stored, new, &MemberName::primary())
}

/// As `diff`, while `active` is the active member: what a change leads to depends on whose it is.
pub fn diff_at(stored: Option<&Object>, new: &Object, active: &MemberName) -> Vec<FieldChange> {
    let blank = match new {
        Object::Host(..) => Object::Host(Default::default(), Default::default()),
        Object::Scenario(..) => Object::Scenario(Default::default(), Default::default()),
    };
    let before = fields::of(stored.unwrap_or(&blank));
    let mut changes = fields::compare(&before, &fields::of(new), stored.is_none());
    if stored.is_some() {
        changes.iter_mut().for_each(|change| effect::judge(change, new, active));
    }
    changes
}

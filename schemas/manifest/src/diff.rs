//! What changes between a stored object and a new one, and what that leads to.

mod effect;
mod fields;

#[cfg(test)]
mod tests;

use model::Object;

/// What a changed field leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    #[default]
    Live,
    /// Replication starts anew; nothing is copied again that is equal.
    Restart,
    /// Data is compared and copied.
    Resync,
    /// A protected copy is given up.
    Destroys,
}

/// One changed field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldChange {
    /// Such as `spec.primary.spool.maxSize` or `spec.replicas[dublin].roots[+archive]`.
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub effect: Effect,
}

/// The changes from `stored` to `new`, in the order of the fields. Reordered lists of objects and defaults written
/// out are no changes; nothing that the controller sets is compared. A new object is compared with an empty one.
pub fn diff(stored: Option<&Object>, new: &Object) -> Vec<FieldChange> {
    let blank = match new {
        Object::Host(..) => Object::Host(Default::default(), Default::default()),
        Object::Scenario(..) => Object::Scenario(Default::default(), Default::default()),
        Object::RecoveryPlan(..) => Object::RecoveryPlan(Default::default(), Default::default()),
    };
    let before = fields::of(stored.unwrap_or(&blank));
    fields::compare(&before, &fields::of(new), stored.is_none())
}

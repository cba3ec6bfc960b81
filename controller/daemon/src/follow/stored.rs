//! What is stored of a set: tells whether somebody has changed it since.

use manifest::Subject;
use model::{Metadata, Object};

/// Stands for what people wrote in the stored objects that a set names, and in those that came from the same project,
/// which the set may take away. Who stored them and when does not count.
pub fn digest(stored: &[Object], subjects: &[Subject], project: &str) -> String {
    let named =
        |object: &Object| subjects.iter().any(|subject| subject.kind == object.kind() && subject.name == object.name());
    let of_project = |object: &Object| {
        let from = object.metadata().applied_from.as_ref();
        from.and_then(|from| from.project.as_deref()) == Some(project)
    };
    let mut digest = blake3::Hasher::new();
    for object in stored.iter().filter(|object| named(object) || of_project(object)) {
        let text = manifest::to_yaml(&as_written(object));
        digest.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    digest.finalize().to_hex().to_string()
}

fn as_written(object: &Object) -> Object {
    let mut object = object.clone();
    let metadata = object.metadata_mut();
    let Metadata { name, labels, annotations, .. } = std::mem::take(metadata);
    *metadata = Metadata { name, labels, annotations, ..Metadata::default() };
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{HostSpec, Kind, object::AppliedFrom};

    fn host(name: &str, project: &str) -> Object {
        let from = AppliedFrom { project: Some(project.into()), ..AppliedFrom::default() };
        let metadata = Metadata { name: name.into(), applied_from: Some(from), ..Metadata::default() };
        Object::Host(metadata, HostSpec::default())
    }

    #[test]
    fn only_what_people_wrote_and_the_set_names_counts() {
        let subjects = [Subject { file: 0, kind: Kind::Host, name: "a".into() }];
        let (a, b) = (host("a", "mine"), host("b", "mine"));
        let before = digest(std::slice::from_ref(&a), &subjects, "another");
        let mut stored_again = a.clone();
        stored_again.metadata_mut().generation = Some(7);
        stored_again.metadata_mut().resource_version = Some("9".into());
        assert_eq!(digest(&[stored_again, b.clone()], &subjects, "another"), before);
        assert_ne!(digest(&[a.clone(), b], &subjects, "mine"), before, "pruning would take it away");
        let mut labelled = a;
        labelled.metadata_mut().labels.insert("tier".into(), "gold".into());
        assert_ne!(digest(&[labelled], &subjects, "another"), before);
        assert_ne!(digest(&[], &subjects, "another"), before, "it was deleted");
    }
}

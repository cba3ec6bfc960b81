//! What the index has of a root and the file system does not have any more: neither the object, at whatever place, nor
//! another one at its path.
//!
//! All held roots are read once, each directory by its path below its root: one descriptor at a time, however deep it
//! lies. What cannot be read counts as being there.

use super::{
    super::{
        SourceError,
        slot::{Held, Roots, is_gone},
    },
    lost_all::joined,
};
use crate::{
    beneath,
    index::Index,
    meta::{ObjectKind, Oid},
};
use std::{
    collections::{HashMap, HashSet},
    os::fd::AsFd,
};

/// What would go.
pub(super) struct Missing {
    /// Paths below the root, each with the object it stood for.
    pub names: Vec<(Vec<u8>, Oid)>,
    /// Objects that are gone, while another one has their place.
    pub replaced: HashSet<Oid>,
}

impl Missing {
    pub fn paths(&self) -> Vec<Vec<u8>> {
        self.names.iter().map(|(path, _)| path.clone()).collect()
    }

    pub fn objects(&self) -> HashSet<Oid> {
        self.names.iter().map(|(_, object)| *object).collect()
    }
}

/// Reads all held roots, and lists what is missing in `root`.
pub(super) fn census(roots: &Roots, root: Oid, index: &Index) -> Result<Missing, SourceError> {
    let mut census = Census {
        index,
        there: vec![0; (index.facts().next_oid / 64 + 1) as usize],
        replaced: HashSet::new(),
        closed: HashSet::new(),
    };
    for (root, held) in roots.all_held() {
        census.read(root, held)?;
    }
    census.missing(root)
}

struct Census<'a> {
    index: &'a Index,
    /// One bit for each object number.
    there: Vec<u64>,
    /// Names that stand for another object than the index has.
    replaced: HashSet<(Oid, Vec<u8>)>,
    /// Known directories that cannot be read: nothing is said of what is in them.
    closed: HashSet<Oid>,
}

/// A directory to be read: its path, and what the index has at that path.
type Next = (Vec<u8>, Option<Oid>);

impl Census<'_> {
    fn read(&mut self, root: Oid, held: &Held) -> Result<(), SourceError> {
        let mut stack: Vec<Next> = vec![(Vec::new(), Some(root))];
        while let Some(next) = stack.pop() {
            match self.directory(&next, held, &mut stack) {
                Err(SourceError::Io(error)) if is_gone(&error) => {}
                Err(SourceError::Io(_)) => self.closed.extend(next.1),
                other => other?,
            }
        }
        Ok(())
    }

    fn directory(&mut self, next: &Next, held: &Held, stack: &mut Vec<Next>) -> Result<(), SourceError> {
        let (path, directory) = next;
        let open = beneath::open_dir(held.root.fd(), path)?;
        let names = beneath::names(open.as_fd())?;
        let known: HashMap<Vec<u8>, Oid> = match directory {
            Some(directory) => self.index.names_in(*directory)?.into_iter().collect(),
            None => HashMap::new(),
        };
        for name in names {
            let expected = known.get(&name).copied();
            let entry = match beneath::open_entry(open.as_fd(), &name) {
                Ok(entry) => entry,
                Err(error) if is_gone(&error) => continue,
                Err(_) => {
                    expected.into_iter().for_each(|object| self.note(object));
                    self.closed.extend(expected);
                    continue;
                }
            };
            let kind = ObjectKind::from_mode(beneath::stat(entry.as_fd())?.st_mode);
            let path = joined(path, &name);
            let is_directory = kind == Some(ObjectKind::Directory);
            if kind.is_none() || held.root.excludes.matches(&path, is_directory) {
                continue;
            }
            let stored = self.index.object_by_key(&held.filesystem.key(entry.as_fd())?)?;
            let object = stored.filter(|stored| Some(stored.meta.kind) == kind).map(|stored| stored.oid);
            object.into_iter().for_each(|object| self.note(object));
            if let Some(directory) = directory
                && expected.is_some_and(|expected| Some(expected) != object)
            {
                self.replaced.insert((*directory, name));
            }
            if is_directory {
                stack.push((path, expected));
            }
        }
        Ok(())
    }

    fn note(&mut self, object: Oid) {
        if let Some(bits) = self.there.get_mut((object.0 / 64) as usize) {
            *bits |= 1 << (object.0 % 64);
        }
    }

    fn is_there(&self, object: Oid) -> bool {
        self.there.get((object.0 / 64) as usize).is_some_and(|bits| bits & (1 << (object.0 % 64)) != 0)
    }

    fn missing(&self, root: Oid) -> Result<Missing, SourceError> {
        let (mut names, mut replaced) = (Vec::new(), HashSet::new());
        let mut stack = vec![(Vec::new(), root)];
        while let Some((path, directory)) = stack.pop() {
            if self.closed.contains(&directory) {
                continue;
            }
            for (name, object) in self.index.names_in(directory)? {
                let below = joined(&path, &name);
                stack.push((below.clone(), object));
                match self.replaced.contains(&(directory, name)) {
                    _ if self.is_there(object) => {}
                    true => drop(replaced.insert(object)),
                    false => names.push((below, object)),
                }
            }
        }
        Ok(Missing { names, replaced })
    }
}

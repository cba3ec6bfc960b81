//! What a batch takes away from each root.

use super::super::{SourceError, reconcile::Pass};
use crate::{index::Index, meta::Oid};
use std::collections::{BTreeMap, HashMap};

/// By root: what a batch takes.
#[derive(Default)]
pub(super) struct Taken(BTreeMap<Oid, TakenFrom>);

#[derive(Default)]
pub(super) struct TakenFrom {
    /// Objects that a name stood for, and that are nowhere now; one for each name.
    pub gone: Vec<Oid>,
    /// How many names went, or stand for something else, whose object has another name now.
    pub moved: u64,
    /// Names that stood for something at the top of the root, with whether that was a directory with something in it.
    pub top: Vec<(Vec<u8>, bool)>,
}

impl Taken {
    pub fn of(pass: &Pass<'_, '_>) -> Result<Self, SourceError> {
        let batch = &pass.batch;
        let parents: HashMap<Oid, Oid> =
            batch.names_before().filter_map(|(parent, _, before)| Some((before?, parent))).collect();
        let filled: std::collections::HashSet<Oid> = parents.values().copied().collect();
        let mut places = Places { index: pass.index, parents, known: HashMap::new() };
        let mut taken = BTreeMap::<Oid, TakenFrom>::new();
        for (parent, name, before) in batch.names_before() {
            let Some(before) = before else { continue };
            let now = pass.index.named(parent, name)?;
            let Some(root) = places.root_before(parent)?.filter(|_| now != Some(before)) else { continue };
            let of = taken.entry(root).or_default();
            match (pass.index.object(before)?, now) {
                (Some(_), _) => of.moved += 1,
                (None, None) => of.gone.push(before),
                // Another object has its name.
                (None, Some(_)) => {}
            }
            if parent == root {
                of.top.push((name.to_vec(), filled.contains(&before)));
            }
        }
        Ok(Self(taken))
    }

    pub fn from(&self, root: Oid) -> Option<&TakenFrom> {
        self.0.get(&root)
    }

    pub fn each(self) -> impl Iterator<Item = (Oid, TakenFrom)> {
        self.0.into_iter()
    }
}

/// Which root a directory was in before the batch.
struct Places<'a> {
    index: &'a Index,
    /// Directories that had another name before, and in what.
    parents: HashMap<Oid, Oid>,
    known: HashMap<Oid, Option<Oid>>,
}

impl Places<'_> {
    fn root_before(&mut self, directory: Oid) -> rusqlite::Result<Option<Oid>> {
        let (mut way, mut at) = (Vec::new(), directory);
        let root = loop {
            if at < Oid::FIRST {
                break Some(at);
            }
            if let Some(known) = self.known.get(&at) {
                break *known;
            }
            // Directories that were moved into each other lead to no root.
            self.known.insert(at, None);
            way.push(at);
            let up = match self.parents.get(&at) {
                Some(parent) => Some(*parent),
                None => self.index.names_of(at)?.pop().map(|(parent, _)| parent),
            };
            match up {
                Some(up) => at = up,
                None => break None,
            }
        };
        self.known.extend(way.into_iter().map(|at| (at, root)));
        Ok(root)
    }
}

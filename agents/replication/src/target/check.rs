//! Whether a received batch makes a tree: every name below a root, every directory once, nothing below itself. Checked
//! before the first change is made.

use super::disk::Disk;
use super::incoming::{missing, protocol};
use super::map::{Map, NOTHING, Name, root_index};
use crate::meta::{ObjectKind, Oid};
use crate::session::SessionError;
use std::collections::{HashMap, HashSet};

type Result<T> = std::result::Result<T, SessionError>;

/// How deep directories will lie once the batch is in place; filled on the way.
#[derive(Default)]
pub(super) struct Depths(HashMap<Oid, u32>);

impl Depths {
    /// How many directories lie above `dir`, root included, or a refusal when no root does.
    pub fn of(&mut self, map: &Map, dir: Oid) -> Result<u32> {
        let mut chain = Vec::new();
        let mut seen = HashSet::new();
        let mut at = dir;
        let mut depth = loop {
            if root_index(at).is_some() {
                break 0;
            }
            if let Some(depth) = self.0.get(&at) {
                break *depth;
            }
            if !seen.insert(at) {
                return protocol(format!("directory {at} would lie below itself"));
            }
            chain.push(at);
            let names = map.future_names(at)?;
            let [name] = names.as_slice() else {
                return protocol(format!("directory {at} would have {} names", names.len()));
            };
            at = name.parent;
        };
        for passed in chain.into_iter().rev() {
            depth += 1;
            self.0.insert(passed, depth);
        }
        Ok(depth)
    }
}

/// Refuses a batch that makes no tree.
pub(super) fn check(map: &Map, disk: &Disk, links: &[Name]) -> Result<Depths> {
    let mut depths = Depths::default();
    for link in links.iter().filter(|link| link.oid != NOTHING) {
        let Some(kind) = map.kind(link.oid)? else {
            return missing(format!("object {}", link.oid));
        };
        if let Some(root) = root_index(link.parent) {
            disk.root(root)?;
        }
        match map.kind(link.parent)? {
            Some(ObjectKind::Directory) => {}
            Some(_) => return protocol(format!("a name in {}, which is no directory", link.parent)),
            None => return missing(format!("directory {}", link.parent)),
        }
        depths.of(map, link.parent)?;
        if kind == ObjectKind::Directory {
            depths.of(map, link.oid)?;
        }
    }
    Ok(depths)
}

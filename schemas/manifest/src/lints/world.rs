//! What the rules look at.

use super::Place;
use crate::{
    read::Surroundings,
    tree::{Node, child},
};
use model::{HostSpec, Kind, MemberName, Object, RecoveryPlanSpec, ScenarioSpec};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One object, as far as it could be understood.
pub struct Item {
    pub file: usize,
    pub tree: Node,
    pub kind: Kind,
    pub name: String,
    pub object: Object,
    /// Pointers of values that are wrong or missing; in `object` something harmless stands for them.
    pub bad: BTreeSet<String>,
}

impl Item {
    pub fn place(&self, pointer: impl Into<String>) -> Place<'_> {
        Place::new(self, pointer.into())
    }

    /// Whether the value at `pointer`, or one that holds it, is wrong.
    pub fn is_bad(&self, pointer: &str) -> bool {
        let above = pointer.match_indices('/').map(|(at, _)| &pointer[..at]);
        above.chain([pointer]).any(|pointer| self.bad.contains(pointer))
    }

    /// Whether a value below `pointer` is wrong.
    pub fn is_bad_within(&self, pointer: &str) -> bool {
        let below = child(pointer, "");
        self.bad.range(below.clone()..).next().is_some_and(|bad| bad.starts_with(&below))
    }
}

/// The whole set, and what is stored already.
pub struct World<'a> {
    pub items: Vec<Item>,
    pub surroundings: &'a Surroundings,
}

/// A replicated directory tree on one host.
pub struct Root<'a> {
    pub item: &'a Item,
    pub member: MemberName,
    pub host: &'a str,
    pub name: &'a str,
    pub path: &'a str,
    /// Pointer of its path.
    pub pointer: String,
}

impl World<'_> {
    pub fn scenarios(&self) -> impl Iterator<Item = (&Item, &ScenarioSpec)> {
        self.items.iter().filter_map(|item| match &item.object {
            Object::Scenario(_, spec) => Some((item, spec)),
            _ => None,
        })
    }

    pub fn hosts(&self) -> impl Iterator<Item = (&Item, &HostSpec)> {
        self.items.iter().filter_map(|item| match &item.object {
            Object::Host(_, spec) => Some((item, spec)),
            _ => None,
        })
    }

    pub fn plans(&self) -> impl Iterator<Item = (&Item, &RecoveryPlanSpec)> {
        self.items.iter().filter_map(|item| match &item.object {
            Object::RecoveryPlan(_, spec) => Some((item, spec)),
            _ => None,
        })
    }

    /// The scenarios that are among the files and can be understood; of two with one name, the first.
    pub fn scenarios_by_name(&self) -> BTreeMap<&str, (&Item, &ScenarioSpec)> {
        let mut found = BTreeMap::new();
        for (item, spec) in self.scenarios() {
            found.entry(item.name.as_str()).or_insert((item, spec));
        }
        found
    }

    /// Every root of every member, in the order of the files.
    pub fn roots(&self) -> Vec<Root<'_>> {
        self.scenarios().flat_map(|(item, spec)| roots(item, spec)).collect()
    }
}

/// Each member's host and pointer: the primary first.
pub fn members(spec: &ScenarioSpec) -> Vec<(MemberName, &str, String)> {
    let primary = (MemberName::primary(), spec.primary.host.as_str(), "/spec/primary".to_owned());
    let replicas = spec.replicas.iter().enumerate();
    let replicas = replicas.map(|(n, r)| (r.name.clone(), r.host.as_str(), child("/spec/replicas", n)));
    std::iter::once(primary).chain(replicas).collect()
}

/// The roots of all members of one scenario.
pub fn roots<'a>(item: &'a Item, spec: &'a ScenarioSpec) -> Vec<Root<'a>> {
    let root = |member: &MemberName, host: &'a str, at: &str, n: usize, name: &'a str, path: &'a str| Root {
        item,
        member: member.clone(),
        host,
        name,
        path,
        pointer: format!("{at}/roots/{n}/path"),
    };
    let mut found = Vec::new();
    for (index, (member, host, at)) in members(spec).into_iter().enumerate() {
        let replica = index.checked_sub(1).and_then(|n| spec.replicas.get(n));
        match replica {
            None => found.extend(
                spec.primary
                    .roots
                    .iter()
                    .enumerate()
                    .map(|(n, r)| root(&member, host, &at, n, r.name.as_str(), &r.path)),
            ),
            Some(replica) => found.extend(
                replica.roots.iter().enumerate().map(|(n, r)| root(&member, host, &at, n, r.name.as_str(), &r.path)),
            ),
        }
    }
    found
}

/// Roots by host and path, so that a large set takes no time.
#[derive(Default)]
pub struct RootIndex<'a> {
    at: HashMap<(&'a str, &'a str), &'a Root<'a>>,
    above: HashMap<(&'a str, &'a str), &'a Root<'a>>,
}

impl<'a> RootIndex<'a> {
    /// The first root on a host that is a directory, holds it, or lies in it.
    pub fn meets(&self, host: &'a str, path: &'a str) -> Option<&'a Root<'a>> {
        let outer = parents(path).find_map(|path| self.at.get(&(host, path)));
        outer.or_else(|| self.above.get(&(host, plain(path)))).copied()
    }

    pub fn add(&mut self, root: &'a Root<'a>) {
        self.at.entry((root.host, plain(root.path))).or_insert(root);
        for path in parents(root.path).skip(1) {
            self.above.entry((root.host, path)).or_insert(root);
        }
    }
}

fn plain(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// A path and all that is above it, without `/`.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(plain(path)), |path| {
        path.rsplit_once('/').map(|(above, _)| above).filter(|above| !above.is_empty())
    })
}

/// Whether `inner` is `outer` or lies below it.
pub fn lies_in(inner: &str, outer: &str) -> bool {
    let (inner, outer) = (inner.trim_end_matches('/'), outer.trim_end_matches('/'));
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

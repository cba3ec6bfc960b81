//! Random edits of a tree, sent as differences, leave the target as the model is: with crashes at every failpoint too.

use super::rig::*;
use crate::content::hash_bytes;
use crate::failpoint;
use crate::listing::{Listing, Wanted};
use crate::message::{BatchKind, Message};
use crate::meta::{Meta, ObjectKind, Oid};
use crate::root::{HeldRoot, RootConfig, Side};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

#[derive(Clone, Debug, PartialEq)]
struct Object {
    meta: Meta,
    content: Vec<u8>,
}

/// A tree as the source would know it.
#[derive(Clone, Debug)]
struct Model {
    objects: BTreeMap<u64, Object>,
    names: BTreeMap<(Oid, String), u64>,
    next: u64,
}

type Edit = (u8, u16, u16, u8);

impl Model {
    fn new() -> Self {
        Self { objects: BTreeMap::new(), names: BTreeMap::new(), next: 1 }
    }

    fn directories(&self) -> Vec<Oid> {
        let known = self.objects.iter().filter(|(_, object)| object.meta.kind == ObjectKind::Directory);
        std::iter::once(ROOT).chain(known.map(|(n, _)| oid(*n))).collect()
    }

    fn add(&mut self, kind: ObjectKind, content: Vec<u8>) -> u64 {
        let n = self.next;
        self.next += 1;
        let mut meta = meta(kind);
        match kind {
            ObjectKind::File => meta.size = content.len() as u64,
            ObjectKind::Symlink => meta.link = format!("to-{n}").into_bytes(),
            _ => {}
        }
        self.objects.insert(n, Object { meta, content });
        n
    }

    fn is_below(&self, mut dir: Oid, above: Oid) -> bool {
        loop {
            if dir == above {
                return true;
            }
            match self.names.iter().find(|(_, n)| oid(**n) == dir) {
                Some(((parent, _), _)) => dir = *parent,
                None => return false,
            }
        }
    }

    /// Takes away what has no name left, and everything below that.
    fn prune(&mut self) {
        loop {
            let named: BTreeSet<u64> = self.names.values().copied().collect();
            self.objects.retain(|n, _| named.contains(n));
            let before = self.names.len();
            let objects = &self.objects;
            self.names.retain(|(parent, _), _| *parent == ROOT || objects.contains_key(&(parent.0 - oid(0).0)));
            if self.names.len() == before {
                return;
            }
        }
    }

    fn edit(&mut self, (what, a, b, c): Edit) {
        let directories = self.directories();
        let at = |n: u16| directories[n as usize % directories.len()];
        let name = (at(a), format!("n{}", b % 5));
        let some = |names: &BTreeMap<(Oid, String), u64>, n: u16| {
            names.iter().nth(n as usize % names.len().max(1)).map(|(name, n)| (name.clone(), *n))
        };
        match what % 10 {
            0 | 1 => {
                let n = self.add(ObjectKind::File, vec![c; c as usize * 20]);
                self.names.insert(name, n);
            }
            2 => {
                let n = self.add(ObjectKind::Directory, Vec::new());
                self.names.insert(name, n);
            }
            3 => {
                let n = self.add([ObjectKind::Symlink, ObjectKind::Fifo][c as usize % 2], Vec::new());
                self.names.insert(name, n);
            }
            4 => {
                let Some((_, n)) = some(&self.names, b) else { return };
                let object = self.objects.get_mut(&n).unwrap();
                if object.meta.kind == ObjectKind::File {
                    object.content = vec![c; c as usize];
                    object.meta.size = u64::from(c);
                }
            }
            5 => {
                let Some((_, n)) = some(&self.names, b) else { return };
                let object = self.objects.get_mut(&n).unwrap();
                object.meta.mtime = (i64::from(c) - 100, u32::from(a));
                if object.meta.kind != ObjectKind::Symlink {
                    object.meta.mode = [0o600, 0o755, 0, 0o4711][c as usize % 4];
                }
            }
            6 => {
                let Some((old, _)) = some(&self.names, b) else { return };
                self.names.remove(&old);
            }
            7 => {
                let (Some((old, n)), place) = (some(&self.names, b), name) else { return };
                if !self.is_below(place.0, oid(n)) {
                    self.names.remove(&old);
                    self.names.insert(place, n);
                }
            }
            8 => {
                let (Some((_, n)), place) = (some(&self.names, b), name) else { return };
                if self.objects[&n].meta.kind != ObjectKind::Directory {
                    self.names.insert(place, n);
                }
            }
            _ => {
                let (Some(x), Some(y)) = (some(&self.names, a), some(&self.names, b)) else { return };
                if !self.is_below(x.0.0, oid(y.1)) && !self.is_below(y.0.0, oid(x.1)) {
                    self.names.insert(x.0, y.1);
                    self.names.insert(y.0, x.1);
                }
            }
        }
        self.prune();
    }

    /// The batch that makes `before` this.
    fn difference(&self, before: &Self) -> Vec<Message> {
        let mut records = Vec::new();
        for (n, object) in &self.objects {
            match before.objects.get(n) {
                Some(old) if old == object => {}
                Some(old) if old.content == object.content => records.push(node(oid(*n), &object.meta)),
                Some(old) if n % 2 == 1 => records.extend(patch(*n, &old.content, &object.content, &object.meta)),
                None if object.meta.kind != ObjectKind::File => records.push(node(oid(*n), &object.meta)),
                _ => records.extend(file_with(*n, &object.content, &object.meta)),
            }
        }
        for ((parent, name), n) in &self.names {
            if before.names.get(&(*parent, name.clone())) != Some(n) {
                records.push(link(*parent, name, *n));
            }
        }
        for ((parent, name), n) in &before.names {
            if !self.names.contains_key(&(*parent, name.clone())) {
                records.push(unlink(*parent, name, *n));
            }
        }
        records
    }

    fn path(&self, parent: Oid, name: &str) -> String {
        match self.names.iter().find(|(_, n)| oid(**n) == parent) {
            Some(((above, own), _)) => format!("{}/{name}", self.path(*above, own)),
            None => name.to_owned(),
        }
    }
}

type Seen = BTreeMap<String, (Meta, Option<[u8; 32]>, usize)>;

/// Path to meta, content and the number of the link group.
fn expected(model: &Model) -> Seen {
    let mut groups = BTreeMap::new();
    let by_path: BTreeMap<_, _> =
        model.names.iter().map(|((parent, name), n)| (model.path(*parent, name), *n)).collect();
    let entry = |(path, n): (String, u64)| {
        let count = groups.len();
        let object = &model.objects[&n];
        let hash = (object.meta.kind == ObjectKind::File).then(|| hash_bytes(&object.content));
        (path, (object.meta.clone(), hash, *groups.entry(n).or_insert(count)))
    };
    by_path.into_iter().map(entry).collect()
}

fn seen(rig: &Rig) -> Seen {
    let config = RootConfig {
        name: "data".into(),
        path: rig.root(),
        exclude: Vec::new(),
        preserve: crate::preserve::Preserve::ALL,
    };
    let roots = [HeldRoot::open("shop", 0, &config, &rig.dir.path().join("state"), Side::Target).unwrap()];
    let mut listing = Listing::new(&roots, Wanted { digests: true }, &|| false);
    let mut groups = BTreeMap::new();
    let mut entries: Vec<_> = listing.by_ref().skip(1).map(Result::unwrap).collect();
    assert_eq!(listing.unreadable(), 0);
    entries.sort_by_key(|entry| String::from_utf8(entry.path.clone()).unwrap());
    let entry = |entry: crate::message::Entry| {
        let count = groups.len();
        let group = *groups.entry(entry.object).or_insert(count);
        (String::from_utf8(entry.path).unwrap(), (entry.meta, entry.hash, group))
    };
    entries.into_iter().map(entry).collect()
}

fn edits() -> impl Strategy<Value = Vec<Vec<Edit>>> {
    prop::collection::vec(prop::collection::vec(any::<Edit>(), 1..25), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_edits_arrive(rounds in edits()) {
        let rig = Rig::new();
        let mut session = rig.synced();
        let mut model = Model::new();
        for (round, edits) in rounds.into_iter().enumerate() {
            let before = model.clone();
            edits.into_iter().for_each(|edit| model.edit(edit));
            session.live(round as u64 + 1, &model.difference(&before));
            prop_assert_eq!(seen(&rig), expected(&model));
            prop_assert!(rig.staging_is_empty());
            prop_assert_eq!(rig.quarantined(), Vec::<String>::new());
        }
    }

    #[test]
    fn random_bytes_of_a_batch_never_panic(records in prop::collection::vec((0_u16..0x30, prop::collection::vec(any::<u8>(), 0..60)), 1..20)) {
        let rig = Rig::new();
        let mut session = rig.synced();
        let decoded = records.iter().filter_map(|(kind, body)| Message::decode(0x100 + kind, body).ok());
        let decoded: Vec<_> = decoded.filter(|message| !matches!(message, Message::Failed { .. })).collect();
        session.send_all(batch(mark(1), BatchKind::Live, &decoded));
        session.cut();
        prop_assert!(rig.root().join(".standin/id").exists());
    }
}

/// A fixed sequence of edits from a seed, for the child that crashes and its parent.
fn scripted(seed: u64) -> (Model, Model) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut edit = |model: &mut Model| {
        let bits = random();
        model.edit((bits as u8, (bits >> 8) as u16, (bits >> 24) as u16, (bits >> 40) as u8));
    };
    let mut model = Model::new();
    (0..40).for_each(|_| edit(&mut model));
    let before = model.clone();
    (0..30).for_each(|_| edit(&mut model));
    (before, model)
}

const CHILD: &str = "STANDIN_TEST_CRASH";

/// The child: applies the second batch in the directory it is given and is killed on the way. Does nothing in an
/// ordinary run.
#[test]
#[expect(clippy::disallowed_methods, reason = "how a test tells its child process what to do")]
fn crash_child() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let fields: Vec<&str> = order.split('|').collect();
    let [dir, seed, name, count] = fields.as_slice() else { panic!("{order}") };
    let rig = Rig::at(std::path::Path::new(dir));
    let (before, after) = scripted(seed.parse().unwrap());
    let mut session = rig.goes_on(mark(1));
    assert!(failpoint::arm(name, count.parse().unwrap()));
    session.live(2, &after.difference(&before));
}

/// Crashes one child at the place; false when the place was not passed that often.
fn crash(rig: &Rig, seed: u64, name: &str, count: u64) -> bool {
    let order = format!("{}|{seed}|{name}|{count}", rig.dir.path().display());
    let child = Command::new("/proc/self/exe")
        .args(["--exact", "target::tests::model::crash_child", "--nocapture"])
        .env(CHILD, order)
        .output()
        .unwrap();
    !child.status.success()
}

#[test]
fn a_crash_anywhere_is_made_good_by_going_on() {
    let places = [
        ("target.receive", 3),
        ("target.stage", 2),
        ("target.patch", 1),
        ("target.place", 0),
        ("target.meta", 2),
        ("target.index.commit", 1),
        ("target.ack", 1),
    ];
    let mut crashes = 0;
    for (seed, (name, count)) in (1..=4).flat_map(|seed| places.map(|place| (seed, place))) {
        // Each step of placing is one to be killed at; of the others one is as good as the next.
        let counts = if count == 0 { vec![1, 2, 3, 5, 8, 13, 21] } else { vec![count] };
        for count in counts {
            let mut rig = Rig::new();
            let (before, after) = scripted(seed);
            let mut session = rig.synced();
            session.live(1, &before.difference(&Model::new()));
            assert_eq!(seen(&rig), expected(&before));
            session.cut();
            rig.close();
            crashes += u32::from(crash(&rig, seed, name, count));
            // And once more while it is made good.
            crash(&rig, seed, "target.place", count.div_ceil(2));
            rig.reopen();
            let synced = rig.target.report().synced.unwrap();
            let mut session = rig.goes_on(synced);
            if synced == mark(1) {
                session.live(2, &after.difference(&before));
            }
            session.live(3, &[]);
            assert_eq!(seen(&rig), expected(&after), "seed {seed}, {name}:{count}");
            assert!(rig.staging_is_empty(), "seed {seed}, {name}:{count}");
            assert_eq!(rig.quarantined(), Vec::<String>::new(), "seed {seed}, {name}:{count}");
        }
    }
    assert!(crashes >= 30, "only {crashes} of the crashes happened");
}

//! Comparing two listings: content, every preserved meta value, and which names stand for one object.

use crate::message::Entry;
use crate::meta::{Meta, ObjectKind};
use crate::preserve::Preserve;
use model::elements::preserve::Loss;
use model::errand::{Comparison, DIFFERENCES_LISTED_MAX, Difference};
use model::{MemberName, RootName};
use std::collections::HashMap;
use std::iter::Peekable;

/// Compares the entries of the source with those of `member`, both in the order of a `Listing`.
///
/// `preserve` says for each root what is to be equal at all; what is not kept is no difference.
///
/// Unreadable entries are the caller's to add: they are counted by the listings. Held in memory is one number for
/// each object that is no directory, to compare hard links. Fails with the first error of either side.
pub fn compare<E>(
    source: impl Iterator<Item = Result<Entry, E>>,
    target: impl Iterator<Item = Result<Entry, E>>,
    roots: &[RootName],
    member: &MemberName,
    preserve: &[Preserve],
) -> Result<Comparison, E> {
    let mut walk = Walk { roots, member, preserve, found: Comparison::default(), links: Links::default() };
    let (mut source, mut target) = (source.peekable(), target.peekable());
    loop {
        match order(&mut source, &mut target)? {
            None => return Ok(walk.found),
            Some((Some(ours), Some(theirs))) => walk.both(&ours, &theirs),
            Some((Some(ours), None)) => {
                walk.count(&ours);
                walk.lonely(&ours, "only at the source");
            }
            Some((None, Some(theirs))) => walk.lonely(&theirs, "only at the target"),
            Some((None, None)) => {}
        }
    }
}

type Pair = (Option<Entry>, Option<Entry>);

/// Takes the next entry, from both sides when they are at the same path.
fn order<E, A, B>(source: &mut Peekable<A>, target: &mut Peekable<B>) -> Result<Option<Pair>, E>
where
    A: Iterator<Item = Result<Entry, E>>,
    B: Iterator<Item = Result<Entry, E>>,
{
    let ordering = match (source.peek(), target.peek()) {
        (None, None) => return Ok(None),
        (Some(Ok(a)), Some(Ok(b))) => (a.root, &a.path).cmp(&(b.root, &b.path)),
        (Some(Err(_)), _) | (_, None) => std::cmp::Ordering::Less,
        (_, Some(Err(_))) | (None, _) => std::cmp::Ordering::Greater,
    };
    let ours = if ordering.is_le() { source.next().transpose()? } else { None };
    let theirs = if ordering.is_ge() { target.next().transpose()? } else { None };
    Ok(Some((ours, theirs)))
}

/// For each object, the number of the first path that stands for it. Two sides group their names alike when these
/// numbers are equal for every path.
#[derive(Default)]
struct Links {
    source: HashMap<u64, u64>,
    target: HashMap<u64, u64>,
}

impl Links {
    fn differ(&mut self, path_number: u64, source: u64, target: u64) -> bool {
        let first = *self.source.entry(source).or_insert(path_number);
        first != *self.target.entry(target).or_insert(path_number)
    }
}

struct Walk<'a> {
    roots: &'a [RootName],
    member: &'a MemberName,
    preserve: &'a [Preserve],
    found: Comparison,
    links: Links,
}

impl Walk<'_> {
    fn count(&mut self, ours: &Entry) {
        self.found.entries += 1;
        self.found.bytes += ours.meta.size;
    }

    fn preserve(&self, entry: &Entry) -> Preserve {
        self.preserve.get(entry.root as usize).copied().unwrap_or_default()
    }

    /// An entry that only one side has.
    fn lonely(&mut self, entry: &Entry, what: &str) {
        if self.preserve(entry).keeps_kind(entry.meta.kind) {
            self.differ(entry, what.to_owned());
        }
    }

    fn both(&mut self, ours: &Entry, theirs: &Entry) {
        self.count(ours);
        let preserve = self.preserve(ours);
        let mut what = differences(&ours.meta, &theirs.meta, preserve);
        if ours.hash.zip(theirs.hash).is_some_and(|(a, b)| a != b) && !what.iter().any(|w| w.starts_with("size")) {
            what.insert(0, "content".to_owned());
        }
        let is_dir = ours.meta.kind == ObjectKind::Directory;
        // Noted in any case: the names of one object may lie in several roots.
        let apart = !is_dir && self.links.differ(self.found.entries, ours.object, theirs.object);
        if apart && preserve.keeps(Loss::Hardlinks) {
            what.push("hard links".to_owned());
        }
        if !what.is_empty() {
            self.differ(ours, what.join(", "));
        }
    }

    fn differ(&mut self, entry: &Entry, what: String) {
        self.found.differences += 1;
        if self.found.listed.len() < DIFFERENCES_LISTED_MAX {
            let root = self.roots.get(entry.root as usize).cloned().unwrap_or_default();
            self.found.listed.push(Difference { target: self.member.clone(), root, path: escape(&entry.path), what });
        }
    }
}

/// What is kept and not the same in two metas, in words: ours, then theirs.
pub fn differences(ours: &Meta, theirs: &Meta, preserve: Preserve) -> Vec<String> {
    let (ours, theirs) = (&*preserve.part(ours), &*preserve.part(theirs));
    if ours.kind != theirs.kind {
        return vec![format!("kind {:?} != {:?}", ours.kind, theirs.kind)];
    }
    let mut what = Vec::new();
    let mut unequal = |differ: bool, text: String| {
        if differ {
            what.push(text);
        }
    };
    unequal(ours.size != theirs.size, format!("size {} != {}", ours.size, theirs.size));
    unequal(ours.mode != theirs.mode, format!("mode {:04o} != {:04o}", ours.mode, theirs.mode));
    unequal(ours.uid != theirs.uid, format!("owner {} != {}", ours.uid, theirs.uid));
    unequal(ours.gid != theirs.gid, format!("group {} != {}", ours.gid, theirs.gid));
    let (a, b) = (ours.mtime, theirs.mtime);
    unequal(a != b, format!("mtime {}.{:09} != {}.{:09}", a.0, a.1, b.0, b.1));
    unequal(ours.link != theirs.link, "link target".to_owned());
    unequal(ours.rdev != theirs.rdev, format!("device {:#x} != {:#x}", ours.rdev, theirs.rdev));
    let all = ours.xattrs.iter().chain(&theirs.xattrs);
    let mut names: Vec<_> =
        all.filter(|x| !(ours.xattrs.contains(x) && theirs.xattrs.contains(x))).map(|x| escape(&x.0)).collect();
    names.sort();
    names.dedup();
    unequal(!names.is_empty(), format!("attributes {}", names.join(" ")));
    what
}

/// `path` as text that can be printed: what is no printable text, and the backslash, is escaped as `\xNN` and the like.
pub fn escape(path: &[u8]) -> String {
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' || c.is_control() || is_deceptive(c) {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Characters that change how what surrounds them is shown, or that are not seen.
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, object: u64) -> Entry {
        Entry {
            root: 0,
            path: path.as_bytes().to_vec(),
            meta: Meta {
                kind: ObjectKind::File,
                mode: 0o644,
                uid: 0,
                gid: 0,
                mtime: (0, 0),
                size: 3,
                rdev: 0,
                link: Vec::new(),
                xattrs: Vec::new(),
            },
            object,
            hash: Some([0; 32]),
        }
    }

    fn compared(source: &[Entry], target: &[Entry]) -> Vec<String> {
        let all = |side: &[Entry]| side.iter().cloned().map(Ok::<_, ()>).collect::<Vec<_>>().into_iter();
        let found = compare(all(source), all(target), &["data".into()], &"stand-by".into(), &[]).unwrap();
        assert_eq!(found.differences as usize, found.listed.len());
        found.listed.into_iter().map(|d| format!("{}: {}", d.path, d.what)).collect()
    }

    #[test]
    fn equal_trees_have_no_differences_whatever_the_object_numbers() {
        let source = [entry("a", 1), entry("b", 1), entry("c", 2)];
        let target = [entry("a", 7), entry("b", 7), entry("c", 1)];
        assert_eq!(compared(&source, &target), Vec::<String>::new());
    }

    type Change = (fn(&mut Entry), &'static str);

    #[test]
    fn each_difference_is_named() {
        assert_eq!(compared(&[entry("a", 1)], &[]), ["a: only at the source"]);
        assert_eq!(compared(&[entry("b", 1)], &[entry("a", 1), entry("b", 2)]), ["a: only at the target"]);
        let changes: [Change; 10] = [
            (|e| e.hash = Some([1; 32]), "content"),
            (|e| e.meta.kind = ObjectKind::Fifo, "kind File != Fifo"),
            (|e| e.meta.size = 4, "size 3 != 4"),
            (|e| e.meta.mode = 0o4755, "mode 0644 != 4755"),
            (|e| e.meta.uid = 5, "owner 0 != 5"),
            (|e| e.meta.gid = 5, "group 0 != 5"),
            (|e| e.meta.mtime = (-1, 5), "mtime 0.000000000 != -1.000000005"),
            (|e| e.meta.link = b"x".to_vec(), "link target"),
            (|e| e.meta.rdev = 0x103, "device 0x0 != 0x103"),
            (|e| e.meta.xattrs = vec![(b"user.a".to_vec(), vec![1])], "attributes user.a"),
        ];
        for (change, expected) in changes {
            let mut changed = entry("a", 1);
            change(&mut changed);
            assert_eq!(compared(&[entry("a", 1)], &[changed]), [format!("a: {expected}")]);
        }
    }

    #[test]
    fn hard_links_are_compared_as_groups() {
        let grouped = [entry("a", 1), entry("b", 1), entry("c", 2)];
        let apart = [entry("a", 1), entry("b", 2), entry("c", 3)];
        assert_eq!(compared(&grouped, &apart), ["b: hard links"]);
        assert_eq!(compared(&apart, &grouped), ["b: hard links"]);
    }

    #[test]
    fn what_cannot_be_printed_is_escaped() {
        assert_eq!(escape(b"a\nb\x1b\xff\\ \xc3\xa4"), "a\\nb\\u{1b}\\xff\\\\ ä");
        assert_eq!(escape("x\u{202e}y".as_bytes()), "x\\u{202e}y");
    }
}

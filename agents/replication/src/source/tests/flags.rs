//! Files that somebody has made immutable or append-only.

use super::{lab::Lab, stream::Pair};
use crate::source::{FollowOptions, Source};
use model::agent_status::Capture;
use std::{
    fs,
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

/// Sets a flag on some paths, and takes it away however the test ends: nothing could be removed otherwise.
struct Flagged(&'static str, Vec<PathBuf>);

impl Flagged {
    fn set(flag: &'static str, paths: &[PathBuf]) -> Option<Self> {
        let flagged = Self(flag, paths.to_vec());
        flagged.chattr('+').then_some(flagged)
    }

    fn chattr(&self, sign: char) -> bool {
        let run = Command::new("chattr").arg(format!("{sign}{}", self.0)).args(&self.1).output();
        run.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Flagged {
    fn drop(&mut self) {
        self.chattr('-');
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn skip() {
    eprintln!("skipped: chattr cannot set flags here");
}

fn told(pair: &Pair, what: &str) {
    let problem = pair.target().report().problem;
    assert!(problem.as_ref().is_some_and(|problem| problem.contains(what)), "{what}: {problem:?}");
}

fn write(at: &Path, names: &[&str], text: &str) {
    names.iter().for_each(|name| fs::write(at.join(name), text).unwrap());
}

/// Everything else goes on beside what is fixed at the replica, and it is told.
fn goes_on_beside(flag: &'static str) {
    let pair = Pair::new(Lab::new(Capture::Fanotify));
    let (root, replica) = (pair.lab.root(), pair.replica());
    fs::create_dir(root.join("dir")).unwrap();
    write(&root, &["changed", "removed", "renamed", "linked", "mode", "dir/below", "free"], "old");
    fs::write(root.join("large"), vec![b'x'; 2 << 20]).unwrap();
    let source = pair.lab.open();
    let read = |name: &str| fs::read_to_string(replica.join(name)).unwrap();
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        let names = ["changed", "removed", "renamed", "linked", "mode", "dir/below", "large"];
        let fixed: Vec<_> = names.iter().map(|name| replica.join(name)).collect();
        let Some(flagged) = Flagged::set(flag, &fixed) else { return skip() };
        write(&root, &["changed", "free"], "new");
        pair.caught_up(&source);
        assert_eq!((read("free").as_str(), read("changed").as_str()), ("new", "old"));
        told(&pair, "changed is immutable or append-only");
        fs::remove_file(root.join("removed")).unwrap();
        fs::remove_dir_all(root.join("dir")).unwrap();
        fs::rename(root.join("renamed"), root.join("other")).unwrap();
        fs::hard_link(root.join("linked"), root.join("second")).unwrap();
        fs::set_permissions(root.join("mode"), fs::Permissions::from_mode(0o600)).unwrap();
        // Large enough to be changed in place.
        fs::File::options().write(true).open(root.join("large")).unwrap().write_all_at(b"y", 1 << 20).unwrap();
        write(&root, &["free"], "newer");
        pair.caught_up(&source);
        // Once more: what was left is no reason to begin anew each time.
        write(&root, &["changed", "free"], "newest");
        pair.caught_up(&source);
        assert_eq!((read("free").as_str(), read("changed").as_str()), ("newest", "old"));
        assert!(replica.join("removed").exists() && replica.join("dir/below").exists());
        drop(flagged);
        write(&root, &["changed"], "in the end");
        pair.caught_up(&source);
        assert_eq!(read("changed"), "in the end");
    });
    made_good(&pair, &source);
}

/// A synchronization puts everything right once nothing is fixed any more.
fn made_good(pair: &Pair, source: &Source) {
    let options = FollowOptions { force_mirror: true, ..FollowOptions::default() };
    let _ = pair.session(source, &options, None, || {
        pair.caught_up(source);
        pair.assert_equal(source);
    });
    assert_eq!(pair.target().report().problem, None);
}

#[test]
fn what_is_fixed_at_a_replica_stops_nothing_else() {
    goes_on_beside("i");
    goes_on_beside("a");
}

#[test]
fn a_synchronization_goes_on_beside_what_is_fixed() {
    let pair = Pair::new(Lab::new(Capture::Fanotify));
    let (root, replica) = (pair.lab.root(), pair.replica());
    write(&root, &["a", "b"], "ours");
    fs::create_dir_all(replica.join("dir")).unwrap();
    write(&replica, &["a", "orphan", "dir/orphan"], "own!");
    let source = pair.lab.open();
    let fixed = ["a", "orphan"].map(|name| replica.join(name));
    let Some(flagged) = Flagged::set("i", &fixed) else { return skip() };
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        assert_eq!(fs::read_to_string(replica.join("b")).unwrap(), "ours");
        assert_eq!(fs::read_to_string(replica.join("a")).unwrap(), "own!");
        told(&pair, "a is immutable or append-only");
        assert!(!replica.join("dir").exists(), "what is not fixed is set aside");
        assert_eq!(pair.compared(&source).differences, 2, "it says so of both");
    });
    drop(flagged);
    made_good(&pair, &source);
}

#[test]
fn what_is_fixed_at_the_source_is_replicated_as_an_ordinary_file() {
    let pair = Pair::new(Lab::new(Capture::Fanotify));
    let root = pair.lab.root();
    write(&root, &["i", "a"], "content");
    let Some(immutable) = Flagged::set("i", &[root.join("i")]) else { return skip() };
    let appended = Flagged::set("a", &[root.join("a")]).unwrap();
    let source = pair.lab.open();
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        use std::io::Write;
        fs::File::options().append(true).open(root.join("a")).unwrap().write_all(b" and more").unwrap();
        pair.caught_up(&source);
        pair.assert_equal(&source);
        fs::write(pair.replica().join("i"), "the copy is not fixed").unwrap();
    });
    drop((immutable, appended));
}

use super::{Captures, DirtySet, Filesystem, Key, Known, Tuning};
use model::agent_status::Capture;
use std::{
    collections::HashSet,
    fs::{self, File},
    os::fd::AsFd,
};

struct Only(HashSet<Key>);

impl Known for Only {
    fn directory(&self, key: &[u8]) -> bool {
        self.0.contains(key)
    }

    fn linked(&self, _key: &[u8]) -> bool {
        false
    }
}

fn dirty_names(best: Capture, queue_max: Option<usize>) -> (Captures, Vec<String>, bool) {
    let dir = tempfile::tempdir().unwrap();
    let root = File::open(dir.path()).unwrap();
    let filesystem = Filesystem::of(root.as_fd()).unwrap();
    let mut captures = Captures::new(
        &[Some((&filesystem, root.as_fd()))],
        Tuning { best: Some(best), queue_max, ..Tuning::default() },
    );
    let key = filesystem.key(root.as_fd()).unwrap();
    captures.watch(0, &key, root.as_fd()).unwrap();
    fs::write(dir.path().join("a"), "a").unwrap();
    fs::rename(dir.path().join("a"), dir.path().join("b")).unwrap();
    fs::create_dir(dir.path().join("unknown")).unwrap();
    fs::write(dir.path().join("unknown/c"), "a").unwrap();
    let mut dirty = DirtySet::default();
    captures.drain(&Only([key].into()), &mut dirty).unwrap();
    let mut names: Vec<String> =
        dirty.entries.keys().map(|(_, name)| String::from_utf8_lossy(name).into_owned()).collect();
    names.sort();
    (captures, names, dirty.overflow)
}

#[test]
fn each_kind_names_what_changed_and_nothing_else() {
    for best in [Capture::Fanotify, Capture::FanotifyDirs, Capture::Inotify] {
        let (captures, names, overflow) = dirty_names(best, None);
        assert_eq!((names.join(" ").as_str(), overflow), ("a b unknown", false), "{best:?}: {:?}", captures.root(0));
    }
    let (captures, names, _) = dirty_names(Capture::Poll, None);
    assert!(names.is_empty() && captures.polls());
}

#[test]
fn what_is_done_in_a_directory_of_our_own_is_left_out_and_what_is_below_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let root = File::open(dir.path()).unwrap();
    let filesystem = Filesystem::of(root.as_fd()).unwrap();
    let captures = |ignored: &[&std::path::Path]| {
        let tuning = Tuning { best: Some(Capture::Fanotify), ..Tuning::default() };
        let captures = Captures::new(&[Some((&filesystem, root.as_fd()))], tuning);
        captures.ignore(ignored);
        captures
    };
    let (own, below) = (dir.path().join("own"), dir.path().join("own/below"));
    fs::create_dir_all(&below).unwrap();
    let key = |path: &std::path::Path| filesystem.key(File::open(path).unwrap().as_fd()).unwrap();
    let known = Only([key(&own), key(&below)].into());
    let mut told = Vec::new();
    for mut captures in [captures(&[]), captures(&[&own])] {
        // Marks of a whole file system, and leaving out, are root's.
        if captures.root(0).is_none_or(|root| root.mode != Capture::Fanotify) {
            return;
        }
        fs::write(own.join("a"), "a").unwrap();
        fs::rename(own.join("a"), own.join("b")).unwrap();
        fs::write(below.join("c"), "c").unwrap();
        let mut dirty = DirtySet::default();
        captures.drain(&known, &mut dirty).unwrap();
        let mut names: Vec<_> = dirty.entries.into_keys().map(|(_, name)| name).collect();
        names.sort();
        told.push(names.into_iter().map(|name| String::from_utf8(name.into()).unwrap()).collect::<Vec<_>>());
    }
    assert_eq!(told, [vec!["a", "b", "c"], vec!["c"]]);
}

#[test]
fn a_queue_that_is_too_small_overflows() {
    for best in [Capture::FanotifyDirs, Capture::Inotify] {
        assert!(dirty_names(best, Some(2)).2, "{best:?}");
    }
}

#[test]
fn a_key_opens_its_object_or_says_that_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let root = File::open(dir.path()).unwrap();
    let filesystem = Filesystem::of(root.as_fd()).unwrap();
    if let Err(error) = filesystem.opens_by_key(root.as_fd()) {
        assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{error}");
        return;
    }
    let path = dir.path().join("a");
    let key = filesystem.key(File::create(&path).unwrap().as_fd()).unwrap();
    assert!(filesystem.open(&key, libc::O_RDONLY).is_ok());
    fs::remove_file(&path).unwrap();
    fs::write(&path, "another").unwrap();
    assert_eq!(filesystem.open(&key, libc::O_RDONLY).unwrap_err().raw_os_error(), Some(libc::ESTALE));
}

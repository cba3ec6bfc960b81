use super::*;
use std::fs;

struct Place {
    dir: tempfile::TempDir,
    config: RootConfig,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root");
        fs::create_dir(&path).unwrap();
        Self {
            config: RootConfig {
                name: "data".into(),
                path,
                exclude: Vec::new(),
                preserve: crate::preserve::Preserve::ALL,
            },
            dir,
        }
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn open(&self, side: Side) -> Result<HeldRoot, HaltReason> {
        HeldRoot::open("shop", 0, &self.config, &self.state(), side).map_err(|halt| halt.reason)
    }

    fn reason(root: &HeldRoot) -> Option<HaltReason> {
        root.check().err().map(|halt| halt.reason)
    }
}

#[test]
fn a_known_root_opens_again() {
    let place = Place::new();
    let id = place.open(Side::Source).unwrap().id();
    assert_eq!(place.open(Side::Source).unwrap().id(), id);
}

#[test]
fn a_target_makes_its_root_once_only() {
    let place = Place::new();
    fs::remove_dir(&place.config.path).unwrap();
    assert_eq!(place.open(Side::Source).err(), Some(HaltReason::RootMissing));
    place.open(Side::Target).unwrap();
    fs::remove_dir_all(&place.config.path).unwrap();
    assert_eq!(place.open(Side::Target).err(), Some(HaltReason::RootMissing));
    assert!(!place.config.path.exists());
}

#[test]
fn a_target_that_is_put_elsewhere_begins_there_and_a_source_halts() {
    let mut place = Place::new();
    let id = place.open(Side::Target).unwrap().id();
    let first = std::mem::replace(&mut place.config.path, place.dir.path().join("elsewhere"));
    assert_eq!(place.open(Side::Source).err(), Some(HaltReason::RootMissing));
    assert_ne!(place.open(Side::Target).unwrap().id(), id);
    // And back again, where the first identity still lies.
    place.config.path = first;
    assert_eq!(place.open(Side::Source).err(), Some(HaltReason::RootReplaced));
    assert_eq!(place.open(Side::Target).unwrap().id(), id);
}

#[test]
fn an_unmounted_or_replaced_root_halts() {
    let place = Place::new();
    let held = place.open(Side::Source).unwrap();
    fs::rename(&place.config.path, place.dir.path().join("away")).unwrap();
    assert_eq!(Place::reason(&held), Some(HaltReason::RootMissing));
    fs::create_dir(&place.config.path).unwrap();
    assert_eq!(Place::reason(&held), Some(HaltReason::RootReplaced));
    assert_eq!(place.open(Side::Source).err(), Some(HaltReason::RootReplaced));
    // A copy with its id file is still another directory.
    fs::create_dir(place.config.path.join(".standin")).unwrap();
    fs::copy(place.dir.path().join("away/.standin/id"), place.config.path.join(".standin/id")).unwrap();
    assert_eq!(Place::reason(&held), Some(HaltReason::RootReplaced));
    adopt("shop", &place.config, &place.state()).unwrap();
    place.open(Side::Source).unwrap();
}

#[test]
fn a_hand_made_id_does_not_do() {
    let place = Place::new();
    let held = place.open(Side::Source).unwrap();
    let id = place.config.path.join(".standin/id");
    for text in ["", "scenario shop\nroot data\nid 0190d5b5-2ad0-7000-8000-000000000000\n"] {
        fs::write(&id, text).unwrap();
        assert_eq!(Place::reason(&held), Some(HaltReason::RootReplaced));
    }
    fs::remove_file(&id).unwrap();
    assert_eq!(Place::reason(&held), Some(HaltReason::RootReplaced));
}

#[test]
fn an_emptied_source_halts_and_an_emptied_target_does_not() {
    let place = Place::new();
    fs::write(place.config.path.join("a"), "").unwrap();
    fs::write(place.config.path.join("b"), "").unwrap();
    let held = place.open(Side::Source).unwrap();
    fs::remove_file(place.config.path.join("a")).unwrap();
    fs::remove_file(place.config.path.join("b")).unwrap();
    assert_eq!(Place::reason(&held), Some(HaltReason::SourceEmpty));
    assert_eq!(place.open(Side::Source).err(), Some(HaltReason::SourceEmpty));
    fs::write(place.config.path.join("log"), "").unwrap();
    fs::write(place.config.path.join("pid"), "").unwrap();
    assert_eq!(Place::reason(&held), Some(HaltReason::SourceEmpty), "whatever appears afterwards");
    assert_eq!(place.open(Side::Source).err(), Some(HaltReason::SourceEmpty));
    refilled(&place.config, &place.state()).unwrap();
    place.open(Side::Source).unwrap();
}

#[test]
fn who_became_a_target_is_not_halted_by_its_past_as_a_source() {
    let place = Place::new();
    fs::create_dir(place.config.path.join("only")).unwrap();
    fs::write(place.config.path.join("only/file"), "").unwrap();
    let held = place.open(Side::Source).unwrap();
    fs::remove_dir_all(place.config.path.join("only")).unwrap();
    assert_eq!(Place::reason(&held), Some(HaltReason::SourceEmpty), "one directory that held something");
    drop(held);
    drop(place.open(Side::Target).unwrap());
    fs::write(place.config.path.join("a"), "").unwrap();
    place.open(Side::Source).unwrap();
}

#[test]
fn a_single_entry_may_go_and_a_person_may_say_that_all_may() {
    let place = Place::new();
    for names in [&["a"][..], &["a", "b"][..]] {
        names.iter().for_each(|name| fs::write(place.config.path.join(name), "").unwrap());
        let held = place.open(Side::Source).unwrap();
        for name in names {
            fs::remove_file(place.config.path.join(name)).unwrap();
            assert_eq!(Place::reason(&held), None, "{name} of {names:?}");
            held.settle().unwrap();
        }
    }
    fs::write(place.config.path.join("a"), "").unwrap();
    fs::write(place.config.path.join("b"), "").unwrap();
    let held = place.open(Side::Source).unwrap();
    fs::remove_file(place.config.path.join("a")).unwrap();
    fs::remove_file(place.config.path.join("b")).unwrap();
    assert_eq!(Place::reason(&held), Some(HaltReason::SourceEmpty));
    adopt("shop", &place.config, &place.state()).unwrap();
    place.open(Side::Source).unwrap();
}

#[test]
fn what_is_in_the_reserved_place_is_not_taken_over_unless_it_is_ours() {
    let place = Place::new();
    let reserved = place.config.path.join(".standin");
    fs::write(&reserved, "").unwrap();
    assert_eq!(place.open(Side::Target).err(), Some(HaltReason::ReservedName));
    fs::remove_file(&reserved).unwrap();
    fs::create_dir(&reserved).unwrap();
    fs::write(reserved.join("own"), "").unwrap();
    assert_eq!(place.open(Side::Target).err(), Some(HaltReason::ReservedName));
    fs::remove_file(reserved.join("own")).unwrap();
    let id = place.open(Side::Target).unwrap().id();
    fs::remove_dir_all(place.state()).unwrap();
    assert_eq!(place.open(Side::Target).unwrap().id(), id);
    fs::remove_dir_all(place.state()).unwrap();
    let other = HeldRoot::open("other", 0, &place.config, &place.state(), Side::Target);
    assert_eq!(other.err().map(|halt| halt.reason), Some(HaltReason::ReservedName));
}

#[test]
fn a_damaged_record_is_not_a_new_root() {
    let place = Place::new();
    place.open(Side::Target).unwrap();
    fs::write(place.state().join("roots/data"), "id\n").unwrap();
    assert!(place.open(Side::Target).is_err());
}

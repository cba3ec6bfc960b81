use super::{Gap, GapName, Index, Snapshot, Stored};
use crate::{
    capture::Key,
    meta::{Meta, ObjectKind, Oid},
};
use model::{Epoch, Mark};

fn object(oid: u64, key: &[u8], size: u64) -> Stored {
    let meta = Meta {
        kind: ObjectKind::File,
        mode: 0o644,
        uid: 1,
        gid: 2,
        mtime: (-5, 7),
        size,
        rdev: 0,
        link: vec![],
        xattrs: vec![(b"user.a".to_vec(), b"b".to_vec())],
    };
    Stored { oid: Oid(oid), key: Key::from(key), meta, ctime: (9, 8), racy: true, links: 2, hash: Some([3; 32]) }
}

#[test]
fn what_is_committed_stays_and_the_rest_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("source.db");
    let mut index = Index::open(&path).unwrap();
    let lineage = index.facts().lineage.clone();
    index.begin().unwrap();
    let oid = index.assign();
    index.put_object(&object(oid.0, b"key", 5)).unwrap();
    index.put_name(Oid::root(1), b"dir", Oid(2000)).unwrap();
    index.put_name(Oid(2000), b"\xff\n", oid).unwrap();
    index.facts_mut().last = Mark { epoch: Epoch(3), batch: 4 };
    index.facts_mut().gap = Some(Gap { first: 2, last: 4, open: true });
    index.set_target("replica", Some(Mark { epoch: Epoch(3), batch: 1 })).unwrap();
    index.commit().unwrap();
    index.begin().unwrap();
    assert_eq!(index.assign().0, oid.0 + 1);
    index.note_written(oid, true).unwrap();
    assert_eq!(index.written(), [oid]);
    index.remove_object(oid).unwrap();
    assert!(index.written().is_empty());
    index.note_written(Oid(2000), true).unwrap();
    index.rollback().unwrap();
    assert!(index.written().is_empty());
    drop(index);

    let mut index = Index::open(&path).unwrap();
    assert_eq!(index.facts().lineage, lineage);
    assert_eq!(index.facts().last, Mark { epoch: Epoch(3), batch: 4 });
    assert_eq!(index.facts().gap, Some(Gap { first: 2, last: 4, open: true }));
    assert_eq!(index.object(oid).unwrap(), Some(object(oid.0, b"key", 5)));
    assert_eq!(index.object_by_key(&Key::from(b"key".as_slice())).unwrap().map(|o| o.oid), Some(oid));
    assert_eq!(index.path_of(oid).unwrap(), Some((1, b"dir/\xff\n".to_vec())));
    assert_eq!(index.target("replica").unwrap(), Some(Mark { epoch: Epoch(3), batch: 1 }));
    assert_eq!(index.sums().unwrap(), (1, 5));
    assert_eq!(index.assign().0, oid.0 + 1);
}

#[test]
fn directories_in_each_other_have_no_path() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(&dir.path().join("source.db")).unwrap();
    let (a, b) = (Oid(2000), Oid(2001));
    index.put_name(a, b"b", b).unwrap();
    index.put_name(b, b"a", a).unwrap();
    assert_eq!(index.path_of(a).unwrap(), None);
    let deep = Oid(3000);
    (0..200).for_each(|n| index.put_name(Oid(deep.0 + n), b"d", Oid(deep.0 + n + 1)).unwrap());
    index.put_name(Oid::root(0), b"d", deep).unwrap();
    let path = index.path_of(Oid(deep.0 + 200)).unwrap().unwrap();
    assert_eq!((path.0, path.1.len()), (0, 201 * 2 - 1));
}

#[test]
fn a_snapshot_does_not_move() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("source.db");
    let mut index = Index::open(&path).unwrap();
    index.begin().unwrap();
    index.facts_mut().last.batch = 1;
    index.put_object(&object(2000, b"a", 1)).unwrap();
    index.put_name(Oid::root(0), b"a", Oid(2000)).unwrap();
    index.commit().unwrap();
    let snapshot = Snapshot::open(&path).unwrap();
    index.begin().unwrap();
    index.facts_mut().last.batch = 2;
    index.remove_name(Oid::root(0), b"a").unwrap();
    index.remove_object(Oid(2000)).unwrap();
    index.commit().unwrap();
    assert_eq!(snapshot.mark.batch, 1);
    assert_eq!(snapshot.page(Oid::root(0), b"", 10).unwrap(), vec![(b"a".to_vec(), Oid(2000), ObjectKind::File)]);
    assert!(snapshot.object(Oid(2000)).unwrap().is_some());
    assert_eq!(Snapshot::open(&path).unwrap().mark.batch, 2);
}

#[test]
fn a_gap_remembers_what_a_name_stood_for_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("source.db");
    let mut index = Index::open(&path).unwrap();
    let name = |before| GapName { parent: Oid(1), name: b"n".to_vec(), before };
    index.begin().unwrap();
    for (batch, before) in [(5, Some(Oid(2000))), (6, None), (7, Some(Oid(2001)))] {
        index.note_gap_name(&name(before), batch).unwrap();
        index.note_gap_object(Oid(2000 + batch % 2), batch).unwrap();
    }
    index.commit().unwrap();
    let snapshot = Snapshot::open(&path).unwrap();
    assert_eq!(snapshot.gap_names(4).unwrap(), vec![name(Some(Oid(2000)))]);
    assert_eq!(snapshot.gap_names(5).unwrap(), vec![name(None)]);
    assert_eq!(snapshot.gap_objects(4).unwrap(), vec![Oid(2000), Oid(2001)]);
    assert_eq!(snapshot.gap_objects(6).unwrap(), vec![Oid(2001)]);
    index.begin().unwrap();
    index.close_gap().unwrap();
    index.commit().unwrap();
    assert!(Snapshot::open(&path).unwrap().gap_names(0).unwrap().is_empty());
}

use super::{Spool, SpoolError, SpoolLimits, writer::Opened};
use crate::message::{BatchKind, Message};
use crate::meta::Oid;
use model::{Epoch, Mark};
use std::{fs, path::Path};

const LIMITS: SpoolLimits = SpoolLimits { bytes_max: 64 << 20, disk_free_min: 0 };

fn mark(batch: u64) -> Mark {
    Mark { epoch: Epoch(1), batch }
}

fn write(spool: &mut Spool, batch: u64, size: usize) -> Result<(), SpoolError> {
    spool.begin(batch)?;
    spool.append(&Message::BatchBegin { mark: mark(batch), kind: BatchKind::Live })?;
    spool.append(&Message::Data { oid: Oid(batch), offset: 0, bytes: vec![batch as u8; size] })?;
    spool.append(&Message::BatchEnd { mark: mark(batch), records: 1, digest: [0; 32] })?;
    spool.sync()?;
    spool.publish();
    Ok(())
}

fn open(directory: &Path, base: u64, tail: u64) -> (Spool, Opened) {
    Spool::open(directory, "lineage", LIMITS, base, tail).unwrap()
}

/// The batches a cursor gives after `after`.
fn read(spool: &Spool, after: u64) -> Result<Vec<u64>, SpoolError> {
    let mut cursor = spool.cursor(after);
    let mut batches = Vec::new();
    while let Some(record) = cursor.read()? {
        Message::decode(record.kind, &record.body).unwrap();
        if batches.last() != Some(&record.batch) {
            batches.push(record.batch);
        }
    }
    Ok(batches)
}

#[test]
fn batches_are_read_back_across_segments_and_a_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) =
        Spool::open(dir.path(), "lineage", SpoolLimits { bytes_max: 4 << 20, disk_free_min: 0 }, 0, 0).unwrap();
    for batch in 1..=20 {
        write(&mut spool, batch, 100_000).unwrap();
    }
    assert!(fs::read_dir(dir.path()).unwrap().count() > 2);
    assert_eq!(read(&spool, 0).unwrap(), (1..=20).collect::<Vec<_>>());
    assert_eq!(read(&spool, 13).unwrap(), (14..=20).collect::<Vec<_>>());
    assert_eq!(read(&spool, 20).unwrap(), Vec::<u64>::new());
    drop(spool);
    let (mut spool, opened) = open(dir.path(), 0, 20);
    assert_eq!(opened, Opened::Whole);
    write(&mut spool, 22, 10).unwrap();
    assert_eq!(read(&spool, 18).unwrap(), vec![19, 20, 22]);
    let before = spool.bytes();
    let gone = spool.trim(15).unwrap().unwrap();
    assert!(gone <= 15 && spool.bytes() < before);
    assert_eq!(read(&spool, gone).unwrap().first(), Some(&(gone + 1)));
    spool.trim(22).unwrap();
    assert_eq!(spool.bytes(), 0);
    write(&mut spool, 23, 10).unwrap();
    assert_eq!(read(&spool, 22).unwrap(), vec![23]);
}

#[test]
fn a_cursor_follows_and_never_sees_what_was_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(dir.path(), 0, 0);
    write(&mut spool, 1, 10).unwrap();
    let mut cursor = spool.cursor(0);
    let mut next = || cursor.read().unwrap().map(|record| (record.batch, record.body.len()));
    assert!(next().is_some() && next().is_some() && next().is_some());
    spool.begin(2).unwrap();
    let position = spool.position();
    spool.append(&Message::Data { oid: Oid(9), offset: 0, bytes: vec![7; 1000] }).unwrap();
    spool.sync().unwrap();
    assert_eq!(next(), None);
    spool.rewind(position).unwrap();
    spool.append(&Message::Data { oid: Oid(9), offset: 0, bytes: vec![8; 5] }).unwrap();
    spool.abandon();
    assert_eq!(next(), None);
    write(&mut spool, 3, 77).unwrap();
    assert_eq!(next().unwrap().0, 3);
    assert_eq!(next().unwrap(), (3, 77 + 20));
    assert_eq!(next().unwrap().0, 3);
    assert_eq!(next(), None);
}

#[test]
fn a_disk_that_is_full_costs_the_batch_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(dir.path(), 0, 0);
    write(&mut spool, 1, 10).unwrap();
    spool.begin(2).unwrap();
    let position = spool.position();
    spool.fill_disk();
    spool.append(&Message::Data { oid: Oid(9), offset: 0, bytes: vec![7; 1000] }).unwrap();
    assert!(matches!(spool.sync(), Err(SpoolError::Full)));
    assert!(spool.rewind(position).is_err(), "what was buffered cannot be written");
    spool.abandon();
    write(&mut spool, 3, 77).unwrap();
    assert_eq!(read(&spool, 0).unwrap(), vec![1, 3]);
    drop(spool);
    let (spool, opened) = open(dir.path(), 0, 3);
    assert_eq!((opened, read(&spool, 0).unwrap()), (Opened::Whole, vec![1, 3]));
}

#[test]
fn a_torn_tail_is_cut_at_the_last_committed_batch() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(dir.path(), 0, 0);
    write(&mut spool, 1, 50).unwrap();
    let kept = spool.bytes();
    write(&mut spool, 2, 50).unwrap();
    drop(spool);
    let file = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&file).unwrap();
    for length in (kept as usize..=whole.len()).rev() {
        fs::write(&file, &whole[..length]).unwrap();
        let (mut spool, opened) = open(dir.path(), 0, 1);
        assert_eq!(opened, Opened::Whole, "cut at {length}");
        assert_eq!(read(&spool, 0).unwrap(), vec![1], "cut at {length}");
        write(&mut spool, 2, 3).unwrap();
        assert_eq!(read(&spool, 0).unwrap(), vec![1, 2], "cut at {length}");
    }
    for length in 0..kept as usize {
        fs::write(&file, &whole[..length]).unwrap();
        let (spool, opened) = open(dir.path(), 0, 1);
        assert!(matches!(opened, Opened::Lost(_)), "cut at {length}");
        assert_eq!(read(&spool, 0).unwrap(), Vec::<u64>::new());
        fs::write(&file, &whole).unwrap();
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(dir.path(), 0, 0);
    for batch in 1..=3 {
        write(&mut spool, batch, 30).unwrap();
    }
    let file = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&file).unwrap();
    for at in super::segment::HEAD_BYTES as usize..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 1 << (at % 8);
        fs::write(&file, &broken).unwrap();
        assert!(read(&spool, 0).is_err(), "read over a flip at {at}");
    }
    for at in (0..whole.len()).step_by(3) {
        let mut broken = whole.clone();
        broken[at] ^= 1 << (at % 8);
        fs::write(&file, &broken).unwrap();
        let (_, opened) = open(dir.path(), 0, 3);
        assert!(matches!(opened, Opened::Lost(_)), "opened over a flip at {at}");
        fs::write(&file, &whole).unwrap();
    }
}

#[test]
fn the_limit_is_kept_and_another_lineage_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let limits = SpoolLimits { bytes_max: 300_000, disk_free_min: 0 };
    let (mut spool, _) = Spool::open(dir.path(), "lineage", limits, 0, 0).unwrap();
    let written = (1..100).take_while(|batch| write(&mut spool, *batch, 50_000).is_ok()).count();
    assert!((5..=7).contains(&written), "{written} batches were written");
    assert!(matches!(spool.begin(100), Err(SpoolError::Full)));
    drop(spool);
    let (spool, opened) = Spool::open(dir.path(), "other", limits, 0, 0).unwrap();
    assert_eq!(opened, Opened::Whole);
    assert_eq!((spool.bytes(), fs::read_dir(dir.path()).unwrap().count()), (0, 0));
    let (spool, _) =
        Spool::open(dir.path(), "other", SpoolLimits { bytes_max: 1 << 30, disk_free_min: u64::MAX }, 0, 0).unwrap();
    assert!(!spool.fits(0));
}

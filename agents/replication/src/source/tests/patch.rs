//! Large files that change in place.

use super::{
    lab::{Lab, eventually},
    stream::Pair,
};
use crate::{
    message::{Base, Message},
    source::FollowOptions,
};
use model::{Epoch, agent_status::Capture};
use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// What sessions sent.
#[derive(Default)]
struct Sent {
    whole: AtomicU64,
    pieces: AtomicU64,
    on_old: AtomicU64,
}

impl Sent {
    fn whole(&self) -> u64 {
        self.whole.swap(0, Relaxed)
    }

    fn pieces(&self) -> u64 {
        self.pieces.swap(0, Relaxed)
    }
}

fn counted(pair: &mut Pair) -> Arc<Sent> {
    let sent = Arc::new(Sent::default());
    let counts = sent.clone();
    pair.meanwhile = Box::new(move |message| match message {
        Message::Data { bytes, .. } => drop(counts.whole.fetch_add(bytes.len() as u64, Relaxed)),
        Message::Block { base, pieces, .. } => {
            let bytes = pieces.iter().map(|(_, bytes)| bytes.len() as u64).sum();
            counts.pieces.fetch_add(bytes, Relaxed);
            counts.on_old.fetch_add(u64::from(matches!(base, Base::Old(_))), Relaxed);
        }
        _ => {}
    });
    sent
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

fn open(pair: &Pair, name: &str) -> File {
    let path = pair.lab.root().join(name);
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).unwrap()
}

#[test]
fn a_few_bytes_changed_are_a_few_bytes_sent() {
    let mut pair = Pair::new(Lab::new(Capture::Fanotify));
    let sent = counted(&mut pair);
    let source = pair.lab.open();
    let mut numbers = Numbers(1);
    pair.session(&source, &FollowOptions::default(), None, || {
        let file = open(&pair, "database");
        file.write_all_at(&numbers.bytes(4 << 20), 0).unwrap();
        pair.caught_up(&source);
        assert!(sent.whole() >= 4 << 20);
        for at in [0, 4095, 1 << 20, (4 << 20) - 3] {
            file.write_all_at(b"abc", at).unwrap();
            pair.caught_up(&source);
        }
        assert_eq!((sent.whole(), sent.pieces()), (0, 5 * 4096), "one of the four changes two units");
        assert_eq!(sent.on_old.load(Relaxed), 4, "each is checked against what was there");
        pair.assert_equal(&source);
    })
    .unwrap_err();
}

#[test]
fn what_is_added_at_the_end_is_all_that_is_sent_and_what_changed_before_it_follows() {
    let mut pair = Pair::new(Lab::new(Capture::Fanotify));
    let sent = counted(&mut pair);
    let source = pair.lab.open();
    let mut numbers = Numbers(2);
    pair.session(&source, &FollowOptions::default(), None, || {
        let log = open(&pair, "log");
        let mut end = 1 << 20;
        log.write_all_at(&numbers.bytes(end), 0).unwrap();
        pair.caught_up(&source);
        let _ = (sent.whole(), sent.pieces());
        for _ in 0..50 {
            let line = numbers.bytes(1000);
            log.write_all_at(&line, end as u64).unwrap();
            end += line.len();
            eventually("the added line", || {
                fs::metadata(pair.replica().join("log")).is_ok_and(|meta| meta.len() == end as u64)
            });
        }
        let (whole, pieces) = (sent.whole(), sent.pieces());
        assert!(whole == 0 && pieces < 50 * 9000, "{whole} and {pieces} bytes for 50,000");
        // Beside what is added, something changes where nobody looks at once.
        log.write_all_at(b"changed", 5000).unwrap();
        log.write_all_at(b"added", end as u64).unwrap();
        pair.caught_up(&source);
        pair.assert_equal(&source);
    })
    .unwrap_err();
}

#[test]
fn writes_cuts_and_holes_of_all_kinds_end_equal() {
    for seed in 1..=4 {
        let mut pair = Pair::new(Lab::new(if seed == 2 { Capture::Inotify } else { Capture::Fanotify }));
        let _ = counted(&mut pair);
        let source = pair.lab.open();
        let mut numbers = Numbers(seed);
        pair.session(&source, &FollowOptions::default(), None, || {
            let files = [open(&pair, "a"), open(&pair, "b"), open(&pair, "sparse")];
            files[2].set_len(1 << 40).unwrap();
            for round in 0..120 {
                let file = &files[numbers.below(3) as usize];
                change(file, &mut numbers);
                if round % 6 == 0 {
                    pair.caught_up(&source);
                }
                if round % 40 == 39 {
                    pair.assert_equal(&source);
                }
            }
            for file in &files {
                file.set_len(300_000).unwrap();
            }
            pair.caught_up(&source);
            pair.assert_equal(&source);
        })
        .unwrap_err();
    }
}

fn change(file: &File, numbers: &mut Numbers) {
    let size = file.metadata().unwrap().len().min(3 << 20);
    let (at, length) = (numbers.below(size + 1), numbers.below(200_000));
    match numbers.below(8) {
        0 => file.set_len(numbers.below(3 << 20)).unwrap(),
        1 => {
            use rustix::fs::{FallocateFlags, fallocate};
            let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            fallocate(file, how, at, length + 1).unwrap();
        }
        2 => file.write_all_at(&vec![0; length as usize], at).unwrap(),
        3 => file.write_all_at(&numbers.bytes(length as usize), size).unwrap(),
        _ => {
            let count = numbers.below(5000) as usize;
            file.write_all_at(&numbers.bytes(count), at).unwrap();
        }
    }
}

#[test]
fn a_file_too_large_for_one_batch_is_said_in_pieces_when_nothing_is_known_of_it() {
    let mut pair = Pair::new(Lab::new(Capture::Fanotify));
    let mut numbers = Numbers(7);
    let file = open(&pair, "image");
    for at in 0..44 {
        file.write_all_at(&numbers.bytes(1 << 20), at << 20).unwrap();
    }
    let sent = counted(&mut pair);
    let source = pair.lab.open();
    pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        let mirrored = sent.whole();
        assert!(mirrored >= 44 << 20);
        forget_signatures(&pair);
        let _ = sent.pieces();
        file.write_all_at(b"first", 30 << 20).unwrap();
        pair.caught_up(&source);
        let (whole, pieces) = (sent.whole(), sent.pieces());
        // Who looks by the clock may have begun before the change.
        assert!(
            whole == 0 && (pieces == 44 << 20 || pieces == (44 << 20) + 4096),
            "nothing was known: {whole} {pieces}"
        );
        file.write_all_at(b"second", 30 << 20).unwrap();
        pair.caught_up(&source);
        assert_eq!((sent.whole(), sent.pieces()), (0, 4096));
        pair.assert_equal(&source);
    })
    .unwrap_err();
}

/// Waits until every large file has a signature.
fn signed(pair: &Pair) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(pair.lab.config.state.join("source.db")).unwrap();
    database.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    eventually("signatures", || {
        let sql =
            "SELECT (SELECT count(*) FROM object WHERE kind = 1 AND size >= 262144) = (SELECT count(*) FROM signed)";
        database.query_row(sql, (), |row| row.get(0)).unwrap()
    });
    database
}

fn forget_signatures(pair: &Pair) {
    signed(pair).execute_batch("DELETE FROM signed; DELETE FROM signature").unwrap();
}

#[test]
fn the_first_change_of_a_file_that_was_synchronized_is_as_small_as_the_later_ones() {
    let mut pair = Pair::new(Lab::new(Capture::Fanotify));
    let sent = counted(&mut pair);
    let mut numbers = Numbers(17);
    let file = open(&pair, "image");
    file.set_len(40 << 20).unwrap();
    for at in [0, 3, 11] {
        file.write_all_at(&numbers.bytes(1_500_000), at << 20).unwrap();
    }
    // Known to be there: its times are older than the scan.
    std::thread::park_timeout(std::time::Duration::from_millis(50));
    let source = pair.lab.open();
    pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        signed(&pair);
        let _ = (sent.whole(), sent.pieces());
        file.write_all_at(b"first", 4 << 20).unwrap();
        file.write_all_at(b"in a hole", 20 << 20).unwrap();
        pair.caught_up(&source);
        assert_eq!((sent.whole(), sent.pieces()), (0, 2 * 4096));
        pair.assert_equal(&source);
    })
    .unwrap_err();
}

#[test]
fn a_file_that_is_written_all_the_time_is_complete_at_each_barrier() {
    use std::sync::atomic::AtomicBool;
    let mut pair = Pair::new(Lab::new(Capture::Fanotify));
    let _ = counted(&mut pair);
    let source = pair.lab.open();
    let file = open(&pair, "busy");
    let mut numbers = Numbers(9);
    file.write_all_at(&numbers.bytes(8 << 20), 0).unwrap();
    pair.session(&source, &FollowOptions::default(), None, || {
        for round in 0..5 {
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let mut numbers = Numbers(round);
                    while !stop.load(Relaxed) {
                        file.write_all_at(&numbers.bytes(512), numbers.below(8 << 20)).unwrap();
                    }
                });
                std::thread::park_timeout(std::time::Duration::from_millis(300));
                stop.store(true, Relaxed);
            });
            pair.caught_up(&source);
            pair.assert_equal(&source);
        }
    })
    .unwrap_err();
}

#[test]
fn what_a_synchronization_gave_is_what_later_changes_are_the_difference_to() {
    let mut lab = Lab::new(Capture::Fanotify);
    lab.config.spool_bytes_max = 16 << 20;
    let mut pair = Pair::new(lab);
    let source = pair.lab.open();
    let mut numbers = Numbers(11);
    let file = open(&pair, "database");
    file.write_all_at(&numbers.bytes(2 << 20), 0).unwrap();
    pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        file.write_all_at(b"signed", 100_000).unwrap();
        pair.caught_up(&source);
        // A target that takes nothing keeps the spool nearly full: the file is not read again before it must be.
        source.shared().lock().pins.insert("another".into(), 0);
        fs::write(pair.lab.root().join("filling"), numbers.bytes(11 << 20)).unwrap();
        pair.caught_up(&source);
    })
    .unwrap_err();
    // While it is copied anew, and only then, one of its blocks is another one.
    let was = std::sync::Mutex::new(Some(read_block(&file)));
    let path = pair.lab.root().join("database");
    pair.meanwhile = Box::new(move |message| {
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        match message {
            Message::Mirror { .. } => file.write_all_at(&[1; 4096], 1 << 20).unwrap(),
            Message::DataEnd { size, .. } if *size == 2 << 20 => {
                if let Some(was) = was.lock().unwrap().take() {
                    file.write_all_at(&was, 1 << 20).unwrap();
                }
            }
            _ => {}
        }
    });
    let again = FollowOptions { force_mirror: true, ..FollowOptions::default() };
    pair.session(&source, &again, None, || {
        pair.caught_up(&source);
        pair.assert_equal(&source);
    })
    .unwrap_err();
}

fn read_block(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    file.read_exact_at(&mut bytes, 1 << 20).unwrap();
    bytes
}

#[test]
fn an_end_and_a_new_beginning_in_the_middle_lose_nothing() {
    let mut pair = Pair::new(Lab::new(Capture::Fanotify));
    let mut source = pair.lab.open();
    let mut numbers = Numbers(13);
    let file = open(&pair, "database");
    file.write_all_at(&numbers.bytes(40 << 20), 0).unwrap();
    for round in 0..8u64 {
        for _ in 0..200 {
            file.write_all_at(&numbers.bytes(700), numbers.below(40 << 20)).unwrap();
        }
        let _ = pair.session(&source, &FollowOptions::default(), Some(40 + round * round * 20), || {});
        drop(source);
        pair.lab.config.epoch = Epoch(round + 2);
        source = pair.lab.open();
    }
    pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        pair.assert_equal(&source);
    })
    .unwrap_err();
}

#[test]
fn a_block_that_was_changed_at_the_replica_is_sent_as_it_should_be() {
    let mut pair = Pair::new(Lab::new(Capture::Fanotify));
    let sent = counted(&mut pair);
    let source = pair.lab.open();
    let mut numbers = Numbers(19);
    let file = open(&pair, "database");
    pair.session(&source, &FollowOptions::default(), None, || {
        file.write_all_at(&numbers.bytes(2 << 20), 0).unwrap();
        pair.caught_up(&source);
        let _ = (sent.whole(), sent.pieces());
        let replica = OpenOptions::new().write(true).open(pair.replica().join("database")).unwrap();
        replica.write_all_at(b"by hand", (1 << 20) + 5000).unwrap();
        file.write_all_at(b"at the source", 1 << 20).unwrap();
        eventually("repaired", || {
            fs::read(pair.replica().join("database")).unwrap() == fs::read(pair.lab.root().join("database")).unwrap()
        });
        pair.caught_up(&source);
        assert_eq!((sent.whole(), sent.pieces()), (0, 4096 + (64 << 10)), "one unit, and the block it was meant for");
        pair.assert_equal(&source);
    })
    .unwrap_err();
}

#[test]
fn a_block_is_asked_for_until_it_comes() {
    let pair = Pair::new(Lab::new(Capture::Fanotify));
    let source = pair.lab.open();
    let mut numbers = Numbers(23);
    let file = open(&pair, "database");
    pair.session(&source, &FollowOptions::default(), None, || {
        file.write_all_at(&numbers.bytes(2 << 20), 0).unwrap();
        pair.caught_up(&source);
    })
    .unwrap_err();
    let replica = OpenOptions::new().write(true).open(pair.replica().join("database")).unwrap();
    replica.write_all_at(b"by hand", (1 << 20) + 5000).unwrap();
    file.write_all_at(b"at the source", 1 << 20).unwrap();
    super::lab::barrier(&source);
    // Cut off at every message: what was found is still known, and asked for by the next session.
    for cut in 1..12 {
        let _ = pair.session(&source, &FollowOptions::default(), Some(cut), || {});
    }
    pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        eventually("repaired", || {
            fs::read(pair.replica().join("database")).unwrap() == fs::read(pair.lab.root().join("database")).unwrap()
        });
        pair.caught_up(&source);
        pair.assert_equal(&source);
    })
    .unwrap_err();
}

//! Files that are mostly holes: time and room go by what is in them.

use super::{lab::Lab, stream::Pair};
use crate::source::FollowOptions;
use model::agent_status::Capture;
use rustix::fs::{FallocateFlags, fallocate};
use std::{
    fs,
    os::unix::fs::{FileExt, MetadataExt},
    time::{Duration, Instant},
};

const TIB: u64 = 1 << 40;
const BLOCK: usize = 64 << 10;
/// What 10 TiB would take is a matter of hours.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn ten_tebibytes_with_three_blocks_take_no_time_and_no_room() {
    let pair = Pair::new(Lab::new(Capture::Fanotify));
    let (path, copy) = (pair.lab.root().join("huge"), pair.replica().join("huge"));
    let file = fs::File::create(&path).unwrap();
    file.set_len(10 * TIB).unwrap();
    let places = [0, 5 * TIB + 12_345, 10 * TIB - BLOCK as u64];
    places.iter().for_each(|at| file.write_all_at(&[7; BLOCK], *at).unwrap());
    let source = pair.lab.open();
    let byte = |at: u64| {
        let mut byte = [0];
        fs::File::open(&copy).unwrap().read_exact_at(&mut byte, at).unwrap();
        byte[0]
    };
    let begin = Instant::now();
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        let equal = |what: &str, room: u64| {
            pair.caught_up(&source);
            assert_eq!(pair.compared(&source).differences, 0, "{what}");
            let meta = fs::metadata(&copy).unwrap();
            assert_eq!(meta.len(), fs::metadata(&path).unwrap().len(), "{what}");
            assert!(meta.blocks() * 512 <= room, "{what}: {} bytes taken", meta.blocks() * 512);
            assert!(begin.elapsed() < SOON, "{what} after {:?}", begin.elapsed());
        };
        equal("copied", 1 << 20);
        assert_eq!(places.map(byte), [7, 7, 7]);
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(&file, punch, 5 * TIB, 1 << 20).unwrap();
        equal("punched", 1 << 20);
        assert_eq!(places.map(byte), [7, 0, 7]);
        // Room behind the end, and room in the middle that nothing was written to, hold nothing.
        fallocate(&file, FallocateFlags::KEEP_SIZE, 10 * TIB, 64 << 20).unwrap();
        fallocate(&file, FallocateFlags::KEEP_SIZE, TIB, 64 << 20).unwrap();
        equal("preallocated", 1 << 20);
        file.set_len(TIB / 2).unwrap();
        equal("cut", 1 << 20);
        file.set_len(10 * TIB).unwrap();
        file.write_all_at(b"end", 10 * TIB - 3).unwrap();
        equal("grown", 1 << 20);
        assert_eq!((byte(10 * TIB - 1), byte(5 * TIB + 12_345)), (b'd', 0));
    });
    let options = FollowOptions { force_mirror: true, ..FollowOptions::default() };
    let _ = pair.session(&source, &options, None, || {
        pair.caught_up(&source);
        assert_eq!(pair.compared(&source).differences, 0, "synchronized");
    });
    assert!(begin.elapsed() < SOON);
}

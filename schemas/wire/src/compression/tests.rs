use super::*;
use crate::frame::PAYLOAD_BYTES_MAX;
use proptest::prelude::*;

fn text(length: usize) -> Vec<u8> {
    let words = ["stand", "in ", "for a ", "server", " that holds\n", "state ", "0017", ";"];
    let mut number = 7u32;
    let mut out = Vec::new();
    while out.len() < length {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        out.extend_from_slice(words[(number >> 24) as usize % words.len()].as_bytes());
    }
    out.truncate(length);
    out
}

fn noise(length: usize) -> Vec<u8> {
    let mut reader = blake3::Hasher::new().finalize_xof();
    let mut out = vec![0; length];
    reader.fill(&mut out);
    out
}

fn expand(payload: &[u8]) -> Result<Vec<u8>, ExpandError> {
    Expander::new(PAYLOAD_BYTES_MAX).unwrap().expand(payload)
}

#[test]
fn text_becomes_smaller_and_comes_back() {
    let mut squeezer = Squeezer::new().unwrap();
    for length in [SIZE_MIN, PROBE_BYTES, PROBE_BYTES + 1, 256 << 10, PAYLOAD_BYTES_MAX] {
        let raw = text(length);
        let squeezed = squeezer.squeeze(Some(1), &raw).unwrap();
        assert!(squeezed.len() < length * 9 / 10, "{length}: {}", squeezed.len());
        assert!(expand(&squeezed).unwrap() == raw, "{length}");
    }
}

#[test]
fn what_does_not_become_smaller_goes_as_it_is() {
    let mut squeezer = Squeezer::new().unwrap();
    assert_eq!(squeezer.squeeze(None, &text(SIZE_MIN - 1)), None);
    assert_eq!(squeezer.squeeze(None, &noise(256 << 10)), None);
    // The beginning decides, whatever follows; and a good beginning does not decide alone.
    assert_eq!(squeezer.squeeze(None, &[noise(PROBE_BYTES), text(64 << 10)].concat()), None);
    assert_eq!(squeezer.squeeze(None, &[text(PROBE_BYTES), noise(512 << 10)].concat()), None);
}

#[test]
fn an_object_that_does_not_become_smaller_is_tried_ever_less() {
    let mut squeezer = Squeezer::new().unwrap();
    let (noise, text) = (noise(32 << 10), text(32 << 10));
    assert_eq!(squeezer.squeeze(Some(1), &noise), None);
    // One piece is left alone, then one is tried, then three are left alone.
    assert_eq!((squeezer.rests(Some(1)), squeezer.rests(Some(1))), (true, false));
    assert_eq!(squeezer.squeeze(Some(1), &noise), None);
    let rested = (0..10).take_while(|_| squeezer.squeeze(Some(1), &text).is_none()).count();
    assert_eq!(rested, 3);
    assert!(squeezer.squeeze(Some(1), &text).is_some(), "it is forgiven");
    (0..20).for_each(|_| assert_eq!(squeezer.squeeze(Some(2), &noise), None));
    assert!(squeezer.squeeze(Some(3), &text).is_some(), "another object has done nothing");
    for _ in 0..10_000 {
        squeezer.squeeze(Some(2), &noise);
        assert!(squeezer.rest <= REST_MAX);
    }
}

/// A bomb: little that becomes much.
#[test]
fn more_than_the_limit_or_the_promise_is_refused() {
    let bomb = |promised: u32, length: usize| {
        let squeezed = zstd::bulk::compress(&vec![0; length], LEVEL).unwrap();
        [promised.to_le_bytes().as_slice(), &squeezed].concat()
    };
    let huge = bomb(1 << 30, 1 << 30);
    assert!(huge.len() < 128 << 10, "it would fit in a frame");
    assert!(
        matches!(expand(&huge), Err(ExpandError::TooLarge { length, limit: PAYLOAD_BYTES_MAX }) if length == 1 << 30)
    );
    assert!(matches!(expand(&bomb(u32::MAX, 1)), Err(ExpandError::TooLarge { .. })));
    // A lie about the length: what does not fit is not written.
    assert!(matches!(expand(&bomb(PAYLOAD_BYTES_MAX as u32, 1 << 30)), Err(ExpandError::Damaged(_))));
    assert!(matches!(expand(&bomb(10, 11)), Err(ExpandError::Damaged(_))));
    assert!(matches!(expand(&bomb(0, 5)), Err(ExpandError::Damaged(_))));
    assert!(matches!(expand(&bomb(11, 10)), Err(ExpandError::Length { length: 11, got: 10 })));
    assert!(matches!(expand(&[1, 2, 3]), Err(ExpandError::Short)));
    assert!(expand(&bomb(PAYLOAD_BYTES_MAX as u32, PAYLOAD_BYTES_MAX)).is_ok());
}

#[test]
fn every_cut_is_noticed() {
    let squeezed = Squeezer::new().unwrap().squeeze(None, &text(4000)).unwrap();
    for length in 0..squeezed.len() {
        assert!(expand(&squeezed[..length]).is_err(), "{length} bytes");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = expand(&bytes);
        let magic = [&[0, 1, 0, 0, 0x28, 0xb5, 0x2f, 0xfd][..], &bytes].concat();
        prop_assert!(expand(&magic).map_or(0, |out| out.len()) <= 256);
    }

    #[test]
    fn whatever_is_squeezed_comes_back(start in prop::collection::vec(any::<u8>(), 1..64), times in 1usize..400) {
        let raw = start.repeat(times);
        if let Some(squeezed) = Squeezer::new().unwrap().squeeze(None, &raw) {
            prop_assert!(expand(&squeezed).unwrap() == raw);
        }
    }
}

/// Prints time and ratio of the levels that come into question: `cargo test --release -p wire level -- --ignored
/// --nocapture`.
#[test]
#[ignore = "a measurement, to be looked at"]
#[expect(clippy::print_stdout)]
fn level() {
    let (mut pieces, mut bytes) = (Vec::new(), 0);
    let mut waiting = vec![std::path::PathBuf::from("/usr/share")];
    while let Some(path) = waiting.pop().filter(|_| bytes < 128 << 20) {
        if path.is_symlink() {
            continue;
        }
        match std::fs::read_dir(&path) {
            Ok(entries) => waiting.extend(entries.flatten().map(|entry| entry.path())),
            Err(_) => {
                let content = std::fs::read(&path).unwrap_or_default();
                bytes += content.len();
                pieces.extend(content.chunks(256 << 10).filter(|c| c.len() >= SIZE_MIN).map(<[u8]>::to_vec));
            }
        }
    }
    let raw: usize = pieces.iter().map(Vec::len).sum();
    for level in [-5, -1, 1, 2, 3] {
        let mut context = zstd::bulk::Compressor::new(level).unwrap();
        let began = std::time::Instant::now();
        let squeezed: usize = pieces.iter().map(|piece| context.compress(piece).unwrap().len()).sum();
        let speed = raw as f64 / (1 << 20) as f64 / began.elapsed().as_secs_f64();
        println!("level {level}: {} pieces, {speed:.0} MiB/s, x{:.2}", pieces.len(), raw as f64 / squeezed as f64);
    }
}

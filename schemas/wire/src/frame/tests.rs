use super::*;
use proptest::prelude::*;
use tokio::runtime::Builder;

fn wait<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread().build().unwrap().block_on(future)
}

fn written(frames: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    wait(async {
        let mut writer = FrameWriter::new(&mut bytes);
        for (kind, payload) in frames {
            writer.write(*kind, payload).await.unwrap();
        }
        writer.shutdown().await.unwrap();
    });
    bytes
}

fn read(bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
    wait(async {
        let (mut reader, mut frames) = (FrameReader::new(bytes, PAYLOAD_BYTES_MAX), Vec::new());
        loop {
            match reader.read().await {
                Ok(frame) => frames.push(frame),
                Err(FrameError::Ended) if bytes.len() == frames.iter().map(size).sum::<usize>() => return Ok(frames),
                Err(error) => return Err(error),
            }
        }
    })
}

fn size(frame: &Frame) -> usize {
    HEADER_BYTES + frame.payload.len()
}

#[test]
fn frames_come_back_as_they_were_written() {
    let frames = read(&written(&[(TYPE_CONTROL, b"hello"), (TYPE_DATA_FIRST, b""), (0xffff, &[7; 70_000])])).unwrap();
    let seen: Vec<_> = frames.iter().map(|f| (f.kind, f.seq, f.payload.len())).collect();
    assert_eq!(seen, [(TYPE_CONTROL, 0, 5), (TYPE_DATA_FIRST, 1, 0), (0xffff, 2, 70_000)]);
    assert_eq!(frames[0].payload, b"hello");
}

/// The layout is a promise between versions: changed bytes are a changed protocol.
#[test]
fn the_layout_is_the_published_one() {
    let bytes = written(&[(0x0102, b"ab")]);
    assert_eq!(bytes[..16], [2, 0, 0, 0, 0x02, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[16..20], crc32c::crc32c(&[&bytes[..16], b"ab"].concat()).to_le_bytes());
    assert_eq!(bytes[20..], *b"ab");
}

#[test]
fn every_cut_is_noticed() {
    let bytes = written(&[(1, b"first"), (2, b"second")]);
    for length in 1..bytes.len() {
        let cut_between_frames = length == HEADER_BYTES + b"first".len();
        assert_eq!(matches!(read(&bytes[..length]), Err(FrameError::Ended)), !cut_between_frames, "{length} bytes");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = written(&[(1, b"first"), (2, b"second")]);
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn a_large_frame_is_refused_before_it_is_held() {
    let mut header = make_header(1, 0, 0, b"");
    header[0..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(read(&header), Err(FrameError::TooLarge { limit: PAYLOAD_BYTES_MAX, .. })));
    let bytes = written(&[(1, &[0; 11])]);
    let mut reader = FrameReader::new(bytes.as_slice(), 10);
    assert!(matches!(wait(reader.read()), Err(FrameError::TooLarge { length: 11, limit: 10 })));
    let mut reader = FrameReader::new(bytes.as_slice(), 10);
    reader.set_limit(11);
    assert!(wait(reader.read()).is_ok());
}

#[test]
fn frames_that_are_lost_repeated_or_swapped_are_noticed() {
    let frames: Vec<Vec<u8>> = (0..3).map(|seq| [make_header(1, 0, seq, b"x").as_slice(), b"x"].concat()).collect();
    let order = |order: &[usize]| read(&order.iter().flat_map(|i| frames[*i].clone()).collect::<Vec<_>>());
    assert!(order(&[0, 1, 2]).is_ok());
    for (wrong, expected, got) in [([1, 2, 0], 0, 1), ([0, 2, 1], 1, 2), ([0, 0, 1], 1, 0)] {
        let error = order(&wrong).unwrap_err();
        let FrameError::Sequence { expected: e, got: g } = error else { panic!("{error}") };
        assert_eq!((e, g), (expected, got));
    }
}

#[test]
fn unknown_flags_are_refused() {
    assert!(matches!(read(&make_header(1, 2, 0, b"")), Err(FrameError::Flags(2))));
}

#[test]
fn compressed_payloads_are_only_taken_where_that_was_agreed() {
    let bytes = wait(async {
        let mut bytes = Vec::new();
        FrameWriter::new(&mut bytes).write_compressed(TYPE_DATA_FIRST, b"squeezed").await.unwrap();
        bytes
    });
    assert!(matches!(read(&bytes), Err(FrameError::Flags(FLAG_COMPRESSED))));
    let mut reader = FrameReader::new(bytes.as_slice(), PAYLOAD_BYTES_MAX);
    reader.take_compressed();
    let frame = wait(reader.read()).unwrap();
    assert_eq!((frame.compressed, frame.payload.as_slice()), (true, b"squeezed".as_slice()));
    let mut reader = FrameReader::new(bytes.as_slice(), 7);
    reader.take_compressed();
    assert!(matches!(wait(reader.read()), Err(FrameError::TooLarge { .. })), "the limit is the same");
}

proptest! {
    #[test]
    fn any_frames_come_back(frames in prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..2000)), 0..8)) {
        let borrowed: Vec<(u16, &[u8])> = frames.iter().map(|(kind, payload)| (*kind, payload.as_slice())).collect();
        let back: Vec<_> = read(&written(&borrowed)).unwrap().into_iter().map(|f| (f.kind, f.payload)).collect();
        prop_assert_eq!(back, frames);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }
}

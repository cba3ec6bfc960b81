use super::*;
use model::Mark;
use model::elements::replication::{Compression, Replication};
use tokio::io::{AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};

type Halves = (FrameReader<ReadHalf<DuplexStream>>, FrameWriter<WriteHalf<DuplexStream>>);

fn framed(stream: DuplexStream) -> Halves {
    let (read, write) = tokio::io::split(stream);
    (FrameReader::new(read, 1 << 20), FrameWriter::new(write))
}

fn heartbeat(at: u64) -> Message {
    Message::Heartbeat { at, mark: Mark::default() }
}

#[tokio::test]
async fn messages_arrive_in_order_and_the_end_is_seen_after_them() {
    let (left, right) = tokio::io::duplex(1000);
    let ((lr, lw), (rr, rw)) = (framed(left), framed(right));
    let ((mut a, pump_a), (mut b, pump_b)) =
        (Pump::start(lr, lw, Coding::default()), Pump::start(rr, rw, Coding::default()));
    let sending = tokio::task::spawn_blocking(move || (0..500).for_each(|n| a.send(heartbeat(n)).unwrap()));
    let receiving = tokio::task::spawn_blocking(move || {
        for n in 0..500 {
            assert_eq!(b.receive(Duration::from_secs(10)).unwrap(), Some(heartbeat(n)));
        }
        assert_eq!(b.receive(Duration::from_secs(10)), Err(PeerError::Ended));
    });
    sending.await.unwrap();
    tokio::join!(pump_a.finish(), async { receiving.await.unwrap() });
    pump_b.finish().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_makes_the_session_wait_and_cutting_frees_it() {
    let (left, _right) = tokio::io::duplex(100);
    let (reader, writer) = framed(left);
    let (mut peer, pump) = Pump::start(reader, writer, Coding::default());
    let (sent, mut count) = mpsc::channel(1000);
    let session = tokio::task::spawn_blocking(move || {
        for n in 0.. {
            if let Err(e) = peer.send(heartbeat(n)) {
                return e;
            }
            sent.blocking_send(n).unwrap();
        }
        unreachable!()
    });
    let mut last = 0;
    while let Ok(Some(n)) = timeout(Duration::from_millis(300), count.recv()).await {
        last = n;
    }
    assert!(last as usize <= FRAMES_WAITING_MAX + 4, "{last} messages were buffered");
    pump.cut();
    assert_eq!(session.await.unwrap(), PeerError::Ended);
}

const QUICK: Pace = Pace {
    keep_alive_every: Duration::from_millis(20),
    idle: Duration::from_millis(400),
    frame: Duration::from_secs(4),
    write: Duration::from_millis(400),
};

#[tokio::test]
async fn silence_ends_a_link_and_keep_alives_prevent_it() {
    let (left, right) = tokio::io::duplex(1000);
    let (reader, writer) = framed(left);
    let (mut peer, mut pump) = Pump::start_at(QUICK, reader, writer, Coding::default());
    let (mut other, mut other_writer) = framed(right);
    // Twice the idle time of keep-alives both ways: the link stands.
    for _ in 0..40 {
        assert_eq!(other.read().await.unwrap().kind, TYPE_KEEP_ALIVE);
        other_writer.write(TYPE_KEEP_ALIVE, &[]).await.unwrap();
        other_writer.flush().await.unwrap();
    }
    assert!(!pump.reader.is_finished());
    (&mut pump.reader).await.unwrap();
    let got = tokio::task::spawn_blocking(move || peer.receive(Duration::from_secs(10))).await.unwrap();
    assert!(matches!(&got, Err(PeerError::Failed(why)) if why.contains("nothing came")), "{got:?}");
}

#[tokio::test]
async fn a_peer_that_never_reads_is_given_up() {
    let (left, _right) = tokio::io::duplex(100);
    let (reader, writer) = framed(left);
    let pace = Pace { idle: Duration::from_secs(60), ..QUICK };
    let (mut peer, _pump) = Pump::start_at(pace, reader, writer, Coding::default());
    let session = move || (0..).find_map(|n| peer.send(heartbeat(n)).err()).unwrap();
    let got = tokio::task::spawn_blocking(session).await.unwrap();
    assert!(matches!(&got, PeerError::Failed(why) if why.contains("took nothing")), "{got:?}");
}

#[tokio::test]
async fn a_session_that_waits_to_send_is_freed_when_the_peer_falls_silent() {
    let (left, _right) = tokio::io::duplex(100);
    let (reader, writer) = framed(left);
    let pace = Pace { write: UNTAKEN_MAX, ..QUICK };
    let (mut peer, _pump) = Pump::start_at(pace, reader, writer, Coding::default());
    let session = move || (0..).find_map(|n| peer.send(heartbeat(n)).err()).unwrap();
    let freed = timeout(Duration::from_secs(60), tokio::task::spawn_blocking(session)).await;
    let got = freed.expect("it waits for as long as a busy peer may take").unwrap();
    assert!(matches!(&got, PeerError::Failed(why) if why.contains("nothing came")), "{got:?}");
}

#[tokio::test]
async fn a_peer_that_reads_slowly_and_steadily_keeps_the_link() {
    let (left, right) = tokio::io::duplex(100);
    let ((_, writer), (mut other, _other_writer)) = (framed(left), framed(right));
    let pace = Pace { write: Duration::from_secs(2), ..QUICK };
    let (out, mut outgoing) = mpsc::channel(FRAMES_WAITING_MAX);
    for _ in 0..FRAMES_WAITING_MAX {
        let body = vec![7; 1000];
        assert!(out.try_send(Outgoing { kind: TYPE_DATA_FIRST, compressed: false, body }).is_ok());
    }
    drop(out);
    let writing = tokio::spawn(async move { write_all(pace, writer, &mut outgoing).await });
    // All of them together take longer than the pace, each of them a tenth of it.
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    for frame in 0..FRAMES_WAITING_MAX {
        ticks.tick().await;
        let read = timeout(Duration::from_secs(60), other.read()).await.unwrap();
        assert_eq!(read.map(|frame| frame.payload.len()).map_err(|e| e.to_string()), Ok(1000), "frame {frame}");
    }
    assert_eq!(writing.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn frames_of_other_kinds_end_the_link() {
    let (left, right) = tokio::io::duplex(1000);
    let (reader, writer) = framed(left);
    let (mut peer, _pump) = Pump::start(reader, writer, Coding::default());
    let (_other, mut other_writer) = framed(right);
    other_writer.write(wire::frame::TYPE_CONTROL, b"{}").await.unwrap();
    other_writer.flush().await.unwrap();
    let got = tokio::task::spawn_blocking(move || peer.receive(Duration::from_secs(10))).await.unwrap();
    assert!(matches!(got, Err(PeerError::Failed(_))), "{got:?}");
}

/// F12: what was begun and is not gone on with is silence too.
#[tokio::test]
async fn a_peer_that_falls_silent_within_a_frame_is_given_up() {
    let (left, mut right) = tokio::io::duplex(1000);
    let (reader, writer) = framed(left);
    let (mut peer, _pump) = Pump::start_at(QUICK, reader, writer, Coding::default());
    right.write_all(&frame(TYPE_DATA_FIRST, &[7; 400]).await[..100]).await.unwrap();
    let got = tokio::task::spawn_blocking(move || peer.receive(Duration::from_secs(60))).await.unwrap();
    assert!(matches!(&got, Err(PeerError::Failed(why)) if why.contains("nothing came")), "{got:?}");
}

/// A slow line is no silence: a frame may take longer than the idle time.
#[tokio::test]
async fn a_frame_that_comes_slowly_comes() {
    let (left, right) = tokio::io::duplex(1000);
    let (mut right_read, mut right) = tokio::io::split(right);
    let (reader, writer) = framed(left);
    let pace = Pace { frame: Duration::from_secs(60), ..QUICK };
    let (mut peer, _pump) = Pump::start_at(pace, reader, writer, Coding::default());
    let _draining = tokio::spawn(async move { tokio::io::copy(&mut right_read, &mut tokio::io::sink()).await });
    let receiving = tokio::task::spawn_blocking(move || peer.receive(Duration::from_secs(60)));
    let message = heartbeat(7);
    let bytes = frame(message.kind(), &message.encode()).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    for piece in bytes.chunks(bytes.len() / 8) {
        ticks.tick().await;
        right.write_all(piece).await.unwrap();
    }
    assert_eq!(receiving.await.unwrap(), Ok(Some(message)), "it took twice the idle time");
}

/// And one that drips for ever is no line.
#[tokio::test]
async fn a_frame_that_drips_is_given_up() {
    let (left, mut right) = tokio::io::duplex(10_000);
    let (reader, writer) = framed(left);
    let pace = Pace { keep_alive_every: Duration::from_secs(60), frame: Duration::from_secs(2), ..QUICK };
    let (mut peer, _pump) = Pump::start_at(pace, reader, writer, Coding::default());
    let bytes = frame(TYPE_DATA_FIRST, &[7; 4000]).await;
    let dripping = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        for byte in bytes.chunks(1) {
            ticks.tick().await;
            if right.write_all(byte).await.is_err() {
                return;
            }
        }
    });
    let got = tokio::task::spawn_blocking(move || peer.receive(Duration::from_secs(60))).await.unwrap();
    assert!(matches!(&got, Err(PeerError::Failed(why)) if why.contains("not complete")), "{got:?}");
    dripping.abort();
}

fn data(oid: u64, bytes: Vec<u8>) -> Message {
    Message::Data { oid: replication::meta::Oid(oid), offset: 0, bytes }
}

async fn frame(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    FrameWriter::new(&mut bytes).write(kind, payload).await.unwrap();
    bytes
}

fn source(compression: Compression) -> (Coding, Arc<Outflow>) {
    let outflow = Outflow::new(&Replication { compression, ..Replication::default() });
    let squeezer = Some(Squeezer::new().unwrap());
    (Coding { squeezer, outflow: Some(Arc::clone(&outflow)), ..Coding::default() }, outflow)
}

#[tokio::test]
async fn what_was_compressed_arrives_as_it_was() {
    let (left, right) = tokio::io::duplex(100_000);
    let ((lr, lw), (mut rr, rw)) = (framed(left), framed(right));
    rr.take_compressed();
    let (coding, outflow) = source(Compression::Zstd);
    let expanding = Coding { expander: Some(Expander::new(1 << 20).unwrap()), ..Coding::default() };
    let ((mut a, _pump_a), (mut b, _pump_b)) = (Pump::start(lr, lw, coding), Pump::start(rr, rw, expanding));
    let messages = [data(1, b"text ".repeat(50_000)), heartbeat(1), data(2, vec![0; 250_000]), heartbeat(2)];
    let sent = messages.clone();
    let sending = tokio::task::spawn_blocking(move || sent.into_iter().for_each(|message| a.send(message).unwrap()));
    let receiving = tokio::task::spawn_blocking(move || {
        for message in messages {
            assert_eq!(b.receive(Duration::from_secs(60)), Ok(Some(message)));
        }
    });
    sending.await.unwrap();
    receiving.await.unwrap();
    assert!(outflow.sent().raw_bytes > 500_000);
}

/// Each message as it is written, when it was squeezed.
#[test]
fn compression_is_begun_and_ended_while_a_link_stands() {
    let (mut coding, outflow) = source(Compression::None);
    let message = data(1, b"text ".repeat(50_000));
    assert!(!coding.outgoing(&message).compressed);
    outflow.set_compression(Compression::Zstd);
    let squeezed = coding.outgoing(&message);
    assert!(squeezed.compressed && squeezed.body.len() < 10_000);
    assert!(!coding.outgoing(&heartbeat(1)).compressed, "too small to be worth it");
    outflow.set_compression(Compression::None);
    assert!(!coding.outgoing(&message).compressed);
    let (mut older, _outflow) = source(Compression::Zstd);
    older.squeezer = None;
    assert!(!older.outgoing(&message).compressed, "the other end does not expect it");
}

/// F79.
#[tokio::test]
async fn a_bomb_ends_the_session_and_nothing_of_it_is_held() {
    let squeezed = Squeezer::new().unwrap().squeeze(None, &vec![0; 1 << 20]).unwrap();
    let bomb = [&u32::MAX.to_le_bytes(), &squeezed[4..]].concat();
    let (left, right) = tokio::io::duplex(100_000);
    let ((mut lr, lw), (_, mut rw)) = (framed(left), framed(right));
    lr.take_compressed();
    let expanding = Coding { expander: Some(Expander::new(1 << 20).unwrap()), ..Coding::default() };
    let (mut peer, _pump) = Pump::start(lr, lw, expanding);
    rw.write_compressed(TYPE_DATA_FIRST, &bomb).await.unwrap();
    rw.flush().await.unwrap();
    let got = tokio::task::spawn_blocking(move || peer.receive(Duration::from_secs(60))).await.unwrap();
    assert!(matches!(&got, Err(PeerError::Failed(why)) if why.contains("larger than the limit")), "{got:?}");
}

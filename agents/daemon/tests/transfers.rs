//! How changes travel between whole agents: limits, compression, and a target that takes nothing.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fleet;

use fleet::{DEADLINE, Pair, eventually};
use model::{
    AssignmentStatus, Direction, Epoch, Stream,
    agent_status::{LinkState, OutStatus},
    elements::replication::{BandwidthLimit, Compression, Replication},
    units::Rate,
};
use replication::{
    message::{Entry, Message},
    meta::{Meta, ObjectKind},
};
use std::fs;
use tokio::{io::AsyncReadExt, net::TcpListener, time::timeout};
use wire::{
    control::{self, StreamAnswer, StreamHello},
    frame::{FrameReader, FrameWriter},
    tls::{self, ClientCertificate},
};

fn out<'a>(status: &'a AssignmentStatus, target: &str) -> Option<&'a OutStatus> {
    status.source.as_ref()?.streams.iter().find(|stream| stream.target.as_str() == target)
}

fn follows(status: &AssignmentStatus, target: &str) -> bool {
    out(status, target).is_some_and(|stream| stream.state == LinkState::Following && stream.synced.is_some())
}

/// Waits until the file is at the replica, and returns what the stream sent for it.
async fn copied(pair: &Pair, name: &str, content: &[u8]) -> (u64, u64) {
    let until = |what| pair.controller.until("mx1", what, |status| follows(status, "dublin"));
    let before = out(&until("following").await, "dublin").unwrap().sent.unwrap();
    fs::write(pair.primary.path("root").join(name), content).unwrap();
    eventually("the file at the replica", || {
        fs::read(pair.dublin.path("root").join(name)).is_ok_and(|there| there == content)
    })
    .await;
    let least = before.raw_bytes + content.len() as u64;
    let counted = |status: &AssignmentStatus| out(status, "dublin").is_some_and(|s| s.sent.unwrap().raw_bytes >= least);
    let after = out(&pair.controller.until("mx1", "counted", counted).await, "dublin").unwrap().sent.unwrap();
    (after.raw_bytes - before.raw_bytes, after.wire_bytes - before.wire_bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_compression_change_while_a_stream_goes_on() {
    let pair = Pair::start().await;
    pair.at_home(1);
    let status = pair.controller.until("mx1", "following", |status| follows(status, "dublin")).await;
    assert_eq!(out(&status, "dublin").unwrap().bandwidth, Some(Default::default()), "no limit, and that is known");
    let text = b"a line of text, as there are many\n".repeat(60_000);
    let (raw, wire) = copied(&pair, "squeezed", &text).await;
    assert!(wire * 10 < raw, "{wire} bytes for {raw}");

    let limits = vec![BandwidthLimit { limit: Rate::mbit(8), window: None }];
    let plain = Replication { bandwidth: limits, compression: Compression::None, ..Replication::default() };
    pair.controller.change("mx1", |given| given.replication = plain);
    let limited = |status: &AssignmentStatus| {
        let bandwidth = out(status, "dublin").and_then(|stream| stream.bandwidth.clone());
        bandwidth.is_some_and(|bandwidth| bandwidth.in_words() == "limit 8Mbit/s")
    };
    pair.controller.until("mx1", "limited", limited).await;
    let began = tokio::time::Instant::now();
    let (raw, wire) = copied(&pair, "plain", &text).await;
    // Two megabytes at one in a second; a tenth may have been saved up.
    assert!(wire > raw && began.elapsed().as_millis() > 1500, "{wire} bytes for {raw} in {:?}", began.elapsed());

    pair.controller.change("mx1", |given| given.replication = Replication::default());
    let status = pair.controller.until("mx1", "free again", |status| !limited(status)).await;
    // A stream that was dialled anew for this would have been lost in between, and say so.
    assert!(follows(&status, "dublin") && out(&status, "dublin").unwrap().problem.is_none());
    pair.stop().await;
}

/// A target that greets and never reads.
async fn deaf(listener: TcpListener, config: std::sync::Arc<rustls::ServerConfig>) {
    let (stream, _) = listener.accept().await.unwrap();
    let (stream, _) = tls::accept(&config, stream).await.unwrap();
    let (read, write) = tokio::io::split(stream);
    let (mut reader, mut writer) = (FrameReader::new(read, 1 << 20), FrameWriter::new(write));
    control::receive::<_, StreamHello>(&mut reader).await.unwrap();
    // As a target of before there was compression.
    control::send(&mut writer, &StreamAnswer::Accepted).await.unwrap();
    let welcome = Message::Welcome { lineage: None, synced: None, dirty: false };
    writer.write(welcome.kind(), &welcome.encode()).await.unwrap();
    writer.flush().await.unwrap();
    reader.read().await.unwrap(); // what it is to list; it reads nothing after that
    let kind = ObjectKind::Directory;
    let meta = Meta {
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: (0, 0),
        size: 0,
        rdev: 0,
        link: Vec::new(),
        xattrs: Vec::new(),
    };
    let listing = Message::Listing(vec![Entry { root: 0, path: Vec::new(), meta, object: 1, hash: None }]);
    writer.write(listing.kind(), &listing.encode()).await.unwrap();
    let end = Message::ListingEnd { unreadable: 0 };
    writer.write(end.kind(), &end.encode()).await.unwrap();
    loop {
        writer.write(2, &[]).await.unwrap();
        writer.flush().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

/// F11.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_never_reads_does_not_hold_up_another() {
    let pair = Pair::start().await;
    let noise: Vec<u8> = (0..4_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(pair.primary.path("root/large"), &noise).unwrap();
    let identity = pair.controller.authority.issue_agent(&"mx3".into()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let galway = Stream {
        direction: Direction::Out,
        source: "primary".into(),
        target: "galway".into(),
        peer_host: "mx3".into(),
        peer_key: Some(identity.subject().unwrap().key),
        address: listener.local_addr().unwrap().to_string(),
        epoch: Epoch(1),
        set_aside: None,
        lossy: Default::default(),
    };
    let config = tls::server_config(&identity, ClientCertificate::Required).unwrap();
    let deaf = tokio::spawn(deaf(listener, config));
    let mut given = pair.given(&pair.primary, &pair.primary, 1);
    given.streams.insert(0, galway);
    pair.controller.give("mx1", given);
    let waits = |status: &AssignmentStatus| {
        out(status, "galway")
            .is_some_and(|s| s.state == LinkState::Synchronizing && s.sent.unwrap().raw_bytes > 1 << 20)
    };
    pair.controller.until("mx1", "sending to the deaf one", waits).await;
    pair.controller.give("mx2", pair.given(&pair.dublin, &pair.primary, 1));
    pair.controller.until("mx1", "following", |status| follows(status, "dublin")).await;
    copied(&pair, "small", b"small").await;
    let status = pair.controller.until("mx1", "both", |_| true).await;
    let stuck = out(&status, "galway").unwrap();
    // What waits for it is bounded: our queue, and what lies in the system.
    assert!(!deaf.is_finished() && stuck.synced.is_none(), "{stuck:?}");
    assert!(stuck.sent.unwrap().raw_bytes < noise.len() as u64, "{stuck:?}");
    deaf.abort();
    pair.stop().await;
}

/// F12: after TLS, and in the middle of the greeting's frame.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_silent_after_tls_or_within_its_greeting_is_cut_off() {
    let pair = Pair::start().await;
    pair.at_home(1);
    let own = wire::identity::Identity::load(&pair.primary.path("state")).unwrap();
    let config = tls::client_config(&own).unwrap();
    let host = "mx2".into();
    for first in [&b""[..], &[200, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, b'{']] {
        let stream = tokio::net::TcpStream::connect(pair.dublin.address).await.unwrap();
        let expected = tls::Expected::Agent { host: &host, key: &pair.dublin.key };
        let (mut stream, _) = tls::connect(&config, stream, expected).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, first).await.unwrap();
        tokio::io::AsyncWriteExt::flush(&mut stream).await.unwrap();
        let ended = timeout(DEADLINE, stream.read(&mut [0; 1])).await.expect("it was held for ever");
        assert!(!matches!(ended, Ok(1..)), "nothing is said to it");
    }
    pair.stop().await;
}

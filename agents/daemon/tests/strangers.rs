//! What comes to the replication port of a whole agent from those who have no business there.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fleet;

use fleet::{DEADLINE, Pair};
use model::{Epoch, Role};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use wire::{
    control::{self, PROTOCOL, StreamAnswer, StreamHello},
    frame::{FrameReader, FrameWriter},
    identity::{Authority, Identity},
    tls::{self, Expected},
};

fn hello() -> StreamHello {
    StreamHello {
        protocol: PROTOCOL,
        scenario: "shop".into(),
        source: "primary".into(),
        target: "dublin".into(),
        epoch: Epoch(1),
        replication: model::elements::replication::Replication::default(),
        features: Vec::new(),
    }
}

/// Dials `dublin` as `identity` and says `hello`; the answer, or `None` when the connection was closed instead.
async fn say(pair: &Pair, identity: &Identity, hello: &StreamHello) -> Option<StreamAnswer> {
    let stream = TcpStream::connect(pair.dublin.address).await.unwrap();
    let host = "mx2".into();
    let expected = Expected::Agent { host: &host, key: &pair.dublin.key };
    let (stream, _) = tls::connect(&tls::client_config(identity).unwrap(), stream, expected).await.ok()?;
    let (read, write) = tokio::io::split(stream);
    let (mut reader, mut writer) = (FrameReader::new(read, 1 << 20), FrameWriter::new(write));
    control::send(&mut writer, hello).await.ok()?;
    timeout(DEADLINE, control::receive(&mut reader)).await.unwrap().ok()
}

fn refused(answer: Option<StreamAnswer>) -> (String, Epoch) {
    match answer {
        Some(StreamAnswer::Refused { reason, epoch }) => (reason, epoch),
        other => panic!("not refused: {other:?}"),
    }
}

async fn following_pair() -> Pair {
    let pair = Pair::start().await;
    pair.at_home(1);
    pair.controller.until("mx2", "standby", |s| s.role == Role::Standby && s.target.is_some()).await;
    pair
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_key_of_the_stream_gets_in_and_only_with_its_greeting() {
    let pair = following_pair().await;
    let own = Identity::load(&pair.primary.path("state")).unwrap();
    // Same host, same authority, another key: as after a reinstallation that joined anew.
    let namesake = pair.controller.authority.issue_agent(&"mx1".into()).unwrap();
    let other = pair.controller.authority.issue_agent(&"mx3".into()).unwrap();
    let controller = pair.controller.authority.issue_controller(&["127.0.0.1".to_owned()]).unwrap();
    let foreign = Authority::create().unwrap().issue_agent(&"mx1".into()).unwrap();
    let mixed = Identity { authority: own.authority.clone(), ..foreign };
    assert!(refused(say(&pair, &namesake, &hello()).await).0.contains("not the key"));
    assert!(refused(say(&pair, &other, &hello()).await).0.contains("only the agent of mx1"));
    assert_eq!(refused(say(&pair, &controller, &hello()).await).1, Epoch(0));
    assert_eq!(say(&pair, &mixed, &hello()).await, None, "a foreign authority does not even get an answer");
    for wrong in [
        StreamHello { protocol: 99, ..hello() },
        StreamHello { scenario: "mail".into(), ..hello() },
        StreamHello { source: "dublin".into(), ..hello() },
        StreamHello { target: "primary".into(), ..hello() },
        StreamHello { epoch: Epoch(0), ..hello() },
        StreamHello { epoch: Epoch(2), ..hello() },
        StreamHello { epoch: Epoch(u64::MAX), ..hello() },
    ] {
        refused(say(&pair, &own, &wrong).await);
    }
    let status = pair.controller.until("mx2", "unmoved", |s| s.epoch == Epoch(1)).await;
    assert_eq!((status.role, status.problem), (Role::Standby, None));
    assert_eq!(say(&pair, &own, &hello()).await, Some(StreamAnswer::Accepted));
    // An older source offers nothing and is told nothing of it; of what a newer one offers, the known part is taken.
    let newer = StreamHello { features: vec!["levitation".into(), "zstd".into()], ..hello() };
    let with = StreamAnswer::AcceptedWith { features: vec!["zstd".into()] };
    assert_eq!(say(&pair, &own, &newer).await, Some(with));
    pair.stop().await;
}

/// Whether the other end closes the connection, however much it says before.
async fn is_closed(mut stream: TcpStream) -> bool {
    let mut sink = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut sink)).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_silence_and_oversized_greetings_are_cut_off() {
    let pair = following_pair().await;
    let address: SocketAddr = pair.dublin.address;
    let silent = TcpStream::connect(address).await.unwrap();
    let mut noisy = TcpStream::connect(address).await.unwrap();
    noisy.write_all(b"GET / HTTP/1.1\r\nHost: mx2\r\n\r\n").await.unwrap();
    let greeting = oversized(&pair, address);
    let (silent, noisy, greeting) = tokio::join!(is_closed(silent), is_closed(noisy), greeting);
    assert!(silent && noisy && greeting);
    pair.stop().await;
}

/// A frame header that promises 512 MiB, from an agent that belongs here.
async fn oversized(pair: &Pair, address: SocketAddr) -> bool {
    let own = Identity::load(&pair.primary.path("state")).unwrap();
    let (host, config) = ("mx2".into(), Arc::clone(&tls::client_config(&own).unwrap()));
    let stream = TcpStream::connect(address).await.unwrap();
    let expected = Expected::Agent { host: &host, key: &pair.dublin.key };
    let (mut stream, _) = tls::connect(&config, stream, expected).await.unwrap();
    let mut header = [0u8; 20];
    header[..4].copy_from_slice(&(512u32 << 20).to_le_bytes());
    header[4] = 1;
    stream.write_all(&header).await.unwrap();
    stream.flush().await.unwrap();
    let mut sink = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut sink)).await.is_ok()
}

//! Over real TLS on the loopback device.

use super::*;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};
use wire::{
    identity::Authority,
    tls::{self, ClientCertificate, Expected},
};

const LONG: Duration = Duration::from_secs(60);

/// A sending end under the rules of `outflow`, and the receiving end as it comes from the system.
async fn connected(outflow: &Arc<Outflow>) -> (Metered, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialled = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (outflow.connected(dialled).unwrap(), listener.accept().await.unwrap().0)
}

fn option<T: Default>(socket: &impl AsFd, level: libc::c_int, name: libc::c_int) -> T {
    let (mut value, mut size) = (T::default(), size_of::<T>() as libc::socklen_t);
    // SAFETY: `value` is `size` bytes long.
    let got =
        unsafe { libc::getsockopt(socket.as_fd().as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut size) };
    assert_eq!(got, 0, "{}", io::Error::last_os_error());
    value
}

fn pacing(metered: &Metered) -> libc::c_ulong {
    option(&metered.stream, libc::SOL_SOCKET, libc::SO_MAX_PACING_RATE)
}

/// Bytes in a second that arrive over TLS, encrypted, under `limit`.
///
/// Counted where they arrive: that a socket took them says nothing.
async fn arriving(limit: Rate, time: Duration) -> f64 {
    let authority = Authority::create().unwrap();
    let target = authority.issue_agent(&"mx2".into()).unwrap();
    let source = authority.issue_agent(&"mx1".into()).unwrap();
    let outflow = Outflow::new(&Replication::default());
    outflow.set_limit(Some(limit));
    let (sending, receiving) = connected(&outflow).await;
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let onward = TcpStream::connect(relay.local_addr().unwrap()).await.unwrap();
    let (accepted, server) =
        (relay.accept().await.unwrap().0, tls::server_config(&target, ClientCertificate::Required));
    let server = server.unwrap();
    let receiver = tokio::spawn(async move {
        let (mut secured, _) = tls::accept(&server, accepted).await.unwrap();
        let _ = tokio::io::copy(&mut secured, &mut tokio::io::sink()).await;
    });
    let arrived = Arc::new(AtomicU64::default());
    let counted = relayed(receiving, onward, Arc::clone(&arrived));
    let (client, host, key) = (tls::client_config(&source).unwrap(), "mx2".into(), target.subject().unwrap().key);
    let (mut secured, _) = tls::connect(&client, sending, Expected::Agent { host: &host, key: &key }).await.unwrap();
    let writer = tokio::spawn(async move {
        let piece = vec![7; 256 << 10];
        while secured.write_all(&piece).await.is_ok() {}
    });
    // The first half second fills what lies between.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (begin, before) = (Instant::now(), arrived.load(Relaxed));
    tokio::time::sleep(time).await;
    let rate = (arrived.load(Relaxed) - before) as f64 / begin.elapsed().as_secs_f64();
    [writer, receiver, counted].iter().for_each(tokio::task::JoinHandle::abort);
    assert!(outflow.sent().wire_bytes >= arrived.load(Relaxed));
    rate
}

/// Passes bytes on both ways and counts those of one.
fn relayed(from: TcpStream, to: TcpStream, arrived: Arc<AtomicU64>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let ((mut from_read, mut from_write), (mut to_read, mut to_write)) = (from.into_split(), to.into_split());
        let back = async move { tokio::io::copy(&mut to_read, &mut from_write).await.map(drop) };
        let forth = async move {
            let mut buffer = vec![0; 64 << 10];
            loop {
                let bytes = from_read.read(&mut buffer).await?;
                if bytes == 0 {
                    return Ok(());
                }
                arrived.fetch_add(bytes as u64, Relaxed);
                to_write.write_all(&buffer[..bytes]).await?;
            }
        };
        let _: (io::Result<()>, io::Result<()>) = tokio::join!(back, forth);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_the_limit_goes_over_the_wire() {
    let (five, twenty) = (Rate(5 * 8_000_000), Rate(20 * 8_000_000));
    let time = Duration::from_secs(4);
    for (limit, rate) in [(five, arriving(five, time).await), (twenty, arriving(twenty, time).await)] {
        let share = rate / limit.bytes_per_second() as f64;
        // A machine that is busy with other tests may send less, and never more.
        assert!((0.8..=1.05).contains(&share), "{limit}: {share:.3} of it went");
    }
}

#[tokio::test]
async fn the_system_is_told_of_the_limit_and_of_each_change() {
    let outflow = Outflow::new(&Replication::default());
    let (metered, _other) = connected(&outflow).await;
    assert_eq!(pacing(&metered), libc::c_ulong::MAX);
    assert_eq!(option::<u32>(&metered.stream, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT), NOT_SENT_BYTES_MAX);
    outflow.set_limit(Some(Rate::mbit(50)));
    assert_eq!(pacing(&metered), 6_250_000);
    outflow.set_limit(None);
    assert_eq!(pacing(&metered), libc::c_ulong::MAX);
    outflow.set_limit(Some(Rate::mbit(8)));
    let (next, _another) = connected(&outflow).await;
    assert_eq!(pacing(&next), 1_000_000);
    drop(metered);
    outflow.set_limit(Some(Rate::mbit(16)));
    assert_eq!(pacing(&next), 2_000_000, "the end of an old connection is not that of the new one");
}

#[tokio::test]
async fn a_connection_ends_when_its_link_lets_it_go() {
    let outflow = Outflow::new(&Replication::default());
    let (metered, mut other) = connected(&outflow).await;
    drop(metered);
    let read = timeout(LONG, other.read(&mut [0; 10])).await.expect("the link holds no descriptor of it");
    assert_eq!(read.unwrap(), 0);
}

#[tokio::test]
async fn a_limit_that_is_lifted_is_lifted_for_what_waits() {
    let outflow = Outflow::new(&Replication::default());
    outflow.set_limit(Some(Rate(64_000)));
    let (mut metered, mut other) = connected(&outflow).await;
    let writing = tokio::spawn(async move {
        metered.write_all(&vec![7; 4 << 20]).await.unwrap();
        metered.shutdown().await.unwrap();
    });
    let mut first = vec![0; 4 << 10];
    timeout(LONG, other.read_exact(&mut first)).await.unwrap().unwrap();
    assert!(!writing.is_finished(), "eight minutes of it are left");
    outflow.set_limit(None);
    let rest = timeout(LONG, tokio::io::copy(&mut other, &mut tokio::io::sink())).await.unwrap().unwrap();
    assert_eq!(first.len() as u64 + rest, 4 << 20);
    writing.await.unwrap();
    assert_eq!(outflow.sent().wire_bytes, 4 << 20);
}

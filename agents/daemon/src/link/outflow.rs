//! What an outgoing link may send, and has sent. It outlives the connections of the link.

use super::bucket::Bucket;
use crate::agent::lock;
use model::{
    agent_status::Sent,
    elements::replication::{Compression, Replication},
    units::Rate,
};
use std::{
    io::{self, IoSlice},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Instant,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

/// What the system holds beyond what is on its way; the rest waits here, where a new limit counts for it at once.
const NOT_SENT_BYTES_MAX: u32 = 256 << 10;

/// The rules and the counts of an outgoing link.
pub struct Outflow {
    bucket: Mutex<Bucket>,
    /// The connection that stands. Let go of with it, so that it is closed when it should be.
    socket: Mutex<Option<OwnedFd>>,
    compress: AtomicBool,
    raw_bytes: AtomicU64,
    wire_bytes: AtomicU64,
}

impl Outflow {
    pub fn new(replication: &Replication) -> Arc<Self> {
        let outflow = Self {
            bucket: Mutex::new(Bucket::new(Instant::now())),
            socket: Mutex::default(),
            compress: AtomicBool::default(),
            raw_bytes: AtomicU64::default(),
            wire_bytes: AtomicU64::default(),
        };
        outflow.set_compression(replication.compression);
        Arc::new(outflow)
    }

    pub fn set_compression(&self, compression: Compression) {
        self.compress.store(compression == Compression::Zstd, Relaxed);
    }

    pub fn compresses(&self) -> bool {
        self.compress.load(Relaxed)
    }

    /// Sets the limit, on the connection that stands as well.
    pub fn set_limit(&self, limit: Option<Rate>) {
        let rate = limit.map(Rate::bytes_per_second);
        {
            let mut bucket = lock(&self.bucket);
            if bucket.rate() == rate {
                return;
            }
            bucket.set_rate(rate, Instant::now());
        }
        if let Some(socket) = &*lock(&self.socket) {
            pace(socket.as_fd(), rate);
        }
    }

    /// Bytes of messages that were given to be sent, before compression.
    pub fn count_raw(&self, bytes: usize) {
        self.raw_bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub fn sent(&self) -> Sent {
        Sent { raw_bytes: self.raw_bytes.load(Relaxed), wire_bytes: self.wire_bytes.load(Relaxed) }
    }

    /// Lets a new connection go by the rules of the link.
    pub fn connected(self: &Arc<Self>, stream: TcpStream) -> io::Result<Metered> {
        set_option(stream.as_fd(), libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, NOT_SENT_BYTES_MAX)?;
        let mut socket = lock(&self.socket);
        if let Some(rate) = lock(&self.bucket).rate() {
            pace(stream.as_fd(), Some(rate));
        }
        let held = stream.as_fd().try_clone_to_owned()?;
        let number = held.as_raw_fd();
        *socket = Some(held);
        drop(socket);
        Ok(Metered { stream, outflow: Arc::clone(self), number, rest: None })
    }
}

/// Has the system spread what is sent, also between two looks of ours. Where it cannot, the bucket alone keeps the
/// limit, in small bursts.
fn pace(socket: BorrowedFd<'_>, rate: Option<u64>) {
    let rate = rate.map_or(libc::c_ulong::MAX, |rate| libc::c_ulong::try_from(rate).unwrap_or(libc::c_ulong::MAX));
    if let Err(e) = set_option(socket, libc::SOL_SOCKET, libc::SO_MAX_PACING_RATE, rate) {
        tracing::debug!(%e, "a connection cannot be paced by the system");
    }
}

fn set_option<T>(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: T) -> io::Result<()> {
    let size = libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open, and `value` is `size` bytes long for as long as the call takes.
    let set = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), size) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A connection whose sending half is counted, and held back when too much went.
pub struct Metered {
    stream: TcpStream,
    outflow: Arc<Outflow>,
    /// The descriptor that the link holds of it.
    number: RawFd,
    /// Until when nothing may go.
    rest: Option<Pin<Box<Sleep>>>,
}

impl Metered {
    /// How many of `wanted` bytes may go now.
    fn poll_allowed(&mut self, wanted: usize, cx: &mut Context<'_>) -> Poll<usize> {
        loop {
            if let Some(rest) = &mut self.rest {
                ready!(rest.as_mut().poll(cx));
                self.rest = None;
            }
            match lock(&self.outflow.bucket).allow(wanted, Instant::now()) {
                Ok(bytes) => return Poll::Ready(bytes),
                Err(wait) => self.rest = Some(Box::pin(tokio::time::sleep(wait))),
            }
        }
    }

    fn count(&self, bytes: usize) {
        lock(&self.outflow.bucket).spend(bytes);
        self.outflow.wire_bytes.fetch_add(bytes as u64, Relaxed);
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        let mut socket = lock(&self.outflow.socket);
        // The next connection may stand already.
        if socket.as_ref().is_some_and(|held| held.as_raw_fd() == self.number) {
            *socket = None;
        }
    }
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        // The system first: what may go is not saved up for a peer that takes nothing.
        ready!(self.stream.poll_write_ready(cx))?;
        let allowed = ready!(self.poll_allowed(buffer.len(), cx));
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &buffer[..allowed]))?;
        self.count(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if lock(&self.outflow.bucket).rate().is_some() {
            let first = buffers.iter().find(|buffer| !buffer.is_empty());
            return self.poll_write(cx, first.map_or(&[], |buffer| buffer));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, buffers))?;
        self.count(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;

//! The frame on every connection: `len u32 | type u16 | flags u16 | seq u64 | crc32c u32 | payload`, little endian.
//! `len` counts the payload; the checksum covers header fields and payload.

use std::{io, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

pub const HEADER_BYTES: usize = 20;

/// Largest payload on a data connection.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// Frame types that are not data messages of the replication crate.
pub const TYPE_CONTROL: u16 = 1;
/// The payload is compressed; only read where both ends have agreed on it.
pub const FLAG_COMPRESSED: u16 = 1;
/// Types from here on belong to the replication crate.
pub const TYPE_DATA_FIRST: u16 = 0x100;

/// One frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    pub kind: u16,
    pub seq: u64,
    pub compressed: bool,
    pub payload: Vec<u8>,
}

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("frame of {length} bytes is larger than the limit of {limit}")]
    TooLarge { length: usize, limit: usize },
    #[error("frame checksum does not match")]
    Checksum,
    #[error("frame {got} came where {expected} was due")]
    Sequence { expected: u64, got: u64 },
    #[error("unknown frame flags {0:#06x}")]
    Flags(u16),
    #[error("the connection ended")]
    Ended,
    #[error("nothing came from the peer for {0:?}")]
    Silent(Duration),
    #[error("the connection failed")]
    Io(#[from] io::Error),
}

/// Reads frames in order, refusing any that is damaged, too large or out of sequence.
pub struct FrameReader<R> {
    inner: R,
    limit: usize,
    /// Flags that are understood now.
    flags: u16,
    next: u64,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub fn new(inner: R, limit: usize) -> Self {
        Self { inner, limit, flags: 0, next: 0 }
    }

    /// Changes the largest payload read from now on, once the peer is known better.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Takes compressed payloads from now on. They are given as they came: `compression` expands them.
    pub fn take_compressed(&mut self) {
        self.flags |= FLAG_COMPRESSED;
    }

    /// Waits for the next frame. Not cancel-safe: drop the reader when a read was cancelled.
    pub async fn read(&mut self) -> Result<Frame, FrameError> {
        self.read_within(None).await
    }

    /// As `read`, and ends when not a byte has come for `idle`. A large frame on a slow line takes longer than that.
    pub async fn read_within(&mut self, idle: Option<Duration>) -> Result<Frame, FrameError> {
        let mut header = [0u8; HEADER_BYTES];
        fill(&mut self.inner, &mut header, idle).await?;
        let (length, kind, flags, seq, crc) = parse_header(&header);
        if length > self.limit {
            return Err(FrameError::TooLarge { length, limit: self.limit });
        }
        if flags & !self.flags != 0 {
            return Err(FrameError::Flags(flags));
        }
        let mut payload = vec![0; length];
        fill(&mut self.inner, &mut payload, idle).await?;
        if checksum(&header, &payload) != crc {
            return Err(FrameError::Checksum);
        }
        if seq != self.next {
            return Err(FrameError::Sequence { expected: self.next, got: seq });
        }
        self.next += 1;
        Ok(Frame { kind, seq, compressed: flags & FLAG_COMPRESSED != 0, payload })
    }
}

/// Writes frames with consecutive sequence numbers.
pub struct FrameWriter<W> {
    inner: W,
    next: u64,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    pub fn new(inner: W) -> Self {
        Self { inner, next: 0 }
    }

    /// Writes one frame without flushing.
    pub async fn write(&mut self, kind: u16, payload: &[u8]) -> Result<(), FrameError> {
        self.write_flagged(kind, 0, payload).await
    }

    /// Writes one frame whose payload was compressed, without flushing.
    pub async fn write_compressed(&mut self, kind: u16, payload: &[u8]) -> Result<(), FrameError> {
        self.write_flagged(kind, FLAG_COMPRESSED, payload).await
    }

    async fn write_flagged(&mut self, kind: u16, flags: u16, payload: &[u8]) -> Result<(), FrameError> {
        if payload.len() > u32::MAX as usize {
            return Err(FrameError::TooLarge { length: payload.len(), limit: u32::MAX as usize });
        }
        let header = make_header(kind, flags, self.next, payload);
        self.next += 1;
        self.inner.write_all(&header).await?;
        self.inner.write_all(payload).await?;
        Ok(())
    }

    pub async fn flush(&mut self) -> Result<(), FrameError> {
        Ok(self.inner.flush().await?)
    }

    /// Flushes and closes the sending half, so that the peer reads everything before it sees the end.
    pub async fn shutdown(&mut self) -> Result<(), FrameError> {
        self.inner.flush().await?;
        Ok(self.inner.shutdown().await?)
    }
}

async fn fill<R: AsyncRead + Unpin>(from: &mut R, buffer: &mut [u8], idle: Option<Duration>) -> Result<(), FrameError> {
    let mut filled = 0;
    while filled < buffer.len() {
        let reading = from.read(&mut buffer[filled..]);
        let read = match idle {
            Some(idle) => timeout(idle, reading).await.map_err(|_| FrameError::Silent(idle))?,
            None => reading.await,
        };
        match read {
            Ok(0) => return Err(FrameError::Ended),
            Ok(bytes) => filled += bytes,
            // Some say so of a connection that was not closed as it should be.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(FrameError::Ended),
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    Ok(())
}

fn parse_header(h: &[u8; HEADER_BYTES]) -> (usize, u16, u16, u64, u32) {
    let u32_at = |i: usize| u32::from_le_bytes([h[i], h[i + 1], h[i + 2], h[i + 3]]);
    let u16_at = |i: usize| u16::from_le_bytes([h[i], h[i + 1]]);
    let seq = u64::from(u32_at(8)) | u64::from(u32_at(12)) << 32;
    (u32_at(0) as usize, u16_at(4), u16_at(6), seq, u32_at(16))
}

fn make_header(kind: u16, flags: u16, seq: u64, payload: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0u8; HEADER_BYTES];
    header[0..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[4..6].copy_from_slice(&kind.to_le_bytes());
    header[6..8].copy_from_slice(&flags.to_le_bytes());
    header[8..16].copy_from_slice(&seq.to_le_bytes());
    let crc = checksum(&header, payload);
    header[16..20].copy_from_slice(&crc.to_le_bytes());
    header
}

fn checksum(header: &[u8; HEADER_BYTES], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&header[..16]), payload)
}

#[cfg(test)]
mod tests;

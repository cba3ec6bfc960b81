//! Compressed payloads of data frames: `length of the original, u32, little-endian | one zstd frame`.
//!
//! Each payload stands for itself, so that a lost connection loses no state, and nothing of one file shows in the size
//! of another.

use std::io;

/// What a source offers, and a target accepts, in the greeting of a stream.
pub const FEATURE_ZSTD: &str = "zstd";

/// Of zstd. Measured by `level` in the tests on 128 MiB of /usr/share in pieces of at most 256 KiB, one busy core:
/// level -1 251 MiB/s x2.28, **1** 272 MiB/s x2.55, 3 214 MiB/s x2.66. The fast levels save no time worth their size.
const LEVEL: i32 = 1;
/// Payloads below it go as they are: there is little to gain, and a head of their own to carry.
const SIZE_MIN: usize = 512;
/// A larger payload is judged by its beginning first.
const PROBE_BYTES: usize = 16 << 10;
/// How many pieces of an object in turn are left alone at most, after some did not become smaller.
const REST_MAX: u32 = 63;
const HEAD_BYTES: usize = 4;

/// Compresses what becomes smaller by it.
pub struct Squeezer {
    context: zstd::bulk::Compressor<'static>,
    /// The object whose last piece did not become smaller.
    tough: Option<u64>,
    /// How many of its pieces are to be left alone now, and how many after the next failure.
    rest: u32,
    next_rest: u32,
}

/// Whether a payload of `after` bytes instead of `before` is worth the work at the other end.
fn is_worth(before: usize, after: usize) -> bool {
    after < before - before / 10
}

impl Squeezer {
    pub fn new() -> io::Result<Self> {
        let context = zstd::bulk::Compressor::new(LEVEL)?;
        Ok(Self { context, tough: None, rest: 0, next_rest: 1 })
    }

    /// The compressed payload, or `None` when `raw` is to be sent as it is. Of an `object` whose pieces do not become
    /// smaller, fewer and fewer are tried.
    pub fn squeeze(&mut self, object: Option<u64>, raw: &[u8]) -> Option<Vec<u8>> {
        if raw.len() < SIZE_MIN || self.rests(object) {
            return None;
        }
        let squeezed = self.attempt(raw);
        match (&squeezed, object) {
            (None, Some(object)) => self.note_tough(object),
            (Some(_), Some(object)) if self.tough == Some(object) => self.tough = None,
            _ => {}
        }
        squeezed
    }

    fn rests(&mut self, object: Option<u64>) -> bool {
        let rests = object.is_some() && object == self.tough && self.rest > 0;
        if rests {
            self.rest -= 1;
        }
        rests
    }

    fn note_tough(&mut self, object: u64) {
        self.next_rest = if self.tough == Some(object) { (self.next_rest * 2 + 1).min(REST_MAX) } else { 1 };
        (self.tough, self.rest) = (Some(object), self.next_rest);
    }

    fn attempt(&mut self, raw: &[u8]) -> Option<Vec<u8>> {
        if raw.len() > PROBE_BYTES && !is_worth(PROBE_BYTES, self.compress(&raw[..PROBE_BYTES])?.len()) {
            return None;
        }
        self.compress(raw).filter(|squeezed| is_worth(raw.len(), squeezed.len()))
    }

    fn compress(&mut self, raw: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(HEAD_BYTES + zstd::zstd_safe::compress_bound(raw.len()));
        out.extend_from_slice(&u32::try_from(raw.len()).ok()?.to_le_bytes());
        // Behind what is there already.
        let mut behind = io::Cursor::new(out);
        behind.set_position(HEAD_BYTES as u64);
        self.context.compress_to_buffer(raw, &mut behind).ok()?;
        Some(behind.into_inner())
    }
}

/// Why a compressed payload was refused.
#[derive(Debug, thiserror::Error)]
pub enum ExpandError {
    #[error("a compressed payload has no length")]
    Short,
    #[error("a compressed payload of {length} bytes is larger than the limit of {limit}")]
    TooLarge { length: usize, limit: usize },
    #[error("a compressed payload has {got} bytes, {length} were promised")]
    Length { length: usize, got: usize },
    #[error("a payload cannot be decompressed")]
    Damaged(#[source] io::Error),
}

/// Undoes what a `Squeezer` did.
pub struct Expander {
    context: zstd::bulk::Decompressor<'static>,
    limit: usize,
}

impl Expander {
    /// Takes payloads of at most `limit` bytes, in their original length.
    pub fn new(limit: usize) -> io::Result<Self> {
        Ok(Self { context: zstd::bulk::Decompressor::new()?, limit })
    }

    /// **Guarantees** never more than the promised length is written, and none is promised beyond the limit: what a
    /// peer sends cannot grow without bound here.
    pub fn expand(&mut self, payload: &[u8]) -> Result<Vec<u8>, ExpandError> {
        let (head, squeezed) = payload.split_first_chunk::<HEAD_BYTES>().ok_or(ExpandError::Short)?;
        let length = u32::from_le_bytes(*head) as usize;
        if length > self.limit {
            return Err(ExpandError::TooLarge { length, limit: self.limit });
        }
        let mut out = Vec::with_capacity(length);
        let got = self.context.decompress_to_buffer(squeezed, &mut out).map_err(ExpandError::Damaged)?;
        if got == length { Ok(out) } else { Err(ExpandError::Length { length, got }) }
    }
}

#[cfg(test)]
mod tests;

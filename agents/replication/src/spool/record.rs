//! The frame around one record.

use super::SpoolError;
use crate::message::MESSAGE_BYTES_MAX;

/// Bytes before every payload.
pub const HEADER_BYTES: usize = 40;
/// Type of the record that ends a segment which is not written to any more.
pub(super) const SEAL: u16 = 1;
const MAGIC: u32 = 0x4c4f_5053;

/// One record as it lies on disk, without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: u16,
    pub length: u32,
    pub batch: u64,
    pub seq: u64,
    pub payload_crc: u32,
}

/// A record read back: an encoded message of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolRecord {
    pub kind: u16,
    pub batch: u64,
    pub body: Vec<u8>,
}

impl Header {
    pub fn new(kind: u16, batch: u64, seq: u64, payload: &[u8]) -> Self {
        Self { kind, length: payload.len() as u32, batch, seq, payload_crc: crc32c::crc32c(payload) }
    }

    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        out[4..6].copy_from_slice(&self.kind.to_le_bytes());
        out[8..12].copy_from_slice(&self.length.to_le_bytes());
        out[12..20].copy_from_slice(&self.batch.to_le_bytes());
        out[20..28].copy_from_slice(&self.seq.to_le_bytes());
        out[28..32].copy_from_slice(&self.payload_crc.to_le_bytes());
        let crc = crc32c::crc32c(&out[..36]);
        out[36..40].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header; `None` if it is not one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let long = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        if word(0)? != MAGIC || word(36)? != crc32c::crc32c(bytes.get(..36)?) {
            return None;
        }
        let kind = u16::from_le_bytes(bytes.get(4..6)?.try_into().ok()?);
        let length = word(8)?;
        let header = Self { kind, length, batch: long(12)?, seq: long(20)?, payload_crc: word(28)? };
        (length as usize <= MESSAGE_BYTES_MAX).then_some(header)
    }

    pub fn check(&self, payload: &[u8]) -> Result<(), SpoolError> {
        if crc32c::crc32c(payload) == self.payload_crc {
            Ok(())
        } else {
            Err(SpoolError::Damaged(format!("record {} of batch {} does not match its checksum", self.seq, self.batch)))
        }
    }

    /// Bytes of the whole record.
    pub fn total(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.length)
    }
}

//! The encoding of messages: fixed-width little-endian numbers and byte strings with a 32-bit length, each checked
//! against a cap before anything is allocated.

use crate::{
    content::{BLOCK_BYTES, BlockHash},
    message::{
        BLOCKS_MAX, Base, DecodeError, Entry, NAME_BYTES_MAX, PATH_BYTES_MAX, Piece, SYMLINK_BYTES_MAX, TEXT_BYTES_MAX,
        XATTR_BYTES_MAX, XATTRS_MAX,
    },
    meta::{MODE_LEFT, Meta, NANOS_LEFT, ObjectKind},
};
use model::{Epoch, Mark};

/// Names and values of extended attributes.
type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// Appends values in the wire encoding.
pub struct Writer(pub Vec<u8>);

impl Writer {
    pub fn u8(&mut self, v: u8) {
        self.0.push(v);
    }

    pub fn u32(&mut self, v: u32) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    pub fn u64(&mut self, v: u64) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    pub fn bytes(&mut self, v: &[u8]) {
        self.u32(v.len() as u32);
        self.0.extend_from_slice(v);
    }

    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub fn mark(&mut self, mark: Mark) {
        self.u64(mark.epoch.0);
        self.u64(mark.batch);
    }

    pub fn meta(&mut self, meta: &Meta) {
        self.u8(meta.kind as u8);
        self.u32(meta.mode);
        self.u32(meta.uid);
        self.u32(meta.gid);
        self.u64(meta.mtime.0 as u64);
        self.u32(meta.mtime.1);
        self.u64(meta.size);
        self.u64(meta.rdev);
        self.bytes(&meta.link);
        self.u32(meta.xattrs.len() as u32);
        for (name, value) in &meta.xattrs {
            self.bytes(name);
            self.bytes(value);
        }
    }

    pub fn block_hash(&mut self, hash: BlockHash) {
        self.option(hash, |out, hash| out.0.extend_from_slice(&hash));
    }

    pub fn base(&mut self, base: Base) {
        match base {
            Base::Zeros => self.u8(0),
            Base::Old(hash) => {
                self.u8(1);
                self.block_hash(hash);
            }
        }
    }

    pub fn pieces(&mut self, pieces: &[Piece]) {
        self.u32(pieces.len() as u32);
        for (offset, bytes) in pieces {
            self.u32(*offset);
            self.bytes(bytes);
        }
    }

    pub fn entry(&mut self, entry: &Entry) {
        self.u32(entry.root);
        self.bytes(&entry.path);
        self.meta(&entry.meta);
        self.u64(entry.object);
        self.option(entry.hash, |out, hash| out.0.extend_from_slice(&hash));
    }
}

/// Takes values off the front, refusing what is short or over a cap.
pub struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    fn take(&mut self, what: &'static str, n: usize) -> Result<&[u8], DecodeError> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(DecodeError::Short(what))?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(what, N)?);
        Ok(array)
    }

    pub fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        Ok(self.array::<1>(what)?[0])
    }

    pub fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub fn u64(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    pub fn hash(&mut self) -> Result<[u8; 32], DecodeError> {
        self.array("hash")
    }

    pub fn bool(&mut self, what: &'static str) -> Result<bool, DecodeError> {
        match self.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Value(what)),
        }
    }

    pub fn bytes(&mut self, what: &'static str, limit: usize) -> Result<Vec<u8>, DecodeError> {
        let length = self.u32(what)? as usize;
        if length > limit {
            return Err(DecodeError::TooLong { what, length, limit });
        }
        Ok(self.take(what, length)?.to_vec())
    }

    pub fn text(&mut self) -> Result<String, DecodeError> {
        Ok(String::from_utf8_lossy(&self.bytes("text", TEXT_BYTES_MAX)?).into_owned())
    }

    pub fn option<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.bool(what)? { read(self).map(Some) } else { Ok(None) }
    }

    pub fn one_of<T: Copy>(&mut self, what: &'static str, all: &[T], byte: impl Fn(T) -> u8) -> Result<T, DecodeError> {
        let got = self.u8(what)?;
        all.iter().copied().find(|value| byte(*value) == got).ok_or(DecodeError::Value(what))
    }

    pub fn mark(&mut self) -> Result<Mark, DecodeError> {
        Ok(Mark { epoch: Epoch(self.u64("epoch")?), batch: self.u64("batch")? })
    }

    pub fn meta(&mut self) -> Result<Meta, DecodeError> {
        let kind = ObjectKind::from_byte(self.u8("kind")?).ok_or(DecodeError::Value("kind"))?;
        let (mode, uid, gid) = (self.u32("mode")?, self.u32("uid")?, self.u32("gid")?);
        let mtime = (self.u64("mtime")? as i64, self.u32("mtime")?);
        if mode > 0o7777 && mode != MODE_LEFT || mtime.1 > NANOS_LEFT {
            return Err(DecodeError::Value("mode or mtime"));
        }
        let (size, rdev) = (self.u64("size")?, self.u64("rdev")?);
        let link = self.bytes("symbolic link", SYMLINK_BYTES_MAX)?;
        let xattrs = self.xattrs()?;
        Ok(Meta { kind, mode, uid, gid, mtime, size, rdev, link, xattrs })
    }

    pub fn block_hash(&mut self) -> Result<BlockHash, DecodeError> {
        self.option("hash of a block", Reader::hash)
    }

    pub fn base(&mut self) -> Result<Base, DecodeError> {
        if self.bool("base")? { self.block_hash().map(Base::Old) } else { Ok(Base::Zeros) }
    }

    /// Pieces in ascending order that fit a block.
    pub fn pieces(&mut self) -> Result<Vec<Piece>, DecodeError> {
        let mut end = 0;
        let mut pieces = Vec::new();
        for _ in 0..self.u32("pieces")? {
            let offset = self.u32("offset in a block")?;
            let bytes = self.bytes("piece of a block", BLOCK_BYTES)?;
            if (offset as usize) < end || offset as usize + bytes.len() > BLOCK_BYTES || bytes.is_empty() {
                return Err(DecodeError::Value("piece of a block"));
            }
            end = offset as usize + bytes.len();
            pieces.push((offset, bytes));
        }
        Ok(pieces)
    }

    /// Numbers of blocks.
    pub fn blocks(&mut self) -> Result<Vec<u64>, DecodeError> {
        let count = self.u32("blocks")? as usize;
        if count > BLOCKS_MAX {
            return Err(DecodeError::TooLong { what: "blocks", length: count, limit: BLOCKS_MAX });
        }
        (0..count).map(|_| self.u64("block")).collect()
    }

    fn xattrs(&mut self) -> Result<Xattrs, DecodeError> {
        let count = self.u32("xattrs")? as usize;
        if count > XATTRS_MAX {
            return Err(DecodeError::TooLong { what: "xattrs", length: count, limit: XATTRS_MAX });
        }
        (0..count)
            .map(|_| Ok((self.bytes("xattr name", NAME_BYTES_MAX)?, self.bytes("xattr", XATTR_BYTES_MAX)?)))
            .collect()
    }

    pub fn entries(&mut self) -> Result<Vec<Entry>, DecodeError> {
        let count = self.u32("entries")?;
        // Not collected with a size hint: the count is the peer's word.
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push(Entry {
                root: self.u32("root")?,
                path: self.bytes("path", PATH_BYTES_MAX)?,
                meta: self.meta()?,
                object: self.u64("object")?,
                hash: self.option("hash", Reader::hash)?,
            });
        }
        Ok(entries)
    }
}

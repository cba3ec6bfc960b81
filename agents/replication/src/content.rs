//! Content of files: reading without the holes, and the hash by which two contents are told apart.
//!
//! The hash does not depend on where a file system keeps holes, and takes no longer than reading what is not a hole: it
//! is made of the hashes of the blocks that are not all zeros, each with its number, and of the length. Whoever knows
//! the hashes of the blocks knows the hash of the content without reading it. Used for the end of a content, for
//! listings, comparisons and signatures alike.

use rustix::fs::{SeekFrom, seek};
use rustix::io::{Errno, pread, pwrite};
use std::io;
use std::os::fd::BorrowedFd;

/// Size of the blocks the hash is made of.
pub const BLOCK_BYTES: usize = 64 << 10;
static ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];

/// Hash of one block without the zeros at its end; `None` when it is nothing else.
pub type BlockHash = Option<[u8; 32]>;

/// The hash of a block: a hole at its end, or the end of the file there, changes nothing.
pub fn block_hash(block: &[u8]) -> BlockHash {
    if block == &ZEROS[..block.len()] {
        return None;
    }
    let length = block.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    Some(*blake3::hash(&block[..length]).as_bytes())
}

/// Makes the hash of a content from those of its blocks, in ascending order.
#[derive(Default)]
pub struct BlockList(blake3::Hasher);

impl BlockList {
    pub fn add(&mut self, number: u64, hash: BlockHash) {
        if let Some(hash) = hash {
            self.0.update(&number.to_le_bytes());
            self.0.update(&hash);
        }
    }

    /// The hash of a content of `size` bytes, all blocks of which were added.
    pub fn finish(mut self, size: u64) -> [u8; 32] {
        self.0.update(&u64::MAX.to_le_bytes());
        self.0.update(&size.to_le_bytes());
        *self.0.finalize().as_bytes()
    }
}

/// What is told of a block once all of it was seen: its number, its bytes up to where the pieces end, its hash.
pub type EachBlock<'a> = &'a mut dyn FnMut(u64, &[u8], BlockHash);

/// Makes the hash of a content from its pieces, which come in ascending order and do not overlap.
#[derive(Default)]
pub struct ContentHash {
    blocks: BlockList,
    block: Vec<u8>,
    number: u64,
    end: u64,
}

impl ContentHash {
    /// Where the last piece ended.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Takes a piece. Returns false, and takes nothing, when it begins before the end of the last one.
    pub fn update(&mut self, offset: u64, bytes: &[u8]) -> bool {
        self.update_telling(offset, bytes, &mut |_, _, _| {})
    }

    /// As `update`, and tells of each block that is complete and not all holes.
    pub fn update_telling(&mut self, offset: u64, mut bytes: &[u8], each: EachBlock<'_>) -> bool {
        let Some(end) = offset.checked_add(bytes.len() as u64).filter(|_| offset >= self.end) else {
            return false;
        };
        let mut at = offset;
        while !bytes.is_empty() {
            let (number, within) = (at / BLOCK_BYTES as u64, (at % BLOCK_BYTES as u64) as usize);
            if number != self.number {
                self.close_block(each);
                self.number = number;
            }
            let taken = bytes.len().min(BLOCK_BYTES - within);
            if taken == BLOCK_BYTES {
                let hash = block_hash(&bytes[..taken]);
                self.blocks.add(number, hash);
                each(number, &bytes[..taken], hash);
            } else {
                self.block.resize(within, 0);
                self.block.extend_from_slice(&bytes[..taken]);
            }
            bytes = &bytes[taken..];
            at += taken as u64;
        }
        self.end = end;
        true
    }

    /// The hash of a content of `size` bytes, all pieces of which were taken.
    pub fn finish(self, size: u64) -> [u8; 32] {
        self.finish_telling(size, &mut |_, _, _| {})
    }

    /// As `finish`, and tells of the last block.
    pub fn finish_telling(mut self, size: u64, each: EachBlock<'_>) -> [u8; 32] {
        self.close_block(each);
        self.blocks.finish(size)
    }

    fn close_block(&mut self, each: EachBlock<'_>) {
        if self.block.is_empty() {
            return;
        }
        let hash = block_hash(&self.block);
        self.blocks.add(self.number, hash);
        each(self.number, &self.block, hash);
        self.block.clear();
    }
}

/// The hash of content held in memory.
pub fn hash_bytes(content: &[u8]) -> [u8; 32] {
    let mut hash = ContentHash::default();
    hash.update(0, content);
    hash.finish(content.len() as u64)
}

/// Calls `each` with every piece of `file` that is not a hole, of at most `buffer.len()` bytes, in ascending order.
/// Returns the length of the file as it was when its end was reached.
pub fn read_data(
    file: BorrowedFd<'_>,
    buffer: &mut [u8],
    mut each: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<u64> {
    let mut at = 0;
    loop {
        let begin = match seek(file, SeekFrom::Data(at)) {
            Ok(begin) => begin,
            // No data beyond `at`: the rest is a hole, or the file ends here.
            Err(Errno::NXIO) => return Ok(rustix::fs::fstat(file)?.st_size as u64),
            // A file system that knows no holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => at,
            Err(e) => return Err(e.into()),
        };
        let end = seek(file, SeekFrom::Hole(begin)).unwrap_or(u64::MAX);
        at = begin;
        while at < end {
            let want = buffer.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
            let got = match pread(file, &mut buffer[..want], at) {
                Err(Errno::INTR) => continue,
                other => other?,
            };
            if got == 0 {
                return Ok(at);
            }
            each(at, &buffer[..got])?;
            at += got as u64;
        }
    }
}

/// The hash of what is in `file` now, and its length; `None` when `stopped` said so, which is asked before each piece.
pub fn hash_file(
    file: BorrowedFd<'_>,
    buffer: &mut [u8],
    stopped: &dyn Fn() -> bool,
) -> io::Result<Option<([u8; 32], u64)>> {
    let mut hash = ContentHash::default();
    let mut given_up = false;
    let read = read_data(file, buffer, |offset, bytes| {
        given_up = stopped();
        if given_up {
            return Err(io::ErrorKind::Interrupted.into());
        }
        hash.update(offset, bytes);
        Ok(())
    });
    match read {
        Err(_) if given_up => Ok(None),
        read => read.map(|size| Some((hash.finish(size), size))),
    }
}

/// Writes all of `bytes` at `offset`.
pub fn write_all_at(file: BorrowedFd<'_>, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match pwrite(file, bytes, offset) {
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileExt;

    fn hash_of(pieces: &[(u64, &[u8])], size: u64) -> [u8; 32] {
        let mut hash = ContentHash::default();
        assert!(pieces.iter().all(|(offset, bytes)| hash.update(*offset, bytes)));
        hash.finish(size)
    }

    #[test]
    fn holes_and_zeros_are_the_same_and_lengths_are_not() {
        let mut dense = vec![0; 200_000];
        assert_eq!(hash_of(&[(0, &dense)], 200_000), hash_of(&[], 200_000));
        assert_ne!(hash_of(&[], 200_000), hash_of(&[], 200_001));
        dense[150_000] = 7;
        let whole = hash_of(&[(0, &dense)], 200_000);
        assert_eq!(whole, hash_of(&[(150_000, b"\x07")], 200_000));
        assert_eq!(whole, hash_of(&[(0, &dense[..99_999]), (99_999, &dense[99_999..])], 200_000));
        assert_ne!(whole, hash_of(&[(150_001, b"\x07")], 200_000));
    }

    #[test]
    fn pieces_out_of_order_are_refused() {
        let mut hash = ContentHash::default();
        assert!(hash.update(10, b"abc"));
        assert!(!hash.update(12, b"x"));
        assert!(!hash.update(u64::MAX, b"xx"));
    }

    #[test]
    fn a_sparse_file_is_read_without_its_holes() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 40).unwrap();
        file.write_all_at(b"end", (1 << 40) - 3).unwrap();
        file.write_all_at(b"begin", 0).unwrap();
        let mut read = 0;
        let mut buffer = vec![0; 256 << 10];
        let size = read_data(file.as_fd(), &mut buffer, |_, bytes| {
            read += bytes.len();
            Ok(())
        })
        .unwrap();
        assert_eq!(size, 1 << 40);
        assert!(read < 1 << 20, "{read} bytes read");
        let expected = hash_of(&[(0, b"begin"), ((1 << 40) - 3, b"end")], 1 << 40);
        assert_eq!(hash_file(file.as_fd(), &mut buffer, &|| false).unwrap(), Some((expected, 1 << 40)));
    }

    #[test]
    fn a_hash_is_given_up_within_a_file() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&vec![7; 1 << 20], 0).unwrap();
        let asked = std::cell::Cell::new(0);
        let stopped = || {
            asked.set(asked.get() + 1);
            asked.get() > 2
        };
        let hashed = hash_file(file.as_fd(), &mut vec![0; 256 << 10], &stopped).unwrap();
        assert_eq!((hashed, asked.get()), (None, 3), "two of four pieces");
    }
}

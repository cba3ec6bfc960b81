//! What a tree holds, counted while it is listed.

use super::super::source::Unreadable;

/// Files and directories in what is followed, and bytes of its files, at most.
const ENTRIES_MAX: usize = 20_000;
const BYTES_MAX: u64 = 256 << 20;
/// Bytes of the names of all of them.
const NAMES_BYTES_MAX: usize = 16 << 20;
/// Longest part of an entry before its name: mode, type, object and size.
const HEAD_BYTES_MAX: usize = 128;

/// Arguments that list a tree for this: directories are counted too, since empty ones cost as much to walk.
pub const LIST: [&str; 5] = ["ls-tree", "-r", "-t", "-l", "-z"];

/// Counts entries, each `MODE TYPE OBJECT SIZE\tNAME\0`, as they come.
#[derive(Debug, Default)]
pub struct Listing {
    entries: usize,
    bytes: u64,
    listed: usize,
    /// Of the entry that is being read, up to its name.
    head: Vec<u8>,
    in_name: bool,
}

impl Listing {
    /// Takes the next piece.
    ///
    /// **Errors** as soon as there is more than manifests need.
    pub fn take(&mut self, piece: &[u8]) -> Result<(), Unreadable> {
        self.listed += piece.len();
        for byte in piece {
            match (byte, self.in_name) {
                (0, _) => self.entry(),
                (b'\t', false) => self.in_name = true,
                (_, true) => {}
                (byte, false) if self.head.len() < HEAD_BYTES_MAX => self.head.push(*byte),
                _ => {}
            }
        }
        let small = self.entries <= ENTRIES_MAX && self.bytes <= BYTES_MAX && self.listed <= NAMES_BYTES_MAX;
        small.then_some(()).ok_or_else(|| self.too_large())
    }

    fn entry(&mut self) {
        let head = String::from_utf8_lossy(&self.head);
        // A directory has `-` for its size.
        let size = head.split_whitespace().last().and_then(|size| size.parse::<u64>().ok()).unwrap_or(0);
        (self.entries, self.bytes) = (self.entries + 1, self.bytes.saturating_add(size));
        self.head.clear();
        self.in_name = false;
    }

    fn too_large(&self) -> Unreadable {
        let limit = format!("at most {ENTRIES_MAX} files and directories and {} MiB", BYTES_MAX >> 20);
        Unreadable::new("what is followed is too large for manifests")
            .fact(format!("counted until then: {} files and directories, {} MiB", self.entries, self.bytes >> 20))
            .fact(format!("{limit}: name the directory of the manifests as path"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &[u8] = b"100644 blob 0a1b0a1b     300\tdr/a file\twith a tab 9.yaml\0";

    #[test]
    fn entries_are_counted_however_they_are_cut() {
        let text = [ENTRY, b"040000 tree 0a1b       -\tdr\0", ENTRY].concat();
        for cut in 0..text.len() {
            let mut listing = Listing::default();
            listing.take(&text[..cut]).unwrap();
            listing.take(&text[cut..]).unwrap();
            assert_eq!((listing.entries, listing.bytes, listing.head.len()), (3, 600, 0), "cut at {cut}");
        }
    }

    #[test]
    fn too_many_too_large_and_too_long_are_each_refused() {
        let many = ENTRY.repeat(ENTRIES_MAX + 1);
        let large = b"100644 blob 0a1b 999999999999\ta\0".to_vec();
        let long = vec![b'x'; NAMES_BYTES_MAX + 1];
        for listed in [many, large, long] {
            let error = Listing::default().take(&listed).unwrap_err();
            assert!(error.what.contains("too large"), "{error:?}");
        }
        Listing::default().take(&ENTRY.repeat(ENTRIES_MAX)).unwrap();
    }
}

//! What the clone takes up. Every fetch adds to it and nothing is ever taken out of it: git's own collecting of garbage
//! would be work behind our back, and a new clone is cheaper.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

/// Beside the first fetch, a clone may take up this many times what that took, and a little.
const TIMES: u64 = 3;
const BYTES_SLACK: u64 = 64 << 20;
/// Files that come beside those of the first fetch: a fetch makes up to three.
const FILES_SLACK: u64 = 600;
/// Blocks are counted in this, whatever the file system's own are.
const BLOCK_BYTES: u64 = 512;
/// Where it is noted what the first fetch took.
const NOTE: &str = "standin-first";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    bytes: u64,
    files: u64,
}

impl Usage {
    fn of(directory: &Path) -> io::Result<Self> {
        let mut usage = Self::default();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let about = entry.metadata()?;
            let below = if about.is_dir() { Self::of(&entry.path())? } else { Self::default() };
            usage.bytes += about.blocks() * BLOCK_BYTES + below.bytes;
            usage.files += 1 + below.files;
        }
        Ok(usage)
    }
}

/// Notes what a repository takes up after its first fetch.
pub fn note(repository: &Path) -> io::Result<()> {
    let Usage { bytes, files } = Usage::of(repository)?;
    fs::write(repository.join(NOTE), format!("{bytes} {files}\n"))
}

/// Whether a repository takes up so much more than after its first fetch that a new one is due.
pub fn is_grown(repository: &Path) -> bool {
    let noted = fs::read_to_string(repository.join(NOTE)).unwrap_or_default();
    let mut noted = noted.split_whitespace().filter_map(|word| word.parse::<u64>().ok());
    let first = Usage { bytes: noted.next().unwrap_or(0), files: noted.next().unwrap_or(0) };
    // One that cannot be looked at is git's to complain of.
    let now = Usage::of(repository).unwrap_or_default();
    now.bytes > first.bytes.saturating_mul(TIMES).saturating_add(BYTES_SLACK) || now.files > first.files + FILES_SLACK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_measured_from_the_first_fetch_on() {
        let temp = tempfile::tempdir().unwrap();
        let pack = temp.path().join("objects/pack");
        fs::create_dir_all(&pack).unwrap();
        let write = |from: u64, to: u64| (from..to).for_each(|n| fs::write(pack.join(n.to_string()), "x").unwrap());
        write(0, 300);
        note(temp.path()).unwrap();
        write(300, 800);
        assert!(!is_grown(temp.path()));
        write(800, 910);
        assert!(is_grown(temp.path()), "by files");
        note(temp.path()).unwrap();
        assert!(!is_grown(temp.path()), "it counts from the note on");
        fs::write(pack.join("large"), vec![1; (BYTES_SLACK + (16 << 20)) as usize]).unwrap();
        assert!(is_grown(temp.path()), "by bytes");
    }
}

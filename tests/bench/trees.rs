//! Trees to be copied, the same in every run.

use anyhow::Result;
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

const FILES_IN_A_DIRECTORY: u64 = 100;
/// From which contents are cut.
const STOCK_BYTES: usize = 4 << 20;

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same everywhere.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// Bytes that cannot be compressed.
    pub fn noise(&mut self, bytes: usize) -> Vec<u8> {
        let mut noise: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        noise.truncate(bytes);
        noise
    }
}

/// Where the file of this number lies.
pub fn name(number: u64) -> PathBuf {
    format!("d{:05}/f{number:07}", number / FILES_IN_A_DIRECTORY).into()
}

/// Files of 1 to 8 KiB, a hundred to a directory.
pub fn small_files(root: &Path, files: u64) -> Result<()> {
    let stock = Chance(1).noise(STOCK_BYTES);
    for number in 0..files {
        let content = &stock[..small_size(number) - 8];
        write(root, number, content)?;
    }
    Ok(())
}

fn small_size(number: u64) -> usize {
    (1 << 10) * (1 + number as usize % 8)
}

/// The number comes first, so that no two files are the same.
fn write(root: &Path, number: u64, content: &[u8]) -> Result<()> {
    let path = root.join(name(number));
    if number.is_multiple_of(FILES_IN_A_DIRECTORY)
        && let Some(directory) = path.parent()
    {
        fs::create_dir_all(directory)?;
    }
    let mut file = File::create(path)?;
    write!(file, "{number:08}")?;
    Ok(file.write_all(content)?)
}

/// One file that cannot be compressed.
pub fn big_file(root: &Path, name: &str, bytes: u64) -> Result<()> {
    fs::create_dir_all(root)?;
    let mut file = BufWriter::with_capacity(1 << 20, File::create(root.join(name))?);
    let mut chance = Chance(2);
    let mut left = bytes;
    while left > 0 {
        let piece = left.min(1 << 20);
        file.write_all(&chance.noise(piece as usize))?;
        left -= piece;
    }
    Ok(file.flush()?)
}

/// Pages, pictures, messages and messages with attachments, as on a host that serves both: 150 KiB in the middle.
pub fn mixed_files(root: &Path, files: u64) -> Result<()> {
    let mut chance = Chance(3);
    let noise = chance.noise(STOCK_BYTES);
    let (text, letters) = (sentences(&mut chance), base64(&noise));
    for number in 0..files {
        let (stock, least, most): (&[u8], u64, u64) = match number % 20 {
            0..8 => (&text, 4 << 10, 64 << 10),
            8..11 => (&noise, 50 << 10, 850 << 10),
            11..19 => (&letters, 4 << 10, 100 << 10),
            _ => (&letters, 512 << 10, 1536 << 10),
        };
        let size = least + chance.below(most - least);
        let at = chance.below(stock.len() as u64 - size) as usize;
        write(root, number, &stock[at..at + size as usize])?;
    }
    Ok(())
}

/// What compresses as text does.
fn sentences(chance: &mut Chance) -> Vec<u8> {
    let words: Vec<String> = (0..2000)
        .map(|_| (0..2 + chance.below(8)).map(|_| char::from(b'a' + chance.below(26) as u8)).collect())
        .collect();
    let mut text = Vec::with_capacity(STOCK_BYTES);
    while text.len() < STOCK_BYTES {
        // The smaller of two numbers: some words are said more often.
        let word = chance.below(2000).min(chance.below(2000));
        text.extend_from_slice(words[word as usize].as_bytes());
        text.push(if chance.below(12) == 0 { b'\n' } else { b' ' });
    }
    text
}

/// Six bits of each byte as a letter, as in attachments.
fn base64(noise: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    noise.iter().map(|byte| LETTERS[usize::from(byte % 64)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_the_same_every_time_and_has_the_sizes_it_says() {
        let directory = tempfile::tempdir().unwrap();
        let (a, b) = (directory.path().join("a"), directory.path().join("b"));
        for root in [&a, &b] {
            small_files(root, 250).unwrap();
            mixed_files(&root.join("mixed"), 40).unwrap();
            big_file(&root.join("big"), "image", (3 << 20) + 5).unwrap();
        }
        let same = std::process::Command::new("diff").arg("-r").args([&a, &b]).status().unwrap();
        assert!(same.success());
        assert_eq!(fs::metadata(a.join("big/image")).unwrap().len(), (3 << 20) + 5);
        let sizes: Vec<u64> = (0..250).map(|n| fs::metadata(a.join(name(n))).unwrap().len()).collect();
        assert!(sizes.iter().all(|size| (1 << 10..=8 << 10).contains(size)), "{sizes:?}");
    }
}

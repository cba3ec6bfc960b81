//! Trees to be copied.

use anyhow::{Result, ensure};
use std::{
    fs,
    io::{Read, Write},
    path::Path,
    process::Command,
};

const FILES_IN_A_DIRECTORY: u32 = 100;

/// Small files of 1 to 8 KiB, a hundred to a directory.
pub fn small_files(root: &Path, files: u32) -> Result<()> {
    let block = noise(8 << 10)?;
    for number in 0..files {
        let directory = root.join(format!("d{:04}", number / FILES_IN_A_DIRECTORY));
        if number % FILES_IN_A_DIRECTORY == 0 {
            fs::create_dir_all(&directory)?;
        }
        let mut file = fs::File::create(directory.join(format!("f{number:06}")))?;
        write!(file, "{number:08}")?;
        file.write_all(&block[..(1 << 10) * (1 + number as usize % 8) - 8])?;
    }
    sync(root)
}

pub fn big_files(root: &Path, files: u32, bytes: usize) -> Result<()> {
    fs::create_dir_all(root)?;
    for number in 0..files {
        fs::write(root.join(format!("big{number}")), noise(bytes)?)?;
    }
    sync(root)
}

/// Bytes that cannot be compressed.
fn noise(bytes: usize) -> Result<Vec<u8>> {
    let mut noise = vec![0; bytes];
    fs::File::open("/dev/urandom")?.read_exact(&mut noise)?;
    Ok(noise)
}

/// Everything of the file system is on disk.
pub fn sync(at: &Path) -> Result<()> {
    let status = Command::new("sync").arg("-f").arg(at).status()?;
    ensure!(status.success(), "sync {}", at.display());
    Ok(())
}

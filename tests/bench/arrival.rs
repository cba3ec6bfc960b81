//! When a replica has what was changed.
//!
//! A change has arrived when the replica's entry has the size and the modification time of the source's, or is gone as
//! that one is. That is cheap enough to be asked all the time; whether the content is right is looked at afterwards, and a
//! run in which it is not is void.

use anyhow::{Result, bail};
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// Fine enough for milliseconds, and little load on a machine of two processors.
const LOOK_EVERY: Duration = Duration::from_micros(500);
/// A side that is not equal after this time has failed.
pub const GIVE_UP: Duration = Duration::from_secs(1800);

/// How an entry looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Gone,
    /// Directories have no size that two of them share.
    Directory,
    Other {
        size: u64,
        modified: (i64, i64),
    },
}

fn look(path: &Path) -> io::Result<Look> {
    match fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Look::Gone),
        Err(error) => Err(error),
        Ok(meta) if meta.is_dir() => Ok(Look::Directory),
        Ok(meta) => Ok(Look::Other { size: meta.len(), modified: (meta.mtime(), meta.mtime_nsec()) }),
    }
}

/// Waits until each of these names looks in the replica as it does in the source; answers the time since `begin`.
pub fn wait(source: &Path, replica: &Path, names: &[PathBuf], begin: Instant) -> Result<Duration> {
    let wanted: Vec<(PathBuf, Look)> =
        names.iter().map(|name| Ok((replica.join(name), look(&source.join(name))?))).collect::<io::Result<_>>()?;
    // What has arrived stays, so the last to be seen is the last of all.
    for (path, wanted) in wanted {
        while look(&path)? != wanted {
            if begin.elapsed() > GIVE_UP {
                bail!("{} had not arrived after {} s", path.display(), GIVE_UP.as_secs());
            }
            thread::sleep(LOOK_EVERY);
        }
    }
    Ok(begin.elapsed())
}

/// Every entry below a directory, relative to it.
pub fn names_below(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut names, mut left) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(root.join(&directory))? {
            let entry = entry?;
            let name = directory.join(entry.file_name());
            if directory.as_os_str().is_empty() && (entry.file_name() == ".standin" || entry.file_name() == ".stfolder")
            {
                continue;
            }
            if entry.file_type()?.is_dir() {
                left.push(name.clone());
            }
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_new_names_and_removals_are_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let (a, b) = (directory.path().join("a"), directory.path().join("b"));
        fs::create_dir_all(a.join("d")).unwrap();
        fs::create_dir(&b).unwrap();
        fs::write(a.join("d/f"), "x").unwrap();
        fs::write(b.join("old"), "x").unwrap();
        let mut names = names_below(&a).unwrap();
        assert_eq!(names, [PathBuf::from("d"), PathBuf::from("d/f")]);
        names.push("old".into());
        let copying = thread::spawn({
            let (a, b) = (a.clone(), b.clone());
            move || {
                thread::sleep(Duration::from_millis(50));
                fs::remove_file(b.join("old")).unwrap();
                fs::create_dir(b.join("d")).unwrap();
                let copied = std::process::Command::new("cp").arg("-p").args([a.join("d/f"), b.join("d/f")]).status();
                assert!(copied.unwrap().success());
            }
        });
        let took = wait(&a, &b, &names, Instant::now()).unwrap();
        copying.join().unwrap();
        assert!(took >= Duration::from_millis(50), "{took:?}");
    }
}

//! A day's changes of a tree of small files: one in a hundred is modified, and one in two hundred each is deleted,
//! created, and renamed to another directory.

use crate::trees::{Chance, name};
use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Makes the changes below `root`, the same every time. Answers every name they touch, in the order of the changes.
pub fn make(root: &Path, files: u64) -> Result<Vec<PathBuf>> {
    let mut chance = Chance(4);
    let mut touched = Vec::new();
    for number in 0..files {
        match chance.below(200) {
            0 | 1 => touched.push(modify(root, number, &mut chance)?),
            2 => touched.push(delete(root, number)?),
            3 => touched.push(create(root, number, &mut chance)?),
            4 => touched.extend(rename(root, number, files, &mut chance)?),
            _ => {}
        }
    }
    Ok(touched)
}

/// As editors and mail servers write: a new file takes the place of the old one.
fn modify(root: &Path, number: u64, chance: &mut Chance) -> Result<PathBuf> {
    let path = root.join(name(number));
    let mut content = fs::read(&path)?;
    let at = chance.below(content.len() as u64) as usize;
    content[at] ^= 0xff;
    let temporary = path.with_extension("new");
    fs::write(&temporary, content)?;
    fs::rename(temporary, path)?;
    Ok(name(number))
}

fn delete(root: &Path, number: u64) -> Result<PathBuf> {
    fs::remove_file(root.join(name(number)))?;
    Ok(name(number))
}

fn create(root: &Path, number: u64, chance: &mut Chance) -> Result<PathBuf> {
    let created = name(number).with_extension("created");
    let bytes = 1024 * (1 + chance.below(8));
    fs::write(root.join(&created), chance.noise(bytes as usize))?;
    Ok(created)
}

fn rename(root: &Path, number: u64, files: u64, chance: &mut Chance) -> Result<[PathBuf; 2]> {
    let renamed = name(chance.below(files)).with_file_name(format!("renamed{number}"));
    fs::rename(root.join(name(number)), root.join(&renamed))?;
    Ok([name(number), renamed])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trees;

    #[test]
    fn the_changes_are_the_same_every_time_and_as_many_as_said() {
        let directory = tempfile::tempdir().unwrap();
        let (a, b) = (directory.path().join("a"), directory.path().join("b"));
        let touched = [&a, &b].map(|root| {
            trees::small_files(root, 4000).unwrap();
            make(root, 4000).unwrap()
        });
        assert_eq!(touched[0], touched[1]);
        assert!((60..160).contains(&touched[0].len()), "{} of about 120 names", touched[0].len());
        let same = std::process::Command::new("diff").arg("-r").args([&a, &b]).status().unwrap();
        assert!(same.success());
    }
}

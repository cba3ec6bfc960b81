//! Runs the sides of a workload in turn, each in a new directory, and keeps what they measured.

use crate::{
    measure::{Sample, Target},
    options::Options,
    place::{Place, sync},
};
use anyhow::{Context, Result};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What is measured, and what it ought to be.
pub struct Workload {
    pub name: &'static str,
    /// What is done, with its numbers at a scale.
    pub title: fn(f64) -> String,
    pub targets: &'static [Target],
    pub run: fn(&Ground<'_>) -> Result<Vec<Round>>,
}

/// What every side made of one run: its numbers, or why they do not count.
pub type Round = BTreeMap<&'static str, Result<Sample, String>>;

/// Measures one side once; the tree of the workload is already in the source.
pub type Measure<'a> = Box<dyn Fn(&Place) -> Result<Sample> + 'a>;

/// One side of a workload.
pub struct Side<'a> {
    pub name: &'static str,
    /// Without it the side is left out.
    pub program: Option<&'static str>,
    pub measure: Measure<'a>,
}

impl<'a> Side<'a> {
    pub fn new(name: &'static str, measure: impl Fn(&Place) -> Result<Sample> + 'a) -> Self {
        // The first word of a side's name is its program, but for our own, which is given.
        let program = name.split(' ').next().filter(|_| name != crate::sides::OURS);
        Self { name, program, measure: Box::new(measure) }
    }
}

/// All workloads of one call, below one directory.
pub struct Bench<'a> {
    options: &'a Options,
    directory: tempfile::TempDir,
}

impl<'a> Bench<'a> {
    pub fn new(options: &'a Options) -> Result<Self> {
        let mut prefix = tempfile::Builder::new();
        prefix.prefix("standin-bench-");
        let directory = match &options.dir {
            Some(inside) => prefix.tempdir_in(inside).with_context(|| format!("nothing can be made in {inside:?}"))?,
            None => prefix.tempdir()?,
        };
        Ok(Self { options, directory })
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What a workload left stays until all have ended: see `Ground::make_room`.
    pub fn run(&self, workload: &Workload) -> Result<Vec<Round>> {
        let directory = self.directory().join(workload.name);
        fs::create_dir(&directory)?;
        (workload.run)(&Ground { options: self.options, directory })
    }
}

/// The directory of one workload.
pub struct Ground<'a> {
    options: &'a Options,
    pub directory: PathBuf,
}

/// So many trees of the workload's size have to find room before a run begins.
const ROOM_TREES: u64 = 5;

impl Ground<'_> {
    /// A count or a size at the scale of this call.
    pub fn scaled(&self, whole: u64) -> u64 {
        scaled(whole, self.options.scale)
    }

    pub fn scale(&self) -> f64 {
        self.options.scale
    }

    pub fn runs(&self) -> usize {
        self.options.runs
    }

    /// Makes the tree that every side gets a copy of.
    pub fn tree(&self, fill: impl Fn(&Path) -> Result<()>) -> Result<PathBuf> {
        let tree = self.directory.join("tree");
        fs::create_dir(&tree)?;
        fill(&tree)?;
        sync(&tree)?;
        Ok(tree)
    }

    /// Lets each side that is there and wanted run in turn, as often as was asked for. Another one begins each time.
    pub fn contest(&self, tree: Option<&Path>, sides: &[Side<'_>]) -> Result<Vec<Round>> {
        let is_there = |side: &&Side<'_>| {
            let there = side.program.is_none_or(testkit::has);
            if !there {
                eprintln!("  {} is not installed: not compared", side.name);
            }
            there && self.options.wants(side.name)
        };
        let sides: Vec<&Side<'_>> = sides.iter().filter(is_there).collect();
        let mut rounds = Vec::new();
        for run in 0..self.runs() {
            let mut round = Round::new();
            for turn in 0..sides.len() {
                let side = sides[(turn + run) % sides.len()];
                let result = self.measure(tree, side, run).map_err(|error| format!("{error:#}"));
                match &result {
                    Ok(sample) => eprintln!("  run {}, {}: {}", run + 1, side.name, crate::table::line(sample)),
                    Err(why) => eprintln!("  run {}, {}: VOID, {why}", run + 1, side.name),
                }
                round.insert(side.name, result);
            }
            rounds.push(round);
        }
        Ok(rounds)
    }

    fn measure(&self, tree: Option<&Path>, side: &Side<'_>, run: usize) -> Result<Sample> {
        self.make_room(tree)?;
        let name = format!("run{}-{}", run + 1, side.name.replace(' ', "-"));
        let place = Place::make(self.directory.join(name), tree)?;
        let sample = (side.measure)(&place);
        sync(&self.directory)?; // what is still to be written is not the next one's burden
        sample
    }

    /// What earlier runs and workloads left stays, unless there is no room for it: ext4 passes over inodes that were
    /// freed in the last minutes, one by one, so that who makes many files after a removal pays for it.
    fn make_room(&self, tree: Option<&Path>) -> Result<()> {
        let wanted = tree.map(bytes_below).transpose()?.unwrap_or_default() * ROOM_TREES;
        let is_room = || -> Result<bool> {
            let stat = rustix::fs::statvfs(&self.directory)?;
            Ok(stat.f_bavail * stat.f_frsize >= wanted)
        };
        let all = self.directory.parent().unwrap_or(&self.directory);
        let earlier = children(all)?.into_iter().filter(|other| *other != self.directory);
        let runs = children(&self.directory)?.into_iter().filter(|path| Some(path.as_path()) != tree);
        let runs = runs.filter(|path| path.is_dir() && path.join("source").is_dir());
        for old in earlier.chain(runs) {
            if is_room()? {
                return Ok(());
            }
            eprintln!("  no room: {} is removed, which may slow what comes next", old.display());
            fs::remove_dir_all(old)?;
            sync(&self.directory)?;
        }
        Ok(())
    }
}

fn children(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?;
    Ok(entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?)
}

pub fn scaled(whole: u64, scale: f64) -> u64 {
    ((whole as f64 * scale) as u64).max(1)
}

fn bytes_below(root: &Path) -> Result<u64> {
    let names = crate::arrival::names_below(root)?;
    Ok(names.iter().filter_map(|name| Some(fs::symlink_metadata(root.join(name)).ok()?.len())).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::TIME;

    #[test]
    fn sides_take_turns_and_a_void_run_is_kept_as_void() {
        let options = Options::parse(["--runs", "2"].map(str::to_owned).into_iter()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let ground = Ground { options: &options, directory: directory.path().to_owned() };
        let tree = ground.tree(|root| Ok(fs::write(root.join("f"), "x")?)).unwrap();
        let order = std::cell::RefCell::new(Vec::new());
        let side = |name: &'static str, fails: bool| {
            let order = &order;
            Side::new(name, move |place| {
                order.borrow_mut().push(name);
                assert!(place.source().join("f").exists() && !place.replica().exists());
                if fails { Err(anyhow::anyhow!("differs")) } else { Ok(Sample::default().with(TIME, 1.0)) }
            })
        };
        let rounds = ground.contest(Some(&tree), &[side("standin", false), side("cp", true)]).unwrap();
        assert_eq!(*order.borrow(), ["standin", "cp", "cp", "standin"]);
        assert!(rounds.iter().all(|round| round["standin"].is_ok() && round["cp"] == Err("differs".to_owned())));
    }
}

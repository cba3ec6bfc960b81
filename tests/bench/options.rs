//! What to measure, how often and how large.

use crate::workloads;
use anyhow::{Context, Result, bail, ensure};
use std::{path::PathBuf, str::FromStr};

const RUNS: usize = 5;

/// The arguments of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub runs: usize,
    /// Counts, sizes and times are this part of the whole.
    pub scale: f64,
    /// The file system that is measured; left out, that of temporary files.
    pub dir: Option<PathBuf>,
    pub out: Option<PathBuf>,
    /// Only these sides; all when empty.
    sides: Vec<String>,
    /// Only these workloads; all when empty.
    chosen: Vec<String>,
}

impl Options {
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let (sides, chosen) = (Vec::new(), Vec::new());
        let mut options = Self { runs: RUNS, scale: 1.0, dir: None, out: None, sides, chosen };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--runs" => options.runs = number(&value()?)?,
                "--scale" => options.scale = number(&value()?)?,
                "--dir" => options.dir = Some(value()?.into()),
                "--out" => options.out = Some(value()?.into()),
                "--sides" => options.sides = value()?.split(',').map(str::to_owned).collect(),
                name if workloads::ALL.iter().any(|workload| workload.name == name) => options.chosen.push(argument),
                other => bail!("no such workload or flag: {other}; workloads: {}", workloads::names()),
            }
        }
        ensure!(options.runs > 0, "--runs must be at least 1");
        ensure!((0.001..=1.0).contains(&options.scale), "--scale must be between 0.001 and 1");
        Ok(options)
    }

    pub fn chooses(&self, workload: &str) -> bool {
        self.chosen.is_empty() || self.chosen.iter().any(|name| name == workload)
    }

    /// Ours is always measured: nothing can be compared without it.
    pub fn wants(&self, side: &str) -> bool {
        self.sides.is_empty() || side == crate::sides::OURS || self.sides.iter().any(|name| side.starts_with(name))
    }
}

fn number<T: FromStr>(text: &str) -> Result<T> {
    text.parse().ok().with_context(|| format!("{text} is not such a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_and_names_are_read() {
        let options = parse("small-files --runs 3 --scale 0.01 --sides rsync,cp").unwrap();
        assert_eq!((options.runs, options.scale), (3, 0.01));
        assert!(options.chooses("small-files") && !options.chooses("big-file"));
        assert!(options.wants("standin") && options.wants("rsync") && !options.wants("syncthing"));
        assert!(parse("").unwrap().chooses("big-file"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for line in ["nothing", "--runs 0", "--scale 2", "--scale", "--runs many"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}

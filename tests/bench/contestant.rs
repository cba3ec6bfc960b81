//! Whatever keeps a second tree as the first.

use anyhow::Result;
use std::{path::PathBuf, time::Duration};

/// One that runs. It ends when this is dropped.
pub trait Contestant {
    fn name(&self) -> &str;

    /// The tree that is changed.
    fn source(&self) -> PathBuf;

    /// The tree that follows.
    fn replica(&self) -> PathBuf;

    /// Processor time of both sides until now.
    fn cpu(&mut self) -> Result<Duration>;
}

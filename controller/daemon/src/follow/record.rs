//! What was applied last, kept over a restart: without it a controller could not tell a change in git from one that a
//! person made here.

use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// What was followed.
    pub source: String,
    /// Of the set that was applied last, or was found to be stored already.
    pub digest: String,
    pub commit: Option<String>,
    /// Milliseconds since 1970.
    pub at: u64,
    /// The set that was refused last, if none was applied since.
    pub refused: Option<Refused>,
}

/// A set that is there and was not applied, with what was stored when that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Refused {
    pub digest: String,
    /// `stored::digest` of then.
    pub stored: String,
}

impl Record {
    /// The record of `source`; of another one, or a damaged one, nothing is known.
    pub fn load(state: &Path, source: &str) -> Self {
        let read = fs::read(state.join("applied.json")).ok();
        let record: Option<Self> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        record.filter(|record| record.source == source).unwrap_or_default()
    }

    /// Whether the set was refused before, and what is stored of it has been changed since by somebody.
    pub fn was_overtaken(&self, digest: &str, stored: &str) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused.digest == digest && refused.stored != stored)
    }

    /// Replaces the record as a whole.
    pub fn store(&self, state: &Path) -> io::Result<()> {
        fs::create_dir_all(state)?;
        let new = state.join("applied.json.new");
        fs::write(&new, serde_json::to_vec_pretty(self)?)?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(new, state.join("applied.json"))
    }
}

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
    /// How it was applied; not known of a record that another version has written.
    pub how: Option<How>,
    /// The set that was refused last, if none was applied since.
    pub refused: Option<Refused>,
}

/// What decides, beside the files, what becomes of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct How {
    pub overlay: Option<String>,
    pub prune: bool,
}

/// What a set is to the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    New,
    /// Nothing but that what is not there any more is to go.
    Prunes,
    /// It was applied before.
    Known,
    /// It was refused before, and somebody has changed what is stored of it since.
    Overtaken,
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

    /// What the set is that `digest` stands for, with what is `stored` of it now.
    pub fn novelty(&self, digest: &str, how: &How, stored: &str) -> Novelty {
        let before = self.how.as_ref().unwrap_or(how);
        if self.digest == digest && before.overlay == how.overlay {
            return if how.prune && !before.prune { Novelty::Prunes } else { Novelty::Known };
        }
        let refused = self.refused.as_ref().filter(|refused| refused.digest == digest && refused.stored != stored);
        refused.map_or(Novelty::New, |_| Novelty::Overtaken)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_new_by_its_files_and_by_how_they_are_taken() {
        let how = |overlay: Option<&str>, prune| How { overlay: overlay.map(str::to_owned), prune };
        let record = Record { digest: "a".into(), how: Some(how(None, false)), ..Record::default() };
        assert_eq!(record.novelty("a", &how(None, false), ""), Novelty::Known);
        assert_eq!(record.novelty("a", &how(None, true), ""), Novelty::Prunes);
        assert_eq!(record.novelty("a", &how(Some("x"), false), ""), Novelty::New);
        assert_eq!(record.novelty("b", &how(None, false), ""), Novelty::New);
        let pruned = Record { how: Some(how(None, true)), ..record.clone() };
        assert_eq!(pruned.novelty("a", &how(None, true), ""), Novelty::Known);
        assert_eq!(pruned.novelty("a", &how(None, false), ""), Novelty::Known);
        let old = Record { how: None, ..record };
        assert_eq!(
            old.novelty("a", &how(Some("x"), true), ""),
            Novelty::Known,
            "nothing is concluded from not knowing"
        );
        let refused = Some(Refused { digest: "b".into(), stored: "1".into() });
        let refused = Record { refused, ..old };
        assert_eq!(refused.novelty("b", &how(None, false), "1"), Novelty::New);
        assert_eq!(refused.novelty("b", &how(None, false), "2"), Novelty::Overtaken);
    }
}

//! A mass change that waits for a person's word, remembered beside what the root is known by.
//!
//! The word is about a list: `ROOT.going` names what would go, and `ROOT.mass` holds its digest. Both are written
//! before anything halts, so that a restart finds the same halt.

use super::RootConfig;
use crate::compare;
use model::agent_status::HeldRemoval;
use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Paths that a report names.
pub const SAMPLE_MAX: usize = 8;
/// Bytes of the digest that are told, in hexadecimal: nobody can make two lists that share them.
const DIGEST_BYTES: usize = 16;

fn path(state: &Path, config: &RootConfig, what: &str) -> PathBuf {
    state.join("roots").join(format!("{}.{what}", config.name))
}

/// The digest of a list of paths: of the root's name, and of each path with its length before it, in byte order.
pub fn digest(config: &RootConfig, sorted: &[Vec<u8>]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in std::iter::once(config.name.as_str().as_bytes()).chain(sorted.iter().map(Vec::as_slice)) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_hex()[..DIGEST_BYTES * 2].to_owned()
}

/// Remembers, durably, that these paths out of `of` names would go.
pub fn store(state: &Path, config: &RootConfig, mut going: Vec<Vec<u8>>, of: u64) -> io::Result<HeldRemoval> {
    going.sort_unstable();
    fs::create_dir_all(state.join("roots"))?;
    let list = path(state, config, "going");
    let mut text = io::BufWriter::new(fs::File::create(&list)?);
    for one in &going {
        writeln!(text, "{}", compare::escape(one))?;
    }
    text.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    let change = HeldRemoval {
        digest: digest(config, &going),
        removed: going.len() as u64,
        of,
        sample: sample(&going),
        list: list.to_string_lossy().into_owned(),
    };
    write(state, config, &change)?;
    Ok(change)
}

/// Some of the paths, spread evenly over the whole list.
fn sample(sorted: &[Vec<u8>]) -> Vec<String> {
    let count = sorted.len().min(SAMPLE_MAX);
    (0..count).map(|at| compare::escape(&sorted[at * sorted.len() / count])).collect()
}

fn write(state: &Path, config: &RootConfig, change: &HeldRemoval) -> io::Result<()> {
    let HeldRemoval { digest, removed, of, sample, list } = change;
    let mut text = format!("digest {digest}\nremoved {removed}\nof {of}\nlist {list}\n");
    for one in sample {
        let _ = writeln!(text, "sample {one}"); // Writing to a string does not fail.
    }
    durable(&path(state, config, "mass"), text.as_bytes())
}

fn durable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new-mass");
    let mut file = fs::File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    fs::File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// The mass change that waits for a word; a record that is damaged is an error and not "none".
pub fn load(state: &Path, config: &RootConfig) -> io::Result<Option<HeldRemoval>> {
    let path = path(state, config, "mass");
    let text = match fs::read_to_string(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    let number = |key: &str| field(key)?.parse().ok();
    let parsed = || {
        Some(HeldRemoval {
            digest: field("digest")?.to_owned(),
            removed: number("removed")?,
            of: number("of")?,
            sample: text.lines().filter_map(|line| line.strip_prefix("sample ")).map(str::to_owned).collect(),
            list: field("list")?.to_owned(),
        })
    };
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged", path.display()));
    parsed().map(Some).ok_or_else(damaged)
}

/// Nothing waits for a word any more. What would go now is judged anew.
pub fn lift(state: &Path, config: &RootConfig) -> io::Result<()> {
    remove(&path(state, config, "mass"))?;
    remove(&path(state, config, "going"))
}

/// What is in the root now counts, whatever is missing: a person adopted it. Until `settle_adopted`.
pub fn note_adopted(state: &Path, config: &RootConfig) -> io::Result<()> {
    lift(state, config)?;
    durable(&path(state, config, "adopted"), b"")
}

pub fn is_adopted(state: &Path, config: &RootConfig) -> bool {
    path(state, config, "adopted").exists()
}

/// All of an adopted root was looked at: what goes from here on is judged again.
pub fn settle_adopted(state: &Path, config: &RootConfig) -> io::Result<()> {
    remove(&path(state, config, "adopted"))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> RootConfig {
        RootConfig {
            name: "data".into(),
            path: "/srv/data".into(),
            exclude: Vec::new(),
            preserve: crate::preserve::Preserve::default(),
        }
    }

    #[test]
    fn what_waits_is_read_as_it_was_written_whatever_its_names_are() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(load(state.path(), &config()).unwrap(), None);
        let going = vec![b"b\ndigest x".to_vec(), b"a/\xff".to_vec()];
        let stored = store(state.path(), &config(), going, 7).unwrap();
        assert_eq!((stored.removed, stored.of, stored.sample.len()), (2, 7, 2));
        assert_eq!(load(state.path(), &config()).unwrap(), Some(stored.clone()));
        assert_eq!(fs::read_to_string(&stored.list).unwrap().lines().count(), 2);
        fs::write(path(state.path(), &config(), "mass"), "digest").unwrap();
        assert!(load(state.path(), &config()).is_err(), "a damaged record halts");
        lift(state.path(), &config()).unwrap();
        assert_eq!(load(state.path(), &config()).unwrap(), None);
    }

    #[test]
    fn a_digest_is_of_the_root_and_of_every_path() {
        let list = |paths: &[&str]| paths.iter().map(|path| path.as_bytes().to_vec()).collect::<Vec<_>>();
        let one = digest(&config(), &list(&["a", "b"]));
        assert_eq!(one.len(), 32);
        let other = RootConfig { name: "other".into(), ..config() };
        for unlike in
            [digest(&config(), &list(&["a"])), digest(&config(), &list(&["ab"])), digest(&other, &list(&["a", "b"]))]
        {
            assert_ne!(one, unlike);
        }
    }

    #[test]
    fn a_sample_is_spread_over_the_list() {
        let paths: Vec<Vec<u8>> = (0..100).map(|at| format!("{at:02}").into_bytes()).collect();
        let some = sample(&paths);
        assert_eq!((some.len(), some[0].as_str(), some[7].as_str()), (SAMPLE_MAX, "00", "87"));
        assert_eq!(sample(&paths[..3]), ["00", "01", "02"]);
    }
}

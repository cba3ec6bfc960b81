//! Follows a directory or a git repository: what is there becomes what is stored, as long as it is whole and right.
//!
//! [`source`] brings a set to be read, [`look`] compares and applies it, [`keeper`] does so again and again and says how it
//! stands. Nothing is guarded less than an apply by a person, and less is accepted: data is never given up, and
//! nothing is taken away, because a file is not there.

mod git;
mod keeper;
mod look;
mod record;
mod set;
mod source;
mod stored;
mod watch;

pub use keeper::{ASKED_MAX, Followed, keep};
pub use source::Git;

use std::{path::PathBuf, time::Duration};

/// What is followed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    pub from: From,
    /// Overlay of the project that is meant for this controller.
    pub overlay: Option<String>,
    /// Whether what was applied from here and is not there any more is deleted.
    pub prune: bool,
    /// Time between two looks, whether or not something was heard.
    pub interval: Duration,
}

/// Where manifests come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    Directory(PathBuf),
    Git(Git),
}

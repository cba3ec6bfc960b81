//! What others ask of the engine, which does it between two batches.

use super::{
    SourceError,
    pending::{Hint, Item},
};
use crate::{
    index::{Snapshot, Stored},
    meta::Oid,
};
use model::{Epoch, Mark};
use std::{sync::mpsc::SyncSender, time::Instant};

/// Orders that wait for the engine; a sender waits when there are more.
pub(super) const COMMANDS_MAX: usize = 64;

/// What a target was given of a large file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    pub oid: Oid,
    /// Unknown when it was taken for equal by its times.
    pub hash: Option<[u8; 32]>,
    /// Change time of the file when it was read.
    pub ctime: Option<(i64, u32)>,
}

pub(super) enum Command {
    /// Answer once everything written before now is in batches.
    Barrier { deadline: Instant, reply: SyncSender<Result<Mark, SourceError>> },
    /// Keep everything after now for `target`, and hand out the index as it is. With `anew`, what the target
    /// acknowledged before counts no more.
    Snapshot { target: String, anew: bool, reply: SyncSender<Result<Snapshot, SourceError>> },
    /// New marks carry this epoch.
    Epoch(Epoch),
    /// Objects that a session could not read: say them again as soon as they can be read. And large files with the hash
    /// of what a target was given of them: say those again whose signature is of something else. Answered once that
    /// will not be forgotten.
    Again { oids: Vec<Oid>, given: Vec<Given>, reply: SyncSender<Result<(), SourceError>> },
    /// A target has something else in these blocks of a file: say them as they are. It asks again until they come.
    Repair { oid: Oid, blocks: Vec<u64> },
    /// Something may be otherwise than the index has it.
    Look { items: Vec<Item>, hint: Hint },
    /// Objects with their hashes, which the index did not know.
    Learn(Vec<Stored>),
    /// Let what this digest stands for go, once. Answered with a word for people.
    Approve { digest: String, reply: SyncSender<Result<String, SourceError>> },
    /// Something in the spool cannot be read.
    SpoolLost(String),
}

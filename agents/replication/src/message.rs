//! What the two ends of a stream say to each other, and the same records in the spool.
//!
//! A batch is a *difference of states*, not a sequence of events: which objects are new or changed, and which names
//! now stand for which object. It can therefore be applied again after a crash without harm. `codec` has the encoding
//! of the values.

mod encoding;

use crate::{
    codec::{Reader, Writer},
    content::BlockHash,
    meta::{Meta, Oid},
};
use model::{Epoch, Mark};

/// Largest piece of content in one record.
pub const DATA_BYTES_MAX: usize = 256 << 10;
/// Largest encoded message; a frame's payload is never larger.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;
pub const NAME_BYTES_MAX: usize = 255;
/// Longest path below a root that is ever exchanged.
pub const PATH_BYTES_MAX: usize = 64 << 10;
pub const SYMLINK_BYTES_MAX: usize = 4096;
/// Most extended attributes of one object, and the most bytes they may have in all.
pub const XATTRS_MAX: usize = 1024;
pub const XATTR_BYTES_MAX: usize = 512 << 10;
/// Most blocks in one message about them.
pub const BLOCKS_MAX: usize = 4096;
pub const LINEAGE_BYTES_MAX: usize = 64;
pub const TEXT_BYTES_MAX: usize = 4096;

/// What a batch is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BatchKind {
    /// Changes that were followed; its mark becomes the target's position once it is durable.
    Live = 1,
    /// A part of a synchronization; the position moves only at `MirrorEnd`.
    Part = 2,
    /// What a full spool could not hold: the difference since the target's position, read from the source as it is now.
    Resync = 3,
}

/// What a `Node` record says of the content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Content {
    /// As it is; also for objects without content.
    Keep = 0,
    /// `Data` records and one `DataEnd` follow at once, and replace all of it.
    Follows = 1,
    /// It was gone before it could be read; a later batch takes the name away.
    Gone = 2,
    /// `Block` and `Zeros` records and one `PatchEnd` follow at once, and change it in place.
    Patch = 3,
}

impl Content {
    pub const ALL: &[Self] = &[Self::Keep, Self::Follows, Self::Gone, Self::Patch];
}

/// What a changed block is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Zeros, whatever the target has there.
    Zeros,
    /// What the target has there, which has this hash.
    Old(BlockHash),
}

/// Bytes that are put into a block at an offset in it.
pub type Piece = (u32, Vec<u8>);

/// What a target does first when it does not follow the source's lineage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OrphanPolicy {
    Keep = 0,
    Delete = 1,
    Quarantine = 2,
}

/// One entry of a listing: a name below a root, in byte order of `path`, directories before what they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Index of the root in the scenario's list.
    pub root: u32,
    /// Path below the root without a leading `/`; empty for the root itself.
    pub path: Vec<u8>,
    pub meta: Meta,
    /// Equal for all names of one object within a listing.
    pub object: u64,
    /// Content of a file, when it was asked for and could be read.
    pub hash: Option<[u8; 32]>,
}

/// One message. Source to target unless stated otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Target to source, first: what the target holds. `dirty`: a synchronization was begun and not ended.
    Welcome {
        lineage: Option<Vec<u8>>,
        synced: Option<Mark>,
        dirty: bool,
    },
    /// The target follows `lineage` up to `from`: batches after it come next.
    Continue {
        lineage: Vec<u8>,
        from: Mark,
    },
    /// The target is to list what it has; a synchronization to `lineage` follows. Trusting equal size and time
    /// instead of content is asked for by `hash: false`.
    Mirror {
        lineage: Vec<u8>,
        hash: bool,
        orphans: OrphanPolicy,
        set_aside: Option<Epoch>,
    },
    /// The target is to list what it has, in one root or in all, with content hashes, and change nothing.
    Compare {
        root: Option<u32>,
    },
    /// Target to source: a piece of a listing.
    Listing(Vec<Entry>),
    /// Target to source: the listing is over; `unreadable` entries could not be listed.
    ListingEnd {
        unreadable: u64,
    },
    /// The target moves `path` to the quarantine of the epoch given by `Mirror`, with all below it.
    SetAside {
        root: u32,
        path: Vec<u8>,
        why: String,
    },
    BatchBegin {
        mark: Mark,
        kind: BatchKind,
    },
    /// The object at `path` becomes `oid` as it is; its names beyond that one follow as `Link`.
    Adopt {
        oid: Oid,
        root: u32,
        path: Vec<u8>,
    },
    /// The object exists with this meta.
    Node {
        oid: Oid,
        meta: Meta,
        content: Content,
    },
    /// A piece of the content announced by the last `Node`; what no piece covers is a hole.
    Data {
        oid: Oid,
        offset: u64,
        bytes: Vec<u8>,
    },
    /// The content is complete: its length and its `content` hash. The pieces came in ascending order.
    DataEnd {
        oid: Oid,
        size: u64,
        hash: [u8; 32],
    },
    /// The content announced for `oid` cannot be read to its end: what came of it counts for nothing, and the object is
    /// as if its `Node` had not come.
    Void {
        oid: Oid,
    },
    /// A block of `content::BLOCK_BYTES` of a file that is changed in place: its base with the pieces, which are in
    /// ascending order, put into it. Blocks and zeros come in ascending order.
    Block {
        oid: Oid,
        number: u64,
        base: Base,
        new: BlockHash,
        pieces: Vec<Piece>,
    },
    /// The blocks from `from` on and before `until` are zeros.
    Zeros {
        oid: Oid,
        from: u64,
        until: u64,
    },
    /// The changes of `oid` are complete, and it is `size` bytes long.
    PatchEnd {
        oid: Oid,
        size: u64,
    },
    /// `name` in `parent` stands for `oid`, whatever it stood for before.
    Link {
        parent: Oid,
        name: Vec<u8>,
        oid: Oid,
    },
    /// `name` in `parent` stood for `oid` and is gone.
    Unlink {
        parent: Oid,
        name: Vec<u8>,
        oid: Oid,
    },
    /// Everything of the batch was sent: what a `BatchDigest` made of the records between begin and end.
    BatchEnd {
        mark: Mark,
        records: u64,
        digest: [u8; 32],
    },
    /// The synchronization is over and its state is `mark`. Only when `complete` may orphans be touched.
    MirrorEnd {
        mark: Mark,
        complete: bool,
    },
    /// The source's clock, in nanoseconds since 1970, when everything up to `mark` had been sent.
    Heartbeat {
        at: u64,
        mark: Mark,
    },
    /// Target to source: how far it is. `synced` frees the spool; `heartbeat` echoes the last one applied.
    Ack {
        applied: Option<Mark>,
        synced: Option<Mark>,
        heartbeat: u64,
    },
    /// Target to source: these blocks of a file are not what a change was meant for. Nothing was done to them, and they are
    /// asked for as they should be.
    Diverged {
        oid: Oid,
        blocks: Vec<u64>,
    },
    /// Target to source: there is no room for what comes. The session ends, and a later one goes on.
    Stalled {
        why: String,
    },
    /// Either way: the session ends because of this.
    Failed {
        why: String,
    },
}

macro_rules! message_types {
    ($($variant:ident = $number:literal),* $(,)?) => {
        impl Message {
            /// The frame type that stands for this variant.
            pub fn kind(&self) -> u16 {
                match self { $(Message::$variant { .. } => $number),* }
            }
        }

        /// All frame types of this protocol, for tests over all of them.
        pub const KINDS: &[u16] = &[$($number),*];
    };
}

message_types! {
    Welcome = 0x100, Continue = 0x101, Mirror = 0x102, Compare = 0x103, Listing = 0x104, ListingEnd = 0x105,
    SetAside = 0x106, BatchBegin = 0x110, Adopt = 0x111, Node = 0x112, Data = 0x113, DataEnd = 0x114, Link = 0x115,
    Unlink = 0x116, BatchEnd = 0x117, MirrorEnd = 0x118, Void = 0x119, Block = 0x11a, Zeros = 0x11b, PatchEnd = 0x11c, Heartbeat = 0x120, Ack = 0x121, Stalled = 0x122, Failed = 0x123, Diverged = 0x124,
}

/// Counts and digests the records of a batch between its begin and its end: the two numbers in `BatchEnd`.
///
/// Each record goes in as its type, the length of its encoding (32 bits) and its encoding, little-endian.
#[derive(Clone, Default)]
pub struct BatchDigest {
    hasher: blake3::Hasher,
    records: u64,
}

impl BatchDigest {
    /// Takes the next record: `Message::kind` and `Message::encode`.
    pub fn add(&mut self, kind: u16, body: &[u8]) {
        self.hasher.update(&kind.to_le_bytes());
        self.hasher.update(&(body.len() as u32).to_le_bytes());
        self.hasher.update(body);
        self.records += 1;
    }

    pub fn records(&self) -> u64 {
        self.records
    }

    pub fn digest(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }
}

/// A `Meta` in the wire encoding, for the stores of both ends.
pub fn encode_meta(meta: &Meta) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(64));
    out.meta(meta);
    out.0
}

/// Reads what `encode_meta` wrote.
pub fn decode_meta(bytes: &[u8]) -> Result<Meta, DecodeError> {
    let mut input = Reader(bytes);
    let meta = input.meta()?;
    if input.0.is_empty() { Ok(meta) } else { Err(DecodeError::Trailing(input.0.len())) }
}

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("unknown message type {0:#06x}")]
    Kind(u16),
    #[error("the message ends before {0}")]
    Short(&'static str),
    #[error("{what} of {length} bytes is larger than the limit of {limit}")]
    TooLong { what: &'static str, length: usize, limit: usize },
    #[error("{0} has a value that does not exist")]
    Value(&'static str),
    #[error("{0} bytes follow the end of the message")]
    Trailing(usize),
}

//! What the two ends of a stream say to each other, and the same records in the spool.
//!
//! A batch is a *difference of states*, not a sequence of events: which objects are new or changed, and which names
//! now stand for which object. It can therefore be applied again after a crash without harm. `codec` has the encoding
//! of the values.

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

impl Message {
    /// The body of the message, without its type.
    #[expect(clippy::too_many_lines, reason = "one arm for each message")]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(64));
        match self {
            Message::Welcome { lineage, synced, dirty } => {
                out.option(lineage.as_ref(), |out, lineage| out.bytes(lineage));
                out.option(synced.as_ref(), |out, mark| out.mark(*mark));
                out.u8(u8::from(*dirty));
            }
            Message::Continue { lineage, from } => {
                out.bytes(lineage);
                out.mark(*from);
            }
            Message::Mirror { lineage, hash, orphans, set_aside } => {
                out.bytes(lineage);
                out.u8(u8::from(*hash));
                out.u8(*orphans as u8);
                out.option(set_aside.as_ref(), |out, epoch| out.u64(epoch.0));
            }
            Message::Compare { root } => out.option(*root, |out, root| out.u32(root)),
            Message::Listing(entries) => {
                out.u32(entries.len() as u32);
                entries.iter().for_each(|entry| out.entry(entry));
            }
            Message::ListingEnd { unreadable } => out.u64(*unreadable),
            Message::SetAside { root, path, why } => {
                out.u32(*root);
                out.bytes(path);
                out.bytes(why.as_bytes());
            }
            Message::BatchBegin { mark, kind } => {
                out.mark(*mark);
                out.u8(*kind as u8);
            }
            Message::Adopt { oid, root, path } => {
                out.u64(oid.0);
                out.u32(*root);
                out.bytes(path);
            }
            Message::Node { oid, meta, content } => {
                out.u64(oid.0);
                out.meta(meta);
                out.u8(*content as u8);
            }
            Message::Data { oid, offset, bytes } => {
                out.u64(oid.0);
                out.u64(*offset);
                out.bytes(bytes);
            }
            Message::DataEnd { oid, size, hash } => {
                out.u64(oid.0);
                out.u64(*size);
                out.0.extend_from_slice(hash);
            }
            Message::Void { oid } => out.u64(oid.0),
            Message::Block { oid, number, base, new, pieces } => {
                out.u64(oid.0);
                out.u64(*number);
                out.base(*base);
                out.block_hash(*new);
                out.pieces(pieces);
            }
            Message::Zeros { oid, from, until } => {
                out.u64(oid.0);
                out.u64(*from);
                out.u64(*until);
            }
            Message::PatchEnd { oid, size } => {
                out.u64(oid.0);
                out.u64(*size);
            }
            Message::Link { parent, name, oid } | Message::Unlink { parent, name, oid } => {
                out.u64(parent.0);
                out.bytes(name);
                out.u64(oid.0);
            }
            Message::BatchEnd { mark, records, digest } => {
                out.mark(*mark);
                out.u64(*records);
                out.0.extend_from_slice(digest);
            }
            Message::MirrorEnd { mark, complete } => {
                out.mark(*mark);
                out.u8(u8::from(*complete));
            }
            Message::Heartbeat { at, mark } => {
                out.u64(*at);
                out.mark(*mark);
            }
            Message::Ack { applied, synced, heartbeat } => {
                out.option(applied.as_ref(), |out, mark| out.mark(*mark));
                out.option(synced.as_ref(), |out, mark| out.mark(*mark));
                out.u64(*heartbeat);
            }
            Message::Diverged { oid, blocks } => {
                out.u64(oid.0);
                out.u32(blocks.len() as u32);
                blocks.iter().for_each(|block| out.u64(*block));
            }
            Message::Stalled { why } | Message::Failed { why } => out.bytes(why.as_bytes()),
        }
        out.0
    }

    /// Reads a message of type `kind`. No length in it is trusted.
    pub fn decode(kind: u16, body: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader(body);
        let message = Self::decode_body(kind, &mut input)?;
        if input.0.is_empty() { Ok(message) } else { Err(DecodeError::Trailing(input.0.len())) }
    }

    fn decode_body(kind: u16, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match kind {
            0x100 => Message::Welcome {
                lineage: input.option("lineage", |i| i.bytes("lineage", LINEAGE_BYTES_MAX))?,
                synced: input.option("synced", Reader::mark)?,
                dirty: input.bool("dirty")?,
            },
            0x101 => Message::Continue { lineage: input.bytes("lineage", LINEAGE_BYTES_MAX)?, from: input.mark()? },
            0x102 => Message::Mirror {
                lineage: input.bytes("lineage", LINEAGE_BYTES_MAX)?,
                hash: input.bool("hash")?,
                orphans: input.one_of(
                    "orphans",
                    &[OrphanPolicy::Keep, OrphanPolicy::Delete, OrphanPolicy::Quarantine],
                    |p| p as u8,
                )?,
                set_aside: input.option("set aside", |i| Ok(Epoch(i.u64("set aside")?)))?,
            },
            0x103 => Message::Compare { root: input.option("root", |input| input.u32("root"))? },
            0x104 => Message::Listing(input.entries()?),
            0x105 => Message::ListingEnd { unreadable: input.u64("unreadable")? },
            0x106 => Message::SetAside {
                root: input.u32("root")?,
                path: input.bytes("path", PATH_BYTES_MAX)?,
                why: input.text()?,
            },
            0x110 => Message::BatchBegin {
                mark: input.mark()?,
                kind: input
                    .one_of("batch kind", &[BatchKind::Live, BatchKind::Part, BatchKind::Resync], |k| k as u8)?,
            },
            0x111 => Message::Adopt {
                oid: Oid(input.u64("oid")?),
                root: input.u32("root")?,
                path: input.bytes("path", PATH_BYTES_MAX)?,
            },
            0x112 => Message::Node {
                oid: Oid(input.u64("oid")?),
                meta: input.meta()?,
                content: input.one_of("content", Content::ALL, |c| c as u8)?,
            },
            0x113 => Message::Data {
                oid: Oid(input.u64("oid")?),
                offset: input.u64("offset")?,
                bytes: input.bytes("data", DATA_BYTES_MAX)?,
            },
            0x114 => Message::DataEnd { oid: Oid(input.u64("oid")?), size: input.u64("size")?, hash: input.hash()? },
            0x115 => Message::Link {
                parent: Oid(input.u64("parent")?),
                name: input.bytes("name", NAME_BYTES_MAX)?,
                oid: Oid(input.u64("oid")?),
            },
            0x116 => Message::Unlink {
                parent: Oid(input.u64("parent")?),
                name: input.bytes("name", NAME_BYTES_MAX)?,
                oid: Oid(input.u64("oid")?),
            },
            0x117 => Message::BatchEnd { mark: input.mark()?, records: input.u64("records")?, digest: input.hash()? },
            0x118 => Message::MirrorEnd { mark: input.mark()?, complete: input.bool("complete")? },
            0x119 => Message::Void { oid: Oid(input.u64("oid")?) },
            0x11a => Message::Block {
                oid: Oid(input.u64("oid")?),
                number: input.u64("block")?,
                base: input.base()?,
                new: input.block_hash()?,
                pieces: input.pieces()?,
            },
            0x11b => Message::Zeros {
                oid: Oid(input.u64("oid")?),
                from: input.u64("first block")?,
                until: input.u64("last block")?,
            },
            0x11c => Message::PatchEnd { oid: Oid(input.u64("oid")?), size: input.u64("size")? },
            0x120 => Message::Heartbeat { at: input.u64("at")?, mark: input.mark()? },
            0x121 => Message::Ack {
                applied: input.option("applied", Reader::mark)?,
                synced: input.option("synced", Reader::mark)?,
                heartbeat: input.u64("heartbeat")?,
            },
            0x122 => Message::Stalled { why: input.text()? },
            0x123 => Message::Failed { why: input.text()? },
            0x124 => Message::Diverged { oid: Oid(input.u64("oid")?), blocks: input.blocks()? },
            other => return Err(DecodeError::Kind(other)),
        })
    }
}

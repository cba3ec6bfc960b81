//! Messages as bytes. No length in them is trusted.

use super::{
    BatchKind, Content, DATA_BYTES_MAX, DecodeError, LINEAGE_BYTES_MAX, Message, NAME_BYTES_MAX, OrphanPolicy,
    PATH_BYTES_MAX,
};
use crate::{
    codec::{Reader, Writer},
    meta::Oid,
};
use model::Epoch;

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
            0x110..=0x117 | 0x119..=0x11c => return Self::decode_record(kind, input),
            0x118 => Message::MirrorEnd { mark: input.mark()?, complete: input.bool("complete")? },
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
    /// What a batch is made of, with its begin and its end.
    fn decode_record(kind: u16, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match kind {
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
            other => return Err(DecodeError::Kind(other)),
        })
    }
}

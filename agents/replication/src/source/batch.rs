//! The difference that is being written: what goes to the spool, and what the gap remembers.

use super::SourceError;
use crate::{
    content::BlockHash,
    index::{Gap, GapName, Index},
    message::{Base, BatchDigest, BatchKind, Content, Message, Piece},
    meta::{Meta, ObjectKind, Oid},
    spool::{HEADER_BYTES, Spool, SpoolError},
};
use model::Mark;
use std::collections::{BTreeMap, HashMap, HashSet};

/// After how many records the free space of the disk is looked at.
const FREE_EVERY: u64 = 256;

/// Where the records of a batch go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sink {
    Spool,
    /// Only what changed is remembered.
    Gap,
    /// No target follows this lineage yet: each will be synchronized in full.
    Nowhere,
}

/// One batch while it is being built.
pub(super) struct Batch<'a> {
    pub mark: Mark,
    pub sink: Sink,
    spool: &'a mut Spool,
    nodes: HashSet<Oid>,
    /// Names that changed with what they stood for before, in the order they were found.
    names: Vec<(Oid, Box<[u8]>)>,
    before: HashMap<(Oid, Box<[u8]>), Option<Oid>>,
    /// Objects all of whose names are said again.
    relinked: HashSet<Oid>,
    digest: BatchDigest,
    /// Objects without content, which are said once, as they are at the end of the batch.
    plain: BTreeMap<Oid, Meta>,
    removals: u64,
    /// The spool had no room, as opposed to a file that is too large for it.
    pub full: bool,
}

/// Where a batch can be taken back to.
pub(super) struct Place {
    spool: (u64, u64),
    digest: BatchDigest,
    oid: Oid,
    noted: bool,
}

impl<'a> Batch<'a> {
    pub fn begin(mark: Mark, sink: Sink, spool: &'a mut Spool) -> Result<Self, SourceError> {
        let mut batch = Self {
            mark,
            sink,
            spool,
            nodes: HashSet::new(),
            names: Vec::new(),
            before: HashMap::new(),
            relinked: HashSet::new(),
            digest: BatchDigest::default(),
            plain: BTreeMap::new(),
            removals: 0,
            full: false,
        };
        if sink == Sink::Spool {
            match batch.spool.begin(mark.batch) {
                Err(SpoolError::Full) => (batch.sink, batch.full) = (Sink::Gap, true),
                other => other?,
            }
        }
        if batch.sink == Sink::Spool {
            let begin = Message::BatchBegin { mark, kind: BatchKind::Live };
            batch.spool.append(&begin).or_else(|error| batch.overflow(error))?;
        }
        Ok(batch)
    }

    fn overflow(&mut self, error: SpoolError) -> Result<(), SpoolError> {
        match error {
            SpoolError::Full => {
                self.full = true;
                self.leave_to_gap();
                Ok(())
            }
            other => Err(other),
        }
    }

    /// Gives up the records of this batch: what changed is remembered instead.
    pub fn leave_to_gap(&mut self) {
        if self.sink == Sink::Spool {
            self.spool.abandon();
            self.sink = Sink::Gap;
        }
    }

    fn append(&mut self, message: &Message) -> Result<(), SpoolError> {
        if self.sink != Sink::Spool {
            return Ok(());
        }
        let (kind, body) = (message.kind(), message.encode());
        let bytes = (body.len() + HEADER_BYTES) as u64;
        let asks = self.digest.records().is_multiple_of(FREE_EVERY);
        if !(if asks { self.spool.fits(bytes) } else { self.spool.is_within_limit(bytes) }) {
            return self.overflow(SpoolError::Full);
        }
        match self.spool.append_encoded(kind, &body) {
            Ok(()) => {
                self.digest.add(kind, &body);
                Ok(())
            }
            Err(error) => self.overflow(error),
        }
    }

    /// Here, before records of `oid`.
    pub fn place(&self, oid: Oid) -> Place {
        let noted = self.nodes.contains(&oid);
        Place { spool: self.spool.position(), digest: self.digest.clone(), oid, noted }
    }

    pub fn take_back(&mut self, place: Place) -> Result<(), SpoolError> {
        if !place.noted {
            self.nodes.remove(&place.oid);
        }
        if self.sink == Sink::Spool {
            self.spool.rewind(place.spool)?;
            self.digest = place.digest;
        }
        Ok(())
    }

    pub fn node(&mut self, oid: Oid, meta: &Meta, content: Content) -> Result<(), SpoolError> {
        self.nodes.insert(oid);
        if meta.kind != ObjectKind::File {
            self.plain.insert(oid, meta.clone());
            return Ok(());
        }
        self.append(&Message::Node { oid, meta: meta.clone(), content })
    }

    /// Whether a file was said already: that is done once in a batch.
    pub fn has_said(&self, oid: Oid) -> bool {
        self.nodes.contains(&oid) && !self.plain.contains_key(&oid)
    }

    pub fn data(&mut self, oid: Oid, offset: u64, bytes: &[u8]) -> Result<(), SpoolError> {
        self.append(&Message::Data { oid, offset, bytes: bytes.to_vec() })
    }

    pub fn data_end(&mut self, oid: Oid, size: u64, hash: [u8; 32]) -> Result<(), SpoolError> {
        self.append(&Message::DataEnd { oid, size, hash })
    }

    pub fn block(
        &mut self,
        oid: Oid,
        number: u64,
        base: Base,
        new: BlockHash,
        pieces: Vec<Piece>,
    ) -> Result<(), SpoolError> {
        self.append(&Message::Block { oid, number, base, new, pieces })
    }

    pub fn zeros(&mut self, oid: Oid, from: u64, until: u64) -> Result<(), SpoolError> {
        self.append(&Message::Zeros { oid, from, until })
    }

    pub fn patch_end(&mut self, oid: Oid, size: u64) -> Result<(), SpoolError> {
        self.append(&Message::PatchEnd { oid, size })
    }

    /// How full the spool is, in parts of a hundred.
    pub fn spool_share(&self) -> u64 {
        self.spool.bytes().saturating_mul(100) / self.spool.limits().bytes_max.max(1)
    }

    /// Notes what `name` stood for before the batch, the first time it is changed.
    pub fn note_name(&mut self, parent: Oid, name: &[u8], before: Option<Oid>) {
        let key = (parent, Box::from(name));
        if let std::collections::hash_map::Entry::Vacant(vacant) = self.before.entry(key) {
            self.names.push(vacant.key().clone());
            vacant.insert(before);
        }
    }

    /// The changed names, with what each stood for before the batch.
    pub fn names_before(&self) -> impl Iterator<Item = (Oid, &[u8], Option<Oid>)> {
        self.before.iter().map(|((parent, name), before)| (*parent, &**name, *before))
    }

    pub fn note_removal(&mut self) {
        self.removals += 1;
    }

    /// Whether something that was there is gone: the roots must be looked at before this leaves the machine.
    pub fn removes(&self) -> bool {
        self.removals > 0
    }

    pub fn relink(&mut self, oid: Oid) {
        self.relinked.insert(oid);
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        if self.sink == Sink::Spool { self.spool.position().0 } else { 0 }
    }

    /// Writes the names and the end, and makes the batch durable. False when nothing changed.
    pub fn finish(&mut self, index: &mut Index, noted: bool) -> Result<bool, SourceError> {
        let mut links = Vec::new();
        let mut unlinks = Vec::new();
        for (parent, name) in std::mem::take(&mut self.names) {
            let before = self.before.get(&(parent, name.clone())).copied().flatten();
            let now = index.named(parent, &name)?;
            match (before, now) {
                (before, now) if before == now => {}
                (_, Some(oid)) => links.push((parent, name, oid, before)),
                (Some(oid), None) => unlinks.push((parent, name, oid)),
                (None, None) => {}
            }
        }
        if self.nodes.is_empty() && links.is_empty() && unlinks.is_empty() && self.relinked.is_empty() {
            self.spool.abandon();
            return Ok(false);
        }
        for (oid, meta) in std::mem::take(&mut self.plain) {
            self.append(&Message::Node { oid, meta, content: Content::Keep })?;
        }
        for (parent, name, oid, _) in &links {
            self.append(&Message::Link { parent: *parent, name: name.to_vec(), oid: *oid })?;
        }
        for oid in std::mem::take(&mut self.relinked) {
            for (parent, name) in index.names_of(oid)? {
                self.append(&Message::Link { parent, name, oid })?;
            }
        }
        for (parent, name, oid) in unlinks.iter().rev() {
            self.append(&Message::Unlink { parent: *parent, name: name.to_vec(), oid: *oid })?;
        }
        if self.sink == Sink::Spool {
            let (records, digest) = (self.digest.records(), self.digest.digest());
            self.append(&Message::BatchEnd { mark: self.mark, records, digest })?;
        }
        if self.sink == Sink::Spool {
            self.spool.sync().or_else(|error| self.overflow(error))?;
        }
        if noted || self.sink == Sink::Gap {
            let linked = links.into_iter().map(|(parent, name, _, before)| (parent, name, before));
            let unlinked = unlinks.into_iter().map(|(parent, name, oid)| (parent, name, Some(oid)));
            self.note_gap(index, linked.chain(unlinked))?;
        }
        Ok(true)
    }

    fn note_gap(
        &self,
        index: &Index,
        names: impl Iterator<Item = (Oid, Box<[u8]>, Option<Oid>)>,
    ) -> Result<(), SourceError> {
        for oid in &self.nodes {
            index.note_gap_object(*oid, self.mark.batch)?;
            if self.sink != Sink::Spool {
                // Targets are given what is there when they catch up, not what was seen now.
                index.forget_signature(*oid)?;
            }
        }
        for (parent, name, before) in names {
            index.note_gap_name(&GapName { parent, name: name.into(), before }, self.mark.batch)?;
        }
        Ok(())
    }

    /// Shows the batch to the sessions, after the index was committed.
    pub fn publish(self) {
        if self.sink == Sink::Spool {
            self.spool.publish();
        }
    }
}

/// The gap after a batch that was not spooled.
pub(super) fn widened(gap: Option<Gap>, batch: u64, open: bool) -> Gap {
    match gap {
        Some(gap) => Gap { last: batch, open: gap.open || open, ..gap },
        None => Gap { first: batch, last: batch, open },
    }
}

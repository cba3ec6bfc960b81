//! Signatures of large files: what every target has of their content, block by block, so that a change of a few bytes
//! is found and sent without asking anybody.
//!
//! A block of 64 KiB has the hash that the content's own hash is made of. Each of its units of 4 KiB has 64 bits of a
//! keyed hash: those are only ever compared with the same unit's, never leave this host, and the key keeps anybody from
//! making two units that look alike. Rows hold 1 MiB of content each; a file has them in `signature` once it is in
//! `signed`.

use super::{
    Index, Stored,
    objects::{COLUMNS, stored},
};
use crate::{
    content::{BLOCK_BYTES, BlockHash, BlockList, block_hash},
    meta::Oid,
};
use rusqlite::{OptionalExtension, params};

pub const UNIT_BYTES: usize = 4 << 10;
pub const UNITS: usize = BLOCK_BYTES / UNIT_BYTES;
/// Blocks in one row.
pub const REGION_BLOCKS: usize = 16;

/// Beside the tables that have a version, as what is lost with them is only found again more slowly.
pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS signed (oid INTEGER PRIMARY KEY, size INTEGER NOT NULL, complete INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS signature (
        oid INTEGER NOT NULL, region INTEGER NOT NULL, blocks BLOB NOT NULL, PRIMARY KEY (oid, region)) WITHOUT ROWID;
";

/// What is known of the signature of a file as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Length of the content that it is of.
    pub size: u64,
    /// What has no row is all zeros; otherwise it is not known.
    pub complete: bool,
}

/// What targets have of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedBlock {
    /// `None` while it is not known.
    pub hash: Option<BlockHash>,
    /// Zero stands for a unit that is not known.
    pub units: [u64; UNITS],
}

impl SignedBlock {
    pub const UNKNOWN: Self = Self { hash: None, units: [0; UNITS] };
    pub const ZEROS: Self = Self { hash: Some(None), units: [0; UNITS] };

    pub fn of(block: &[u8], key: &[u8; 32]) -> Self {
        let hash = block_hash(block);
        if hash.is_none() { Self::ZEROS } else { Self { hash: Some(hash), units: unit_hashes(block, key) } }
    }
}

/// The hashes of the units of a block, which ends where the file does.
pub fn unit_hashes(block: &[u8], key: &[u8; 32]) -> [u64; UNITS] {
    let mut units = [0; UNITS];
    for (number, hash) in units.iter_mut().enumerate() {
        let begin = (number * UNIT_BYTES).min(block.len());
        let unit = &block[begin..(begin + UNIT_BYTES).min(block.len())];
        // What is beyond the end of the content is zeros, as is what a hole has.
        let length = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let whole = blake3::keyed_hash(key, &unit[..length]);
        let mut first = [0; 8];
        first.copy_from_slice(&whole.as_bytes()[..8]);
        *hash = u64::from_le_bytes(first);
    }
    units
}

/// The blocks of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(pub [SignedBlock; REGION_BLOCKS]);

/// Bytes of one block in a row: a tag, the hash, the units.
const ENCODED: usize = 1 + 32 + 8 * UNITS;

impl Region {
    pub const UNKNOWN: Self = Self([SignedBlock::UNKNOWN; REGION_BLOCKS]);
    pub const ZEROS: Self = Self([SignedBlock::ZEROS; REGION_BLOCKS]);

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(REGION_BLOCKS * ENCODED);
        for block in &self.0 {
            let (tag, hash) = match block.hash {
                None => (0, [0; 32]),
                Some(None) => (1, [0; 32]),
                Some(Some(hash)) => (2, hash),
            };
            out.push(tag);
            out.extend_from_slice(&hash);
            block.units.iter().for_each(|unit| out.extend_from_slice(&unit.to_le_bytes()));
        }
        out
    }

    fn decode(bytes: &[u8]) -> Self {
        let mut region = Self::UNKNOWN;
        for (block, bytes) in region.0.iter_mut().zip(bytes.chunks_exact(ENCODED)) {
            let mut hash = [0; 32];
            hash.copy_from_slice(&bytes[1..33]);
            block.hash = match bytes[0] {
                1 => Some(None),
                2 => Some(Some(hash)),
                _ => None,
            };
            for (unit, bytes) in block.units.iter_mut().zip(bytes[33..].chunks_exact(8)) {
                let mut number = [0; 8];
                number.copy_from_slice(bytes);
                *unit = u64::from_le_bytes(number);
            }
        }
        region
    }
}

impl Index {
    /// The key of the hashes of units.
    pub fn unit_key(&self) -> &[u8; 32] {
        &self.unit_key
    }

    pub fn signed(&self, oid: Oid) -> rusqlite::Result<Option<Signed>> {
        self.connection
            .prepare_cached("SELECT size, complete FROM signed WHERE oid = ?1")?
            .query_row([oid.0], |row| Ok(Signed { size: row.get(0)?, complete: row.get(1)? }))
            .optional()
    }

    /// The first file after `after` and up to `until` that has no signature, whose content is known and whose length is
    /// within the bounds.
    pub fn unsigned(&self, after: Oid, until: Oid, min: u64, max: u64) -> rusqlite::Result<Option<Stored>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM object WHERE oid > ?1 AND oid <= ?2 AND kind = 1 AND size BETWEEN ?3 AND ?4
               AND hash IS NOT NULL AND NOT racy AND NOT EXISTS (SELECT 1 FROM signed WHERE signed.oid = object.oid)
             ORDER BY oid LIMIT 1"
        );
        let values = params![after.0, until.0, min, max];
        self.connection.prepare_cached(&sql)?.query_row(values, stored).optional()
    }

    pub fn set_signed(&self, oid: Oid, signed: Signed) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO signed VALUES (?1, ?2, ?3)")?
            .execute(params![oid.0, signed.size, signed.complete])
            .map(drop)
    }

    /// A row of the signature; `None` when there is none.
    pub fn region(&self, oid: Oid, number: u64) -> rusqlite::Result<Option<Region>> {
        self.connection
            .prepare_cached("SELECT blocks FROM signature WHERE oid = ?1 AND region = ?2")?
            .query_row(params![oid.0, number], |row| Ok(Region::decode(row.get_ref(0)?.as_blob()?)))
            .optional()
    }

    pub fn set_region(&self, oid: Oid, number: u64, region: &Region) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO signature VALUES (?1, ?2, ?3)")?
            .execute(params![oid.0, number, region.encode()])
            .map(drop)
    }

    /// The first row at or after `from` and before `until`.
    pub fn next_region(&self, oid: Oid, from: u64, until: u64) -> rusqlite::Result<Option<u64>> {
        self.connection
            .prepare_cached("SELECT min(region) FROM signature WHERE oid = ?1 AND region >= ?2 AND region < ?3")?
            .query_row(params![oid.0, from, until], |row| row.get(0))
    }

    /// The content ends before this row now.
    pub fn cut_regions(&self, oid: Oid, from: u64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("DELETE FROM signature WHERE oid = ?1 AND region >= ?2")?
            .execute(params![oid.0, from])
            .map(drop)
    }

    /// These rows are as the others that are not there.
    pub fn drop_regions(&self, oid: Oid, from: u64, until: u64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("DELETE FROM signature WHERE oid = ?1 AND region >= ?2 AND region < ?3")?
            .execute(params![oid.0, from, until])
            .map(drop)
    }

    /// What targets have of a file is not known block by block any more.
    pub fn forget_signature(&self, oid: Oid) -> rusqlite::Result<()> {
        if self.connection.prepare_cached("DELETE FROM signed WHERE oid = ?1")?.execute([oid.0])? > 0 {
            self.cut_regions(oid, 0)?;
        }
        Ok(())
    }

    /// The hash of the content that the signature is of; `None` while a block of it is not known.
    pub fn signed_hash(&self, oid: Oid, size: u64) -> rusqlite::Result<Option<[u8; 32]>> {
        let mut query =
            self.connection.prepare_cached("SELECT region, blocks FROM signature WHERE oid = ?1 ORDER BY region")?;
        let mut rows = query.query([oid.0])?;
        let mut list = BlockList::default();
        while let Some(row) = rows.next()? {
            let first = row.get::<_, u64>(0)? * REGION_BLOCKS as u64;
            for (number, block) in (first..).zip(Region::decode(row.get_ref(1)?.as_blob()?).0) {
                match block.hash {
                    None => return Ok(None),
                    Some(hash) => list.add(number, hash),
                }
            }
        }
        Ok(Some(list.finish(size)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::hash_bytes;

    #[test]
    fn a_row_comes_back_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let index = Index::open(&directory.path().join("index.db")).unwrap();
        let mut region = Region::UNKNOWN;
        region.0[1] = SignedBlock::ZEROS;
        region.0[2] = SignedBlock::of(&[7; BLOCK_BYTES], index.unit_key());
        index.set_region(Oid(2000), 5, &region).unwrap();
        assert_eq!(index.region(Oid(2000), 5).unwrap(), Some(region));
        assert_eq!(index.next_region(Oid(2000), 0, 9).unwrap(), Some(5));
        assert_eq!(index.next_region(Oid(2000), 6, 9).unwrap(), None);
        assert_eq!(index.signed_hash(Oid(2000), 0).unwrap(), None, "a block is not known");
        index.set_signed(Oid(2000), Signed { size: 1, complete: true }).unwrap();
        index.forget_signature(Oid(2000)).unwrap();
        assert_eq!((index.region(Oid(2000), 5).unwrap(), index.signed(Oid(2000)).unwrap()), (None, None));
    }

    #[test]
    fn the_hash_of_a_content_follows_from_its_signature() {
        let directory = tempfile::tempdir().unwrap();
        let index = Index::open(&directory.path().join("index.db")).unwrap();
        let content: Vec<u8> = (0..3_000_000_u32).map(|i| if i / 70_000 == 9 { 0 } else { (i / 7) as u8 }).collect();
        for (number, piece) in content.chunks(BLOCK_BYTES * REGION_BLOCKS).enumerate() {
            let mut region = Region::ZEROS;
            for (block, bytes) in region.0.iter_mut().zip(piece.chunks(BLOCK_BYTES)) {
                *block = SignedBlock::of(bytes, index.unit_key());
            }
            index.set_region(Oid(2000), number as u64, &region).unwrap();
        }
        let size = content.len() as u64;
        assert_eq!(index.signed_hash(Oid(2000), size).unwrap(), Some(hash_bytes(&content)));
    }

    #[test]
    fn the_key_is_kept_and_every_index_has_another() {
        let directory = tempfile::tempdir().unwrap();
        let open = |name: &str| *Index::open(&directory.path().join(name)).unwrap().unit_key();
        assert_eq!(open("a"), open("a"));
        assert_ne!(open("a"), open("b"));
    }
}

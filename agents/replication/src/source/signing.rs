//! The signature of a file that is said whole, made while it is read.

use super::SourceError;
use crate::{
    content::BlockHash,
    index::{Index, REGION_BLOCKS, Region, Signed, SignedBlock, unit_hashes},
    meta::Oid,
};
use std::collections::BTreeMap;

/// Collects what the blocks of a file are. A row of 16 blocks takes some 3 KiB.
pub(super) struct Signing {
    key: [u8; 32],
    /// Small files have no signature.
    pub wanted: bool,
    regions: BTreeMap<u64, Region>,
}

impl Signing {
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: *key, wanted: false, regions: BTreeMap::new() }
    }

    /// Of a file that is known to be large.
    pub fn wanted(key: &[u8; 32]) -> Self {
        Self { wanted: true, ..Self::new(key) }
    }

    /// Takes a block as it was read. What is never taken is a hole.
    pub fn take(&mut self, number: u64, bytes: &[u8], hash: BlockHash) {
        if !self.wanted || hash.is_none() {
            return;
        }
        let region = self.regions.entry(number / REGION_BLOCKS as u64).or_insert(Region::ZEROS);
        let block = SignedBlock { hash: Some(hash), units: unit_hashes(bytes, &self.key) };
        region.0[(number % REGION_BLOCKS as u64) as usize] = block;
    }

    /// Notes it as what targets have of the file, which is `size` bytes long.
    pub fn store(self, index: &Index, oid: Oid, size: u64) -> Result<(), SourceError> {
        index.forget_signature(oid)?;
        if self.wanted {
            self.regions.iter().try_for_each(|(number, region)| index.set_region(oid, *number, region))?;
            index.set_signed(oid, Signed { size, complete: true })?;
        }
        Ok(())
    }
}

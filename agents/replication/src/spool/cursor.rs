//! A reader of whole batches, beside the writer.

use super::{
    SpoolError, SpoolRecord,
    record::{HEADER_BYTES, Header, SEAL},
    segment::Segment,
    writer::{BATCH_END, Listed, lock},
};
use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    sync::{Arc, Mutex},
};

/// Reads batch after batch.
pub struct Cursor {
    listed: Arc<Mutex<Listed>>,
    /// The last batch that was read whole.
    after: u64,
    open: Option<Reading>,
}

struct Reading {
    file: BufReader<File>,
    first_seq: u64,
    at: u64,
    /// End of what was published when the buffer was last filled; what the buffer holds beyond may change.
    published: u64,
    /// The batch whose records are being given out.
    batch: Option<u64>,
}

impl Cursor {
    pub(super) fn new(listed: Arc<Mutex<Listed>>, after: u64) -> Self {
        Self { listed, after, open: None }
    }

    /// The last batch that was read whole.
    pub fn after(&self) -> u64 {
        self.after
    }

    /// The next record, or `None` when everything published was read. `None` never comes within a batch.
    pub fn read(&mut self) -> Result<Option<SpoolRecord>, SpoolError> {
        loop {
            if self.open.as_ref().is_none_or(|o| o.batch.is_none()) && !self.locate()? {
                return Ok(None);
            }
            let Some(reading) = self.open.as_mut() else { return Ok(None) };
            let (header, body) = reading.record()?;
            if header.kind == SEAL {
                self.open = None;
                continue;
            }
            if header.batch <= self.after {
                reading.batch = (header.kind != BATCH_END).then_some(header.batch);
                continue;
            }
            if header.kind == BATCH_END {
                self.after = header.batch;
                reading.batch = None;
            } else {
                reading.batch = Some(header.batch);
            }
            return Ok(Some(SpoolRecord { kind: header.kind, batch: header.batch, body }));
        }
    }

    /// Stands at the beginning of some batch not after the next one; false when there is none.
    fn locate(&mut self) -> Result<bool, SpoolError> {
        let segment: Segment = {
            let listed = lock(&self.listed);
            let after = self.after;
            match listed.segments.iter().find(|s| s.batches.is_some_and(|(_, last)| last > after)) {
                Some(segment) => {
                    if let Some(reading) = self.open.as_mut().filter(|o| o.first_seq == segment.first_seq) {
                        return reading.refresh(segment).map(|()| true);
                    }
                    segment.clone()
                }
                None => return Ok(false),
            }
        };
        let mut file = File::open(&segment.path).map_err(SpoolError::io("open", &segment.path))?;
        let at = segment.place_before(self.after);
        file.seek(SeekFrom::Start(at)).map_err(SpoolError::io("seek", &segment.path))?;
        let file = BufReader::with_capacity(64 << 10, file);
        self.open = Some(Reading { file, first_seq: segment.first_seq, at, published: segment.bytes, batch: None });
        Ok(true)
    }
}

impl Reading {
    fn refresh(&mut self, segment: &Segment) -> Result<(), SpoolError> {
        if self.at >= self.published {
            self.file.seek(SeekFrom::Start(self.at)).map_err(SpoolError::io("seek", &segment.path))?;
            self.published = segment.bytes;
        }
        Ok(())
    }

    fn record(&mut self) -> Result<(Header, Vec<u8>), SpoolError> {
        let mut bytes = [0; HEADER_BYTES];
        let damaged = |at: u64| move |_| SpoolError::Damaged(format!("a segment ends at {at}"));
        self.file.read_exact(&mut bytes).map_err(damaged(self.at))?;
        let header =
            Header::decode(&bytes).ok_or_else(|| SpoolError::Damaged(format!("there is no record at {}", self.at)))?;
        let mut body = vec![0; header.length as usize];
        self.file.read_exact(&mut body).map_err(damaged(self.at))?;
        header.check(&body)?;
        self.at += header.total();
        Ok((header, body))
    }
}

//! Batches that are read from the file system while they are sent: parts of a synchronization, and what a full spool
//! could not hold.

use super::{
    command::Given,
    content::{self, Read, Reader, Writers},
    link::Link,
    patch::PATCHED_BYTES_MIN,
    slot::{Roots, is_gone},
};
use crate::{
    beneath,
    index::{Snapshot, Stored},
    message::{BatchDigest, BatchKind, Content, Message},
    meta::{Meta, ObjectKind, Oid},
    meta_io,
    session::SessionError,
};
use model::Mark;
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

/// Objects and bytes after which a part ends.
const OBJECTS_MAX: u64 = 1000;
const BYTES_MAX: u64 = 32 << 20;

/// Sends records in batches.
pub(super) struct Parts<'l, 'a> {
    pub link: &'l mut Link<'a>,
    pub roots: Roots,
    mark: Mark,
    open: Option<Open>,
    pub objects_done: u64,
    pub bytes_done: u64,
    /// Files that could not be read and were left out.
    pub unreadable: u64,
    /// Objects that were left out, or said as they may not be.
    again: Vec<Oid>,
    /// What the target has of large files now.
    given: Vec<Given>,
}

struct Open {
    digest: BatchDigest,
    objects: u64,
    bytes: u64,
}

/// An object as it is now.
pub(super) enum Now {
    File(OwnedFd),
    Other(Meta),
    /// It is gone; its index entry is what is known.
    Gone,
    Unreadable,
}

impl<'l, 'a> Parts<'l, 'a> {
    pub fn new(link: &'l mut Link<'a>, mark: Mark) -> Result<Self, SessionError> {
        let roots = link.roots()?;
        let (again, given) = Default::default();
        Ok(Self { link, roots, mark, open: None, objects_done: 0, bytes_done: 0, unreadable: 0, again, given })
    }

    /// Opens a batch of `kind` unless one is open.
    pub fn ensure(&mut self, kind: BatchKind) -> Result<(), SessionError> {
        if self.open.is_none() {
            self.link.send(Message::BatchBegin { mark: self.mark, kind })?;
            self.open = Some(Open { digest: BatchDigest::default(), objects: 0, bytes: 0 });
        }
        Ok(())
    }

    pub fn record(&mut self, message: Message) -> Result<(), SessionError> {
        if let Some(open) = &mut self.open {
            let body = message.encode();
            open.digest.add(message.kind(), &body);
            open.bytes += body.len() as u64;
        }
        self.link.send(message)
    }

    /// Ends the open batch.
    pub fn end(&mut self) -> Result<(), SessionError> {
        if let Some(open) = self.open.take() {
            crate::failpoint::pass("mirror.part");
            let (mark, records, digest) = (self.mark, open.digest.records(), open.digest.digest());
            self.link.send(Message::BatchEnd { mark, records, digest })?;
        }
        self.order_again()
    }

    /// Has what was not said as it is said again as soon as it can be. Soon, as changes of it that are captured
    /// meanwhile are then told as a whole, and always before a target counts as complete.
    fn order_again(&mut self) -> Result<(), SessionError> {
        let (again, given) = (std::mem::take(&mut self.again), std::mem::take(&mut self.given));
        if again.is_empty() && given.is_empty() { Ok(()) } else { self.link.order_again(again, given) }
    }

    /// Ends the open part when it is large enough.
    pub fn end_if_full(&mut self) -> Result<(), SessionError> {
        match &self.open {
            Some(open) if open.objects >= OBJECTS_MAX || open.bytes >= BYTES_MAX => self.end(),
            _ => Ok(()),
        }
    }

    /// Looks what the object is now.
    pub fn look(&self, stored: &Stored, snapshot: &Snapshot) -> Result<Now, SessionError> {
        let looked = self.try_look(stored, snapshot);
        match looked {
            Ok(now) => Ok(now),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                Err(SessionError::io("opening an object of a halted root")(error))
            }
            Err(error) if is_gone(&error) => Ok(Now::Gone),
            Err(error) => {
                tracing::warn!(oid = %stored.oid, %error, "cannot be read; left out for now");
                Ok(Now::Unreadable)
            }
        }
    }

    fn try_look(&self, stored: &Stored, snapshot: &Snapshot) -> io::Result<Now> {
        let opened = self.roots.open(&stored.key, || snapshot.path_of(stored.oid).ok().flatten())?;
        let Some(entry) = opened else { return Ok(Now::Gone) };
        if stored.meta.kind == ObjectKind::File {
            return content::open(entry.as_fd()).map(Now::File);
        }
        let stat = beneath::stat(entry.as_fd())?;
        meta_io::read_meta(entry.as_fd(), &stat, self.link.shared.config.preserve).map(Now::Other)
    }

    fn count_object(&mut self) {
        self.objects_done += 1;
        if let Some(open) = &mut self.open {
            open.objects += 1;
        }
    }

    /// Sends an object as it is now, content and all. False when it cannot be read: it is left out.
    pub fn object(&mut self, stored: &Stored, snapshot: &Snapshot) -> Result<bool, SessionError> {
        let (oid, is_file) = (stored.oid, stored.meta.kind == ObjectKind::File);
        match self.look(stored, snapshot)? {
            Now::File(file) => {
                if !self.file(stored, &file)? {
                    return Ok(self.leave_out(oid));
                }
            }
            Now::Other(meta) => self.record(Message::Node { oid, meta, content: Content::Keep })?,
            Now::Gone => {
                // Opened by path, what was merely renamed is not found either.
                self.again.push(oid);
                let content = if is_file { Content::Gone } else { Content::Keep };
                self.record(Message::Node { oid, meta: stored.meta.clone(), content })?;
            }
            Now::Unreadable if is_file => return Ok(self.leave_out(oid)),
            // As it was seen: what lies in a directory needs it.
            Now::Unreadable => {
                self.again.push(oid);
                self.record(Message::Node { oid, meta: stored.meta.clone(), content: Content::Keep })?;
            }
        }
        self.count_object();
        Ok(true)
    }

    fn leave_out(&mut self, oid: Oid) -> bool {
        self.again.push(oid);
        self.unreadable += 1;
        false
    }

    /// Sends a file's content, read once; what changes while it is read comes again as a change. False when it cannot
    /// be read to its end: it is as if nothing of it had been sent.
    fn file(&mut self, stored: &Stored, file: &OwnedFd) -> Result<bool, SessionError> {
        let (oid, announced) = (stored.oid, std::cell::Cell::new(false));
        let error = match self.content(oid, file, &announced) {
            Ok(read) => {
                if !read.stable {
                    self.again.push(oid);
                }
                let ctime = rustix::fs::fstat(file).ok().filter(|_| read.stable).map(|stat| content::ctime(&stat));
                self.expect_content(stored, read.hash, ctime);
                return Ok(true);
            }
            Err(Sending::Peer(error)) => return Err(error),
            Err(Sending::File(error)) => error,
        };
        tracing::warn!(%oid, %error, "cannot be read to its end; left out for now");
        if announced.get() {
            self.record(Message::Void { oid })?;
        }
        Ok(false)
    }

    /// Has an object said again of which a target is given another content than the index has: when that has passed, the
    /// index sees no change.
    pub fn expect_content(&mut self, stored: &Stored, hash: [u8; 32], ctime: Option<(i64, u32)>) {
        if stored.meta.size >= PATCHED_BYTES_MIN {
            self.given.push(Given { oid: stored.oid, hash: Some(hash), ctime });
        }
        if stored.hash.is_some_and(|known| known != hash) {
            self.again.push(stored.oid);
        }
    }

    /// As `expect_content`, where an object was taken for equal by its times.
    pub fn expect_times(&mut self, stored: &Stored, now: &Meta) {
        if stored.meta.size >= PATCHED_BYTES_MIN {
            self.given.push(Given { oid: stored.oid, hash: None, ctime: None });
        }
        let is_other = (stored.meta.size, stored.meta.mtime) != (now.size, now.mtime);
        if is_other && stored.hash.is_some() {
            self.again.push(stored.oid);
        }
    }

    /// Reads and sends a content; tells in `announced` whether anything of it was sent.
    fn content(&mut self, oid: Oid, file: &OwnedFd, announced: &std::cell::Cell<bool>) -> Result<Read, Sending> {
        let before = || Ok(rustix::fs::fstat(file)?);
        let preserve = self.link.shared.config.preserve;
        let parts = std::cell::RefCell::new(&mut *self);
        let reader = Reader::<Sending> {
            // A send may take as long as the peer likes.
            newcomers: Writers::GoOn,
            before: &before,
            begin: &mut |stat| {
                let meta = meta_io::read_meta(file.as_fd(), stat, preserve)?;
                announced.set(true);
                Ok(parts.borrow_mut().record(Message::Node { oid, meta, content: Content::Follows })?)
            },
            each: &mut |offset, bytes| {
                let mut parts = parts.borrow_mut();
                parts.bytes_done += bytes.len() as u64;
                Ok(parts.record(Message::Data { oid, offset, bytes: bytes.to_vec() })?)
            },
            blocks: &mut |_, _, _| {},
        };
        let (stat, read) = content::read(file.as_fd(), reader)?;
        self.record(Message::DataEnd { oid, size: stat.st_size as u64, hash: read.hash })?;
        Ok(read)
    }

    /// Sends all names of an object.
    pub fn names(&mut self, oid: Oid, names: Vec<(Oid, Vec<u8>)>) -> Result<(), SessionError> {
        for (parent, name) in names {
            self.record(Message::Link { parent, name, oid })?;
        }
        Ok(())
    }

    /// Sends an object that the target has already, with its meta.
    pub fn keep(&mut self, oid: Oid, meta: Meta) -> Result<(), SessionError> {
        self.record(Message::Node { oid, meta, content: Content::Keep })?;
        self.count_object();
        Ok(())
    }
}

/// Either a file that could not be read to its end, or a peer that could not be written to.
enum Sending {
    File(io::Error),
    Peer(SessionError),
}

impl From<io::Error> for Sending {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl From<SessionError> for Sending {
    fn from(error: SessionError) -> Self {
        Self::Peer(error)
    }
}

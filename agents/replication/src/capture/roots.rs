//! Which kind of capture each root has, and why.

use super::{DirtySet, Filesystem, Key, Known, Watch, fanotify::Fanotify, inotify::Inotify};
use model::agent_status::Capture;
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

/// How capture is limited, which only tests do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tuning {
    /// The best kind of capture that may be used.
    pub best: Option<Capture>,
    /// Most events of one drain; the rest counts as lost.
    pub queue_max: Option<usize>,
    /// How long a page stays dirty at most, instead of what the system says.
    pub dirty_max: Option<Duration>,
}

/// How changes of one root are noticed.
#[derive(Clone, Debug)]
pub struct RootCapture {
    pub mode: Capture,
    /// Why it is not the best there is.
    pub reason: Option<String>,
}

/// All sources of hints of one scenario.
pub struct Captures {
    fanotify: Option<Fanotify>,
    inotify: Option<Inotify>,
    /// `None` for a root that cannot be read.
    roots: Vec<Option<RootCapture>>,
}

impl Captures {
    /// Chooses the best kind for each root and places the marks of file systems.
    pub fn new(roots: &[Option<(&Filesystem, BorrowedFd<'_>)>], tuning: Tuning) -> Self {
        let mut captures = Self { fanotify: None, inotify: None, roots: Vec::new() };
        for root in roots {
            let chosen = root.map(|(filesystem, fd)| captures.choose(filesystem, fd, tuning));
            captures.roots.push(chosen);
        }
        captures
    }

    fn choose(&mut self, filesystem: &Filesystem, fd: BorrowedFd<'_>, tuning: Tuning) -> RootCapture {
        let allowed = |mode: Capture| rank(mode) >= tuning.best.map_or(0, rank);
        let by_key = filesystem.opens_by_key(fd);
        let mut reasons = Vec::new();
        let answer = |mode, reasons: Vec<String>| RootCapture {
            mode,
            reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        };
        if self.fanotify.is_none() && allowed(Capture::FanotifyDirs) {
            match Fanotify::new(tuning.queue_max) {
                Ok(fanotify) => self.fanotify = Some(fanotify),
                Err(error) => reasons.push(format!("fanotify with names: {error}")),
            }
        }
        if let Some(fanotify) = &self.fanotify {
            if allowed(Capture::Fanotify) {
                let marked = by_key.and_then(|()| fanotify.mark_filesystem(filesystem.mount().as_fd()));
                match marked {
                    Ok(()) => return answer(Capture::Fanotify, reasons),
                    Err(error) => reasons.push(format!("a mark for the whole file system: {error}")),
                }
            }
            if allowed(Capture::FanotifyDirs) {
                let key = Key::from([].as_slice());
                match self.fanotify.as_mut().map(|f| f.watch(&key, filesystem.mount().as_fd())) {
                    Some(Ok(())) => return answer(Capture::FanotifyDirs, reasons),
                    Some(Err(error)) => reasons.push(format!("fanotify marks of directories: {error}")),
                    None => {}
                }
            }
        }
        if self.inotify.is_none() && allowed(Capture::Inotify) {
            match Inotify::new(tuning.queue_max) {
                Ok(inotify) => self.inotify = Some(inotify),
                Err(error) => reasons.push(format!("inotify: {error}")),
            }
        }
        let mode = if self.inotify.is_some() && allowed(Capture::Inotify) { Capture::Inotify } else { Capture::Poll };
        answer(mode, reasons)
    }

    pub fn root(&self, root: usize) -> Option<&RootCapture> {
        self.roots.get(root)?.as_ref()
    }

    /// Whether some root is only noticed by looking at everything again.
    pub fn polls(&self) -> bool {
        self.roots.iter().flatten().any(|root| root.mode == Capture::Poll)
    }

    /// Whether writes through names that are gone may be missed.
    pub fn misses_unlinked(&self) -> bool {
        self.roots.iter().flatten().any(|root| root.mode == Capture::Inotify)
    }

    /// The descriptors to wait for.
    pub fn fds(&self) -> Vec<BorrowedFd<'_>> {
        let fanotify = self.fanotify.as_ref().map(Watch::fd);
        fanotify.into_iter().chain(self.inotify.as_ref().map(Watch::fd)).collect()
    }

    pub fn drain(&mut self, known: &dyn Known, dirty: &mut DirtySet) -> io::Result<()> {
        if let Some(fanotify) = &mut self.fanotify {
            fanotify.drain(known, dirty)?;
        }
        if let Some(inotify) = &mut self.inotify {
            inotify.drain(known, dirty)?;
        }
        Ok(())
    }

    /// Watches a directory of `root`, before it is read. When the kernel gives no more watches, the root is polled.
    pub fn watch(&mut self, root: usize, key: &Key, directory: BorrowedFd<'_>) -> io::Result<()> {
        let Some(Some(of)) = self.roots.get_mut(root) else { return Ok(()) };
        let result = match of.mode {
            Capture::FanotifyDirs => self.fanotify.as_mut().map_or(Ok(()), |f| f.watch(key, directory)),
            Capture::Inotify => self.inotify.as_mut().map_or(Ok(()), |i| i.watch(key, directory)),
            Capture::Fanotify | Capture::Poll => Ok(()),
        };
        match result {
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::ENOMEM | libc::EMFILE)) => {
                let reason = format!("the limit of watched directories is reached: {error}");
                tracing::warn!(root, reason, "polling");
                of.mode = Capture::Poll;
                of.reason = Some(reason);
                Ok(())
            }
            other => other,
        }
    }

    pub fn forget(&mut self, key: &Key) {
        if let Some(inotify) = &mut self.inotify {
            inotify.forget(key);
        }
    }
}

fn rank(mode: Capture) -> u8 {
    match mode {
        Capture::Fanotify => 0,
        Capture::FanotifyDirs => 1,
        Capture::Inotify => 2,
        Capture::Poll => 3,
    }
}

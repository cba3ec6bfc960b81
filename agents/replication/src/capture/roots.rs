//! Which kind of capture each root has, and why.

use super::{DirtySet, Filesystem, Key, Known, Watch, fanotify::Fanotify, inotify::Inotify};
use model::agent_status::Capture;
use rustix::fs::{Mode, OFlags};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
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
    reason: Option<String>,
    /// The setting of the system that allows too few watches, and what it allows.
    short_of: Option<String>,
}

impl RootCapture {
    /// Why it is not the best there is; `directories` is how many there are to be watched.
    pub fn reason(&self, directories: usize) -> Option<String> {
        match &self.short_of {
            Some(setting) => Some(format!("{setting}, and {directories} directories are to be watched")),
            None => self.reason.clone(),
        }
    }
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
            short_of: None,
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

    /// Has the kernel leave out what is done in directories of our own, where it can. Everything else about them is
    /// dropped when it is read.
    ///
    /// Events of our own process are not dropped for being ours: a host may follow in one scenario what it leads in
    /// another, and what the one writes there the other has to see.
    pub fn ignore(&self, directories: &[&Path]) {
        for directory in directories {
            let open = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let Ok(directory) = rustix::fs::open(*directory, open, Mode::empty()) else { continue };
            if let Some(Err(error)) = self.fanotify.as_ref().map(|fanotify| fanotify.ignore(directory.as_fd())) {
                tracing::debug!(%error, "the kernel cannot leave out single directories");
            }
        }
    }

    /// Watches a directory of `root`, before it is read. When the kernel gives no more watches, the root is polled; what
    /// is watched already still tells at once.
    pub fn watch(&mut self, root: usize, key: &Key, directory: BorrowedFd<'_>) -> io::Result<()> {
        let Some(Some(of)) = self.roots.get_mut(root) else { return Ok(()) };
        let result = match of.mode {
            Capture::FanotifyDirs => self.fanotify.as_mut().map_or(Ok(()), |f| f.watch(key, directory)),
            Capture::Inotify => self.inotify.as_mut().map_or(Ok(()), |i| i.watch(key, directory)),
            Capture::Fanotify | Capture::Poll => Ok(()),
        };
        match result {
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::ENOMEM | libc::EMFILE)) => {
                let setting = limit(of.mode);
                tracing::warn!(root, setting, %error, "what cannot be watched is polled");
                (of.mode, of.short_of) = (Capture::Poll, Some(setting));
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

/// What keeps us from watching more, in words.
fn limit(mode: Capture) -> String {
    let names: &[&str] = match mode {
        Capture::Inotify => &["fs/inotify/max_user_watches", "user/max_inotify_watches"],
        _ => &["fs/fanotify/max_user_marks", "user/max_fanotify_marks"],
    };
    let allowed = |name: &&str| std::fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().parse::<u64>().ok();
    let lowest = names.iter().filter_map(|name| Some((allowed(name)?, name.replace('/', ".")))).min();
    match lowest {
        Some((watches, name)) => format!("{name} allows {watches} watched directories"),
        None => "the limit of watched directories is reached".to_owned(),
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

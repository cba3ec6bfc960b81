//! Opening files so that nothing outside a directory is read.

use super::LoadError;
use rustix::{
    fs::{Mode, OFlags, ResolveFlags, open, openat2},
    io::Errno,
};
use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// A directory that is held open while what lies in it is read.
pub struct Root {
    path: PathBuf,
    held: OwnedFd,
}

/// What a path turned out to be.
pub enum Opened {
    File(File),
    /// A link leads out of the directory, or in circles.
    Outside,
    /// A pipe, a socket, a device or a directory.
    NotRegular,
}

impl Root {
    pub fn hold(path: &Path) -> Result<Self, LoadError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let held = open(path, flags, Mode::empty()).map_err(|error| io_error(path, error))?;
        Ok(Self { path: path.to_owned(), held })
    }

    /// Opens a file below the directory. Links are followed as long as they stay below it; a pipe is not waited for.
    pub fn open(&self, relative: &Path) -> Result<Opened, LoadError> {
        let path = self.path.join(relative);
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let opened = match openat2(&self.held, relative, flags, Mode::empty(), beneath) {
            // Kernels before 5.6, and sandboxes of that time, do not know the call.
            Err(Errno::NOSYS | Errno::PERM) => match self.leads_out(&path) {
                true => Err(Errno::XDEV),
                false => open(&path, flags | OFlags::NOFOLLOW, Mode::empty()),
            },
            other => other,
        };
        match opened {
            Ok(opened) => {
                let file = File::from(opened);
                let about = file.metadata().map_err(|source| LoadError::Io { path, source })?;
                Ok(if about.is_file() { Opened::File(file) } else { Opened::NotRegular })
            }
            Err(Errno::XDEV | Errno::LOOP) => Ok(Opened::Outside),
            Err(Errno::NXIO) => Ok(Opened::NotRegular), // a socket
            Err(error) => Err(io_error(&path, error)),
        }
    }

    fn leads_out(&self, path: &Path) -> bool {
        match (path.canonicalize(), self.path.canonicalize()) {
            (Ok(real), Ok(root)) => !real.starts_with(root),
            _ => false, // opening it says why
        }
    }
}

pub fn io_error(path: &Path, error: impl Into<io::Error>) -> LoadError {
    LoadError::Io { path: path.to_owned(), source: error.into() }
}

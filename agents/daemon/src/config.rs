//! What an agent is started with. Nothing here is read from the environment: `main` does that.

use crate::{disk::DiskError, state::StateError};
use model::HostName;
use std::{io, net::SocketAddr, path::PathBuf};
use wire::{identity::IdentityError, tls::TlsError};

/// The settings of one agent.
#[derive(Clone, Debug)]
pub struct Config {
    pub host: HostName,
    /// Address and port of the controller.
    pub controller: String,
    /// Private directory of this agent.
    pub state: PathBuf,
    /// The only place scripts are taken from.
    pub scripts: PathBuf,
    /// Where sources of streams connect; port 0 takes any free one.
    pub listen: SocketAddr,
    pub version: String,
    /// Changes with every boot of the host, as `/proc/sys/kernel/random/boot_id` does.
    pub boot_id: String,
}

/// What is known once the agent stands.
#[derive(Clone, Debug)]
pub struct Ready {
    pub listen_addr: SocketAddr,
}

/// Why an agent does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("this host has not joined: there is no usable identity in {path}")]
    NotJoined { path: PathBuf, source: IdentityError },
    #[error("the identity in the state directory is for {found}, not for agent {host}")]
    OtherHost { host: HostName, found: String },
    #[error("cannot use the state directory")]
    State(#[from] StateError),
    #[error("cannot use what is stored")]
    Disk(#[from] DiskError),
    #[error("cannot set up encryption")]
    Tls(#[from] TlsError),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
}

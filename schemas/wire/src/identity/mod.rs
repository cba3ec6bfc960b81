//! Who is who: the embedded certificate authority, what a program shows of itself, and what it reads of its peer.
//!
//! Identity is a URI in the certificate, `spiffe://standin/controller` or `spiffe://standin/agent/HOST`, together with
//! the public key; host names and addresses are never part of it. Every leaf also carries the DNS name `standin`,
//! which all connections ask for, so that the ordinary chain check of rustls can be used unchanged.

mod authority;
mod files;
mod lifetime;
mod own;
mod peer;

pub use authority::{Authority, LEAF_LIFETIME};
pub use lifetime::Lifetime;
pub use own::{CertificateRequest, Identity};
pub(crate) use peer::pin_of_der;
pub use peer::{Peer, PeerRole, key_of, pin_of, short};

use std::{io, path::PathBuf};

/// The DNS name in every leaf, and the server name every client asks for.
pub const SERVER_NAME: &str = "standin";

/// Why an identity could not be made, kept or understood.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("cannot read or write {path}")]
    File { path: PathBuf, source: io::Error },
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("{0} is not a certificate in PEM")]
    NotPem(&'static str),
    #[error("the certificate names no identity of ours")]
    Unnamed,
    #[error("the key does not belong to the certificate")]
    Mismatch,
    #[error("the request is for another key")]
    OtherKey,
    #[error("`{0}` is not a host name")]
    HostName(String),
    #[error("the system gives no random bytes")]
    Random,
}

#[cfg(test)]
pub(crate) mod tests;

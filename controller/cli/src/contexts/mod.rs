//! Contexts: named controllers, each with its address, whom to trust there, and the token to show.
//!
//! They stand in `config.yaml`, of the person (`$XDG_CONFIG_HOME/standin/`) and of the machine (`/etc/standin/`); tokens
//! stand beside it, each in a file of its own that nobody else can read. `local` is the socket on this machine and
//! needs no entry. What is nearer wins: flag, environment, project, person, machine.

mod choose;
mod credential;
mod edit;
mod file;
mod keep;

pub use choose::{Asked, Chosen, Origin, SOCKET, Settings};
pub use credential::{Credential, read_new};
pub use file::{Entry, fingerprint};
pub use keep::{Change, change};

/// The socket on this machine, by the name of a context.
pub const LOCAL: &str = "local";

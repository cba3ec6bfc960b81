//! Who may ask over the network: access tokens, as they are known, made and revoked.

mod change;
mod known;

pub use change::{create, list, revoke};
pub use known::{Pass, People, Unknown};

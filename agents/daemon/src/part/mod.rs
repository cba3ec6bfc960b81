//! A host's part in one scenario: the actor that makes it what its assignment says.
//!
//! `plan` is the table; `actor` keeps the state; `converge` is its loop; `side` opens and closes the source or the
//! target; `report` says what is; `docket` begins errands and `work` carries them out. The loop reconciles from state: what woke it does not
//! matter.

mod actor;
mod converge;
mod docket;
mod environment;
pub mod plan;
mod report;
mod role;
mod side;
mod work;

pub use actor::Part;
pub use side::Place;

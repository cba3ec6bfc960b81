//! The brain: pure decisions. No clock, no disk, no network, no runtime.
//!
//! Git says the settings, runs say the roles; [`compose`] makes of both what each host should be. [`plan()`] makes
//! ordered steps towards a goal, or says why it cannot; a [`Run`] carries them out, one [`Run::advance`] at a
//! time, by writing orders into the ledger and reading reports. [`status()`] says how it all stands. The caller
//! stores the run's events, then publishes the ledger; after a crash it replays the log and goes on.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod apply;
mod compose;
pub mod plan;
pub mod run;
mod settings;
mod status;
pub mod steps;
mod text;
#[doc(hidden)]
pub mod toy;

pub use apply::may_apply;
pub use compose::{compose, first_ledger};
pub use plan::{Plan, plan};
pub use run::{Event, IllegalEvent, Next, Refusal, Run, What};
pub use settings::{Observed, Options, Place, Recipe, Report, Settings};
pub use status::status;

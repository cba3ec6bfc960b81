//! The nouns of Standin: manifests' elements, the ledger, what agents are told and what they report.
//!
//! Everything here is plain data: no input or output, no clock, no runtime. Types that travel between
//! programs ignore unknown fields, so that a newer controller can talk to an older agent; strictness about
//! what a person wrote belongs to the `manifest` crate.

pub mod agent_spec;
pub mod agent_status;
pub mod change;
pub mod elements;
pub mod errand;
pub mod ledger;
pub mod mark;
pub mod names;
pub mod object;
pub mod scenario;
pub mod time;
pub mod units;
pub mod view;

pub use agent_spec::{AgentSpec, Assignment, Direction, Stream};
pub use agent_status::{AgentStatus, AssignmentStatus};
pub use errand::{Errand, ErrandId, ErrandOutcome, ErrandResult};
pub use ledger::{FenceProof, Ledger, Member, Role};
pub use mark::{Epoch, Mark};
pub use names::{HostName, MemberName, PointName, RootName, RunId, ScenarioName};
pub use object::{Kind, Metadata, Object};
pub use scenario::{HostSpec, ScenarioSpec};
pub use time::Timestamp;

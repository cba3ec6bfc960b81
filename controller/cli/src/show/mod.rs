//! What things look like in text: pure functions from what the controller shows to lines.

pub mod comparison;
pub mod describe;
pub mod diff;
pub mod effect;
pub mod failure;
pub mod field;
pub mod follow;
pub mod lists;
pub mod markdown;
pub mod plan;
pub mod recovery_plan;
pub mod run;
pub mod stream;

//! Findings as people and tools read them.

mod concise;
mod fix;
mod full;
mod json;
mod place;
mod summary;

pub use concise::concise;
pub use fix::fixed;
pub use full::{SHOWN_MAX, full as render_full};
pub use json::{json, json_lines};
pub use place::{Position, position};
pub use summary::summary;

//! Findings as people and tools read them: one file for each format, one word for each in the list below.

mod fingerprint;
mod fix;
mod place;
mod report;
mod summary;

pub use concise::concise;
pub use fix::fixed;
pub use full::{SHOWN_MAX, full as render_full};
pub use json::{json, json_lines};
pub use place::{Places, Position, position};
pub use report::{Format, Report};
pub use summary::summary;

macro_rules! formats {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// All formats.
        pub const FORMATS: &[Format] = &[$($name::FORMAT),*];
    };
}

// The list declares the modules, so `cargo fmt` does not see them: format them with `rustfmt src/render/*.rs`.
formats! {
    full,
    concise,
    json,
    github,
    gitlab,
    sarif,
    junit,
    md,
}

/// The format of a name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

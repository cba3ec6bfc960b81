//! How things are written: streams, colour, tables, times and amounts, machine output.

pub mod amount;
pub mod machine;
pub mod stream;
pub mod style;
pub mod table;
pub mod time;

pub use stream::Out;
pub use style::{Style, Tone};
pub use table::{Cell, Table};
pub use time::Clock;

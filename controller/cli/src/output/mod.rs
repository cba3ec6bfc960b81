//! How things are written: streams, colour, tables, times and amounts, machine output.

pub mod amount;
pub mod columns;
pub mod machine;
pub mod pager;
pub mod stream;
pub mod style;
pub mod table;
pub mod time;

pub use columns::Columns;
pub use stream::Out;
pub use style::{Style, Tone};
pub use table::{Cell, Table};
pub use time::Clock;

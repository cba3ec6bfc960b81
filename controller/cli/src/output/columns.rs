//! Which columns of a list are shown, and with which names.

use super::Table;
use crate::exit::{Exit, Failure, Outcome};

/// Flags of every verb that shows a list.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Columns {
    /// No column names; for table, wide and csv
    #[arg(long)]
    pub no_headers: bool,
    /// Only these columns, in this order, such as name,lag; all there are stand in -o wide
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub columns: Vec<String>,
}

impl Columns {
    /// That they are given for a list that has columns.
    pub fn check(&self, tabular: bool) -> Outcome<()> {
        let given = [("--no-headers", self.no_headers), ("--columns", !self.columns.is_empty())];
        match given.into_iter().find(|(_, given)| *given && !tabular) {
            Some((flag, _)) => Err(Failure::new(Exit::Malformed, format!("{flag} is for table, wide and csv"))),
            None => Ok(()),
        }
    }

    /// Whether the columns of a wide list are needed.
    pub fn chosen(&self) -> bool {
        !self.columns.is_empty()
    }

    pub fn shape(&self, table: Table) -> Outcome<Table> {
        if !self.chosen() {
            return Ok(table.headers(!self.no_headers));
        }
        let shaped = table.columns(&self.columns).map_err(|known| {
            let asked = self.columns.iter().find(|asked| !known.iter().any(|name| name.eq_ignore_ascii_case(asked)));
            let asked = asked.map_or("", String::as_str);
            Failure::new(Exit::Malformed, format!("there is no column {asked:?}; there are {}", known.join(", ")))
        })?;
        Ok(shaped.headers(!self.no_headers))
    }
}

/// A table as comma-separated values.
pub fn csv(table: &Table) -> Outcome<String> {
    table.csv().map_err(|error| Failure::new(Exit::Failed, format!("the list cannot be written as csv: {error}")))
}

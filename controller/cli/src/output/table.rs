//! Small aligned tables.

use super::{Style, Tone};

/// One field of a table.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, ..Self::from(text.into()) }
    }

    /// `?`: there is a value and nobody knows it.
    pub fn unknown() -> Self {
        Self::toned(Tone::Warn, "?")
    }

    /// `-`: there is no such value here.
    pub fn none() -> Self {
        Self::from("-")
    }

    /// The value, or `?`.
    pub fn or_unknown(text: Option<String>) -> Self {
        text.map_or_else(Self::unknown, Self::from)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text: text.replace(['\n', '\t'], " "), tone: Tone::Plain }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

/// Rows under column names; each column is as wide as its widest field, the last is not padded.
#[derive(Clone, Debug)]
pub struct Table {
    header: Option<Vec<Cell>>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
    at_least: Vec<usize>,
}

/// Blanks between two columns.
const GAP: usize = 3;

impl Table {
    pub fn new(header: &[&str]) -> Self {
        Self {
            header: Some(header.iter().map(|name| Cell::from(*name)).collect()),
            rows: Vec::new(),
            indent: 0,
            at_least: Vec::new(),
        }
    }

    pub fn indented(self, indent: usize) -> Self {
        Self { indent, ..self }
    }

    pub fn without_header(self) -> Self {
        Self { header: None, ..self }
    }

    pub fn headers(self, wanted: bool) -> Self {
        if wanted { self } else { self.without_header() }
    }

    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Only these columns, in this order, whatever the case of their names; fails with the names that there are.
    pub fn columns(mut self, wanted: &[String]) -> Result<Self, Vec<String>> {
        let names = self.names();
        let at = |name: &String| names.iter().position(|known| known.eq_ignore_ascii_case(name));
        let Some(chosen) = wanted.iter().map(at).collect::<Option<Vec<usize>>>() else {
            return Err(names);
        };
        let choose = |row: &Vec<Cell>| chosen.iter().map(|at| row.get(*at).cloned().unwrap_or_default()).collect();
        self.header = self.header.as_ref().map(choose);
        self.rows = self.rows.iter().map(choose).collect();
        Ok(self)
    }

    fn names(&self) -> Vec<String> {
        self.header.iter().flatten().map(|cell| cell.text.to_lowercase()).collect()
    }

    /// Comma-separated values as of RFC 4180, with lines that end in LF and column names in lower case.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        if self.header.is_some() {
            writer.write_record(self.names())?;
        }
        for row in &self.rows {
            writer.write_record(row.iter().map(|cell| &cell.text))?;
        }
        let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Says in each row what the one above has said, where a table for people leaves it out.
    pub fn repeating(mut self, columns: usize) -> Self {
        for at in 1..self.rows.len() {
            let (above, row) = self.rows.split_at_mut(at);
            if row[0].first().is_some_and(|cell| cell.text.is_empty()) {
                row[0][..columns].clone_from_slice(&above[at - 1][..columns]);
            }
        }
        self
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn render(&self, style: Style) -> Vec<String> {
        let widths = self.widths();
        self.all().map(|row| self.line(row, &widths, style)).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Vec<Cell>> {
        self.header.iter().chain(&self.rows)
    }

    /// The width of each column.
    pub fn widths(&self) -> Vec<usize> {
        let columns = self.all().map(Vec::len).max().unwrap_or(0);
        let least = |column: usize| self.at_least.get(column).copied().unwrap_or(0);
        let width_of = |column: usize| self.all().filter_map(|row| row.get(column)).map(width).max().unwrap_or(0);
        (0..columns).map(|column| width_of(column).max(least(column))).collect()
    }

    /// Makes columns as wide as those of a table above this one.
    pub fn at_least(self, widths: &[usize]) -> Self {
        Self { at_least: widths.to_vec(), ..self }
    }

    fn line(&self, row: &[Cell], widths: &[usize], style: Style) -> String {
        let mut line = " ".repeat(self.indent);
        let last = row.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |at| at + 1);
        for (at, cell) in row[..last].iter().enumerate() {
            line.push_str(&style.paint(cell.tone, &cell.text));
            if at + 1 < last {
                line.push_str(&" ".repeat(widths[at] - width(cell) + GAP));
            }
        }
        line
    }
}

fn width(cell: &Cell) -> usize {
    cell.text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_nothing_trails() {
        let mut table = Table::new(&["NAME", "HEALTH", "WHY"]);
        table.row(vec!["mail".into(), Cell::toned(Tone::Warn, "degraded"), "two\nlines".into()]);
        table.row(vec!["a-long-name".into(), Cell::unknown(), "".into()]);
        let expected = ["NAME          HEALTH     WHY", "mail          degraded   two lines", "a-long-name   ?"];
        assert_eq!(table.render(Style::default()), expected);
        let colored = table.render(Style { color: true, ascii: false });
        assert_eq!(colored[1], "mail          \u{1b}[33mdegraded\u{1b}[0m   two lines", "colour takes no room");
    }

    #[test]
    fn columns_are_chosen_and_written_as_csv() {
        let mut table = Table::new(&["NAME", "LAG", "WHY"]);
        table.row(vec!["mail".into(), Cell::unknown(), "a, \"b\"\nc".into()]);
        table.row(vec!["".into(), "1s".into(), "d".into()]);
        let table = table.repeating(1);
        assert_eq!(table.csv().unwrap(), "name,lag,why\nmail,?,\"a, \"\"b\"\" c\"\nmail,1s,d\n");
        assert_eq!(
            table.clone().columns(&["lag".into(), "Name".into()]).unwrap().csv().unwrap(),
            "lag,name\n?,mail\n1s,mail\n"
        );
        assert_eq!(table.columns(&["size".into()]).unwrap_err(), ["name", "lag", "why"]);
    }
}

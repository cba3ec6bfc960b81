//! Sizes and lengths of time: the schema has a pattern for editors, the model's own parser has the last word.

use crate::{
    escape::{escape, quoted},
    finding::{Finding, Span},
};
use model::units::{BadQuantity, Period, Size};
use schemars::JsonSchema;
use serde_json::Value;
use std::sync::OnceLock;

/// Which quantity a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    Size,
    Period,
}

/// What the quantity of a schema is called in the reference, if it describes one.
pub fn name(schema: &Value) -> Option<&'static str> {
    Some(match Quantity::of(schema)? {
        Quantity::Size => "size",
        Quantity::Period => "length of time",
    })
}

impl Quantity {
    /// The quantity that a schema describes, if it does.
    pub fn of(schema: &Value) -> Option<Self> {
        static PATTERNS: OnceLock<[(Option<Value>, Quantity); 2]> = OnceLock::new();
        let patterns = PATTERNS.get_or_init(|| {
            let mut generator = schemars::SchemaGenerator::default();
            let (size, period) = (Size::json_schema(&mut generator), Period::json_schema(&mut generator));
            [(size.get("pattern").cloned(), Quantity::Size), (period.get("pattern").cloned(), Quantity::Period)]
        });
        let pattern = schema.get("pattern")?;
        patterns.iter().find(|(own, _)| own.as_ref() == Some(pattern)).map(|(_, quantity)| *quantity)
    }

    /// The units in which it is written.
    pub fn units(self) -> &'static str {
        match self {
            Quantity::Size => "KiB, MiB, GiB, TiB, PiB (powers of 1024), kB, MB, GB, TB, PB (of 1000) or B",
            Quantity::Period => "d, h, m, s or ms",
        }
    }

    /// What it is called in a message.
    pub fn what(self) -> &'static str {
        match self {
            Quantity::Size => "a size",
            Quantity::Period => "a length of time",
        }
    }

    /// A finding, when `text` is not such a quantity.
    pub fn check(self, file: usize, span: &Span, text: &str) -> Option<Finding> {
        let bad = match self {
            Quantity::Size => text.parse::<Size>().err(),
            Quantity::Period => text.parse::<Period>().err(),
        }?;
        let code = match self {
            Quantity::Size => "DR0103",
            Quantity::Period => "DR0104",
        };
        let message = format!("{} is not {}", quoted(text), self.what());
        let finding = Finding::error(code, file, span.clone(), message).label(escape(&bad.reason));
        if let Some(closed) = self.closed_up(text) {
            return Some(finding.help(format!("write {closed}")).fix(true, span.clone(), closed));
        }
        Some(match (&bad.suggestion, self) {
            (Some(suggestion), Quantity::Size) => {
                finding.help(size_help(suggestion)).fix(false, span.clone(), suggestion.clone())
            }
            (Some(suggestion), Quantity::Period) => {
                // A unit was written, only spelt otherwise; a bare number may have meant anything.
                let certain = !text.bytes().all(|b| b.is_ascii_digit()) && suggestion.parse::<Period>().is_ok();
                finding.help(period_help(suggestion, &bad)).fix(certain, span.clone(), suggestion.clone())
            }
            (None, Quantity::Size) => finding.help("write it as in `10GiB`, `500MiB` or `10GB`"),
            (None, Quantity::Period) => finding.help("write it as in `30s`, `5m`, `1h30m`, `7d` or `250ms`"),
        })
    }
}

impl Quantity {
    /// The same without the blanks, when they are all that is wrong: `10 GiB`.
    fn closed_up(self, text: &str) -> Option<String> {
        let closed: String = text.chars().filter(|c| *c != ' ').collect();
        let good = match self {
            Quantity::Size => closed.parse::<Size>().is_ok(),
            Quantity::Period => closed.parse::<Period>().is_ok(),
        };
        (closed != text && good).then_some(closed)
    }
}

fn size_help(suggestion: &str) -> String {
    let digits: String = suggestion.chars().take_while(char::is_ascii_digit).collect();
    let letter = suggestion[digits.len()..].chars().next().unwrap_or('B');
    let Some(power) = "KMGTP".find(letter).map(|at| at + 1) else { return format!("write {suggestion}") };
    let decimal = if letter == 'K' { "kB".to_owned() } else { format!("{letter}B") };
    format!(
        "write {suggestion} ({digits} x 1024^{power} bytes) or {digits}{decimal} ({digits} x 10^{} bytes)",
        power * 3
    )
}

fn period_help(suggestion: &str, bad: &BadQuantity) -> String {
    match bad.text.chars().all(|c| c.is_ascii_digit()) {
        true => format!("write {suggestion} if seconds are meant"),
        false => format!("write {suggestion}"),
    }
}

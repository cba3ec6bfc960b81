//! Sizes, lengths of time, rates and times of day: the schema has a pattern for editors, the model's own parser has the last word.

use crate::{
    escape::{escape, quoted},
    finding::{Finding, Span},
    tree,
};
use model::units::{BadQuantity, Period, Rate, Size, TimeOfDay};
use schemars::JsonSchema;
use serde_json::Value;
use std::sync::OnceLock;

/// Which quantity a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    Size,
    Period,
    Rate,
    TimeOfDay,
}

/// What the quantity of a schema is called in the reference, if it describes one.
pub fn name(schema: &Value) -> Option<&'static str> {
    Some(match Quantity::of(schema)? {
        Quantity::Size => "size",
        Quantity::Period => "length of time",
        Quantity::Rate => "rate",
        Quantity::TimeOfDay => "time of day",
    })
}

impl Quantity {
    /// The quantity that a schema describes, if it does.
    pub fn of(schema: &Value) -> Option<Self> {
        static PATTERNS: OnceLock<[(Option<Value>, Quantity); 4]> = OnceLock::new();
        let patterns = PATTERNS.get_or_init(|| {
            [
                (pattern_of::<Size>(), Quantity::Size),
                (pattern_of::<Period>(), Quantity::Period),
                (pattern_of::<Rate>(), Quantity::Rate),
                (pattern_of::<TimeOfDay>(), Quantity::TimeOfDay),
            ]
        });
        let pattern = schema.get("pattern")?;
        patterns.iter().find(|(own, _)| own.as_ref() == Some(pattern)).map(|(_, quantity)| *quantity)
    }

    /// The units in which it is written.
    pub fn units(self) -> &'static str {
        match self {
            Quantity::Size => "KiB, MiB, GiB, TiB, PiB (powers of 1024), kB, MB, GB, TB, PB (of 1000) or B",
            Quantity::Period => "d, h, m, s or ms",
            Quantity::Rate => "bit/s, kbit/s, Mbit/s, Gbit/s, or B/s, kB/s, MB/s, GB/s, KiB/s, MiB/s, GiB/s",
            Quantity::TimeOfDay => "hours and minutes",
        }
    }

    /// What it is called in a message.
    pub fn what(self) -> &'static str {
        match self {
            Quantity::Size => "a size",
            Quantity::Period => "a length of time",
            Quantity::Rate => "a rate",
            Quantity::TimeOfDay => "a time of day",
        }
    }

    /// A finding, when `text` is not such a quantity.
    pub fn check(self, file: usize, span: &Span, text: &str) -> Option<Finding> {
        let bad = self.parse(text).err()?;
        let code = match self {
            Quantity::Size => "DR0103",
            Quantity::Period => "DR0104",
            Quantity::Rate => "DR0113",
            Quantity::TimeOfDay => "DR0114",
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
            (Some(suggestion), Quantity::Rate) => {
                finding.help(rate_help(suggestion)).fix(false, span.clone(), suggestion.clone())
            }
            (Some(suggestion), Quantity::TimeOfDay) => finding.help(format!("write \"{suggestion}\", in quotes")).fix(
                true,
                span.clone(),
                tree::quoted(suggestion),
            ),
            (None, Quantity::Rate) => finding.help("write it as in `50Mbit/s`, `500kbit/s` or `6MiB/s`"),
            (None, Quantity::TimeOfDay) => finding.help("write it as in \"08:00\", from \"00:00\" to \"24:00\""),
            (None, Quantity::Size) => finding.help("write it as in `10GiB`, `500MiB` or `10GB`"),
            (None, Quantity::Period) => finding.help("write it as in `30s`, `5m`, `1h30m`, `7d` or `250ms`"),
        })
    }
}

impl Quantity {
    fn parse(self, text: &str) -> Result<(), BadQuantity> {
        match self {
            Quantity::Size => text.parse::<Size>().map(drop),
            Quantity::Period => text.parse::<Period>().map(drop),
            Quantity::Rate => text.parse::<Rate>().map(drop),
            Quantity::TimeOfDay => text.parse::<TimeOfDay>().map(drop),
        }
    }

    /// The same without the blanks, when they are all that is wrong: `10 GiB`.
    fn closed_up(self, text: &str) -> Option<String> {
        let closed: String = text.chars().filter(|c| *c != ' ').collect();
        (closed != text && self.parse(&closed).is_ok()).then_some(closed)
    }
}

fn pattern_of<T: JsonSchema>() -> Option<Value> {
    T::json_schema(&mut schemars::SchemaGenerator::default()).get("pattern").cloned()
}

/// Bits and bytes differ by eight: both are said.
fn rate_help(suggestion: &str) -> String {
    let Some(unit) = suggestion.strip_suffix("bit/s") else { return format!("write {suggestion}") };
    format!("write {suggestion}, or {unit}B/s if bytes are meant")
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

//! Quantities as people write them. A bare number is refused rather than guessed at.

use std::{fmt, str::FromStr, time::Duration};

/// Why a text is not a quantity, and how to write it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}: {reason}")]
pub struct BadQuantity {
    pub what: &'static str,
    pub text: String,
    pub reason: String,
    /// What the writer most likely meant, ready to paste.
    pub suggestion: Option<String>,
}

impl BadQuantity {
    fn new(what: &'static str, text: &str, reason: impl Into<String>) -> Self {
        Self { what, text: text.to_owned(), reason: reason.into(), suggestion: None }
    }

    fn suggest(mut self, text: impl Into<String>) -> Self {
        self.suggestion = Some(text.into());
        self
    }
}

/// An amount of bytes: `10GiB`, `500MiB`, `10GB`, `0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

const BINARY_UNITS: [(&str, u64); 5] =
    [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("PiB", 1 << 50)];
const DECIMAL_UNITS: [(&str, u64); 5] =
    [("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("PB", 1_000_000_000_000_000)];

impl Size {
    pub const fn gib(n: u64) -> Self {
        Self(n << 30)
    }

    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }

    pub const fn bytes(self) -> u64 {
        self.0
    }

    fn refuse(text: &str, digits: &str, unit: &str) -> BadQuantity {
        let letter = unit.chars().next().unwrap_or('M').to_ascii_uppercase();
        let letter = if "KMGTP".contains(letter) { letter } else { 'M' };
        let reason = match unit {
            "" => "it has no unit".to_owned(),
            u if u.ends_with('b') => format!("`{u}` reads as bits"),
            "m" => "`m` reads as thousandths".to_owned(),
            u => format!("`{u}` is not a unit of size"),
        };
        let suggestion = match unit {
            "" => digits.parse().map(|n| Size(n).to_string()).unwrap_or_else(|_| "10GiB".to_owned()),
            _ => format!("{digits}{letter}iB"),
        };
        BadQuantity::new("size", text, reason).suggest(suggestion)
    }
}

impl FromStr for Size {
    type Err = BadQuantity;

    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let (digits, unit) = split_unit(text);
        if digits.is_empty() {
            return Err(BadQuantity::new("size", text, "it does not start with a number").suggest("10GiB"));
        }
        if text == "0" {
            return Ok(Self(0));
        }
        let short_binary = |u: &str| BINARY_UNITS.iter().find(|(name, _)| u.len() == 2 && name.starts_with(u));
        let factor = BINARY_UNITS
            .iter()
            .chain(&DECIMAL_UNITS)
            .find(|(name, _)| *name == unit)
            .or_else(|| short_binary(unit).filter(|_| unit.ends_with('i')))
            .map(|(_, factor)| *factor)
            .or((unit == "B").then_some(1))
            .ok_or_else(|| Self::refuse(text, digits, unit))?;
        let number: u64 =
            digits.parse().map_err(|_| BadQuantity::new("size", text, "the number is not whole or too large"))?;
        number.checked_mul(factor).map(Self).ok_or_else(|| BadQuantity::new("size", text, "it is larger than 16 EiB"))
    }
}

impl fmt::Display for Size {
    /// The largest binary unit that divides the amount; plain bytes otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.pad("0");
        }
        let whole = BINARY_UNITS.iter().rev().find(|(_, factor)| self.0.is_multiple_of(*factor));
        match whole {
            Some((unit, factor)) => f.pad(&format!("{}{unit}", self.0 / factor)),
            None => f.pad(&format!("{}B", self.0)),
        }
    }
}

/// A length of time: `30s`, `5m`, `1h30m`, `7d`, `250ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(pub Duration);

const PERIOD_UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Period {
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    pub const fn from_millis(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    fn refuse(text: &str) -> BadQuantity {
        let (digits, unit) = split_unit(text);
        let bad = |reason: String| BadQuantity::new("length of time", text, reason);
        match unit.trim() {
            "" if !digits.is_empty() => bad("it has no unit".to_owned()).suggest(format!("{digits}s")),
            "min" | "mins" | "minutes" => bad("minutes are written `m`".to_owned()).suggest(format!("{digits}m")),
            "sec" | "secs" | "seconds" => bad("seconds are written `s`".to_owned()).suggest(format!("{digits}s")),
            "w" => {
                let days = digits.parse::<u64>().map_or(7, |weeks| weeks.saturating_mul(7));
                bad("there is no unit for weeks".to_owned()).suggest(format!("{days}d"))
            }
            _ => bad("write it as in `30s`, `5m`, `1h30m`, `7d` or `250ms`".to_owned()),
        }
    }
}

impl FromStr for Period {
    type Err = BadQuantity;

    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        let (mut rest, mut total, mut smaller_than) = (text, 0u64, u64::MAX);
        while !rest.is_empty() {
            let (digits, tail) = split_unit(rest);
            let unit_length = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, after) = tail.split_at(unit_length);
            let factor = PERIOD_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, ms)| *ms);
            let amount = factor
                .filter(|ms| *ms < smaller_than)
                .and_then(|ms| digits.parse::<u64>().ok()?.checked_mul(ms))
                .and_then(|ms| total.checked_add(ms));
            total = amount.ok_or_else(|| Self::refuse(text))?;
            smaller_than = factor.unwrap_or(0);
            rest = after;
        }
        if text.is_empty() { Err(Self::refuse(text)) } else { Ok(Self(Duration::from_millis(total))) }
    }
}

impl fmt::Display for Period {
    /// The shortest exact form, such as `1h30m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if left == 0 {
            return f.pad("0");
        }
        let mut text = String::new();
        for (unit, ms) in PERIOD_UNITS {
            if left >= ms {
                text.push_str(&format!("{}{unit}", left / ms));
                left %= ms;
            }
        }
        f.pad(&text)
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

macro_rules! written_as_text {
    ($type:ident, $pattern:literal, $example:literal, $description:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(<D::Error as serde::de::Error>::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "pattern": $pattern, "description": $description, "examples": [$example]
                })
            }
        }
    };
}

// After the macro that both use.
mod rate;
mod time_of_day;

pub use rate::Rate;
pub use time_of_day::TimeOfDay;

written_as_text!(
    Size,
    r"^(0|[0-9]+([KMGTP]i?B|kB|[KMGTP]i|B))$",
    "10GiB",
    "An amount of bytes, such as 10GiB, 500MiB or 10GB."
);
written_as_text!(
    Period,
    r"^(0|([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$",
    "5m",
    "A length of time, such as 30s, 5m, 1h30m, 7d or 250ms."
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("0", 0), ("10GiB", 10 << 30), ("10Gi", 10 << 30), ("1kB", 1000), ("3MB", 3_000_000), ("7B", 7)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for (text, suggestion) in
            [("40Gb", "40GiB"), ("10G", "10GiB"), ("400m", "400MiB"), ("10gb", "10GiB"), ("1073741824", "1GiB")]
        {
            assert_eq!(text.parse::<Size>().unwrap_err().suggestion.as_deref(), Some(suggestion), "{text}");
        }
        assert!("99999999999PiB".parse::<Size>().is_err());
        assert!("".parse::<Size>().is_err());
    }

    #[test]
    fn periods() {
        for (text, ms) in
            [("30s", 30_000), ("1h30m", 5_400_000), ("7d", 604_800_000), ("250ms", 250), ("1m250ms", 60_250)]
        {
            assert_eq!(text.parse(), Ok(Period::from_millis(ms)), "{text}");
        }
        for (text, suggestion) in
            [("30", Some("30s")), ("5 min", Some("5m")), ("1w", Some("7d")), ("PT5M", None), ("", None), ("5m1h", None)]
        {
            assert_eq!(text.parse::<Period>().unwrap_err().suggestion.as_deref(), suggestion, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_quantity_reads_back(n in any::<u64>()) {
            prop_assert_eq!(Size(n).to_string().parse(), Ok(Size(n)));
            let period = Period::from_millis(n >> 8);
            prop_assert_eq!(period.to_string().parse(), Ok(period));
        }

        #[test]
        fn no_text_panics(text in ".{0,12}") {
            let _ = (text.parse::<Size>(), text.parse::<Period>());
        }
    }
}

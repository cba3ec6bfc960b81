//! A wall-clock instant as data; reading the clock is the business of `main`.

use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

/// Milliseconds since the Unix epoch, in UTC. A label for people: nothing is ordered or fenced by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Time from `earlier` to `self`; zero when the clock went back.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Reads `2026-11-20T08:33:02.25Z`, the form of machine output.
    pub fn from_rfc3339_utc(text: &str) -> Option<Self> {
        let text = text.strip_suffix('Z')?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let punctuation = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        let bytes = whole.as_bytes();
        if bytes.len() != 19 || !whole.is_ascii() || punctuation.iter().any(|(at, byte)| bytes[*at] != *byte) {
            return None;
        }
        let field = |from: usize, to: usize| number(&whole[from..to]);
        let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
        let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
        if year < 1970
            || !(1..=12).contains(&month)
            || !(1..=31).contains(&day)
            || hour > 23
            || minute > 59
            || second > 60
        {
            return None;
        }
        let millis = is_digits(fraction).then(|| number(&format!("{fraction:0<3}")[..3]))??;
        Some(Self((((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis))
    }
}

fn number(digits: &str) -> Option<u64> {
    is_digits(digits).then(|| digits.parse().ok())?
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Days from 1970-01-01, as in Howard Hinnant's `days_from_civil`, for years from 1970 on.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, shifted) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let of_era = year % 400;
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    year / 400 * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

impl<'de> Deserialize<'de> for Timestamp {
    /// Programs send milliseconds; the text of machine output is read too, so that it reads back.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl de::Visitor<'_> for Either {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("milliseconds since 1970 or a time such as 2026-11-20T08:33:02Z")
            }

            fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Timestamp, E> {
                Ok(Timestamp(millis))
            }

            fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Timestamp, E> {
                u64::try_from(millis)
                    .map(Timestamp)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(millis), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                let read = Timestamp::from_rfc3339_utc(text);
                read.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_times_read_back() {
        let read = Timestamp::from_rfc3339_utc;
        assert_eq!(read("1970-01-01T00:00:00Z"), Some(Timestamp(0)));
        assert_eq!(read("2026-11-20T08:33:02.25Z"), Some(Timestamp(1_795_163_582_250)));
        assert_eq!(read("2024-02-29T23:59:59.123456Z"), Some(Timestamp(1_709_251_199_123)));
        for bad in [
            "",
            "2026-11-20",
            "2026-11-20T08:33:02",
            "2026-13-20T08:33:02Z",
            "x026-11-20T08:33:02Z",
            "2026-11-20T08:33:02.-1Z",
            "2026-11-20T08:33:02.éé1Z",
            "2026-11-20T08:33:02.123éZ",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let both: Vec<Timestamp> = serde_json::from_str(r#"[7, "1970-01-01T00:00:00.007Z"]"#).unwrap();
        assert_eq!(both, [Timestamp(7), Timestamp(7)]);
    }
}

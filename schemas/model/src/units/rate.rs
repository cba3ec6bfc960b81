//! A speed, in bits or bytes for each second.

use super::{BadQuantity, split_unit};
use std::{fmt, str::FromStr};

/// Bits for each second: `50Mbit/s`, `6MiB/s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(pub u64);

/// Units of bits, which have powers of 1000 only: that is how lines are sold.
const BIT_UNITS: [(&str, u64); 4] = [("Gbit/s", 1_000_000_000), ("Mbit/s", 1_000_000), ("kbit/s", 1_000), ("bit/s", 1)];
const BYTE_UNITS: [(&str, u64); 7] = [
    ("GiB/s", 8 << 30),
    ("MiB/s", 8 << 20),
    ("KiB/s", 8 << 10),
    ("GB/s", 8_000_000_000),
    ("MB/s", 8_000_000),
    ("kB/s", 8_000),
    ("B/s", 8),
];

impl Rate {
    pub const fn mbit(n: u64) -> Self {
        Self(n * 1_000_000)
    }

    pub const fn bits_per_second(self) -> u64 {
        self.0
    }

    pub const fn bytes_per_second(self) -> u64 {
        self.0 / 8
    }

    fn refuse(text: &str, digits: &str, unit: &str) -> BadQuantity {
        let bad = |reason: String| BadQuantity::new("rate", text, reason);
        let letter = unit.chars().next().map_or(' ', |c| c.to_ascii_uppercase());
        let letter = match letter {
            'K' => "k",
            'M' => "M",
            'G' => "G",
            _ => return bad("write it as in `50Mbit/s` or `6MiB/s`".to_owned()).suggest("50Mbit/s"),
        };
        // `B` is bytes to everybody; everything else that people write for a line means bits.
        let bytes = unit.contains('B');
        let suggestion = format!("{digits}{letter}{}", if bytes { "B/s" } else { "bit/s" });
        let reason = match unit.len() {
            1 => format!("`{unit}` does not say whether bits or bytes are meant"),
            _ => format!("`{unit}` is not a unit of speed"),
        };
        bad(reason).suggest(suggestion)
    }
}

impl FromStr for Rate {
    type Err = BadQuantity;

    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let (digits, unit) = split_unit(text);
        if digits.is_empty() {
            return Err(BadQuantity::new("rate", text, "it does not start with a number").suggest("50Mbit/s"));
        }
        if unit.is_empty() {
            return Err(BadQuantity::new("rate", text, "it has no unit").suggest(format!("{digits}Mbit/s")));
        }
        let known = BIT_UNITS.iter().chain(&BYTE_UNITS).find(|(name, _)| *name == unit);
        let (_, factor) = known.ok_or_else(|| Self::refuse(text, digits, unit))?;
        let number: u64 =
            digits.parse().map_err(|_| BadQuantity::new("rate", text, "the number is not whole or too large"))?;
        let bits = number.checked_mul(*factor);
        bits.map(Self).ok_or_else(|| BadQuantity::new("rate", text, "it is more than any line carries"))
    }
}

impl fmt::Display for Rate {
    /// The largest unit of bits, from `kbit/s` up, that divides it, otherwise the largest of bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let divides = |(_, factor): &&(&str, u64)| self.0 > 0 && self.0.is_multiple_of(*factor);
        let whole = BIT_UNITS[..3].iter().find(divides).or_else(|| BYTE_UNITS[..3].iter().find(divides));
        let (unit, factor) = whole.unwrap_or(&BIT_UNITS[3]);
        f.pad(&format!("{}{unit}", self.0 / factor))
    }
}

written_as_text!(
    Rate,
    r"^[0-9]+([kMG]?bit|[kMG]?B|[KMG]iB)/s$",
    "50Mbit/s",
    "A speed, such as 50Mbit/s, 500kbit/s or 6MiB/s."
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates() {
        for (text, bits) in [
            ("50Mbit/s", 50_000_000),
            ("500kbit/s", 500_000),
            ("1Gbit/s", 1_000_000_000),
            ("7bit/s", 7),
            ("6MiB/s", (6 * 8) << 20),
            ("2MB/s", 16_000_000),
            ("1KiB/s", 8192),
        ] {
            assert_eq!(text.parse(), Ok(Rate(bits)), "{text}");
        }
        for (text, suggestion) in [
            ("50M", "50Mbit/s"),
            ("50", "50Mbit/s"),
            ("50mbps", "50Mbit/s"),
            ("50Mbps", "50Mbit/s"),
            ("50Mb/s", "50Mbit/s"),
            ("50Kbit/s", "50kbit/s"),
            ("50MBps", "50MB/s"),
            ("fast", "50Mbit/s"),
            ("50 parsecs", "50Mbit/s"),
        ] {
            let bad = text.parse::<Rate>().unwrap_err();
            assert_eq!(bad.suggestion.as_deref(), Some(suggestion), "{text}");
            assert!(suggestion.parse::<Rate>().is_ok());
        }
        assert!("99999999999999999999Mbit/s".parse::<Rate>().is_err());
        assert!("99999999999999Gbit/s".parse::<Rate>().is_err());
    }

    #[test]
    fn rates_are_written_in_the_units_of_lines() {
        for (text, written) in [
            ("50Mbit/s", "50Mbit/s"),
            ("1000Mbit/s", "1Gbit/s"),
            ("6MiB/s", "6MiB/s"),
            ("2MB/s", "16Mbit/s"),
            ("7bit/s", "7bit/s"),
            ("0kbit/s", "0bit/s"),
        ] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), written);
        }
        assert_eq!(Rate::mbit(50).bytes_per_second(), 6_250_000);
    }

    proptest! {
        #[test]
        fn a_written_rate_reads_back(bits in any::<u64>()) {
            prop_assert_eq!(Rate(bits).to_string().parse(), Ok(Rate(bits)));
        }

        #[test]
        fn no_text_panics(text in ".{0,12}") {
            let _ = text.parse::<Rate>();
        }
    }
}

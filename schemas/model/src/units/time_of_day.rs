//! A time of day, as a clock on the wall shows it.

use super::BadQuantity;
use std::{fmt, str::FromStr};

/// Minutes since midnight: `08:00`, `22:30`, and `24:00` for the end of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay(u16);

const MINUTES_A_DAY: u16 = 24 * 60;

impl TimeOfDay {
    /// `None` beyond `24:00`.
    pub fn new(hour: u16, minute: u16) -> Option<Self> {
        let minutes = hour.checked_mul(60)?.checked_add(minute)?;
        (minute < 60 && minutes <= MINUTES_A_DAY).then_some(Self(minutes))
    }

    pub const fn minutes(self) -> u16 {
        self.0
    }

    pub const fn is_end_of_day(self) -> bool {
        self.0 == MINUTES_A_DAY
    }
}

impl FromStr for TimeOfDay {
    type Err = BadQuantity;

    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let bad = |reason: &str| BadQuantity::new("time of day", text, reason);
        let (hour, minute) = text.split_once(':').ok_or_else(|| bad("write it as in \"08:00\""))?;
        let digits = |part: &str| part.len() <= 2 && !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let number = |part: &str| part.parse::<u16>().ok().filter(|_| digits(part));
        let time = number(hour).zip(number(minute)).and_then(|(hour, minute)| Self::new(hour, minute));
        match time {
            Some(time) if text.len() == 5 => Ok(time),
            Some(time) => Err(bad("hours and minutes have two digits each").suggest(time.to_string())),
            None => Err(bad("there is no such time; write it as in \"08:00\"")),
        }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:02}:{:02}", self.0 / 60, self.0 % 60))
    }
}

written_as_text!(
    TimeOfDay,
    r"^([01][0-9]|2[0-4]):[0-5][0-9]$",
    "08:00",
    "A time of day of 24 hours, in quotes, such as \"08:00\"."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day() {
        for (text, minutes) in [("00:00", 0), ("08:00", 480), ("22:30", 1350), ("24:00", 1440)] {
            let time: TimeOfDay = text.parse().unwrap();
            assert_eq!((time.minutes(), time.to_string().as_str()), (minutes, text));
        }
        assert_eq!("8:00".parse::<TimeOfDay>().unwrap_err().suggestion.as_deref(), Some("08:00"));
        for text in ["", "8", "24:01", "25:00", "08:60", "08:00:00", "0800", "+8:00", "１2:00", ":", "008:00"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
    }
}

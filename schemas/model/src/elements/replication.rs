//! How changes are carried to the replicas.

use super::preserve::{Aspect, Specials};
use crate::units::{Rate, TimeOfDay};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Smallest limit an agent goes by: below it, a link is given up while one large frame is on its way.
pub const LIMIT_MIN: Rate = Rate(64_000);

/// How changes are carried to the replicas, and what of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Replication {
    /// What of files and directories is kept, besides name, kind and content. What is not listed is neither sent nor
    /// compared, and nothing is done to it at a replica.
    #[schemars(example = serde_json::json!(["ownership", "permissions", "acls", "xattrs", "timestamps"]))]
    pub preserve: BTreeSet<Aspect>,
    /// Whether fifos and device nodes are replicated. Sockets never are.
    #[schemars(example = &"replicate")]
    pub specials: Specials,
    /// Limits of what a source sends to each of its targets. The first entry that counts at the time is in force; when
    /// none does, there is no limit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), example = serde_json::json!([
        {"limit": "50Mbit/s", "window": {"days": ["mon", "fri"], "from": "08:00", "to": "18:00", "timeZone": "Europe/Berlin"}},
        {"limit": "200Mbit/s"},
    ]))]
    pub bandwidth: Vec<BandwidthLimit>,
    /// What is done to changes before they are sent.
    #[schemars(example = &"zstd")]
    pub compression: Compression,
}

impl Default for Replication {
    fn default() -> Self {
        Self {
            preserve: Aspect::ALL.into(),
            specials: Specials::default(),
            bandwidth: Vec::new(),
            compression: Compression::default(),
        }
    }
}

impl Replication {
    /// What both ends of a stream have to be told alike; how fast it goes is the source's affair.
    pub fn fidelity(&self) -> Self {
        Self { preserve: self.preserve.clone(), specials: self.specials, ..Self::default() }
    }
}

/// A limit, and when it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BandwidthLimit {
    /// Most that is sent in each second, with encryption and framing.
    #[schemars(example = &"50Mbit/s")]
    pub limit: Rate,
    /// When it counts. Left out, it counts at all times for which no entry before it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!(
        {"days": ["mon", "fri"], "from": "08:00", "to": "18:00", "timeZone": "Europe/Berlin"}
    ))]
    pub window: Option<Window>,
}

/// A stretch of time that comes back each week, by the clocks of its zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// The days on which it begins. Left out, every day.
    #[serde(default = "every_day")]
    #[schemars(length(min = 1), example = serde_json::json!(["mon", "tue", "wed", "thu", "fri"]))]
    pub days: Vec<Day>,
    /// When it begins, in quotes.
    #[schemars(example = &"08:00")]
    pub from: TimeOfDay,
    /// When it ends, in quotes; `24:00` is the end of the day, and a time before `from` is one of the next day.
    #[schemars(example = &"18:00")]
    pub to: TimeOfDay,
    /// Name of the time zone in which days and times are meant.
    #[schemars(example = &"Europe/Berlin")]
    pub time_zone: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// What is done to changes before they are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Compression {
    /// What becomes smaller by it is compressed; the rest goes as it is.
    #[default]
    Zstd,
    /// Everything goes as it is.
    None,
}

/// A moment as the clocks of a zone show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    pub day: Day,
    /// Minutes since midnight.
    pub minute: u16,
}

impl Day {
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    pub fn yesterday(self) -> Self {
        Self::ALL[(self as usize + 6) % 7]
    }

    /// As it is written in a manifest.
    pub fn as_str(self) -> &'static str {
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][self as usize]
    }
}

impl Window {
    /// Whether it ends on the day after the one on which it begins.
    pub fn crosses_midnight(&self) -> bool {
        self.to <= self.from
    }

    /// Whether it is open at `at`, a moment in its own zone.
    pub fn contains(&self, at: LocalTime) -> bool {
        let (from, to) = (self.from.minutes(), self.to.minutes());
        let began = |day| self.days.contains(&day);
        if self.crosses_midnight() {
            at.minute >= from && began(at.day) || at.minute < to && began(at.day.yesterday())
        } else {
            (from..to).contains(&at.minute) && began(at.day)
        }
    }
}

fn every_day() -> Vec<Day> {
    Day::ALL.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[Day], from: &str, to: &str) -> Window {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        Window { days: days.to_vec(), from, to, time_zone: "Europe/Berlin".into() }
    }

    fn at(day: Day, time: &str) -> LocalTime {
        LocalTime { day, minute: time.parse::<TimeOfDay>().unwrap().minutes() }
    }

    #[test]
    fn a_window_holds_its_first_minute_and_not_its_last() {
        let office = window(&Day::ALL[..5], "08:00", "18:00");
        for (day, time, open) in [
            (Day::Mon, "07:59", false),
            (Day::Mon, "08:00", true),
            (Day::Fri, "17:59", true),
            (Day::Fri, "18:00", false),
            (Day::Sat, "12:00", false),
        ] {
            assert_eq!(office.contains(at(day, time)), open, "{day:?} {time}");
        }
        let whole_day = window(&[Day::Sun], "00:00", "24:00");
        assert!(whole_day.contains(at(Day::Sun, "00:00")) && whole_day.contains(at(Day::Sun, "23:59")));
        assert!(!whole_day.contains(at(Day::Sat, "23:59")) && !whole_day.contains(at(Day::Mon, "00:00")));
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let night = window(&[Day::Fri], "22:00", "06:00");
        for (day, time, open) in [
            (Day::Fri, "05:00", false),
            (Day::Fri, "22:00", true),
            (Day::Sat, "05:59", true),
            (Day::Sat, "06:00", false),
            (Day::Sat, "22:30", false),
        ] {
            assert_eq!(night.contains(at(day, time)), open, "{day:?} {time}");
        }
        assert!(window(&[Day::Sun], "22:00", "06:00").contains(at(Day::Mon, "01:00")), "the week is a circle");
        assert!(window(&[Day::Sun], "22:00", "00:00").contains(at(Day::Sun, "23:00")));
    }

    #[test]
    fn what_is_left_out_means_every_day_and_no_limit() {
        let text =
            r#"{"bandwidth": [{"limit": "50Mbit/s", "window": {"from": "08:00", "to": "18:00", "timeZone": "UTC"}}]}"#;
        let read: Replication = serde_json::from_str(text).unwrap();
        assert_eq!(read.bandwidth[0].window.as_ref().unwrap().days, Day::ALL);
        assert_eq!(read.compression, Compression::Zstd);
        assert_eq!(serde_json::from_str::<Replication>("{}").unwrap(), Replication::default());
        for day in Day::ALL {
            assert_eq!(serde_json::to_value(day).unwrap(), day.as_str());
        }
    }
}

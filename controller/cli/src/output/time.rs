//! Times: local with zone and age for people, RFC 3339 in UTC for machines.

use super::amount;
use jiff::tz::TimeZone;
use model::Timestamp;

/// The person's time zone, and the time now.
#[derive(Clone, Debug)]
pub struct Clock {
    zone: TimeZone,
    fixed: Option<Timestamp>,
    for_machines: bool,
}

impl Clock {
    pub fn system() -> Self {
        Self { zone: TimeZone::system(), fixed: None, for_machines: false }
    }

    /// A clock that stands still, in UTC.
    #[cfg(test)]
    pub fn standing_at(now: Timestamp) -> Self {
        Self { zone: TimeZone::UTC, fixed: Some(now), for_machines: false }
    }

    /// The same clock, whose `when` and `ago` are RFC 3339 in UTC.
    pub fn for_machines(&self) -> Self {
        Self { for_machines: true, ..self.clone() }
    }

    pub fn now(&self) -> Timestamp {
        let now = || u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        self.fixed.unwrap_or_else(|| Timestamp(now()))
    }

    /// `09:33:18` today, `Mon 10:12` in the last six days, `2026-10-10 08:12 CEST` before.
    pub fn when(&self, at: Timestamp) -> String {
        if self.for_machines {
            return utc(at);
        }
        let (Some(then), Some(now)) = (instant(at), instant(self.now())) else {
            return "?".to_owned();
        };
        let (then, now) = (then.to_zoned(self.zone.clone()), now.to_zoned(self.zone.clone()));
        let days = (now.date() - then.date()).get_days();
        let form = match days {
            0 => "%H:%M:%S",
            1..=6 => "%a %H:%M",
            _ => "%Y-%m-%d %H:%M %Z",
        };
        then.strftime(form).to_string()
    }

    /// `2026-11-20 09:33:02 CET`.
    pub fn full(&self, at: Timestamp) -> String {
        let text = instant(at).map(|at| at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string());
        text.unwrap_or_else(|| "?".to_owned())
    }

    /// `8s ago`.
    pub fn ago(&self, at: Timestamp) -> String {
        if self.for_machines { utc(at) } else { format!("{} ago", amount::age(self.now().since(at))) }
    }
}

fn instant(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()
}

/// `2026-11-20T08:33:02Z`, to the second.
pub fn utc(at: Timestamp) -> String {
    instant(at).map_or_else(|| "?".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// `2026-11-20T08:33:02.123Z`, as exact as it is known.
pub fn utc_exact(millis: u64) -> Option<String> {
    instant(Timestamp(millis)).map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20T08:33:02.250Z, a Friday.
    const NOW: Timestamp = Timestamp(1_795_163_582_250);

    #[test]
    fn the_older_the_less_exact() {
        let clock = Clock::standing_at(NOW);
        let before = |secs: u64| Timestamp(NOW.0 - secs * 1000);
        assert_eq!(clock.when(before(10)), "08:32:52");
        assert_eq!(clock.when(before(4 * 86_400)), "Mon 08:33");
        assert_eq!(clock.when(before(40 * 86_400)), "2026-10-11 08:33 UTC");
        assert_eq!(clock.ago(before(12)), "12s ago");
        assert_eq!(clock.full(NOW), "2026-11-20 08:33:02 UTC");
        assert_eq!(utc(NOW), "2026-11-20T08:33:02Z");
        assert_eq!(utc_exact(NOW.0).as_deref(), Some("2026-11-20T08:33:02.25Z"));
        assert_eq!(utc(Timestamp(u64::MAX)), "?");
    }
}

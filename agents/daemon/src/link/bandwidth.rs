//! Which bandwidth limit is in force at a moment, and until when.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Weekday},
    tz::TimeZone,
};
use model::{
    agent_status::BandwidthStatus,
    elements::replication::{BandwidthLimit, Day, LocalTime, Window},
    units::{Rate, TimeOfDay},
};

/// How far ahead the next change is looked for: every window comes back within a week.
const DAYS_AHEAD: i64 = 8;

/// A limit whose zone was found; `None` for one without a window.
struct Entry<'a> {
    limit: Rate,
    window: Option<(&'a Window, TimeZone)>,
}

/// What is in force at `now`. Where the data of this host do not know a zone, the smallest of all limits is: a line is
/// not flooded because of that.
pub fn in_force(limits: &[BandwidthLimit], now: Timestamp) -> BandwidthStatus {
    let mut entries = Vec::with_capacity(limits.len());
    for entry in limits {
        let window = match &entry.window {
            None => None,
            Some(window) => match jiff::tz::db().get(&window.time_zone) {
                Ok(zone) => Some((window, zone)),
                Err(_) => return zone_unknown(limits, &window.time_zone),
            },
        };
        entries.push(Entry { limit: entry.limit, window });
    }
    let limit = limit_at(&entries, now);
    BandwidthStatus { limit, until: until(&entries, now, limit), problem: None }
}

fn zone_unknown(limits: &[BandwidthLimit], zone: &str) -> BandwidthStatus {
    let problem = format!("this host does not know the time zone {zone}: the smallest limit is in force");
    BandwidthStatus { limit: limits.iter().map(|entry| entry.limit).min(), until: None, problem: Some(problem) }
}

fn limit_at(entries: &[Entry<'_>], at: Timestamp) -> Option<Rate> {
    let counts = |entry: &&Entry<'_>| match &entry.window {
        None => true,
        Some((window, zone)) => window.contains(local(at, zone)),
    };
    entries.iter().find(counts).map(|entry| entry.limit)
}

fn local(at: Timestamp, zone: &TimeZone) -> LocalTime {
    let shown = zone.to_datetime(at);
    let minute = u16::try_from(shown.hour()).unwrap_or(0) * 60 + u16::try_from(shown.minute()).unwrap_or(0);
    LocalTime { day: day(shown.date().weekday()), minute }
}

fn day(weekday: Weekday) -> Day {
    match weekday {
        Weekday::Monday => Day::Mon,
        Weekday::Tuesday => Day::Tue,
        Weekday::Wednesday => Day::Wed,
        Weekday::Thursday => Day::Thu,
        Weekday::Friday => Day::Fri,
        Weekday::Saturday => Day::Sat,
        Weekday::Sunday => Day::Sun,
    }
}

/// When another limit comes into force, in words.
fn until(entries: &[Entry<'_>], now: Timestamp, limit: Option<Rate>) -> Option<String> {
    let windows = entries.iter().filter_map(|entry| entry.window.as_ref());
    let mut moments: Vec<(Timestamp, &TimeZone)> =
        windows.flat_map(|(window, zone)| moments(window, zone, now).into_iter().map(move |at| (at, zone))).collect();
    moments.sort_by_key(|(at, _)| *at);
    let (at, zone) = moments.into_iter().find(|(at, _)| limit_at(entries, *at) != limit)?;
    Some(words(at, zone, now))
}

/// The moments after `now` at which `window` may open or close; also those at which clocks are put forward or back.
fn moments(window: &Window, zone: &TimeZone, now: Timestamp) -> Vec<Timestamp> {
    let end = now.checked_add((DAYS_AHEAD * 24).hours()).unwrap_or(Timestamp::MAX);
    let mut found: Vec<Timestamp> =
        zone.following(now).map(|change| change.timestamp()).take_while(|at| *at < end).collect();
    let today = zone.to_datetime(now).date();
    for ahead in 0..=DAYS_AHEAD {
        let Ok(date) = today.checked_add(ahead.days()) else { continue };
        found.extend([window.from, window.to].into_iter().filter_map(|time| moment(date, time, zone)));
    }
    found.retain(|at| *at > now);
    found
}

/// A time that clocks leave out is the moment they do so.
fn moment(date: Date, time: TimeOfDay, zone: &TimeZone) -> Option<Timestamp> {
    let midnight = date.at(0, 0, 0, 0);
    let shown = midnight.checked_add(i64::from(time.minutes()).minutes()).ok()?;
    zone.to_ambiguous_timestamp(shown).compatible().ok()
}

fn words(at: Timestamp, zone: &TimeZone, now: Timestamp) -> String {
    let (shown, today) = (zone.to_datetime(at), zone.to_datetime(now).date());
    let time = format!("{:02}:{:02}", shown.hour(), shown.minute());
    let zone = zone.iana_name().unwrap_or_default();
    if shown.date() == today {
        format!("{time} {zone}")
    } else {
        format!("{} {time} {zone}", day(shown.date().weekday()).as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[Day], from: &str, to: &str, zone: &str) -> Option<Window> {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        Some(Window { days: days.to_vec(), from, to, time_zone: zone.into() })
    }

    fn office() -> Vec<BandwidthLimit> {
        vec![
            BandwidthLimit { limit: Rate::mbit(50), window: window(&Day::ALL[..5], "08:00", "18:00", "Europe/Berlin") },
            BandwidthLimit { limit: Rate::mbit(200), window: None },
        ]
    }

    /// Limit in Mbit/s and until when, at a moment in UTC.
    fn at(limits: &[BandwidthLimit], utc: &str) -> (Option<u64>, Option<String>) {
        let status = in_force(limits, utc.parse().unwrap());
        assert_eq!(status.problem, None);
        (status.limit.map(|limit| limit.0 / 1_000_000), status.until)
    }

    #[test]
    fn the_first_entry_that_counts_is_in_force() {
        let until = |text: &str| Some(text.to_owned());
        // A Friday in winter: Berlin is an hour ahead of UTC.
        assert_eq!(at(&office(), "2026-11-20T06:59:59Z"), (Some(200), until("08:00 Europe/Berlin")));
        assert_eq!(at(&office(), "2026-11-20T07:00:00Z"), (Some(50), until("18:00 Europe/Berlin")));
        assert_eq!(at(&office(), "2026-11-20T16:59:59Z"), (Some(50), until("18:00 Europe/Berlin")));
        assert_eq!(at(&office(), "2026-11-20T17:00:00Z"), (Some(200), until("mon 08:00 Europe/Berlin")));
        // And in summer, two hours.
        assert_eq!(at(&office(), "2026-07-17T06:00:00Z"), (Some(50), until("18:00 Europe/Berlin")));
        assert_eq!(at(&office()[1..], "2026-07-17T06:00:00Z"), (Some(200), None));
        assert_eq!(at(&office()[..1], "2026-07-18T06:00:00Z"), (None, until("mon 08:00 Europe/Berlin")));
        assert_eq!(at(&[], "2026-07-18T06:00:00Z"), (None, None));
        let both = [office(), office()].concat();
        assert_eq!(at(&both[1..], "2026-11-20T07:00:00Z"), (Some(200), None), "the later ones are never reached");
    }

    /// In Berlin clocks went from 02:00 to 03:00 on 2026-03-29, and from 03:00 back to 02:00 on 2026-10-25.
    #[test]
    fn clocks_put_forward_and_back_are_gone_by() {
        let early = |from: &str, to: &str| {
            [BandwidthLimit { limit: Rate::mbit(1), window: window(&Day::ALL, from, to, "Europe/Berlin") }]
        };
        let spring = early("02:30", "04:00");
        assert_eq!(at(&spring, "2026-03-29T00:59:00Z"), (None, Some("03:00 Europe/Berlin".into())));
        assert_eq!(at(&spring, "2026-03-29T01:00:00Z"), (Some(1), Some("04:00 Europe/Berlin".into())));
        assert_eq!(at(&spring, "2026-03-29T02:00:00Z").0, None, "it is four in Berlin");
        // The hour comes twice, and so does the window: both are what the clocks there show.
        let autumn = early("02:30", "02:45");
        for (utc, open) in [
            ("2026-10-25T00:29:00Z", false),
            ("2026-10-25T00:30:00Z", true),
            ("2026-10-25T00:45:00Z", false),
            ("2026-10-25T01:30:00Z", true),
            ("2026-10-25T01:45:00Z", false),
        ] {
            assert_eq!(at(&autumn, utc).0.is_some(), open, "{utc}");
        }
        // At the fold a window that is open closes because clocks are put back.
        let fold = early("02:30", "05:00");
        assert_eq!(at(&fold, "2026-10-25T00:30:00Z"), (Some(1), Some("02:00 Europe/Berlin".into())));
        assert_eq!(at(&fold, "2026-10-25T01:00:00Z").0, None);
    }

    #[test]
    fn a_window_over_midnight_ends_on_the_next_day() {
        let night =
            [BandwidthLimit { limit: Rate::mbit(9), window: window(&[Day::Sun], "22:00", "06:00", "Asia/Kolkata") }];
        assert_eq!(at(&night, "2026-11-22T16:29:00Z"), (None, Some("22:00 Asia/Kolkata".into())));
        assert_eq!(at(&night, "2026-11-22T16:30:00Z"), (Some(9), Some("mon 06:00 Asia/Kolkata".into())));
        assert_eq!(at(&night, "2026-11-23T00:30:00Z"), (None, Some("sun 22:00 Asia/Kolkata".into())));
        let whole = [BandwidthLimit { limit: Rate::mbit(9), window: window(&[Day::Sun], "00:00", "24:00", "UTC") }];
        assert_eq!(at(&whole, "2026-11-22T23:59:59Z"), (Some(9), Some("mon 00:00 UTC".into())));
    }

    #[test]
    fn a_zone_that_nobody_knows_makes_the_smallest_limit_count() {
        let mut limits = office();
        limits.push(BandwidthLimit {
            limit: Rate::mbit(3),
            window: window(&Day::ALL, "01:00", "02:00", "Europe/Atlantis"),
        });
        let status = in_force(&limits, "2026-11-20T12:00:00Z".parse().unwrap());
        assert_eq!((status.limit, status.until), (Some(Rate::mbit(3)), None));
        assert!(status.problem.unwrap().contains("Europe/Atlantis"));
    }
}

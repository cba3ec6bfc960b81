//! Times in sentences that people get from the controller.

use model::Timestamp;

/// `2026-11-20T08:33:02Z`; the controller does not know the time zone of whoever reads it.
pub fn utc(at: Timestamp) -> String {
    let instant = i64::try_from(at.0).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    instant.map_or_else(|| "an unknown time".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

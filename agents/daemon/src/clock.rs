//! The wall clock, for labels that people read; deadlines use monotonic time.

use model::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time now; 1970 when the clock is before that.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

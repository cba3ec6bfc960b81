//! How amounts, times and lists read in sentences.

use model::Timestamp;
use std::time::Duration;

/// Bytes with one decimal and a binary unit, such as `2.4 MiB`.
pub fn bytes(amount: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if amount < 1024 {
        return format!("{amount} B");
    }
    let mut value = amount as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// The two largest units, such as `2m 14s`; tenths of a second below a minute.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{}.{}s", seconds, time.subsec_millis() / 100),
        (0, 0, m) => format!("{m}m {}s", seconds % 60),
        (0, h, m) => format!("{h}h {m}m"),
        (d, h, _) => format!("{d}d {h}h"),
    }
}

/// The time of day in UTC, such as `09:28:41.220 UTC`.
pub fn clock(at: Timestamp) -> String {
    let seconds = at.0 / 1000 % 86_400;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03} UTC", seconds % 60, at.0 % 1000)
}

/// `a, b and c`.
pub fn list<T: ToString>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.to_string(),
        [front @ .., last] => {
            let front: Vec<String> = front.iter().map(T::to_string).collect();
            format!("{} and {}", front.join(", "), last.to_string())
        }
    }
}

/// `1 entry`, `2 entries`.
pub fn count(amount: u64, one: &str, many: &str) -> String {
    if amount == 1 { format!("1 {one}") } else { format!("{amount} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(2_516_582), "2.4 MiB");
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
        assert_eq!(duration(Duration::from_millis(840)), "0.8s");
        assert_eq!(duration(Duration::from_secs(134)), "2m 14s");
        assert_eq!(duration(Duration::from_secs(11_520)), "3h 12m");
        assert_eq!(duration(Duration::from_secs(6 * 86_400)), "6d 0h");
        assert_eq!(clock(Timestamp(34_121_220)), "09:28:41.220 UTC");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list::<String>(&[]), "");
        assert_eq!(count(1, "entry", "entries"), "1 entry");
    }
}

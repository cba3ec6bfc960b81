//! Amounts as people read them. Exact numbers are in the machine output.

use std::time::Duration;

/// `41,022`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/// `1.2 GiB`, `388 GiB`, `512 B`.
pub fn bytes(n: u64) -> String {
    let (mut amount, mut unit) = (n as f64, 0);
    while amount >= 1023.5 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    if unit == 0 || amount >= 99.95 {
        format!("{amount:.0} {}", UNITS[unit])
    } else {
        format!("{amount:.1} {}", UNITS[unit])
    }
}

/// How long something took: `0.2s`, `62.0s`, `1m 17s`, `3h 12m`, `6d 2h`.
pub fn took(time: Duration) -> String {
    let secs = time.as_secs();
    let pair = |big: u64, big_unit: &str, small: u64, small_unit: &str| {
        if small == 0 { format!("{big}{big_unit}") } else { format!("{big}{big_unit} {small}{small_unit}") }
    };
    match secs {
        0..=99 => format!("{:.1}s", time.as_millis() as f64 / 1000.0),
        100..=3_599 => pair(secs / 60, "m", secs % 60, "s"),
        3_600..=86_399 => pair(secs / 3_600, "h", secs % 3_600 / 60, "m"),
        _ => pair(secs / 86_400, "d", secs % 86_400 / 3_600, "h"),
    }
}

/// How old something is: like `took`, in whole seconds.
pub fn age(time: Duration) -> String {
    if time.as_secs() < 100 { format!("{}s", time.as_secs()) } else { took(time) }
}

/// `1 object`, `11 objects`.
pub fn plural(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{} {noun}s", count(n as u64)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        assert_eq!([count(0), count(999), count(1_000), count(4_182_206)], ["0", "999", "1,000", "4,182,206"]);
        assert_eq!([bytes(0), bytes(1_023), bytes(1_024)], ["0 B", "1023 B", "1.0 KiB"]);
        assert_eq!([bytes(1_288_490_189), bytes(388 << 30), bytes((1 << 20) - 1)], ["1.2 GiB", "388 GiB", "1.0 MiB"]);
        assert_eq!(bytes(u64::MAX), "16384 PiB");
    }

    #[test]
    fn times() {
        let took = |ms| took(Duration::from_millis(ms));
        assert_eq!([took(0), took(230), took(62_000)], ["0.0s", "0.2s", "62.0s"]);
        assert_eq!([took(120_000), took(137_000), took(11_520_000)], ["2m", "2m 17s", "3h 12m"]);
        assert_eq!(age(Duration::from_millis(8_900)), "8s");
        assert_eq!(age(Duration::from_secs(6 * 86_400 + 7_200)), "6d 2h");
    }
}

//! What a plain scalar means: the core words of YAML 1.2, and nothing that readers disagree about.

use serde_json::{Number, Value};

/// The value of an unquoted scalar. `yes`, `017`, `0x1F`, `1_000` and `.inf` are text, since readers differ on them.
pub fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let leading_zero = unsigned.len() > 1 && unsigned.starts_with('0') && !unsigned.starts_with("0.");
    if leading_zero || !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok();
    }
    let fraction = unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    fraction.then(|| text.parse::<f64>().ok().and_then(Number::from_f64)).flatten()
}

/// What another reader of YAML, 1.1 or 1.2, takes an unquoted text for, where we take it for text.
pub fn disputed(text: &str) -> Option<&'static str> {
    const TRUTH: [&str; 6] = ["yes", "no", "on", "off", "y", "n"];
    // What begins otherwise is a text to everybody.
    let suspicious = |c: char| c.is_ascii_digit() || ".+-yYnNoO".contains(c);
    if text.len() > 40 || !text.starts_with(suspicious) || !text.is_ascii() {
        return None;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match unsigned {
        _ if TRUTH.iter().any(|word| text.eq_ignore_ascii_case(word)) => Some("a truth value"),
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN" => Some("a number"),
        _ if is_date(text) => Some("a date"),
        u if prefixed(u) => Some("a number"),
        u if u.len() > 1 && u.starts_with('0') && digits(u) => Some("an octal number"),
        u if u.contains(':') && base_sixty(u) => Some("a number in base 60"),
        u => decimal(u).then_some("a number"),
    }
}

/// `0x1F`, `0o17`, `0b11`.
fn prefixed(text: &str) -> bool {
    let of = |rest: &str, radix| rest.chars().any(|c| c != '_') && rest.chars().all(|c| c == '_' || c.is_digit(radix));
    [("0x", 16), ("0o", 8), ("0b", 2)]
        .iter()
        .any(|(head, radix)| text.strip_prefix(head).is_some_and(|r| of(r, *radix)))
}

/// `22:30`, which is 1350 to some.
fn base_sixty(text: &str) -> bool {
    let mut parts = text.split(':');
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let below_sixty = |part: &str| number(part) && part.parse::<u8>().is_ok_and(|n| n < 60) && part.len() < 3;
    let first = parts.next().is_some_and(|part| number(part) && part.starts_with(|c: char| c.is_ascii_digit()));
    let mut rest = parts.map(|part| part.split_once('.').map_or(part, |(whole, _)| whole));
    first && rest.all(below_sixty)
}

/// `1_000`, `+1`, `.5`, `.5e+3`: what `plain` leaves as text although it looks like a number.
fn decimal(text: &str) -> bool {
    let (text, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if exponent.is_empty() || !exponent.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let known = |b: u8| b.is_ascii_digit() || matches!(b, b'_' | b'.');
    let whole = text.bytes().all(known) && text.bytes().filter(|b| *b == b'.').count() <= 1;
    whole && text.bytes().any(|b| b.is_ascii_digit()) && !text.starts_with('_')
}

/// `2026-11-20`, and with a time behind it.
fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let mut number = |longest: std::ops::RangeInclusive<usize>| {
        parts.next().is_some_and(|p| longest.contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
    };
    if !number(4..=4) || !number(1..=2) {
        return false;
    }
    let Some(rest) = parts.next() else { return false };
    let day = rest.bytes().take_while(u8::is_ascii_digit).count();
    (1..=2).contains(&day) && (rest.len() == day || rest[day..].starts_with(['T', 't', ' ']))
}

/// A text in double quotes.
pub fn quoted(text: &str) -> String {
    // JSON's escapes are YAML's too.
    Value::String(text.to_owned()).to_string()
}

/// A text as it may stand anywhere in YAML: without quotes where nobody can misread it.
pub fn written(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+');
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    let one_reading = plain(text).is_string() && disputed(text).is_none();
    if starts_well && one_reading && text.chars().all(harmless) { text.to_owned() } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use super::{disputed, plain, quoted, written};
    use serde_json::json;

    #[test]
    fn texts_that_others_read_otherwise_are_known() {
        for (text, other) in [
            ("yes", "a truth value"),
            ("Off", "a truth value"),
            ("n", "a truth value"),
            ("0755", "an octal number"),
            ("0x1F", "a number"),
            ("0o755", "a number"),
            ("1_000", "a number"),
            ("+1", "a number"),
            (".5", "a number"),
            (".5e+3", "a number"),
            ("+1.5E-3", "a number"),
            ("-.inf", "a number"),
            ("22:30", "a number in base 60"),
            ("190:20:30.15", "a number in base 60"),
            ("2026-11-20", "a date"),
            ("2001-12-14t21:59:43.10-05:00", "a date"),
        ] {
            assert_eq!(disputed(text), Some(other), "{text}");
        }
        for text in [
            "yesterday",
            "web1",
            "10.20.0.10",
            "10.20.0.10:25001",
            "2001:db8::1",
            "22:70",
            "5m",
            "a:b",
            "",
            "-",
            "_",
            ".",
            "1.2.3",
            ".5e",
            "1e3x",
            "e3",
            "2026-11",
            "2026-11-20-x",
            "0xyz",
            "0b2",
            "mx1:25001",
        ] {
            assert_eq!(disputed(text), None, "{text}");
        }
        assert_eq!(disputed("null"), None, "that is nothing, not text");
    }

    #[test]
    fn what_is_written_has_one_reading() {
        for text in ["/srv/a b", "/srv/a, b", "a: b", "yes", "1", "~", "", "-x", "#x", "a #b", "\"", "ü", "x\ny"] {
            assert_eq!(written(text), quoted(text), "{text}");
        }
        assert_eq!(written("/srv/vmail"), "/srv/vmail");
    }

    #[test]
    fn only_undisputed_words_have_a_meaning() {
        for (text, value) in [
            ("25", json!(25)),
            ("-3", json!(-3)),
            ("0", json!(0)),
            ("0.5", json!(0.5)),
            ("1e3", json!(1000.0)),
            ("true", json!(true)),
            ("~", json!(null)),
            ("", json!(null)),
        ] {
            assert_eq!(plain(text), value, "{text}");
        }
        for text in ["yes", "on", "y", "017", "0755", "0o755", "0x1F", "1_000", ".inf", "22:30", "2026-01-01", "+1"] {
            assert_eq!(plain(text), json!(text), "{text}");
        }
    }
}

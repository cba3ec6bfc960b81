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

#[cfg(test)]
mod tests {
    use super::plain;
    use serde_json::json;

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

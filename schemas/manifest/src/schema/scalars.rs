//! Single values that readers of YAML disagree on, or that are one edit away from what was meant.

use crate::{
    finding::Finding,
    tree::{Node, disputed_finding},
};
use serde_json::Value;

fn of_type(schema: &Value, wanted: &str) -> bool {
    schema.get("type").and_then(Value::as_str) == Some(wanted)
}

/// A text without quotes that is something else to other readers, in a field that holds any text.
pub fn disputed(file: usize, node: &Node, schema: &Value) -> Option<Finding> {
    let other = node.disputed()?;
    let any_text = of_type(schema, "string") && schema.get("enum").is_none();
    if !any_text {
        return None;
    }
    Some(disputed_finding(file, &node.span, node.text()?, other))
}

/// A number with a fraction or an exponent where a whole one is meant; JSON Schema takes `25.0` for whole.
pub fn not_whole(file: usize, node: &Node, value: &Value, schema: &Value) -> Option<Finding> {
    let number = value.as_f64().filter(|_| value.is_f64())?;
    if !of_type(schema, "integer") {
        return None;
    }
    let text = node.text().unwrap_or_default();
    let finding = Finding::error("DR0105", file, node.span.clone(), format!("`{text}` is not a whole number"))
        .label("write it with digits alone");
    let plain = number.abs() < 1e15 && number.fract() == 0.0;
    Some(if plain { finding.fix(true, node.span.clone(), format!("{number}")) } else { finding })
}

/// Adds what was meant to the finding that a value is no truth value.
pub fn truth(node: &Node, finding: Finding) -> Finding {
    let text = node.text().unwrap_or_default();
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    let meant = match text {
        _ if is(&["yes", "on", "y", "true"]) => "true",
        _ if is(&["no", "off", "n", "false"]) => "false",
        _ => return finding,
    };
    let span = finding.span.clone();
    finding.help(format!("write {meant}")).fix(true, span, meant)
}

/// Adds what was meant to the finding that a value is no number.
pub fn whole(node: &Node, finding: Finding) -> Finding {
    let text = node.text().unwrap_or_default();
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let (span, other) = (finding.span.clone(), node.disputed());
    if other == Some("an octal number") {
        return finding.help("a number has no 0 in front; some readers count such a one in eights");
    }
    let plain = !digits.is_empty() && digits.len() < 16 && digits.bytes().all(|b| b.is_ascii_digit());
    if !plain || (digits.len() > 1 && digits.starts_with('0')) || text.starts_with('_') {
        return finding;
    }
    finding.help(format!("write {digits}")).fix(true, span, digits)
}

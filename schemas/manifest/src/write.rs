//! YAML as people would write it, with a comment behind each value where it is wanted.

use crate::canonical::{Origin, Part};
use model::units::{Period, Rate, Size};
use serde_json::Value;
use std::fmt::Write as _;

/// One document, without `---`.
pub fn document(part: &Part, origin: bool) -> String {
    let mut lines = Vec::new();
    block(part, 0, "", &mut lines);
    let mut text = String::new();
    for Line { written, from } in lines {
        match from.filter(|_| origin) {
            Some(from) => {
                let _ = writeln!(text, "{written}  # {from}");
            }
            None => {
                let _ = writeln!(text, "{written}");
            }
        }
    }
    text
}

struct Line {
    written: String,
    from: Option<String>,
}

const INDENT: usize = 2;

/// `lead` stands before the first line, such as `- `; it is as wide as one step of indentation.
fn block(part: &Part, depth: usize, lead: &str, lines: &mut Vec<Line>) {
    let pad = " ".repeat(depth * INDENT);
    match part {
        Part::Object(fields) => {
            for (at, (name, part)) in fields.iter().enumerate() {
                let lead = if at == 0 { lead } else { &" ".repeat(lead.len()) };
                field(&format!("{pad}{lead}{}", scalar(name)), depth + lead.len() / INDENT, part, lines);
            }
        }
        Part::List(items) => items.iter().for_each(|item| block(item, depth, "- ", lines)),
        Part::Value(value, from) => {
            lines.push(Line { written: format!("{pad}{lead}{}", flow(value)), from: said(from) })
        }
    }
}

fn field(head: &str, depth: usize, part: &Part, lines: &mut Vec<Line>) {
    match part {
        Part::Value(value, from) => lines.push(Line { written: format!("{head}: {}", flow(value)), from: said(from) }),
        Part::Object(fields) if fields.is_empty() => lines.push(Line { written: format!("{head}: {{}}"), from: None }),
        Part::List(items) if items.is_empty() => lines.push(Line { written: format!("{head}: []"), from: None }),
        Part::Object(_) | Part::List(_) => {
            lines.push(Line { written: format!("{head}:"), from: None });
            block(part, depth + 1, "", lines);
        }
    }
}

fn said(origin: &Origin) -> Option<String> {
    Some(match origin {
        Origin::Line(path, line) => format!("from {}:{line}", crate::escape(path)),
        Origin::Default => "default".to_owned(),
    })
}

/// A value on one line.
pub fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{}: {}", scalar(name), flow(value));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Text without quotes where every reader takes it for the same text; in double quotes, as JSON, otherwise.
fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}

fn is_plain(text: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | '+' | '@' | ' ');
    let bare = text.strip_prefix("--").or_else(|| text.strip_prefix('-')).unwrap_or(text);
    let begins = |c: char| c.is_alphabetic() || bare.len() == text.len() && (c == '/' || c == '$');
    let first = bare.chars().next().is_some_and(begins) && !bare.eq_ignore_ascii_case("inf");
    let edges = !text.ends_with([' ', ':']) && !text.contains("  ");
    let rest = text.chars().skip(1).all(|c| inner(c) || c == ':' || c == ',');
    // A comma ends a value within brackets, and a colon before a space begins one.
    let safe = first && edges && rest && !text.contains(',') && !text.contains(": ") && !is_word(text);
    safe || is_quantity(text) || is_address(text)
}

/// Words that some reader takes for a truth value, nothing or a number.
fn is_word(text: &str) -> bool {
    const WORDS: [&str; 13] =
        ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "none", "undefined"];
    WORDS.contains(&text.to_ascii_lowercase().as_str())
}

/// `10GiB`, `1h30m`: digits that no reader takes for a number.
fn is_quantity(text: &str) -> bool {
    let number_like = text.chars().all(|c| c.is_ascii_digit() || matches!(c, 'e' | 'E' | 'x' | 'o' | 'b' | 'f'));
    let starts = text.starts_with(|c: char| c.is_ascii_digit());
    starts
        && !number_like
        && (text.parse::<Size>().is_ok() || text.parse::<Period>().is_ok() || text.parse::<Rate>().is_ok())
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

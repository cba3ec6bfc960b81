//! Characters that can make a text look like another one.

use std::{borrow::Cow, fmt::Write as _};

/// Tells whether a character changes how the text around it is shown, or is not shown itself: control
/// characters, marks of writing direction, and characters without width.
pub fn is_deceptive(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{061C}'
        | '\u{00AD}'
        | '\u{180E}'
        | '\u{FEFF}' => true,
        other => other.is_control(),
    }
}

/// Writes deceptive characters, and line ends, as `\u{..}`, so that a message shows what is there.
pub fn escape(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| is_deceptive(c) || matches!(c, '\n' | '\r' | '\t');
    if !text.chars().any(hidden) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if hidden(c) => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// A text as it is quoted in a message: escaped, and cut where it is long.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let escaped = escape(text);
    if escaped.chars().count() <= LONGEST {
        return format!("`{escaped}`");
    }
    let head: String = escaped.chars().take(LONGEST).collect();
    format!("`{head}…`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_spelt_out() {
        assert_eq!(escape("plain ünïcode"), "plain ünïcode");
        assert_eq!(escape("a\u{200b}b\u{202e}c\0d\x1b[31m"), "a\\u{200b}b\\u{202e}c\\u{0}d\\u{1b}[31m");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), 63);
    }
}

//! "Did you mean".

/// The word of `known` that is closest to `word`, if any is close.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Shared share of two words below which a suggestion confuses more than it helps; found by trying typos.
    const CUTOFF: f32 = 0.6;
    /// Longer words, or more of them, are no slip of the pen, and comparing them takes long.
    const LONGEST: usize = 100;
    const MOST: usize = 1_000;
    let known: Vec<&str> = known.into_iter().filter(|known| known.len() <= LONGEST).take(MOST).collect();
    if word.len() > LONGEST {
        return None;
    }
    let same_letters = known.iter().find(|k| k.eq_ignore_ascii_case(word)).copied();
    same_letters.or_else(|| similar::get_close_matches(word, &known, 1, CUTOFF).into_iter().next())
}

/// Most names of one kind of finding for which another is looked for: no more findings are shown.
pub const SUGGESTED_MAX: usize = 50;

/// `a, b`, `none`, or the first of many.
pub fn names(all: &[&str]) -> String {
    const LISTED: usize = 20;
    match all.len().checked_sub(LISTED) {
        _ if all.is_empty() => "none".to_owned(),
        Some(more @ 1..) => format!("{} and {more} more", all[..LISTED].join(", ")),
        _ => all.join(", "),
    }
}

/// `a`, `a and b`, `a, b and c`: words as a sentence lists them.
pub fn list<S: AsRef<str>>(words: &[S], last: &str) -> String {
    let words: Vec<String> = words.iter().map(|w| format!("`{}`", w.as_ref())).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_recognised_and_a_stranger_is_not() {
        assert_eq!(closest("maxsize", ["directory", "maxSize"]), Some("maxSize"));
        assert_eq!(closest("mx01", ["mx1", "web1"]), Some("mx1"));
        assert_eq!(closest("rewind", ["directory", "maxSize"]), None);
    }

    #[test]
    fn many_names_are_not_all_listed() {
        assert_eq!((names(&[]).as_str(), names(&["a", "b"]).as_str()), ("none", "a, b"));
        assert!(names(&["x"; 30]).ends_with("x and 10 more"));
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(list(&["a"], "or"), "`a`");
        assert_eq!(list(&["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}

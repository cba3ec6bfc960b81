//! Changes `config.yaml` as an editor would, line by line: what a person wrote around it stays. The result is read
//! again before it is kept; a file that is laid out in another way is not touched.

use super::file::{ClientSpec, Entry, KIND};
use model::object::API_VERSION;

/// What a new file begins with.
pub fn head() -> String {
    format!("apiVersion: {API_VERSION}\nkind: {KIND}\nspec:\n")
}

/// The lines of an entry, as they stand in the list.
pub fn lines(entry: &Entry) -> Vec<String> {
    let mut lines = vec![format!("    - name: {}", entry.name), format!("      url: {}", scalar(&entry.url))];
    let path = |path: &std::path::Path| scalar(&path.display().to_string());
    lines.extend(entry.ca_fingerprint.as_ref().map(|pin| format!("      caFingerprint: {}", scalar(pin))));
    lines.extend(entry.ca_file.as_ref().map(|file| format!("      caFile: {}", path(file))));
    lines.push(format!("      tokenFile: {}", path(&entry.token_file)));
    lines
}

/// Quoted unless it cannot be read as anything but a text.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let hex_like = text.bytes().all(|b| b.is_ascii_hexdigit());
    if starts && !hex_like && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Adds an entry, or puts it in the place of the one with its name.
pub fn with_entry(text: &str, entry: &Entry) -> String {
    let mut all = split(&without_entry(text, &entry.name));
    let at = match all.iter().position(|line| is_key(line, "contexts")) {
        Some(at) => at,
        None => {
            all.push("  contexts:".to_owned());
            all.len() - 1
        }
    };
    "  contexts:".clone_into(&mut all[at]);
    let end = all[at + 1..].iter().position(|line| !belongs(line)).map_or(all.len(), |length| at + 1 + length);
    all.splice(end..end, lines(entry));
    join(&all)
}

/// Removes the entry with this name.
pub fn without_entry(text: &str, name: &str) -> String {
    let mut all = split(text);
    let starts = |line: &String| line.trim_end() == format!("    - name: {name}");
    let Some(start) = all.iter().position(starts) else { return join(&all) };
    let length = all[start + 1..].iter().take_while(|line| line.starts_with("      ")).count();
    all.drain(start..=start + length);
    // A list that is empty now would be read as nothing at all.
    if let Some(at) = all.iter().position(|line| is_key(line, "contexts"))
        && !all.get(at + 1).is_some_and(|line| line.trim_start().starts_with("- "))
    {
        "  contexts: []".clone_into(&mut all[at]);
    }
    join(&all)
}

/// Says which context is used.
pub fn with_current(text: &str, name: &str) -> String {
    let mut all = split(text);
    let line = format!("  context: {name}");
    if let Some(at) = all.iter().position(|line| is_key(line, "context")) {
        all[at] = line;
    } else if let Some(at) = all.iter().position(|line| line.trim_end() == "spec:") {
        all.insert(at + 1, line);
    }
    join(&all)
}

/// What the change is to come to.
pub fn expected(
    mut spec: ClientSpec,
    entry: Option<&Entry>,
    without: Option<&str>,
    current: Option<&str>,
) -> ClientSpec {
    let gone = entry.map(|entry| entry.name.as_str()).or(without);
    spec.contexts.retain(|known| Some(known.name.as_str()) != gone);
    spec.contexts.extend(entry.cloned());
    if let Some(current) = current {
        spec.context = Some(current.to_owned());
    }
    spec
}

/// Whether two say the same, whatever the order of the list.
pub fn same(a: &ClientSpec, b: &ClientSpec) -> bool {
    let sorted = |spec: &ClientSpec| {
        let mut contexts = spec.contexts.clone();
        contexts.sort_by(|a, b| a.name.cmp(&b.name));
        contexts
    };
    a.context == b.context && sorted(a) == sorted(b)
}

fn is_key(line: &str, key: &str) -> bool {
    line.strip_prefix("  ").and_then(|line| line.strip_prefix(key)).is_some_and(|rest| rest.starts_with(':'))
}

/// Whether a line is part of the list above it.
fn belongs(line: &str) -> bool {
    line.starts_with("    ")
}

fn split(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn join(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contexts::file::parse;
    use std::path::Path;

    fn entry(name: &str, pin: &str) -> Entry {
        Entry {
            name: name.into(),
            url: "https://ctl.example:25000".into(),
            ca_fingerprint: Some(pin.repeat(32)),
            ca_file: None,
            token_file: format!("tokens/{name}").into(),
        }
    }

    #[test]
    fn entries_come_and_go_and_the_rest_stays() {
        let read = |text: &str| parse(Path::new("c"), text).unwrap();
        let mut text = head();
        text = with_entry(&text, &entry("a", "ab"));
        text = with_entry(&text, &entry("b", "12"));
        text = with_current(&text, "a");
        text = text.replace("  contexts:\n", "  # two of them\n  contexts:\n    # the first\n");
        text = with_entry(&text, &entry("a", "0e"));
        assert!(text.contains("# two of them") && text.contains("# the first"), "{text}");
        let spec = read(&text);
        assert_eq!((spec.context.as_deref(), spec.contexts.len()), (Some("a"), 2));
        assert_eq!(spec.contexts.iter().find(|e| e.name == "a"), Some(&entry("a", "0e")));
        text = with_current(&without_entry(&text, "a"), "local");
        text = without_entry(&text, "b");
        assert_eq!(read(&text), ClientSpec { context: Some("local".into()), contexts: vec![] }, "{text}");
        text = with_entry(&text, &entry("c", "ab"));
        assert_eq!(read(&text).contexts, [entry("c", "ab")], "{text}");
    }

    #[test]
    fn whatever_a_path_contains_is_read_back() {
        for path in ["/a b/c: d", "it's", "0x12", "1e9", "yes", "# x", "/plain/path"] {
            let mut odd = entry("a", "12");
            odd.token_file = path.into();
            let text = with_entry(&head(), &odd);
            assert_eq!(parse(Path::new("c"), &text).unwrap().contexts, [odd], "{text}");
        }
    }
}

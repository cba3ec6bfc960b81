//! Differences as a comment on a pull request: what is destroyed comes first.

use super::{diff::Compared, effect};
use crate::output::amount::plural;
use model::change::{Effect, FieldChange, ObjectChange};

/// Rows of the table; a comment has a limit, and nobody reads more.
const ROWS_MAX: usize = 200;

pub fn lines(compared: &Compared<'_>) -> Vec<String> {
    let changes = &compared.result.changes;
    let mut lines = vec![format!("### standin: {}", summary(compared)), String::new()];
    if let Some(between) = compared.between {
        lines.extend([format!("From {} to {}.", code(between.0), code(between.1)), String::new()]);
    }
    let given_up: Vec<_> = changes.iter().flat_map(|change| change.gives_up()).collect();
    if !given_up.is_empty() {
        let items: Vec<String> = given_up.iter().map(|item| code(&format!("--allow-destroy {item}"))).collect();
        lines.extend([
            format!("**This destroys protected data.** An apply will need {}", items.join(" ")),
            String::new(),
        ]);
    }
    if changes.is_empty() {
        lines.push("Nothing changes.".to_owned());
        return lines;
    }
    if !compared.effect_only {
        lines.extend(table(changes));
        lines.push(String::new());
    }
    for (name, said) in effect::lines(changes) {
        lines.push(format!(
            "* {} {}",
            code(&name),
            said.iter().map(|text| escaped(text)).collect::<Vec<_>>().join(" ")
        ));
    }
    lines
}

/// `2 objects change, 1 change destroys data`.
fn summary(compared: &Compared<'_>) -> String {
    let changes = &compared.result.changes;
    let gone = changes.iter().filter(|change| change.removed).count();
    let mut parts = vec![format!("{} to change", plural(changes.len() - gone, "object"))];
    if gone > 0 {
        parts.push(format!("{gone} gone"));
    }
    for effect in [Effect::Destroys, Effect::Resync, Effect::Restart] {
        let of = |change: &ObjectChange| {
            change.fields.iter().filter(|field| field.effect == effect && !effect::is_part_of(field, change)).count()
        };
        let count: usize = changes.iter().filter(|change| change.outcome() != "created").map(of).sum();
        if count > 0 {
            parts.push(format!("{count} {}", effect.as_str()));
        }
    }
    parts.push(format!("{} unchanged", compared.result.unchanged));
    parts.join(", ")
}

fn table(changes: &[ObjectChange]) -> Vec<String> {
    let mut rows: Vec<(Effect, String)> = Vec::new();
    for change in changes {
        let object = code(&format!("{}/{}", change.kind, change.name));
        if change.fields.is_empty() {
            rows.push((Effect::Live, format!("| {object} | | {} | |", change.outcome())));
        }
        rows.extend(change.fields.iter().map(|field| (field.effect, row(&object, change, field))));
    }
    // Stable: what has the same effect stays in the order of the files.
    rows.sort_by_key(|(effect, _)| std::cmp::Reverse(*effect == Effect::Destroys));
    let more = rows.len().saturating_sub(ROWS_MAX);
    let mut lines = vec!["| object | field | change | effect |".to_owned(), "| --- | --- | --- | --- |".to_owned()];
    lines.extend(rows.into_iter().take(ROWS_MAX).map(|(_, row)| row));
    if more > 0 {
        lines.push(format!("| | | and {more} more | |"));
    }
    lines
}

fn row(object: &str, change: &ObjectChange, field: &FieldChange) -> String {
    let shown = |value: &Option<String>| value.as_deref().map(code);
    let values = match (shown(&field.before), shown(&field.after)) {
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (None, Some(after)) => after,
        (Some(before), None) => format!("{before} → gone"),
        (None, None) => change.outcome().to_owned(),
    };
    let path = if field.path.is_empty() { String::new() } else { code(&field.path) };
    let effect = match field.effect {
        _ if change.outcome() == "created" => "new".to_owned(),
        Effect::Destroys => format!("**{}**", escaped(&effect::of_field(field))),
        _ => escaped(&effect::of_field(field)),
    };
    format!("| {object} | {path} | {values} | {effect} |")
}

/// A text as code, in a table too: nothing in it is markup, a mention or another cell.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r', '\t'], " ").replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A sentence of ours with names of theirs in it.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        if matches!(c, '\\' | '`' | '*' | '_' | '|' | '<' | '>' | '[' | ']' | '@' | '#') {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_people_write_becomes_markup() {
        assert_eq!(code("plain"), "`plain`");
        assert_eq!(code("a|b\nc"), "`a\\|b c`");
        assert_eq!(code("`x`"), "`` `x` ``");
        assert_eq!(escaped("<img> @team [x](y)"), "\\<img\\> \\@team \\[x\\](y)");
    }
}

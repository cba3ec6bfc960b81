//! What an apply changes, and what each change leads to.

use crate::output::{Cell, Style, Table, Tone, amount};
use wire::api::{ApplyResult, Effect, FieldChange, ObjectChange};

pub fn lines(result: &ApplyResult, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for change in &result.changes {
        lines.push(heading(change, style));
        lines.extend(fields(change, style));
    }
    if result.unchanged > 0 {
        lines.push(format!("  {} unchanged", amount::plural(result.unchanged, "object")));
    }
    if result.changes.is_empty() {
        return lines;
    }
    lines.extend([String::new(), format!("{} to change", amount::plural(result.changes.len(), "object"))]);
    let destroys = count(result, Effect::Destroys);
    if destroys > 0 {
        let changes =
            if destroys == 1 { "One change destroys data".into() } else { format!("{destroys} changes destroy data") };
        lines.push(style.paint(Tone::Bad, &format!("{changes}: apply needs --allow-destroy for each")));
    }
    lines
}

/// How many fields have this effect.
pub fn count(result: &ApplyResult, effect: Effect) -> usize {
    result.changes.iter().flat_map(|change| &change.fields).filter(|field| field.effect == effect).count()
}

fn sign(change: &ObjectChange) -> &'static str {
    if change.generation_before.is_none() { "+" } else { "~" }
}

fn heading(change: &ObjectChange, style: Style) -> String {
    let name = format!("{} {}/{}", sign(change), change.kind, change.name);
    let (tone, about) = match change.generation_before {
        None => (Tone::Good, format!("new, {}", change.file)),
        Some(before) => (Tone::Warn, format!("generation {before} -> {}, {}", change.generation, change.file)),
    };
    let deferred = change.deferred_by.as_ref().map(|run| format!(", in force after run {run}")).unwrap_or_default();
    format!(
        "{}{}{about}{deferred}",
        style.paint(tone, &name),
        " ".repeat(52_usize.saturating_sub(name.chars().count()).max(3))
    )
}

fn fields(change: &ObjectChange, style: Style) -> Vec<String> {
    let mut table = Table::new(&[]).without_header().indented(4);
    for field in &change.fields {
        let mut row = vec![field.path.as_str().into(), Cell::from(values(field))];
        // Everything in a new object is new: an effect would say nothing.
        if change.generation_before.is_some() {
            row.push(effect(field.effect));
        }
        table.row(row);
    }
    table.render(style)
}

fn values(field: &FieldChange) -> String {
    match (&field.before, &field.after) {
        (Some(before), Some(after)) => format!("{before} -> {after}"),
        (None, Some(after)) => after.clone(),
        (Some(before), None) => format!("{before} -> (gone)"),
        (None, None) => String::new(),
    }
}

fn effect(effect: Effect) -> Cell {
    match effect {
        Effect::Live => Cell::toned(Tone::Good, "live"),
        Effect::Restart => Cell::toned(Tone::Warn, "restart"),
        Effect::Resync => Cell::toned(Tone::Warn, "resync"),
        Effect::Destroys => Cell::toned(Tone::Bad, "DESTROYS"),
    }
}

/// What an apply has done, an object a line.
pub fn applied(result: &ApplyResult, style: Style) -> Vec<String> {
    let mut table = Table::new(&[]).without_header();
    for change in &result.changes {
        let what = match change.generation_before {
            None => "created".to_owned(),
            Some(_) => format!("changed, generation {}", change.generation),
        };
        let deferred = change.deferred_by.as_ref().map(|run| format!(", in force after run {run}")).unwrap_or_default();
        let name = format!("{} {}/{}", sign(change), change.kind, change.name);
        table.row(vec![name.into(), format!("{what}{deferred}").into()]);
    }
    let mut lines = table.render(style);
    if result.unchanged > 0 || lines.is_empty() {
        lines.push(format!("  {} unchanged", result.unchanged));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Kind;

    fn result() -> ApplyResult {
        let field = |path: &str, before: Option<&str>, after: Option<&str>, effect| FieldChange {
            path: path.into(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            effect,
        };
        let mail = ObjectChange {
            kind: Kind::Scenario,
            name: "mail".into(),
            file: "scenarios/mail.yaml".into(),
            generation_before: Some(14),
            generation: 15,
            fields: vec![
                field("spec.primary.spool.maxSize", Some("40GiB"), Some("80GiB"), Effect::Live),
                field("spec.primary.roots[+archive]", None, Some("/srv/archive"), Effect::Resync),
                field("spec.primary.roots[-old]", Some("/srv/old"), None, Effect::Destroys),
            ],
            deferred_by: Some("r-7q4k".into()),
        };
        let host = ObjectChange {
            kind: Kind::Host,
            name: "mx3".into(),
            file: "hosts.yaml".into(),
            generation_before: None,
            generation: 1,
            fields: vec![field("spec.replicationAddress", None, Some("10.0.0.3"), Effect::Live)],
            deferred_by: None,
        };
        ApplyResult { changes: vec![mail, host], unchanged: 11, digest: String::new() }
    }

    #[test]
    fn a_diff() {
        insta::assert_snapshot!(lines(&result(), Style::default()).join("\n"));
    }

    #[test]
    fn what_was_applied() {
        let expected = [
            "~ Scenario/mail   changed, generation 15, in force after run r-7q4k",
            "+ Host/mx3        created",
            "  11 unchanged",
        ];
        assert_eq!(applied(&result(), Style::default()), expected);
    }

    #[test]
    fn nothing_to_do() {
        let same = ApplyResult { unchanged: 3, ..ApplyResult::default() };
        assert_eq!(lines(&same, Style::default()), ["  3 objects unchanged"]);
    }
}

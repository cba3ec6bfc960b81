//! What an apply changes, and what each change leads to.

use super::effect;
use crate::{
    exit::Outcome,
    output::{Cell, Style, Table, Tone, amount, machine},
};
use serde_json::Value;
use wire::api::{ApplyResult, Effect, FieldChange, ObjectChange};

/// What was compared, and how it is to be shown.
pub struct Compared<'a> {
    pub result: &'a ApplyResult,
    /// What two states of a repository are called; `None` when it is the controller's.
    pub between: Option<(&'a str, &'a str)>,
    /// Only what the changes lead to.
    pub effect_only: bool,
}

impl<'a> Compared<'a> {
    /// With what the controller has.
    pub fn stored(result: &'a ApplyResult) -> Self {
        Self { result, between: None, effect_only: false }
    }
}

pub fn lines(compared: &Compared<'_>, style: Style) -> Vec<String> {
    let Compared { result, between, effect_only } = compared;
    let mut lines = Vec::new();
    if let Some((base, head)) = between {
        lines.push(format!("from {base} to {head}"));
    }
    if !effect_only {
        for change in &result.changes {
            lines.push(heading(change, between.is_some(), style));
            lines.extend(fields(change, style));
        }
        if result.unchanged > 0 {
            lines.push(format!("  {} unchanged", amount::plural(result.unchanged, "object")));
        }
    }
    if result.changes.is_empty() {
        return lines;
    }
    for part in [effects(result, style), sum(result, style)] {
        if !lines.is_empty() && !part.is_empty() {
            lines.push(String::new());
        }
        lines.extend(part);
    }
    lines
}

fn effects(result: &ApplyResult, style: Style) -> Vec<String> {
    let mut table = Table::new(&[]).without_header().indented(2);
    for (name, said) in effect::lines(&result.changes) {
        for (at, sentence) in said.into_iter().enumerate() {
            table.row(vec![Cell::from(if at == 0 { name.as_str() } else { "" }), sentence.into()]);
        }
    }
    if table.is_empty() {
        return Vec::new();
    }
    let title = [style.paint(Tone::Strong, "Effect")];
    title.into_iter().chain(table.render(style)).collect()
}

fn sum(result: &ApplyResult, style: Style) -> Vec<String> {
    let gone = result.changes.iter().filter(|change| change.removed).count();
    let mut line = format!("{} to change, {gone} to delete.", amount::plural(result.changes.len() - gone, "object"));
    let mut items: Vec<&str> = result.changes.iter().flat_map(ObjectChange::gives_up).collect();
    items.sort_unstable();
    items.dedup();
    if items.is_empty() {
        return vec![line];
    }
    let changes = if items.len() == 1 {
        "One change destroys data".into()
    } else {
        format!("{} changes destroy data", items.len())
    };
    line = format!("{line} {}", style.paint(Tone::Bad, &format!("{changes}: apply will need")));
    let flags = items.iter().map(|item| format!("  --allow-destroy {item}"));
    std::iter::once(line).chain(flags).collect()
}

/// How many fields have this effect.
pub fn count(result: &ApplyResult, effect: Effect) -> usize {
    result.changes.iter().flat_map(|change| &change.fields).filter(|field| field.effect == effect).count()
}

fn sign(change: &ObjectChange) -> &'static str {
    match change.outcome() {
        "created" => "+",
        "removed" => "-",
        _ => "~",
    }
}

fn heading(change: &ObjectChange, offline: bool, style: Style) -> String {
    let name = format!("{} {}/{}", sign(change), change.kind, change.name);
    let (before, after) = (change.generation_before.unwrap_or_default(), change.generation);
    let (tone, about) = match change.outcome() {
        "created" => (Tone::Good, "new".to_owned()),
        "removed" if offline => (Tone::Bad, "gone".to_owned()),
        "removed" => (Tone::Bad, format!("generation {before}, gone")),
        _ if offline => (Tone::Warn, String::new()),
        _ if before == after => (Tone::Warn, format!("generation {before}")),
        _ => (Tone::Warn, format!("generation {before} -> {after}")),
    };
    let deferred = change.deferred_by.as_ref().map(|run| format!("in force after run {run}")).unwrap_or_default();
    let parts: Vec<&str> = [&about, &change.file, &deferred].into_iter().map(String::as_str).collect();
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let gap = " ".repeat(52_usize.saturating_sub(name.chars().count()).max(3));
    format!("{}{gap}{}", style.paint(tone, &name), parts.join(", "))
}

fn fields(change: &ObjectChange, style: Style) -> Vec<String> {
    let mut table = Table::new(&[]).without_header().indented(4);
    for field in &change.fields {
        let path = if field.path.is_empty() { "the whole object" } else { field.path.as_str() };
        let mut row = vec![path.into(), Cell::from(values(field))];
        // Everything in a new object is new: an effect would say nothing.
        if change.generation_before.is_some() {
            row.push(Cell::toned(tone(field.effect), effect::of_field(field)));
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

fn tone(effect: Effect) -> Tone {
    match effect {
        Effect::Live => Tone::Good,
        Effect::Restart | Effect::Resync => Tone::Warn,
        Effect::Destroys => Tone::Bad,
    }
}

/// What an apply has done, an object a line.
pub fn applied(result: &ApplyResult, style: Style) -> Vec<String> {
    let mut table = Table::new(&[]).without_header();
    for change in &result.changes {
        let what = match change.outcome() {
            "changed" => format!("changed, generation {}", change.generation),
            other => other.to_owned(),
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

/// The same for machines: every object with its outcome, the unchanged ones too.
pub fn machine(compared: &Compared<'_>) -> Outcome<Value> {
    let mut value = machine::value(compared.result)?;
    if let Some(Value::Array(changes)) = value.get_mut("changes") {
        for (shown, change) in changes.iter_mut().zip(&compared.result.changes) {
            shown["outcome"] = change.outcome().into();
        }
    }
    if let Some(Value::Array(unchanged)) = value.get_mut("unchangedObjects") {
        unchanged.iter_mut().for_each(|shown| shown["outcome"] = "unchanged".into());
    }
    if let Some((base, head)) = compared.between {
        only_the_controllers(&mut value);
        (value["base"], value["head"]) = (base.into(), head.into());
    }
    Ok(value)
}

/// Takes out what files alone do not tell.
fn only_the_controllers(value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    fields.shift_remove("digest");
    for change in fields.get_mut("changes").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(change) = change.as_object_mut() else { continue };
        ["generation", "generationBefore", "deferredBy"].iter().for_each(|name| drop(change.shift_remove(*name)));
    }
}

#[cfg(test)]
mod tests;

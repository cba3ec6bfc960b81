//! Machine output: one JSON or YAML document, times in RFC 3339. Minor versions only add to it.

use super::{Out, time};
use crate::exit::{Exit, Failure, Outcome};
use serde::Serialize;
use serde_json::Value;

/// Fields that hold a `model::Timestamp`, wherever they stand.
const TIME_FIELDS: &[&str] = &[
    "at",
    "started",
    "finished",
    "lastSeen",
    "lastUsed",
    "lastTransitionTime",
    "measuredAt",
    "createdAt",
    "expires",
    "failingSince",
    "made",
    "lookedAt",
    "appliedAt",
];

/// The value as it is shown to machines.
pub fn value(item: &impl Serialize) -> Outcome<Value> {
    let mut value = serde_json::to_value(item)
        .map_err(|error| Failure::new(Exit::Failed, format!("the answer cannot be written as JSON: {error}")))?;
    write_times(&mut value, "");
    Ok(value)
}

fn write_times(value: &mut Value, parent: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| write_times(item, parent)),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                // `since` is a time for the active member and an epoch for a divergence.
                let is_time = TIME_FIELDS.contains(&name.as_str()) || (name == "since" && parent == "active");
                match field.as_u64().filter(|_| is_time).and_then(time::utc_exact) {
                    Some(text) => *field = Value::String(text),
                    None => write_times(field, name),
                }
            }
        }
        _ => {}
    }
}

pub fn json(out: &mut Out, item: &impl Serialize) -> Outcome<()> {
    out.line(&format!("{:#}", value(item)?));
    Ok(())
}

/// One object a line.
pub fn json_line(out: &mut Out, item: &impl Serialize) -> Outcome<()> {
    out.line(&value(item)?.to_string());
    Ok(())
}

pub fn yaml(out: &mut Out, item: &impl Serialize) -> Outcome<()> {
    let text = serde_yaml::to_string(&value(item)?)
        .map_err(|error| Failure::new(Exit::Failed, format!("the answer cannot be written as YAML: {error}")))?;
    out.line(text.trim_end());
    Ok(())
}

/// Objects as documents that can be applied: what has no value is left out, as in manifests.
pub fn manifests(out: &mut Out, items: &[impl Serialize]) -> Outcome<()> {
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            out.line("---");
        }
        let mut value = value(item)?;
        drop_nulls(&mut value);
        yaml(out, &value)?;
    }
    Ok(())
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Ledger, Member, ledger::Divergence, mark::Epoch, view::*};
    use wire::api::StoredScenario;

    #[test]
    fn times_are_rfc_3339_and_epochs_stay_numbers() {
        let at = Some(model::Timestamp(1_795_163_582_000));
        let since = Divergence { since: Epoch(7), drained: true, followed: false };
        let mut ledger = Ledger::default();
        ledger.members.insert("home".into(), Member { divergence: Some(since), ..Member::default() });
        let status = ScenarioView {
            active: Some(ActiveView { since: at, ..ActiveView::default() }),
            members: vec![MemberView { last_seen: at, ..MemberView::default() }],
            ..ScenarioView::default()
        };
        let value = value(&StoredScenario { status, ledger, ..StoredScenario::default() }).unwrap();
        assert_eq!(value["status"]["active"]["since"], "2026-11-20T08:33:02Z");
        assert_eq!(value["status"]["members"][0]["lastSeen"], "2026-11-20T08:33:02Z");
        assert_eq!(value["ledger"]["members"]["home"]["divergence"]["since"], 7);
        assert!(!value.to_string().contains("1795163582"), "no time is left as a number");
    }
}

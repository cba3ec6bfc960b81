//! The one table of what a changed field leads to: what agents and controller really do with it.

use super::{Effect, FieldChange, Stake};
use model::{Kind, MemberName, Object, RootName, ScenarioSpec};

/// What a field leads to, where that needs more than one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Always(Effect),
    /// Only the active host uses it: there the source is closed and opened again; elsewhere it waits for its turn.
    AtSource(Effect),
    /// What is newly excluded is removed from the replicas; what is excluded no more is copied.
    Excludes,
    /// Only a host with a copy uses it: there the copy is compared anew; the active host waits for its turn.
    AtCopy(Effect),
}

const LIVE: Rule = Rule::Always(Effect::Live);
const RESYNC: Rule = Rule::Always(Effect::Resync);
const RESTART: Rule = Rule::Always(Effect::Restart);
const DESTROYS: Rule = Rule::Always(Effect::Destroys);

/// Of every kind. First match wins; `*` stands for one name in brackets, `+*` and `-*` for an added and a removed one,
/// and `**` at the end for everything below.
const METADATA: &[(&str, Rule)] = &[("metadata.**", LIVE)];

/// Both ends of a stream dial anew when the address of its target changes.
const HOST: &[(&str, Rule)] = &[("spec.replicationAddress", RESTART)];

/// A source is opened with its roots, its spool, its limits and its targets, a target with its roots: any change of those closes
/// and opens it. A target with other roots compares everything, as do all when something else is to be preserved. Links
/// carry the synchronization settings, and take up limits and compression as they go.
const SCENARIO: &[(&str, Rule)] = &[
    ("spec.description", LIVE),
    ("spec.primary.host", RESYNC),
    ("spec.primary.roots[+*]", RESYNC),
    ("spec.primary.roots[-*]", DESTROYS),
    ("spec.primary.roots[*].name", RESYNC),
    ("spec.primary.roots[*].path", RESYNC),
    ("spec.primary.roots[*].exclude", Rule::Excludes),
    ("spec.primary.roots[*].lossy", Rule::AtCopy(Effect::Resync)),
    ("spec.primary.spool.**", Rule::AtSource(Effect::Restart)),
    ("spec.replicas[+*]", RESYNC),
    ("spec.replicas[-*]", DESTROYS),
    ("spec.replicas[*].name", RESYNC),
    ("spec.replicas[*].host", RESYNC),
    ("spec.replicas[*].roots[+*]", RESYNC),
    ("spec.replicas[*].roots[-*]", DESTROYS),
    ("spec.replicas[*].roots[*].name", RESYNC),
    ("spec.replicas[*].roots[*].path", RESYNC),
    ("spec.replicas[*].roots[*].lossy", Rule::AtCopy(Effect::Resync)),
    ("spec.replicas[*].spool.**", Rule::AtSource(Effect::Restart)),
    ("spec.replication.preserve", RESYNC),
    ("spec.replication.specials", RESYNC),
    ("spec.replication.bandwidth.**", LIVE),
    ("spec.replication.compression", LIVE),
    ("spec.synchronization.**", RESTART),
    ("spec.massChange.**", RESTART),
    ("spec.monitoring.**", LIVE),
    ("spec.services.**", LIVE),
    ("spec.redirection.**", LIVE),
    ("spec.switchover.**", LIVE),
];

/// Fills in what a change leads to, the data it concerns and what it gives up.
pub fn judge(change: &mut FieldChange, new: &Object, active: &MemberName) {
    let rule = rule(new.kind(), &change.path).unwrap_or(LIVE);
    let member = member_of(&change.path);
    change.effect = match rule {
        Rule::Always(effect) => effect,
        Rule::AtSource(effect) if member.as_ref() == Some(active) => effect,
        Rule::AtSource(_) => Effect::Live,
        Rule::AtCopy(_) if member.as_ref() == Some(active) => Effect::Live,
        Rule::AtCopy(effect) => effect,
        Rule::Excludes if excludes_more(change) => Effect::Destroys,
        Rule::Excludes => Effect::Resync,
    };
    let Object::Scenario(metadata, spec) = new else { return };
    if change.effect >= Effect::Resync {
        change.stake = Some(stake(&change.path, spec, active));
    }
    if change.effect == Effect::Destroys {
        change.gives_up = Some(format!("scenario/{}/{}", metadata.name, item(&change.path)));
    }
}

/// What `--allow-destroy` calls a whole object that goes.
pub fn destroyed_object(kind: Kind, name: &str) -> String {
    format!("{}/{name}/all", kind.as_str().to_lowercase())
}

pub(super) fn rule(kind: Kind, path: &str) -> Option<Rule> {
    let own = match kind.as_str() {
        "Host" => HOST,
        "Scenario" => SCENARIO,
        // The controller alone goes by the other kinds: nothing of them reaches an agent.
        _ => &[("spec.**", LIVE)],
    };
    let general = generalised(path);
    let matches = |pattern: &str| match pattern.strip_suffix(".**") {
        Some(above) => general.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])),
        None => pattern == general,
    };
    METADATA.iter().chain(own).find(|(pattern, _)| matches(pattern)).map(|(_, rule)| *rule)
}

/// `spec.replicas[dublin].roots[+archive]` as `spec.replicas[*].roots[+*]`.
fn generalised(path: &str) -> String {
    let mut general = String::new();
    for (outside, inside) in pieces(path) {
        general.push_str(outside);
        if let Some(name) = inside {
            let sign = name.chars().next().filter(|c| matches!(c, '+' | '-')).map_or(String::new(), String::from);
            general.push_str(&format!("[{sign}*]"));
        }
    }
    general
}

/// A path cut at its brackets: the text before each pair, and the name in it.
fn pieces(path: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = path;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((outside, after)) = rest.split_once('[') else {
            return Some((std::mem::take(&mut rest), None));
        };
        let (name, after) = after.split_once(']').unwrap_or((after, ""));
        rest = after;
        Some((outside, Some(name)))
    })
}

fn names(path: &str) -> Vec<(&str, &str)> {
    pieces(path).filter_map(|(outside, name)| Some((outside, name?.trim_start_matches(['+', '-'])))).collect()
}

/// Whose field it is.
pub fn member_of(path: &str) -> Option<MemberName> {
    if path.starts_with("spec.primary.") {
        return Some(MemberName::primary());
    }
    names(path).into_iter().find(|(list, _)| *list == "spec.replicas").map(|(_, name)| MemberName::from(name))
}

/// The root that a field is about.
pub fn root_of(path: &str) -> Option<RootName> {
    names(path).into_iter().find(|(list, _)| list.ends_with(".roots")).map(|(_, name)| RootName::from(name))
}

/// The roots and copies that a change concerns. A change at the active member concerns every copy of its data.
fn stake(path: &str, spec: &ScenarioSpec, active: &MemberName) -> Stake {
    let all_roots = || spec.primary.roots.iter().map(|root| root.name.clone()).collect();
    let roots = root_of(path).map_or_else(all_roots, |root| vec![root]);
    let copies = || spec.members().map(|(member, _)| member).filter(|member| member != active).collect();
    // What is excluded is so for everybody, wherever it is written.
    let own = member_of(path).filter(|member| member != active && !path.ends_with(".exclude"));
    let is_list_of_roots = path.starts_with("spec.primary.roots[+") || path.starts_with("spec.primary.roots[-");
    let members = own.filter(|_| !is_list_of_roots).map_or_else(copies, |member| vec![member]);
    Stake { roots, members, files: None, bytes: None }
}

/// `spec.replicas[-dublin]` as `replica/dublin`, `spec.replicas[dublin].roots[-archive]` as `root/archive`.
fn item(path: &str) -> String {
    let found = names(path);
    match (path.ends_with(".exclude"), found.last()) {
        (true, Some((_, root))) => format!("exclude/{root}"),
        (false, Some((list, name))) if list.ends_with("replicas") => format!("replica/{name}"),
        (false, Some((list, name))) if list.ends_with("roots") => format!("root/{name}"),
        _ => path.to_owned(),
    }
}

/// Whether something may be excluded that was not: a pattern came, or one went or moved that takes back others.
fn excludes_more(change: &FieldChange) -> bool {
    let list = |text: &Option<String>| -> Vec<String> {
        let inner = text.as_deref().unwrap_or_default();
        let inner = inner.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(inner);
        inner.split(", ").filter(|pattern| !pattern.is_empty()).map(str::to_owned).collect()
    };
    let (before, after) = (list(&change.before), list(&change.after));
    let takes_back = |patterns: &[String]| patterns.iter().any(|pattern| pattern.starts_with('!'));
    takes_back(&before) || takes_back(&after) || after.iter().any(|pattern| !before.contains(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::schema_of;
    use serde_json::Value;

    /// Paths of all fields of a schema, with lists of objects as `[*]`; lists also as added and removed.
    fn fields(schema: &Value, path: &str, found: &mut Vec<String>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, field) in properties.into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let items = field.get("items").filter(|items| items.get("properties").is_some());
            match items {
                Some(items) => {
                    found.extend([format!("{path}[+x]"), format!("{path}[-x]")]);
                    fields(items, &format!("{path}[x]"), found);
                }
                None if field.get("properties").is_some() => fields(field, &path, found),
                None => found.push(path),
            }
        }
    }

    #[test]
    fn every_field_of_the_schema_has_an_effect() {
        for kind in Kind::ALL {
            let mut found = Vec::new();
            fields(schema_of(kind), "", &mut found);
            assert!(found.len() > 3, "{kind}: {found:?}");
            let compared = found.iter().filter(|path| path.starts_with("spec") || path.starts_with("metadata."));
            let unknown: Vec<_> = compared.filter(|path| rule(kind, path).is_none()).collect();
            assert!(unknown.is_empty(), "say in diff/effect.rs what a change of these leads to ({kind}): {unknown:?}");
        }
    }

    #[test]
    fn no_rule_is_about_a_field_that_is_not_there() {
        let mut found = Vec::new();
        fields(schema_of(Kind::Scenario), "", &mut found);
        for (pattern, _) in SCENARIO {
            let above = pattern.strip_suffix(".**").unwrap_or(pattern);
            let used = found.iter().any(|path| {
                let general = generalised(path);
                general == above
                    || general.starts_with(&format!("{above}."))
                    || general.starts_with(&format!("{above}["))
            });
            assert!(used, "{pattern}");
        }
    }

    #[test]
    fn what_is_given_up_has_a_short_name() {
        assert_eq!(item("spec.replicas[-dublin]"), "replica/dublin");
        assert_eq!(item("spec.replicas[dublin].roots[-archive]"), "root/archive");
        assert_eq!(item("spec.primary.roots[-archive]"), "root/archive");
        assert_eq!(item("spec.primary.roots[config].exclude"), "exclude/config");
        assert_eq!(item("spec.something"), "spec.something");
    }

    #[test]
    fn only_more_excludes_take_files_away() {
        let more = |before: &str, after: &str| {
            let text = |text: &str| Some(text.to_owned());
            excludes_more(&FieldChange { before: text(before), after: text(after), ..FieldChange::default() })
        };
        assert!(
            more("", "[tmp]") && more("[tmp]", "[tmp, log]") && more("[a, !b]", "[a]") && more("[!b, a]", "[a, !b]")
        );
        assert!(!more("[tmp, log]", "[tmp]") && !more("[tmp]", ""));
    }
}

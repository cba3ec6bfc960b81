//! The one table of what a changed field leads to.

use super::Effect;

/// First match wins; `*` stands for one name in brackets, `+*` and `-*` for an added and a removed one.
const TABLE: [(&str, Effect); 14] = [
    ("spec.replicas[-*]", Effect::Destroys),
    ("spec.replicas[*].roots[-*]", Effect::Destroys),
    ("spec.primary.roots[-*]", Effect::Destroys),
    ("spec.replicas[+*]", Effect::Resync),
    ("spec.replicas[*].host", Effect::Resync),
    ("spec.replicas[*].roots[+*]", Effect::Resync),
    ("spec.replicas[*].roots[*].path", Effect::Resync),
    ("spec.replicas[*].spool.directory", Effect::Restart),
    ("spec.primary.host", Effect::Resync),
    ("spec.primary.roots[+*]", Effect::Resync),
    ("spec.primary.roots[*].path", Effect::Resync),
    ("spec.primary.roots[*].exclude", Effect::Resync),
    ("spec.primary.spool.directory", Effect::Restart),
    ("spec.replicationAddress", Effect::Restart),
];

/// What a change at `path` leads to.
pub fn of(path: &str) -> Effect {
    let general = generalised(path);
    TABLE.iter().find(|(pattern, _)| *pattern == general).map_or(Effect::Live, |(_, effect)| *effect)
}

/// `spec.replicas[dublin].roots[+archive]` as `spec.replicas[*].roots[+*]`.
fn generalised(path: &str) -> String {
    let mut parts = path.split('[');
    let mut general = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(']').unwrap_or((part, ""));
        let sign = name.chars().next().filter(|c| matches!(c, '+' | '-')).map_or(String::new(), String::from);
        general.push_str(&format!("[{sign}*]{rest}"));
    }
    general
}

//! An exclude that is not a pattern relative to its root.

use super::{Lint, World};
use crate::{
    escape::{escape, quoted},
    finding::Finding,
};
use globset::GlobBuilder;

pub const LINT: Lint = Lint { code: "DR0217", check };

/// Longest pattern; what a path can be at most.
const LONGEST: usize = 4096;

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for (item, spec) in world.scenarios() {
        for (n, root) in spec.primary.roots.iter().enumerate() {
            for (m, glob) in root.exclude.iter().enumerate() {
                let Some((why, better)) = wrong(glob) else { continue };
                let place = item.place(format!("/spec/primary/roots/{n}/exclude/{m}"));
                let Some(finding) = place.error(LINT.code, format!("{} is not a pattern", quoted(glob))) else {
                    continue;
                };
                let finding =
                    finding.label(escape(&why)).note("patterns are relative to the root, such as `**/tmp/**`");
                findings.push(match (better, place.span()) {
                    (Some(better), Some(span)) => {
                        finding.help(format!("write \"{better}\"")).fix(false, span, format!("\"{better}\""))
                    }
                    _ => finding,
                });
            }
        }
    }
}

/// Why a pattern is refused, and a better one.
fn wrong(glob: &str) -> Option<(String, Option<String>)> {
    // `!` takes back what an earlier pattern left out; a `/` at the end means directories only.
    let pattern = glob.strip_prefix('!').unwrap_or(glob);
    let pattern = pattern.strip_suffix('/').unwrap_or(pattern);
    if pattern.is_empty() {
        return Some(("it is empty".to_owned(), None));
    }
    if pattern.len() > LONGEST {
        return Some((format!("it is longer than {LONGEST} bytes"), None));
    }
    if pattern.starts_with('/') {
        let relative = glob.trim_start_matches('/');
        let plain = !relative.contains(['"', '\\']) && !relative.starts_with('!') && wrong(relative).is_none();
        return Some(("it begins with `/`".to_owned(), plain.then(|| relative.to_owned())));
    }
    if glob.split('/').any(|part| part == "..") {
        return Some(("it leaves the root".to_owned(), None));
    }
    let error = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build().err()?;
    Some((error.kind().to_string(), None))
}

#[cfg(test)]
mod tests {
    use super::wrong;

    #[test]
    fn patterns_are_relative() {
        for good in ["**/tmp/**", "*.log", "cache/", "a[0-9]", "{a,b}", "!keep", "a\\[b"] {
            assert_eq!(wrong(good), None, "{good}");
        }
        for bad in
            ["", "!", "/tmp/**", "/", "../x", "a[", "!a[", "{a", "!/x", &"/".repeat(1 << 20), &"{".repeat(1 << 20)]
        {
            assert!(wrong(bad).is_some(), "{bad}");
        }
    }
}

//! An exclude that is not a pattern relative to its root.

use super::{Lint, World};
use crate::{escape::{escape, quoted}, finding::Finding};
use globset::GlobBuilder;

pub const LINT: Lint = Lint { code: "DR0217", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for (item, spec) in world.scenarios() {
        for (n, root) in spec.primary.roots.iter().enumerate() {
            for (m, glob) in root.exclude.iter().enumerate() {
                let Some((why, better)) = wrong(glob) else { continue };
                let place = item.place(format!("/spec/primary/roots/{n}/exclude/{m}"));
                let Some(finding) = place.error(LINT.code, format!("{} is not a pattern", quoted(glob))) else { continue };
                let finding = finding.label(escape(&why)).note("patterns are relative to the root, such as `**/tmp/**`");
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
    if glob.is_empty() {
        return Some(("it is empty".to_owned(), None));
    }
    if let Some(relative) = glob.strip_prefix('/') {
        let better = Some(relative.to_owned()).filter(|g| wrong(g).is_none() && !g.contains(['"', '\\']));
        return Some(("it begins with `/`".to_owned(), better));
    }
    if glob.starts_with('!') {
        return Some(("`!` does not take anything back here".to_owned(), None));
    }
    if glob.split('/').any(|part| part == "..") {
        return Some(("it leaves the root".to_owned(), None));
    }
    let error = GlobBuilder::new(glob).literal_separator(true).build().err()?;
    Some((error.kind().to_string(), None))
}

#[cfg(test)]
mod tests {
    use super::wrong;

    #[test]
    fn patterns_are_relative() {
        for good in ["**/tmp/**", "*.log", "cache/", "a[0-9]", "{a,b}"] {
            assert_eq!(wrong(good), None, "{good}");
        }
        for bad in ["", "/tmp/**", "!keep", "../x", "a[", "{a"] {
            assert!(wrong(bad).is_some(), "{bad}");
        }
    }
}

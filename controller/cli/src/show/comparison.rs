//! The outcome of a full comparison.

use crate::output::{Cell, Style, Table, amount};
use model::errand::Comparison;

/// Whether both sides are proven equal: nothing differs and nothing was unreadable.
pub fn equal(comparison: &Comparison) -> bool {
    comparison.differences == 0 && comparison.unreadable == 0
}

pub fn lines(comparison: &Comparison, roots: usize, style: Style) -> Vec<String> {
    let compared = format!(
        "{}, {} entries, {} compared",
        amount::plural(roots, "root"),
        amount::count(comparison.entries),
        amount::bytes(comparison.bytes)
    );
    if equal(comparison) {
        return vec![format!("equal: {compared}")];
    }
    let mut lines = Vec::new();
    if !comparison.listed.is_empty() {
        let mut table = Table::new(&["REPLICA", "ROOT", "PATH", "DIFFERENCE"]);
        for difference in &comparison.listed {
            table.row(vec![
                difference.target.0.clone().into(),
                difference.root.0.clone().into(),
                difference.path.as_str().into(),
                Cell::from(difference.what.as_str()),
            ]);
        }
        lines.extend(table.render(style));
    }
    let more = comparison.differences.saturating_sub(comparison.listed.len() as u64);
    if more > 0 {
        lines.push(format!("... and {} more, not listed", amount::count(more)));
    }
    if comparison.differences > 0 {
        lines.push(format!("different: {} of {compared}", amount::count(comparison.differences)));
    } else {
        lines.push(format!("no difference found: {compared}"));
    }
    if comparison.unreadable > 0 {
        lines.push(format!(
            "not complete: {} entries could not be read, so this proves nothing about them",
            amount::count(comparison.unreadable)
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::errand::Difference;

    #[test]
    fn outcomes() {
        let proven = Comparison { entries: 41_022, bytes: 1_288_490_189, ..Comparison::default() };
        let lines = |comparison: &Comparison| lines(comparison, 3, Style::default());
        assert_eq!(lines(&proven), ["equal: 3 roots, 41,022 entries, 1.2 GiB compared"]);
        let unread = Comparison { unreadable: 2, ..proven.clone() };
        assert!(!equal(&unread));
        assert_eq!(lines(&unread)[0], "no difference found: 3 roots, 41,022 entries, 1.2 GiB compared");
        let difference = |path: &str, what: &str| Difference {
            target: "dublin".into(),
            root: "www".into(),
            path: path.into(),
            what: what.into(),
        };
        let listed = vec![difference("a/b", "content"), difference("c", "only at the source")];
        let differs = Comparison { differences: 5, listed, ..proven };
        let expected = [
            "REPLICA   ROOT   PATH   DIFFERENCE",
            "dublin    www    a/b    content",
            "dublin    www    c      only at the source",
            "... and 3 more, not listed",
            "different: 5 of 3 roots, 41,022 entries, 1.2 GiB compared",
        ];
        assert_eq!(lines(&differs), expected);
    }
}

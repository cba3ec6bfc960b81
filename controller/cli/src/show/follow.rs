//! How what is followed stands.

use crate::output::{Clock, Style, Tone};
use wire::api::{FollowState, FollowView};

/// Characters of a commit that people read.
const COMMIT_CHARS: usize = 12;

/// All there is to say.
pub fn lines(view: &FollowView, clock: &Clock, style: Style) -> Vec<String> {
    let mut lines = vec![format!("{}   {}", style.paint(Tone::Strong, &view.source), state(view, style))];
    let mut field = |name: &str, value: String| lines.push(format!("  {name:<9} {value}"));
    if let Some(overlay) = &view.overlay {
        field("overlay", overlay.clone());
    }
    if !view.why.is_empty() {
        field("why", view.why.clone());
    }
    view.facts.iter().for_each(|fact| field("", fact.clone()));
    view.changed
        .iter()
        .enumerate()
        .for_each(|(at, changed)| field(if at == 0 { "changed" } else { "" }, changed.clone()));
    let commit = |commit: &Option<String>| commit.as_deref().map(short).unwrap_or_default();
    field("looked", format!("{} {}", clock.ago(view.looked_at), commit(&view.commit)).trim_end().to_owned());
    match view.applied_at.0 {
        0 => field("applied", "never".to_owned()),
        _ => field(
            "applied",
            format!("{} {}", clock.ago(view.applied_at), commit(&view.applied_commit)).trim_end().to_owned(),
        ),
    }
    if let Some(next) = next(view.state) {
        field("next", next.to_owned());
    }
    lines
}

/// One line for a screen over everything, where something is not as it should be.
pub fn warning(view: &FollowView, style: Style) -> Option<String> {
    let mark = style.paint(Tone::Warn, style.mark("!", "!"));
    (view.state != FollowState::Current)
        .then(|| format!("{mark} {}: {}: {}   standin follow", view.source, word(view.state), view.why))
}

fn state(view: &FollowView, style: Style) -> String {
    let tone = if view.state == FollowState::Current { Tone::Good } else { Tone::Warn };
    style.paint(tone, word(view.state))
}

fn word(state: FollowState) -> &'static str {
    match state {
        FollowState::Current => "current",
        FollowState::Refused => "refused",
        FollowState::Drifted => "drifted",
        FollowState::Unreadable => "unreadable",
    }
}

fn next(state: FollowState) -> Option<&'static str> {
    match state {
        FollowState::Current => None,
        FollowState::Refused => Some("mend it there; or apply by hand what a guard refuses: standin apply"),
        FollowState::Drifted => {
            Some("standin diff there shows it; the next change there goes over it, or: standin apply")
        }
        FollowState::Unreadable => Some("mend it, then: standin follow --now"),
    }
}

fn short(commit: &str) -> String {
    commit.chars().take(COMMIT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    #[test]
    fn what_is_refused_is_said_with_its_place() {
        let clock = Clock::standing_at(Timestamp(1_795_163_582_250));
        let view = FollowView {
            source: "git https://git.example/dr.git main".into(),
            state: FollowState::Refused,
            why: "1 error in the manifests; nothing was applied".into(),
            facts: vec!["shop.yaml:4:3 DR0101 unknown field `rots`".into()],
            looked_at: Timestamp(1_795_163_577_000),
            commit: Some("0123456789abcdef0123".into()),
            applied_commit: Some("fedcba98765432100123".into()),
            applied_at: Timestamp(1_795_160_000_000),
            ..FollowView::default()
        };
        insta::assert_snapshot!(lines(&view, &clock, Style::default()).join("\n"));
        let warning = warning(&view, Style::default()).unwrap();
        assert!(warning.starts_with("! git https://git.example/dr.git main: refused: 1 error"), "{warning}");
        assert_eq!(super::warning(&FollowView::default(), Style::default()), None);
    }
}

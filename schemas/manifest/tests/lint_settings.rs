//! Warnings that people live with.

#![allow(clippy::unwrap_used)]

use manifest::{
    Set, Severity,
    lint_settings::{Accepted, Date, LintSettings},
    read,
};

fn host(name: &str, annotation: &str) -> String {
    format!(
        "apiVersion: standin/v1alpha1\nkind: Host\nmetadata:\n  name: {name}\n  labels: {{critical: yes}}\n{annotation}\
         spec: {{replicationAddress: {name}.example}}\n"
    )
}

fn allow(text: &str) -> String {
    format!("  annotations: {{standin/allow: {text:?}}}\n")
}

fn found(set: &Set) -> Vec<(&str, Severity)> {
    set.findings.iter().map(|finding| (finding.code, finding.severity)).collect()
}

#[test]
fn an_object_accepts_warnings_about_itself_alone() {
    let text = host("a", &allow("DR0011: seen by one reader only")) + "---\n" + &host("b", "");
    let set = read(&[("h.yaml", text)]);
    assert_eq!(found(&set), [("DR0011", Severity::Warning)]);
    assert_eq!(set.findings[0].object.as_ref().unwrap().1, "b");
    let accepted: Vec<_> = set.accepted.iter().map(|a| (a.finding.code, a.reason.as_str())).collect();
    assert_eq!(accepted, [("DR0011", "seen by one reader only")]);
}

#[test]
fn several_lines_accept_several_codes() {
    let set = read(&[(
        "h.yaml",
        host("a", "  annotations:\n    standin/allow: |\n      dr0011: one reader\n      DR0501: a test\n"),
    )]);
    assert_eq!(found(&set), [("DR0112", Severity::Note)], "the second accepts nothing");
    assert_eq!(set.accepted.len(), 1);
}

#[test]
fn what_cannot_be_accepted_is_said() {
    for (text, code) in
        [("DR0011", "DR0111"), ("DR0011:  ", "DR0111"), ("DR9999: because", "DR0111"), ("because", "DR0111")]
    {
        let set = read(&[("h.yaml", host("a", &allow(text)))]);
        assert_eq!(found(&set), [("DR0011", Severity::Warning), (code, Severity::Error)], "{text}");
    }
    let error = host("a", &allow("DR0219: we like it so")).replace("a.example", "tcp://a").replace("yes", "yess");
    let set = read(&[("h.yaml", error)]);
    assert_eq!(found(&set), [("DR0111", Severity::Error), ("DR0219", Severity::Error)]);
    assert!(set.findings[0].message.contains("errors cannot be accepted"));
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn accepted(until: Option<&str>, place: Option<(usize, std::ops::Range<usize>)>) -> LintSettings {
    let one = Accepted { code: "DR0011".into(), reason: "one reader".into(), until: until.map(day), place };
    LintSettings { fail_on: Severity::Warning, accepted: vec![one] }
}

#[test]
fn a_project_accepts_until_a_day() {
    let today = day("2026-11-20");
    for (until, holds) in [(None, true), (Some("2026-11-20"), true), (Some("2026-11-19"), false)] {
        let mut set = read(&[("h.yaml", host("a", ""))]);
        let settings = accepted(until, None);
        assert!(settings.fails(&set));
        assert_eq!(settings.apply(&mut set, today), Vec::<String>::new());
        assert_eq!((set.accepted.len(), set.findings.len()), if holds { (1, 0) } else { (0, 1) });
        assert_eq!(settings.fails(&set), !holds);
        if !holds {
            assert_eq!(set.findings[0].notes, ["it was accepted until 2026-11-19 (one reader), and that is over"]);
        }
    }
}

#[test]
fn what_a_project_accepts_in_vain_is_said_where_it_is_written_or_in_words() {
    let good = host("a", "").replace("yes", "always");
    let mut set = read(&[("h.yaml", &good)]);
    let words = accepted(None, None).apply(&mut set, day("2026-11-20"));
    assert_eq!(words, ["accepted DR0011: DR0011 is accepted, and nothing of that code is found"]);
    assert_eq!(set.findings, []);
    accepted(None, Some((0, 5..9))).apply(&mut set, day("2026-11-20"));
    assert_eq!((set.findings[0].code, set.findings[0].span.clone()), ("DR0112", 5..9));
    let nameless = Accepted { code: "DR0011".into(), place: Some((0, 1..2)), ..Accepted::default() };
    LintSettings { accepted: vec![nameless], ..LintSettings::default() }.apply(&mut set, day("2026-11-20"));
    assert_eq!(set.findings[0].code, "DR0111");
}

#[test]
fn errors_fail_by_default_and_warnings_do_not() {
    let set = read(&[("h.yaml", host("a", ""))]);
    assert!(!LintSettings::default().fails(&set));
    let set = read(&[("h.yaml", "kind: Hots\n")]);
    assert!(LintSettings::default().fails(&set));
}

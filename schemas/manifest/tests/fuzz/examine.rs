//! What has to hold for every input.

use manifest::{
    Finding, Set, diff,
    lint_settings::{Accepted, LintSettings},
    read,
    render::{self, Report},
    text, to_yaml,
    tree::documents,
};
use std::collections::BTreeSet;

/// Reads the files, writes all there is to say in every format, makes all fixes, and writes the objects anew.
/// Panics where something does not hold; answers with the codes it met.
pub fn examine(files: &[Vec<u8>]) -> BTreeSet<&'static str> {
    let files: Vec<(String, String)> =
        files.iter().enumerate().map(|(n, bytes)| (format!("f{n}.yaml"), text(bytes))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let set = read(&files);
    set.findings.iter().for_each(|finding| in_place(finding, &files));
    let order: Vec<_> = set.findings.iter().map(|finding| (finding.file, finding.span.start)).collect();
    assert!(order.is_sorted(), "findings stand in the order of the files");
    written(&set, &files);
    for (file, (_, text)) in files.iter().enumerate() {
        fixed(&set, file, text);
    }
    read_back(&set);
    accepted(set.clone());
    set.findings.iter().map(|finding| finding.code).collect()
}

fn in_place(finding: &Finding, files: &[(&str, &str)]) {
    let inside = |file: usize, span: &std::ops::Range<usize>| files[file].1.get(span.clone()).is_some();
    assert!(inside(finding.file, &finding.span), "{finding:?}");
    assert!(finding.context.iter().all(|context| inside(context.file, &context.span)), "{finding:?}");
    let edits = finding.fix.iter().flat_map(|fix| &fix.edits);
    assert!(edits.into_iter().all(|edit| inside(finding.file, &edit.span)), "{finding:?}");
    assert!(!finding.message.is_empty(), "{finding:?}");
}

fn written(set: &Set, files: &[(&str, &str)]) {
    for format in render::FORMATS {
        for flag in [false, true] {
            let report = Report { strict: flag, color: flag, ascii: flag, ..Report::new(set, files) };
            let text = (format.write)(&report);
            match format.name {
                "concise" => assert_eq!(text.lines().count(), set.findings.len()),
                "github" => assert!(text.lines().all(|line| line.starts_with("::")) && text.lines().count() <= 10),
                "sarif" | "gitlab" => drop(serde_json::from_str::<serde_json::Value>(&text).unwrap()),
                "junit" => drop(roxmltree::Document::parse(&text).unwrap()),
                "full" => assert!(flag || !text.contains(['\u{1b}', '\u{202e}', '\0'])),
                _ => {}
            }
        }
    }
    render::summary(set);
}

/// Fixes come to an end, and never break what could be parsed.
fn fixed(set: &Set, file: usize, text: &str) {
    // As the parts were parsed: of what is shown of a file, `FINDINGS_MAX` other errors leave some out, and fixes make
    // room for them.
    let parsed = |text: &str| {
        let mut findings = Vec::new();
        documents(0, text, &mut findings);
        findings
    };
    let broken = |findings: &[Finding]| findings.iter().filter(|finding| finding.code == "DR0001").count();
    let before = parsed(text);
    // Behind a character that cannot be seen, something may come to light when it is taken out.
    let hides = before.iter().any(|finding| finding.code == "DR0006");
    let mut now = render::fixed(&set.findings, file, text);
    for _ in 0..10 {
        let Some(text) = now else { return };
        assert!(hides || broken(&parsed(&text)) <= broken(&before), "a fix broke it:\n{text}");
        now = render::fixed(&read(&[("a.yaml", &text)]).findings, 0, &text);
    }
    panic!("fixes have no end: {:?}", now.map(|text| text.chars().take(2_000).collect::<String>()));
}

/// What is written reads back as the same, without errors of its own.
fn read_back(set: &Set) {
    for located in set.objects.iter().take(20) {
        let yaml = to_yaml(&located.object);
        let again = read(&[("again.yaml", &yaml)]);
        assert_eq!(again.documents, 1, "{yaml}");
        let object = again.objects.first().map(|located| &located.object);
        assert_eq!(object, Some(&located.object), "{yaml}");
        diff(None, &located.object);
        assert_eq!(diff(Some(&located.object), &located.object), [], "{yaml}");
    }
}

fn accepted(mut set: Set) {
    let known = set.findings.len() + set.accepted.len();
    let list = ["DR0011", "DR0214", "DR0218", "DR0501", "DR0001"].map(|code| Accepted {
        code: code.into(),
        reason: "so".into(),
        place: Some((0, 0..0)),
        ..Accepted::default()
    });
    let settings = LintSettings { accepted: list.into(), ..LintSettings::default() };
    settings.apply(&mut set, "2026-11-20".parse().unwrap());
    assert!(set.findings.len() + set.accepted.len() <= known + settings.accepted.len());
}

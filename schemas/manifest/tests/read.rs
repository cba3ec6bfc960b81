//! Reading whole sets: nothing hides anything else, nothing panics, and findings look as documented.

#![allow(clippy::unwrap_used)]

use manifest::{Severity, Surroundings, read, read_with, render};
use proptest::prelude::*;

const HOSTS: &str = "\
apiVersion: standin/v1alpha1
kind: Host
metadata: {name: mx1}
spec: {replicationAddress: 10.20.0.10}
---
apiVersion: standin/v1alpha1
kind: Host
metadata: {name: mx2}
spec: {replicationAddress: 10.30.0.10}
";

const MAIL: &str = "\
# yaml-language-server: $schema=../schemas/v1alpha1/manifest.json
apiVersion: standin/v1alpha1
kind: Scenario
metadata:
  name: mail
spec:
  description: Postfix and Dovecot → Dublin
  primary:
    host: mx1
    roots:
      - name: mailboxes
        path: /srv/vmail
        exclude: [\"**/tmp/**\"]
      - name: config
        path: /etc/postfix
    spool:
      directory: /var/lib/standin/spool/mail
      maxSize: 40GiB                   # at least 10% of the data set
      minDiskFree: 10GiB
  replicas:
    - name: dublin
      host: mx2
      roots:                           # matched to the primary's roots by name
        - {name: mailboxes, path: /srv/vmail}
        - {name: config, path: /etc/postfix.replica}
  monitoring:
    interval: 30s
    checks:
      - {name: smtp, tcp: {port: 25, expect: \"220 \"}}
  services:
    commands:
      - {name: postfix, start: [postfix, start], stop: [postfix, stop], check: [postfix, check]}
";

fn seven_mistakes() -> String {
    MAIL.replace("    host: mx1", "    host: mx01")
        .replace("40GiB  ", "40Gb   ")
        .replace("directory: /var/lib/standin/spool/mail", "directory: /srv/vmail/.spool")
        .replace("        - {name: config, path: /etc/postfix.replica}\n", "")
        .replace("minDiskFree", "minDiskFre")
        .replace("interval: 30s", "interval: 5 min")
        .replace("start: [postfix, start]", "start: [/etc/init.d/postfix, start]")
}

fn show(files: &[(&str, &str)]) -> String {
    let set = read(files);
    render::render_full(&set.findings, files, false, false) + &render::summary(&set)
}

fn codes(files: &[(&str, &str)]) -> Vec<&'static str> {
    read(files).findings.into_iter().map(|finding| finding.code).collect()
}

#[test]
fn all_mistakes_of_one_document_are_shown_at_once() {
    let (hosts, mail) = (HOSTS.to_owned(), seven_mistakes());
    insta::assert_snapshot!(show(&[("hosts.yaml", &hosts), ("scenarios/mail.yaml", &mail)]));
}

#[test]
fn a_good_set_is_summed_up_in_one_line() {
    let files = [("hosts.yaml", HOSTS), ("mail.yaml", MAIL)];
    assert_eq!(show(&files), "Checked 3 objects in 2 files: no errors, no warnings.\n");
    assert_eq!(read(&files).objects.len(), 3);
}

#[test]
fn yaml_mistakes_look_like_this() {
    let text =
        "a: [1\n---\nkind: Host\nkind: Scenario\n---\nx:\n\t- 1\n---\na: *b\n---\n- kind: Host\n---\nname: \"open\n";
    insta::assert_snapshot!(show(&[("bad.yaml", text)]));
}

#[test]
fn schema_mistakes_look_like_this() {
    let text = "\
apiVersion: standin/v1
kind: Scenario
metadata: {name: Mail_1, labels: {tier: 1}, uid: x}
spec:
  primary:
    host: mx1
    roots: /srv
    spool: {onFull: wait, maxSize: [1]}
  replicas: []
  monitoring:
    checks:
      - {name: a, tcp: {port: 0}, exec: {command: [x]}}
      - {name: b}
      - {name: c, tcp: {port: 70000, expect: 220}}
  services: yes
  rewind: {enabled: true}
status: {state: Protecting}
---
apiVersion: standin/v1alpha1
kind: Playbook
metadata: {name: p}
---
kind: Host
metadata: {}
";
    insta::assert_snapshot!(show(&[("schema.yaml", text)]));
}

#[test]
fn a_contradiction_between_files_shows_both() {
    let twice = HOSTS.split("---").next().unwrap();
    insta::assert_snapshot!(show(&[("a.yaml", HOSTS), ("b/c.yaml", twice)]));
}

#[test]
fn what_cannot_be_seen_is_shown_as_such() {
    let text = HOSTS.replace("10.20.0.10", "\"\u{202e}\\e[31m\u{200b}\"").replace("mx2", "mx\u{1b}[31m2");
    let shown = show(&[("a\u{1b}[2J.yaml", &text)]);
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{200b}']), "{shown:?}");
    insta::assert_snapshot!(shown);
}

#[test]
fn windows_lines_and_bom_are_counted_as_people_count_them() {
    let text = format!("\u{FEFF}{}", seven_mistakes()).replace('\n', "\r\n");
    let plain = seven_mistakes();
    let places = |text: &str| {
        let files = [("m.yaml", text)];
        render::concise(&read(&files).findings, &files)
    };
    assert_eq!(places(&text), places(&plain));
    let shown = show(&[("m.yaml", &text)]);
    assert!(!shown.contains(['\r', '\u{FEFF}']), "{shown:?}");
}

#[test]
fn other_formats() {
    let (hosts, mail) = (HOSTS.to_owned(), seven_mistakes());
    let files = [("hosts.yaml", hosts.as_str()), ("mail.yaml", mail.as_str())];
    let set = read(&files);
    insta::assert_snapshot!("concise", render::concise(&set.findings, &files));
    insta::assert_json_snapshot!("json", render::json(&set.findings, &files)[0]);
    assert_eq!(render::json_lines(&set.findings, &files).lines().count(), set.findings.len());
    let coloured = render::render_full(&set.findings, &files, true, false);
    assert!(coloured.contains("\u{1b}["));
}

#[test]
fn at_most_fifty_are_shown_and_the_rest_is_counted() {
    let text: String = (0..70).map(|n| format!("a{n}:\n")).collect();
    let files = [("a.yaml", text.as_str())];
    let set = read(&files);
    let shown = render::render_full(&set.findings, &files, false, false);
    assert_eq!(shown.matches("error[").count(), render::SHOWN_MAX);
    assert!(shown.ends_with("... and 21 more\n\n"), "{}", &shown[shown.len() - 100..]);
}

#[test]
fn hosts_that_are_stored_already_are_known() {
    let files = [("mail.yaml", MAIL)];
    assert_eq!(codes(&files), ["DR0201", "DR0201"]);
    let stored = Surroundings { known_hosts: vec!["mx1".into(), "mx2".into()], ..Surroundings::default() };
    assert_eq!(read_with(&files, &stored).findings, []);
}

#[test]
fn a_host_with_a_mistake_is_still_a_host() {
    let hosts = HOSTS.replace("10.20.0.10}", "10.20.0.10, port: 1}");
    assert_eq!(codes(&[("hosts.yaml", &hosts), ("mail.yaml", MAIL)]), ["DR0101"]);
}

#[test]
fn a_misspelt_required_field_is_one_finding() {
    let mail = MAIL.replace("    host: mx1", "    hots: mx1");
    assert_eq!(codes(&[("hosts.yaml", HOSTS), ("mail.yaml", &mail)]), ["DR0101"]);
    let mail = MAIL.replace("- name: config", "- nmae: config");
    assert_eq!(codes(&[("hosts.yaml", HOSTS), ("mail.yaml", &mail)]).first(), Some(&"DR0101"));
}

#[test]
fn an_item_of_the_wrong_kind_does_not_hide_the_others() {
    let mail = MAIL.replace(
        "      - name: mailboxes\n        path: /srv/vmail\n        exclude: [\"**/tmp/**\"]\n",
        "      - 5\n",
    );
    let mail = mail.replace("path: /etc/postfix\n", "path: etc/postfix\n");
    let codes = codes(&[("hosts.yaml", HOSTS), ("mail.yaml", &mail)]);
    assert!(codes.contains(&"DR0105") && codes.contains(&"DR0213"), "{codes:?}");
}

#[test]
fn nothing_is_whole_beside_a_mistake_of_its_own() {
    let files = [("hosts.yaml", HOSTS), ("mail.yaml", &MAIL.replace("40GiB", "40Gb"))];
    let set = read(&files);
    assert!(set.has_errors());
    assert_eq!((set.objects.len(), set.documents), (2, 3));
    assert_eq!(set.count(Severity::Error), 1);
}

fn mutated() -> impl Strategy<Value = String> {
    let place = any::<prop::sample::Index>();
    let insert = prop::sample::select(vec![
        "", "\n", ": ", "- ", "[", "]", "{", "}", "\"", "&a ", "*a", "~", "null", "!t ", "---\n", "#", "\t",
        "\u{202e}", "é", "0", ",", "'", "name: x", "|", "<<: ",
    ]);
    prop::collection::vec((place, 0usize..12, insert), 1..5).prop_map(|edits| {
        let mut text = format!("{HOSTS}---\n{MAIL}");
        for (place, cut, insert) in edits {
            let mut start = place.index(text.len());
            let mut end = (start + cut).min(text.len());
            while !text.is_char_boundary(start) {
                start -= 1;
            }
            while !text.is_char_boundary(end) {
                end += 1;
            }
            text.replace_range(start..end, insert);
        }
        text
    })
}

fn survives(text: &str) {
    let files = [("a.yaml", text)];
    let set = read(&files);
    for color in [false, true] {
        render::render_full(&set.findings, &files, color, !color);
    }
    render::concise(&set.findings, &files);
    render::json_lines(&set.findings, &files);
    render::summary(&set);
    render::fixed(&set.findings, 0, text);
    if !set.has_errors() {
        set.objects.iter().for_each(|located| drop(manifest::diff(None, &located.object)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_mutation_of_a_manifest_panics(text in mutated()) {
        survives(&text);
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&manifest::text(&bytes));
    }
}

/// Every defect of reading that people have been bitten by, each with its place, and none hides the good document.
#[test]
fn what_readers_let_through_is_found_in_its_place() {
    let bomb = (1..9).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]".to_owned(), |text, n| {
        let list = vec![format!("*a{}", n - 1); 9].join(",");
        format!("{text}\na{n}: &a{n} [{list}]")
    });
    let padded = (1..6).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]".to_owned(), |text, n| {
        let list = vec![format!("*a{}", n - 1); 9].join(",");
        format!("{text}\na{n}: &a{n} [{list}]")
    }) + "\n# "
        + &"padding ".repeat(30_000);
    let deep = format!("a: {}{}", "[".repeat(70), "]".repeat(70));
    for (text, expected) in [
        ("metadata: {labels: {a: 1, a: 2}}", "2:27: error[DR0002]"),
        ("metadata:\n  labels:\n    a: x\n    a: y", "5:5: error[DR0002]"),
        ("x: !exec /bin/sh", "2:4: error[DR0005]"),
        ("x: !!binary L3Nydg==", "2:4: error[DR0005]"),
        ("x: {<<: {a: 1}}", "2:5: error[DR0003]"),
        ("x: \"a\\0b\"", "2:4: error[DR0006]"),
        ("x: a\u{202e}b", "2:5: error[DR0006]"),
        ("kind\u{200b}: Host", "2:5: error[DR0006]"),
        ("x: a\u{7}b", "2:5: error[DR0006]"),
        ("x:\n\t- 1", "3:1: error[DR0001]"),
        ("x: [a\ny: b", "3:2: error[DR0001]"),
        ("x: caf\u{fffd}", "2:7: error[DR0004]"),
        (&bomb, "error[DR0009]"),
        (&padded, "error[DR0009]"),
        (&deep, "error[DR0009]"),
    ] {
        let whole = format!("---\n{text}\n---\n{HOSTS}");
        let files = [("a.yaml", whole.as_str())];
        let set = read(&files);
        let shown = render::concise(&set.findings, &files);
        assert!(shown.contains(expected), "{text:?}: {shown}");
        assert!(shown.lines().all(|line| line.starts_with("a.yaml:")), "{shown}");
        assert!(set.has_errors(), "nothing of it is applied");
        let hosts = set.objects.iter().filter(|located| located.object.kind() == model::Kind::Host).count();
        // A limit ends the reading of the file; before it, and after anything else, documents are read.
        assert_eq!(hosts, if expected.contains("DR0009") && !text.starts_with("a: [") { 0 } else { 2 }, "{shown}");
    }
}

#[test]
fn what_is_written_in_quotes_is_text() {
    let text = HOSTS.replace("{name: mx1}", "{name: mx1, labels: {\"<<\": \"yes\", \"no\": '0755'}}");
    assert_eq!(codes(&[("a.yaml", &text)]), Vec::<&str>::new());
}

#[test]
fn windows_marks_and_tabs_between_values_are_fine() {
    let text = format!("\u{FEFF}{}", HOSTS.replace('\n', "\r\n").replace("name: ", "name:\t"));
    assert_eq!(codes(&[("a.yaml", &text)]), Vec::<&str>::new());
}

/// Far more than a reading takes, even unoptimised on a busy machine; a quadratic one takes minutes.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

#[test]
fn a_hostile_set_takes_no_time() {
    let many = |item: &dyn Fn(usize) -> String, count: usize| (0..count).map(item).collect::<String>();
    let head = "apiVersion: standin/v1alpha1\nkind: Scenario\nmetadata: {name: mail}\nspec:\n  replicas: []\n  primary:\n    host: h\n    roots:\n";
    let texts = [
        format!("{head}{}", many(&|n| format!("      - {{name: r{n}, path: /r{n}}}\n"), 10_000)),
        format!("{head}{}", many(&|_| "      - {name: r, path: /r}\n".to_owned(), 10_000)),
        format!("{head}{}", many(&|n| format!("      - {{nam: r{n}, pat: /r{n}}}\n"), 10_000)),
        format!("{head}{}", many(&|_| "      -\n".to_owned(), 10_000)),
        many(&|n| format!("--- {{kind: Host, metadata: {{name: h{n}}}}}\n"), 8_000)
            + &format!("---\n{}", head.replace("replicas: []", "replicas:"))
            + &many(&|n| format!("  - {{name: r{n}, host: hh{n}}}\n"), 8_000),
        format!(
            "--- {{kind: Host, metadata: {{name: {}}}}}\n---\n{}",
            "ab".repeat(200_000),
            head.replace("host: h", &format!("host: {}", "ba".repeat(200_000)))
        ),
        format!("{head}      - {{name: r, path: {}}}\n", "/a".repeat(400_000)),
        format!(
            "{}{}",
            head.replace("replicas: []", "replicas:"),
            many(&|n| format!("      - {{name: r{n}, path: /r{n}}}\n"), 4_000)
        )
        .replace(
            "  primary:",
            &format!(
                "{}  primary:",
                many(&|n| format!("  - {{name: r{n}, host: h{n}, roots: [{{name: x, path: /x}}]}}\n"), 4_000)
            ),
        ),
        many(&|n| format!("f{n}: 1\n"), 30_000),
        many(&|_| "f: 1\n".to_owned(), 30_000),
        many(&|_| "--- {kind: Host, metadata: {name: a}}\n".to_owned(), 10_000),
        many(&|_| "--- [\n".to_owned(), 30_000),
    ];
    let start = std::time::Instant::now();
    for text in &texts {
        let began = start.elapsed();
        let set = read(&[("a.yaml", text)]);
        assert!(set.has_errors());
        assert!(start.elapsed() - began < PATIENCE, "{:?}: {}", start.elapsed() - began, &text[..60]);
    }
}

/// An error that nobody is told of would be applied as if it were right.
#[test]
fn a_thousand_warnings_hide_no_error() {
    let keys: String = (0..600).map(|n| format!("    0b{n:b}: x\n")).collect();
    let host = |name: &str, labels: &str, more: &str| {
        let head = format!("apiVersion: standin/v1alpha1\nkind: Host\nmetadata:\n  name: {name}\n  labels:\n{labels}");
        format!("{head}spec:\n  replicationAddress: 10.20.0.10\n{more}---\n")
    };
    let many = host("a", &keys, "") + &host("b", &keys, "");
    let values = MAIL.replace("[\"**/tmp/**\"]", &format!("[{}]\n        unknown: 1", "yes, ".repeat(1_100)));
    for (text, code) in [
        (many.clone() + &host("c", "    d: e\n", "  replicationAddress: 10.20.0.11\n"), "DR0002"),
        (many.clone() + &format!("a: {}{}\n", "[".repeat(70), "]".repeat(70)), "DR0009"),
        (format!("{values}---\n{HOSTS}"), "DR0101"),
    ] {
        let set = read(&[("a.yaml", text)]);
        assert_eq!((set.findings.len(), set.count(Severity::Warning)), (1_000, 999), "{code}");
        assert!(set.findings.iter().any(|finding| finding.code == code), "{code}");
    }
}

/// Ten thousand scenarios, and as many as one file holds, in a time that grows with their number alone.
#[test]
fn a_large_set_takes_as_long_as_its_documents() {
    let scenario = |n: usize| {
        MAIL.replace("name: mail\n", &format!("name: s{n}\n"))
            .replace("/srv/vmail", &format!("/srv/{n}"))
            .replace("/etc/postfix", &format!("/etc/{n}"))
            .replace("spool/mail", &format!("spool/s{n}"))
    };
    let time = |count: usize| {
        let mut files: Vec<(String, String)> = (0..count).map(|n| (format!("{n}.yaml"), scenario(n))).collect();
        files.push(("hosts.yaml".into(), HOSTS.into()));
        let start = std::time::Instant::now();
        let set = read(&files);
        assert_eq!((set.findings.len(), set.objects.len()), (0, count + 2));
        start.elapsed()
    };
    let (few, many) = (time(200).max(time(200)), time(4_000));
    // Twenty times as many; a quadratic reading takes four hundred times as long.
    assert!(many < few * 100, "{few:?} and {many:?}");
}

use super::*;
use crate::finding::Finding;
use proptest::prelude::*;
use serde_json::{Value, json};

fn parse(text: &str) -> (Vec<Document>, Vec<Finding>) {
    let mut findings = Vec::new();
    let documents = documents(0, text, &mut findings);
    (documents, findings)
}

fn only(text: &str) -> Node {
    let (mut documents, findings) = parse(text);
    assert_eq!(findings, []);
    assert_eq!(documents.len(), 1);
    documents.remove(0).root
}

/// Code and the text it points at, for every finding.
fn found(text: &str) -> Vec<(&'static str, &str)> {
    parse(text).1.into_iter().map(|f| (f.code, &text[f.span])).collect()
}

#[test]
fn places_are_bytes_of_the_whole_file() {
    let text = "# ünï → comment\na: {b: [ x, \"yé\" ]}\n---\nç:\n  - d: 7 # seven\n";
    let (documents, findings) = parse(text);
    assert_eq!(findings, []);
    let [first, second] = &documents[..] else { panic!("{documents:?}") };
    let at = |root: &Node, pointer: &str| text[root.spot(pointer).unwrap()].to_owned();
    assert_eq!(at(&first.root, "/a/b/1"), "\"yé\"");
    assert_eq!(at(&first.root, "/a"), "a");
    assert_eq!(at(&second.root, "/ç/0/d"), "7");
    assert_eq!(&text[second.root.whole("/ç/0/d").unwrap()], "d: 7");
    assert_eq!(&text[second.root.whole("/ç").unwrap()], "ç");
}

#[test]
fn every_document_of_a_file_is_read() {
    let names = |text: &str| {
        let (documents, findings) = parse(text);
        assert_eq!(findings, [], "{text:?}");
        documents.iter().map(|document| document.root.value()["a"].to_string()).collect::<String>()
    };
    for text in [
        "a: 1\n---\na: 2\n",
        "a: 1\n...\na: 2\n",
        "a: 1\n...\n---\na: 2\n...\n",
        "a: 1\r---\ra: 2\r",
        "a: 1\r...\ra: 2",
        "a: 1\r\n---\r\na: 2\r\n",
        "%YAML 1.2\n---\na: 1\n---\na: 2\n",
        "\u{feff}# first\n%YAML 1.2\n\n---\na: 1\n...\n%YAML 1.2\n# second\n---\na: 2\n",
        "---\n---\na: 1\n--- {a: 2}\n",
    ] {
        assert_eq!(names(text), "12", "{text:?}");
    }
    assert_eq!(names("a: |\n  x\n\n...\n# end\n"), "\"x\\n\"");
}

#[test]
fn a_broken_document_hides_none_behind_its_end_mark() {
    let (documents, findings) = parse("a: 1\n...\nb: [\n...\nc: 3\n");
    let keys: Vec<_> = documents.iter().map(|document| document.root.map()[0].key.as_str()).collect();
    assert_eq!((keys, findings.len()), (vec!["a", "c"], 1));
}

#[test]
fn a_tab_in_an_indentation_is_pointed_at() {
    for text in [
        "k: é\na:\n\tb: 1\n",
        "a:\n  b: 1\n\tc: 2\n",
        "a:\n  b:\n \t- c\n",
        "a: b\n\tc: 1\n",
        "x: 1\n---\na:\n\tb: 1\n",
    ] {
        let (_, findings) = parse(text);
        let [finding] = &findings[..] else { panic!("{text:?} {findings:?}") };
        assert_eq!((finding.code, finding.span.start, finding.span.len()), ("DR0001", text.find('\t').unwrap(), 1));
        assert!(finding.helps[0].starts_with("indent with spaces"), "{finding:?}");
    }
}

#[test]
fn values_are_those_all_readers_agree_on() {
    let root = only("a: yes\nb: true\nc: 017\nd: 12\ne: '12'\nf: |\n  x\n  y\ng: 1_000\n");
    let value = json!({"a": "yes", "b": true, "c": "017", "d": 12, "e": "12", "f": "x\ny\n", "g": "1_000"});
    assert_eq!(root.value(), value);
}

#[test]
fn aliases_stand_for_whole_values() {
    let root = only("a: &x {b: 1}\nc: *x\n");
    assert_eq!(root.value(), json!({"a": {"b": 1}, "c": {"b": 1}}));
    assert_eq!(found("a: &x [*x]\n"), [("DR0001", "*x")]);
    assert_eq!(found("a: *nowhere\n").len(), 1);
}

#[test]
fn anchors_within_anchors_and_repeated_texts_have_an_end() {
    let head: String = (0..60).map(|n| format!("[&a{n} ")).collect();
    let nested = format!("{head}[{}]{}", "x,".repeat(20_000), "]".repeat(60));
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a,".repeat(1_000));
    for text in [nested, text] {
        let (documents, findings) = parse(&text);
        assert_eq!(documents, []);
        assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["DR0009"]);
    }
}

#[test]
fn what_manifests_do_without_is_refused_where_it_stands() {
    for (text, findings) in [
        ("a: 1\nb: 2\na: 3\na: 4\n", vec![("DR0002", "a"), ("DR0002", "a")]),
        ("l: {x: 1, x: 2}\n", vec![("DR0002", "x")]),
        ("a: &d {x: 1}\nb:\n  <<: *d\n", vec![("DR0003", "<<")]),
        ("a: !exec /bin/sh\nb: !!binary aGk=\n", vec![("DR0005", "!exec"), ("DR0005", "!!binary")]),
        ("a: x\u{202e}y\n", vec![("DR0006", "\u{202e}")]),
        ("a: \"x\\0y\"\n", vec![("DR0006", "\"x\\0y\"")]),
        ("a: \u{200b}b # \u{7}\n", vec![("DR0006", "\u{200b}"), ("DR0006", "\u{7}")]),
        ("a:\nb: null\nc: [~]\n", vec![("DR0007", "a"), ("DR0007", "b"), ("DR0007", "~")]),
        ("1: a\n[x]: b\n? {q: 1}\n: c\n", vec![("DR0008", "1"), ("DR0008", "[x]"), ("DR0008", "{q: 1}")]),
    ] {
        let mut ours = found(text);
        ours.retain(|(code, _)| *code != "DR0001");
        assert_eq!(ours, findings, "{text}");
    }
    assert_eq!(found("a: \u{FFFD}\n")[0].0, "DR0004");
    assert_eq!(found("a: '~'\nb: \"null\"\n'1': c\n"), []);
}

#[test]
fn a_broken_document_hides_nothing_of_the_others() {
    let text = "a: [1\n---\nb: 1\nb: 2\n---\nc: \"x\n---\nd: &x 1\n---\ne: *x\n";
    let codes: Vec<_> = found(text).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["DR0001", "DR0002", "DR0001", "DR0001"]);
    assert_eq!(parse(text).0.len(), 2);
}

#[test]
fn however_much_is_wrong_what_is_not_yaml_is_said() {
    let text = format!("{}a: &x [*x]\n---\n- b\nc: d\n", "1: a\n".repeat(1_100));
    let codes: Vec<_> = found(&text).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes[1_000..], ["DR0001", "DR0001"]);
}

#[test]
fn empty_documents_are_skipped() {
    for text in ["", "\n", "# only\n", "---\n---\n# x\n---\n", "\u{FEFF}# bom\n", "...\n"] {
        let (documents, findings) = parse(text);
        assert_eq!((documents.len(), findings.len()), (0, 0), "{text:?}: {findings:?}");
    }
    assert_eq!(parse("---\na: 1\n...\n---\n--- \nb: 1\n").0.len(), 2);
}

#[test]
fn windows_and_bom_change_no_value() {
    let root = only("\u{FEFF}a: 1\r\nb: [x,\r\n y]\r\n");
    assert_eq!(root.value(), json!({"a": 1, "b": ["x", "y"]}));
}

#[test]
fn hostile_sizes_end_in_a_finding() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bomb = (0..9).fold("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, n| {
        let refs = vec![format!("*a{n}"); 10].join(",");
        format!("{text}a{}: &a{} [{refs}]\n", n + 1, n + 1)
    });
    let wide = format!("a: [{}]\n", "1,".repeat(300_000));
    let blocks = (0..300).fold(String::new(), |text, n| format!("{text}{}a:\n", " ".repeat(n)));
    let large = "#".repeat(FILE_SIZE_MAX_TEST + 1);
    for text in [deep, bomb, wide, blocks, large] {
        let findings = parse(&text).1;
        assert_eq!(findings.len(), 1, "{} bytes", text.len());
        assert_eq!(findings[0].code, "DR0009");
    }
}

const FILE_SIZE_MAX_TEST: usize = super::documents::FILE_SIZE_MAX;

#[test]
fn pointers_read_as_paths() {
    let root = only("spec: {replicas: [{name: dublin, roots: [1]}], 'a/b': 2}\n");
    assert_eq!(readable(&root, "/spec/replicas/0/roots/0"), "spec.replicas[dublin].roots[0]");
    assert_eq!(child("/spec", "a/b~"), "/spec/a~1b~0");
    assert_eq!(root.find("/spec/a~1b").map(|(node, _)| node.value()), Some(json!(2)));
    assert_eq!(root.find("/spec/nothing"), None);
}

fn yaml_like() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "a: ",
        "- ",
        "\n",
        "  ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&x ",
        "*x",
        "!t ",
        "|\n",
        ">-\n",
        "\"",
        "'",
        "---\n",
        "...\n",
        "#c",
        "? ",
        ": ",
        "%YAML 1.2\n",
        "\t",
        "é",
        "\u{FEFF}",
        "\u{202e}",
        "1",
        "~",
        "<<: ",
        "\r\n",
        "\0",
        "\\x",
    ]);
    prop::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn every_place_is_within_the_text(text in yaml_like()) {
        fn walk(text: &str, node: &Node) {
            assert!(text.get(node.span.clone()).is_some());
            node.map().iter().for_each(|e| { assert!(text.get(e.key_span.clone()).is_some()); walk(text, &e.node) });
            node.list().iter().for_each(|n| walk(text, n));
        }
        let (documents, findings) = parse(&text);
        for finding in &findings {
            prop_assert!(text.get(finding.span.clone()).is_some(), "{finding:?}");
        }
        documents.iter().for_each(|d| walk(&text, &d.root));
    }

    #[test]
    fn a_plain_value_is_never_a_surprise(text in "[a-zA-Z0-9_.+:-]{1,12}") {
        let value = super::scalar::plain(&text);
        if let Value::Number(number) = value {
            prop_assert!(text.parse::<f64>().is_ok_and(|f| number.as_f64() == Some(f)));
        }
    }
}

//! What we write for other tools, held against their own schemas and parsers.

#![allow(clippy::unwrap_used)]

use manifest::{
    Set, Severity, read,
    render::{self, Report},
    text,
};
use roxmltree::{Document, Node};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every broken example, a good file, and one whose name and values are meant to break out.
fn files() -> Vec<(String, String)> {
    let directory = here().join("../../examples/broken");
    let mut paths: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| format!("examples/broken/{}", path.file_name().unwrap().to_str().unwrap());
    let mut files: Vec<_> = paths.iter().map(|path| (name(path), text(&fs::read(path).unwrap()))).collect();
    files.push((
        "good.yaml".into(),
        "apiVersion: standin/v1alpha1\nkind: Host\nmetadata: {name: good}\nspec: {replicationAddress: good.example}\n"
            .into(),
    ));
    let nasty = "apiVersion: standin/v1alpha1\nkind: Host\nmetadata:\n  name: \"]]>&<x a='1'>\"\n  \
                 labels: {\"a,b::c%0A\\n::error::|`x`\": 5}\nspec: {replicationAddres\u{301}s: \"\\u0000\\uFFFF<!-- @all\"}\n";
    files.push(("a, b:%\n\"<&>|`c #é.yaml".into(), nasty.into()));
    files
}

struct Told {
    set: Set,
    files: Vec<(String, String)>,
}

impl Told {
    fn new(files: Vec<(String, String)>) -> Self {
        let set = read(&files);
        Self { set, files }
    }

    fn broken() -> Self {
        let told = Self::new(files());
        assert!(told.set.findings.len() > 60);
        told
    }

    fn write(&self, format: &str) -> String {
        self.write_with(format, false)
    }

    fn write_with(&self, format: &str, strict: bool) -> String {
        let files: Vec<(&str, &str)> = self.files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        let report = Report { strict, ..Report::new(&self.set, &files) };
        (render::format(format).unwrap().write)(&report)
    }

    fn json(&self, format: &str) -> Value {
        serde_json::from_str(&self.write(format)).unwrap()
    }
}

#[test]
fn every_format_tells_of_a_set_without_findings() {
    let told = Told::new(vec![("a.yaml".into(), files()[files().len() - 2].1.clone())]);
    assert!(told.set.findings.is_empty());
    for format in render::FORMATS {
        let text = told.write(format.name);
        assert!(!text.contains("DR0") || format.name == "sarif", "{}: {text}", format.name);
    }
    assert_eq!(told.json("gitlab"), serde_json::json!([]));
    assert_eq!(told.json("sarif")["runs"][0]["results"], serde_json::json!([]));
    assert_eq!(told.write("md"), "### standin validate\n\nChecked 1 object in 1 file: no errors, no warnings.\n");
    assert_eq!(told.write("github"), "");
    assert!(told.write("junit").contains("classname=\"Host/good\" name=\"schema\"/>"));
}

#[test]
fn sarif_is_what_its_schema_says() {
    let schema = fs::read_to_string(here().join("tests/public/sarif-2.1.0.json")).unwrap();
    let mut schema: Value = serde_json::from_str(&schema).unwrap();
    // A stray bracket makes this one pattern no pattern to strict readers; we write no language.
    for place in ["run", "toolComponent"] {
        let language = schema.pointer_mut(&format!("/definitions/{place}/properties/language")).unwrap();
        assert!(language.as_object_mut().unwrap().remove("pattern").is_some());
    }
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let told = Told::broken();
    let log = told.json("sarif");
    let errors: Vec<String> = validator.iter_errors(&log).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert!(!validator.is_valid(&serde_json::json!({"version": "2.1.0"})), "the schema can say no");

    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), told.set.findings.len());
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    for (result, finding) in results.iter().zip(&told.set.findings) {
        assert_eq!(run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize]["id"], finding.code);
        let region = &result["locations"][0]["physicalLocation"]["region"];
        let at = render::position(&told.files[finding.file].1, finding.span.start);
        assert_eq!((&region["startLine"], &region["startColumn"]), (&at.line.into(), &at.column.into()));
        assert_eq!(result["relatedLocations"].as_array().map_or(0, Vec::len), finding.context.len());
    }
    for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
        assert!(rule["help"]["markdown"].as_str().unwrap().contains("Right:"), "{}", rule["id"]);
    }
    let uris: BTreeSet<&str> = results
        .iter()
        .map(|r| r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap())
        .collect();
    assert!(uris.contains("a%2C%20b%3A%25%0A%22%3C%26%3E%7C%60c%20%23%C3%A9.yaml"), "{uris:?}");
}

#[test]
fn columns_are_characters() {
    let text = "apiVersion: standin/v1alpha1\nkind: Host\nmetadata: {name: ä, labels: {\"🦀é\": 5}}\nspec: {replicationAddress: h}\n";
    let told = Told::new(vec![("a.yaml".into(), text.into())]);
    let log = told.json("sarif");
    let region = |n: usize| log["runs"][0]["results"][n]["locations"][0]["physicalLocation"]["region"].clone();
    assert_eq!(region(0), serde_json::json!({"startLine": 3, "startColumn": 18, "endLine": 3, "endColumn": 19}));
    assert_eq!(region(1), serde_json::json!({"startLine": 3, "startColumn": 36, "endLine": 3, "endColumn": 37}));
}

#[test]
fn what_is_accepted_is_suppressed() {
    let text = "apiVersion: standin/v1alpha1\nkind: Host\nmetadata:\n  name: a\n  labels: {x: yes}\n  \
                annotations: {standin/allow: \"DR0011: all our readers are new ones\"}\nspec: {replicationAddress: h}\n";
    let told = Told::new(vec![("a.yaml".into(), text.into())]);
    assert_eq!(told.set.findings, []);
    let result = &told.json("sarif")["runs"][0]["results"][0];
    assert_eq!(result["suppressions"][0]["justification"], "all our readers are new ones");
    assert!(told.write("md").contains("no warnings, 1 accepted."));
}

#[test]
fn gitlab_has_what_it_requires_and_knows_findings_again() {
    let told = Told::broken();
    let issues = told.json("gitlab");
    let issues = issues.as_array().unwrap();
    assert_eq!(issues.len(), told.set.findings.len());
    let mut prints = BTreeSet::new();
    for issue in issues {
        for field in ["description", "check_name", "fingerprint", "severity"] {
            assert!(issue[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {issue}");
        }
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&issue["severity"].as_str().unwrap()));
        let location = &issue["location"];
        assert!(location["path"].as_str().is_some_and(|path| !path.is_empty() && !path.starts_with("./")));
        assert!(location["lines"]["begin"].as_u64().is_some_and(|line| line > 0));
        assert!(prints.insert(issue["fingerprint"].as_str().unwrap().to_owned()), "two findings, one fingerprint");
    }
    let moved: Vec<_> = told.files.iter().map(|(path, text)| (path.clone(), format!("# moved\n\n{text}"))).collect();
    let moved = Told::new(moved).json("gitlab");
    let after: BTreeSet<String> =
        moved.as_array().unwrap().iter().map(|i| i["fingerprint"].as_str().unwrap().to_owned()).collect();
    assert_eq!(after, prints, "lines moved, findings did not change");
}

#[test]
fn an_item_before_it_does_not_make_a_finding_new() {
    let with = |roots: &str| {
        let text = format!(
            "apiVersion: standin/v1alpha1\nkind: Scenario\nmetadata: {{name: m}}\nspec:\n  primary:\n    host: h\n    roots:\n{roots}      \
             - {{name: b, path: etc}}\n  replicas: [{{name: r, host: i, roots: [{{name: b, path: /b}}]}}]\n"
        );
        let issues = Told::new(vec![("a.yaml".into(), text)]).json("gitlab");
        let issue = issues.as_array().unwrap().iter().find(|issue| issue["check_name"] == "DR0213").unwrap().clone();
        issue["fingerprint"].clone()
    };
    assert_eq!(with(""), with("      - {name: a, path: /srv}\n"));
}

/// Reads a workflow command as GitHub's runner does.
fn command(line: &str) -> (String, BTreeMap<String, String>, String) {
    let rest = line.strip_prefix("::").unwrap_or_else(|| panic!("not a command: {line}"));
    let (head, data) = rest.split_once("::").unwrap();
    let (name, list) = head.split_once(' ').unwrap_or((head, ""));
    let plain = |text: &str| {
        text.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
    };
    let property = |text: &str| text.split_once('=').map(|(key, value)| (key.to_owned(), plain(value))).unwrap();
    (name.to_owned(), list.split(',').filter(|p| !p.is_empty()).map(property).collect(), plain(data))
}

#[test]
fn github_reads_nine_and_the_number_of_the_others() {
    let told = Told::broken();
    let text = told.write("github");
    let lines: Vec<_> = text.lines().map(command).collect();
    assert_eq!(lines.len(), 10);
    let (last, first) = lines.split_last().unwrap();
    assert!(first.iter().all(|(name, ..)| name == "error"), "the worst come first");
    assert!(last.2.starts_with(&format!("{} more findings", told.set.findings.len() - 9)), "{last:?}");
    for (_, properties, message) in first {
        let known = ["file", "line", "endLine", "col", "endColumn", "title"];
        assert!(properties.keys().all(|key| known.contains(&key.as_str())), "{properties:?}");
        assert!(properties["title"].starts_with("DR") && !message.is_empty());
    }
    let nasty = Told::new(vec![told.files.last().unwrap().clone()]);
    let text = nasty.write("github");
    for (name, properties, _) in text.lines().map(command) {
        assert!(["error", "warning", "notice"].contains(&name.as_str()));
        assert_eq!(properties["file"], "a, b:%\\n\"<&>|`c #é.yaml");
    }
}

/// What the public XSD says of an element: its attributes (and which are required), and the elements it may hold.
#[derive(Default)]
struct Element {
    attributes: BTreeMap<String, bool>,
    children: BTreeSet<String>,
}

fn elements(xsd: &Document<'_>) -> BTreeMap<String, Element> {
    let top = xsd.root_element().children().filter(|n| n.has_tag_name(("http://www.w3.org/2001/XMLSchema", "element")));
    top.map(|node| {
        let below = |name: &'static str| node.descendants().filter(move |n| n.tag_name().name() == name);
        let attributes = below("attribute")
            .map(|a| (a.attribute("name").unwrap().to_owned(), a.attribute("use") == Some("required")));
        let children = below("element").filter_map(|e| e.attribute("ref")).map(str::to_owned);
        (
            node.attribute("name").unwrap().to_owned(),
            Element { attributes: attributes.collect(), children: children.collect() },
        )
    })
    .collect()
}

fn conforms(node: Node<'_, '_>, known: &BTreeMap<String, Element>) {
    let name = node.tag_name().name();
    let element = known.get(name).unwrap_or_else(|| panic!("unknown element {name}"));
    for attribute in node.attributes() {
        assert!(element.attributes.contains_key(attribute.name()), "{name} has no attribute {}", attribute.name());
    }
    for (attribute, _) in element.attributes.iter().filter(|(_, required)| **required) {
        assert!(node.attribute(attribute.as_str()).is_some(), "{name} lacks {attribute}");
    }
    for child in node.children().filter(Node::is_element) {
        assert!(element.children.contains(child.tag_name().name()), "{} in {name}", child.tag_name().name());
        conforms(child, known);
    }
}

#[test]
fn junit_is_what_its_schema_says() {
    let xsd = fs::read_to_string(here().join("tests/public/junit-10.xsd")).unwrap();
    let xsd = Document::parse(&xsd).unwrap();
    let known = elements(&xsd);
    assert!(known["testsuite"].attributes["tests"] && known["testcase"].children.contains("failure"));
    let told = Told::broken();
    for strict in [false, true] {
        let text = told.write_with("junit", strict);
        let document = Document::parse(&text).unwrap();
        conforms(document.root_element(), &known);
        let count = |name: &str| document.descendants().filter(|n| n.has_tag_name(name)).count();
        let total = |name: &str| document.root_element().attribute(name).unwrap().parse::<usize>().unwrap();
        assert_eq!((total("tests"), total("failures")), (count("testcase"), count("failure")));
        assert_eq!(count("testsuite"), told.files.len());
        let fails =
            |f: &&manifest::Finding| f.severity == Severity::Error || (strict && f.severity == Severity::Warning);
        let told_of: usize = document
            .descendants()
            .filter(|n| n.has_tag_name("failure"))
            .map(|n| n.text().unwrap().matches("[DR").count())
            .sum();
        assert_eq!(told_of, told.set.findings.iter().filter(fails).count());
    }
}

#[test]
fn markdown_holds_nothing_but_its_own_markup() {
    let told = Told::new(vec![files().pop().unwrap()]);
    let text = told.write("md");
    insta::assert_snapshot!("md", text);
    for line in text.lines().filter(|line| line.starts_with("| error")) {
        assert_eq!(line.matches('|').count(), 4, "{line}");
    }
    assert!(Told::broken().write("md").contains("\n... and "));
}

#[test]
fn secrets_are_not_repeated() {
    let broken: Vec<_> = files()
        .into_iter()
        .filter(|(path, _)| path.contains("command_password") || path.contains("private_key"))
        .collect();
    let told = Told::new(broken);
    assert_eq!(told.set.findings.iter().filter(|finding| finding.code == "DR0501").count(), 4);
    for format in render::FORMATS {
        let text = told.write(format.name);
        for secret in ["hunter2", "correct-horse", "b3JkZXJsaW5lc3Nk", "MIIBOgIBAAJB"] {
            assert!(!text.contains(secret), "{} shows {secret}", format.name);
        }
    }
}

#[test]
fn a_secret_is_shown_in_no_format_whatever_is_found_about_it() {
    let host = |metadata: &str, spec: &str| {
        format!("apiVersion: standin/v1alpha1\nkind: Host\nmetadata: {{name: mx1, {metadata}}}\nspec: {{{spec}}}\n")
    };
    let allow = "annotations: {standin/allow: 'DR0501: it is old', password: G3HE1M}";
    for text in [
        host("annotations: {password: G3HE1M}", "replicationAddress: a b"),
        host(allow, "replicationAddress: a b"),
        host("annotations: {password: 0737373}", "replicationAddress: a"),
        host("labels: {a: b}", "replicationAddress: a, password: G3HE1M"),
        host("labels: {a: b}", "replicationAddress: 'https://u:G3HE1M@h/'"),
        host("labels: {a: b}", "replicationAddress: a, password: G3HE1M,\n  more: [1"),
        host("labels: {a: b}", "replicationAddress: a").replace("kind: Host", "kind: Hst\npassword: G3HE1M"),
    ] {
        let files = [("a.yaml", text.as_str())];
        let mut set = read(&files);
        assert!(!(set.findings.is_empty() && set.accepted.is_empty()), "{text}");
        for left_out in ["", "DR0501"] {
            set.findings.retain(|finding| finding.code != left_out);
            for format in render::FORMATS {
                let shown = (format.write)(&Report::new(&set, &files));
                assert!(!shown.contains("G3HE1M") && !shown.contains("0737373"), "{}\n{shown}", format.name);
            }
        }
    }
}

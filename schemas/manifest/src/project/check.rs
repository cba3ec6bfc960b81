//! What there is to say about `standin.yaml` itself.

use super::{Loaded, ProjectSpec};
use crate::{
    codes,
    escape::quoted,
    finding::{Finding, Severity, Span},
    object::mended,
    read::spoilt,
    schema::{self, Checked},
    suggest,
    tree::{Node, child},
};
use model::object::API_VERSION;

/// Whether a document is a project.
pub fn is_project(root: &Node) -> bool {
    root.get("kind").and_then(Node::string) == Some("Project")
}

/// What the schema, and the project itself, say about a document that is a project.
pub fn check(file: usize, root: &Node) -> Checked {
    let mut checked = schema::check_project(file, root);
    spoilt(root, "", &mut checked.bad);
    version(file, root, &mut checked);
    let label = |finding: &mut Finding| finding.object = Some(("Project".to_owned(), String::new()));
    let spec = decode(root, &checked);
    contexts(file, root, &spec, &mut checked.findings);
    accepted(file, root, &spec, &mut checked.findings);
    checked.findings.iter_mut().for_each(label);
    checked
}

/// What the project says, as far as it can be understood.
pub fn decode(root: &Node, checked: &Checked) -> ProjectSpec {
    let value = mended(root, schema::project_schema(), &checked.bad);
    value.get("spec").and_then(|spec| serde_json::from_value(spec.clone()).ok()).unwrap_or_default()
}

fn version(file: usize, root: &Node, checked: &mut Checked) {
    let Some(entry) = root.entry("apiVersion").filter(|entry| !entry.node.spoilt) else { return };
    if entry.node.string() == Some(API_VERSION) {
        return;
    }
    let span = if entry.node.is_scalar() { entry.node.span.clone() } else { entry.key_span.clone() };
    let written = quoted(entry.node.text().unwrap_or_default());
    checked.findings.push(
        Finding::error("DR0106", file, span.clone(), format!("unknown apiVersion {written}"))
            .label(format!("this build reads `{API_VERSION}`"))
            .at("/apiVersion")
            .fix(false, span, API_VERSION),
    );
}

/// A context belongs to an overlay.
fn contexts(file: usize, root: &Node, spec: &ProjectSpec, findings: &mut Vec<Finding>) {
    let Some((node, _)) = root.find("/spec/context") else { return };
    let known: Vec<&str> = spec.overlays.keys().map(String::as_str).collect();
    for entry in node.map().iter().filter(|entry| !known.contains(&entry.key.as_str())) {
        let message = format!("no overlay named {}", quoted(&entry.key));
        let finding =
            Finding::error("DR0705", file, entry.key_span.clone(), message).at(child("/spec/context", &entry.key));
        findings.push(match suggest::closest(&entry.key, known.iter().copied()) {
            Some(meant) => finding.label(format!("did you mean `{meant}`?")).fix(false, entry.key_span.clone(), meant),
            None if known.is_empty() => finding.label("the project has no overlays"),
            None => finding.label("no such overlay").note(format!("overlays: {}", known.join(", "))),
        });
    }
}

/// Only codes that exist can be accepted.
fn accepted(file: usize, root: &Node, spec: &ProjectSpec, findings: &mut Vec<Finding>) {
    for (index, accepted) in spec.lint.ignore.iter().enumerate() {
        let pointer = child(&child("/spec/lint/ignore", index), "code");
        let Some(span) = root.spot(&pointer).filter(|_| accepted.code.starts_with("DR")) else { continue };
        if codes::explain(&accepted.code).is_some() {
            continue;
        }
        let message = format!("there is no code {}", quoted(&accepted.code));
        let finding = Finding::error("DR0105", file, span.clone(), message).at(pointer);
        let all = codes::ALL.iter().map(|(code, ..)| *code);
        findings.push(match suggest::closest(&accepted.code, all) {
            Some(meant) => finding.label(format!("did you mean `{meant}`?")).fix(false, span, meant),
            None => finding.label("standin explain lists all codes"),
        });
    }
}

/// The places of what `load` looks at, and what it has to say.
pub struct Notes<'a> {
    pub root: &'a Node,
    pub loaded: &'a mut Loaded,
}

impl Notes<'_> {
    fn span(&self, pointer: &str) -> Span {
        let written = self.root.spot(pointer).or_else(|| self.root.spot("/spec/include"));
        written.or_else(|| self.root.spot("/spec")).unwrap_or(0..0)
    }

    fn say(&mut self, code: &'static str, pointer: &str, severity: Severity, message: String, label: &str, help: &str) {
        let mut finding = Finding::error(code, 0, self.span(pointer), message).severity(severity).at(pointer);
        finding.object = Some(("Project".to_owned(), String::new()));
        finding = if label.is_empty() { finding } else { finding.label(label) };
        self.loaded.findings.push(if help.is_empty() { finding } else { finding.help(help) });
    }

    /// A glob, or the directory of an overlay, without a manifest.
    pub fn nothing(&mut self, pointer: &str, what: &str) {
        let help = "check the spelling; directories of overlays and other projects, hidden names and other endings \
                    than .yaml and .yml are left out";
        let message = format!("{what} matches no manifest");
        self.say("DR0701", pointer, Severity::Warning, message, "nothing is read for this", help);
    }

    /// Something that must not be read.
    pub fn outside(&mut self, pointer: &str, path: &str) {
        let message = format!("{} is not read", quoted(path));
        let help = "manifests are regular files below the directory of standin.yaml";
        self.say("DR0704", pointer, Severity::Error, message, "leads out of the project", help);
    }

    pub fn not_regular(&mut self, pointer: &str, path: &str) {
        let message = format!("{} is not read", quoted(path));
        let help = "manifests are regular files below the directory of standin.yaml";
        self.say("DR0704", pointer, Severity::Error, message, "it is not a regular file", help);
    }

    pub fn not_a_glob(&mut self, pointer: &str, glob: &str, why: &str) {
        self.say("DR0217", pointer, Severity::Error, format!("{} is not a pattern", quoted(glob)), why, "");
    }

    pub fn no_directory(&mut self, pointer: &str, path: &str) {
        let message = format!("{} is no directory of the project", quoted(path));
        self.say("DR0705", pointer, Severity::Error, message, "an overlay is a directory of its own", "");
    }

    /// Something else than one project in the project file.
    pub fn not_alone(&mut self, span: Span, message: &str, label: &str) {
        let mut finding = Finding::error("DR0706", 0, span, message).label(label);
        finding.object = Some(("Project".to_owned(), String::new()));
        self.loaded.findings.push(finding.help("put objects into files that `include` names"));
    }
}

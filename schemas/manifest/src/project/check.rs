//! What there is to say about `standin.yaml` itself.

use super::{FailOn, Loaded, ProjectSpec};
use crate::{
    escape::quoted,
    finding::{Finding, Severity, Span},
    lint_settings::{Accepted, Date, LintSettings},
    object::mended,
    read::spoilt,
    schema::{self, Checked},
    suggest,
    tree::{Node, child, readable},
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
    let label = |finding: &mut Finding| {
        finding.object = Some(("Project".to_owned(), String::new()));
        finding.readable = readable(root, &finding.path);
    };
    let spec = decode(root, &checked);
    contexts(file, root, &spec, &mut checked.findings);
    until(file, root, &spec, &mut checked.findings);
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

/// A day that is no day would never come; which codes can be accepted is said where they are applied.
fn until(file: usize, root: &Node, spec: &ProjectSpec, findings: &mut Vec<Finding>) {
    for (index, accepted) in spec.lint.ignore.iter().enumerate() {
        let Some(day) = accepted.until.as_ref().filter(|day| day.parse::<Date>().is_err()) else { continue };
        let pointer = child(&child("/spec/lint/ignore", index), "until");
        let Some(span) = root.spot(&pointer) else { continue };
        let finding = Finding::error("DR0105", file, span, format!("there is no day {}", quoted(day)));
        findings.push(finding.label("year, month and day, as in \"2027-03-01\"").at(pointer));
    }
}

/// What the project says about findings, each with its place in the file `file`.
pub fn lint(file: usize, root: &Node, spec: &ProjectSpec) -> LintSettings {
    let fail_on = match spec.lint.fail_on {
        FailOn::Error => Severity::Error,
        FailOn::Warning => Severity::Warning,
    };
    let accepted = |(index, accepted): (usize, &super::Accepted)| Accepted {
        code: accepted.code.clone(),
        reason: accepted.reason.clone(),
        until: accepted.until.as_ref().and_then(|day| day.parse().ok()),
        place: root.spot(&child(&child("/spec/lint/ignore", index), "code")).map(|span| (file, span)),
    };
    // What the schema refuses already has no code to be looked for.
    let usable = spec.lint.ignore.iter().enumerate().filter(|(_, accepted)| accepted.code.starts_with("DR"));
    LintSettings { fail_on, accepted: usable.map(accepted).collect() }
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

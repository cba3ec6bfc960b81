//! Warnings that people live with: accepted on one object by an annotation, or for a whole project, always with a
//! reason, never for ever unless they say so. Errors cannot be accepted.

use crate::{
    codes,
    finding::{Finding, Severity, Span, sort},
    lints::Item,
    read::Set,
};
pub use jiff::civil::Date;
use std::collections::HashMap;

/// The annotation with which an object accepts warnings about itself: a line `CODE: reason` for each.
pub const ALLOW: &str = "standin/allow";

const ALLOW_POINTER: &str = "/metadata/annotations/standin~1allow";

/// How strictly a project is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintSettings {
    /// The least severity that makes the answer a no.
    pub fail_on: Severity,
    pub accepted: Vec<Accepted>,
}

impl Default for LintSettings {
    fn default() -> Self {
        Self { fail_on: Severity::Error, accepted: Vec::new() }
    }
}

/// One code that a project accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    pub code: String,
    pub reason: String,
    /// The last day on which it holds.
    pub until: Option<Date>,
    /// Where it is written: index of the file and bytes in it. Without one, what is wrong with it is said in words.
    pub place: Option<(usize, Span)>,
}

/// A finding that somebody lives with.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptedFinding {
    pub finding: Finding,
    pub reason: String,
}

impl LintSettings {
    /// Whether the answer about a set is no.
    pub fn fails(&self, set: &Set) -> bool {
        set.findings.iter().any(|finding| finding.severity <= self.fail_on)
    }

    /// Takes out of a set what is accepted on the day `today`, and adds findings about what does not hold; gives the
    /// same in words where the settings do not say where they are written.
    pub fn apply(&self, set: &mut Set, today: Date) -> Vec<String> {
        let mut words = Vec::new();
        for accepted in &self.accepted {
            if let Some(finding) = accepted.apply(set, today) {
                match accepted.place {
                    Some(_) => set.findings.push(finding),
                    None => words.push(format!("accepted {}: {}", accepted.code, finding.message)),
                }
            }
        }
        sort(&mut set.findings);
        words
    }
}

impl Accepted {
    /// Takes its findings out of the set; answers with what is wrong with itself.
    fn apply(&self, set: &mut Set, today: Date) -> Option<Finding> {
        let (file, span) = self.place.clone().unwrap_or_default();
        if let Some(finding) = unusable(&self.code, &self.reason, file, &span) {
            return Some(finding);
        }
        let expired = self.until.is_some_and(|until| until < today);
        let (mut met, mut errors) = (0, 0);
        let mut kept = Vec::with_capacity(set.findings.len());
        for mut finding in std::mem::take(&mut set.findings) {
            let same = finding.code.eq_ignore_ascii_case(&self.code);
            match (same, finding.severity) {
                (true, Severity::Error) => errors += 1,
                (true, _) => met += 1,
                (false, _) => {}
            }
            match (same && finding.severity != Severity::Error, expired) {
                (true, false) => set.accepted.push(AcceptedFinding { finding, reason: self.reason.clone() }),
                (true, true) => {
                    let until = self.until.map(|date| date.to_string()).unwrap_or_default();
                    finding.notes.push(format!("it was accepted until {until} ({}), and that is over", self.reason));
                    kept.push(finding);
                }
                (false, _) => kept.push(finding),
            }
        }
        set.findings = kept;
        match (met, errors) {
            (0, 0) => Some(nothing(&self.code, file, span)),
            (0, _) => Some(an_error(&self.code, file, span)),
            _ => None,
        }
    }
}

/// Most lines of one annotation that are looked at; there are not so many codes.
const LINES_MAX: usize = 100;

/// A line of an object's annotation, and what it met.
struct Allowance<'a> {
    item: &'a Item,
    span: Span,
    code: &'a str,
    reason: &'a str,
    met: bool,
    errors: bool,
}

/// Applies the annotations of all objects.
pub(crate) fn annotations(items: &[Item], findings: &mut Vec<Finding>, accepted: &mut Vec<AcceptedFinding>) {
    let mut own = Vec::new();
    let mut allowances: HashMap<_, Vec<Allowance<'_>>> = HashMap::new();
    for item in items {
        let usable = allowances_of(item, &mut own);
        if !usable.is_empty() {
            allowances.entry((item.file, format!("{}/{}", item.kind, item.name))).or_default().extend(usable);
        }
    }
    if allowances.is_empty() {
        return findings.append(&mut own);
    }
    let mut kept = Vec::with_capacity(findings.len());
    for finding in findings.drain(..) {
        let about = finding.object.as_ref().map(|(kind, name)| (finding.file, format!("{kind}/{name}")));
        let list = about.and_then(|about| allowances.get_mut(&about));
        let line = list.and_then(|list| list.iter_mut().find(|line| line.code.eq_ignore_ascii_case(finding.code)));
        match line {
            Some(line) if finding.severity != Severity::Error => {
                line.met = true;
                accepted.push(AcceptedFinding { reason: line.reason.to_owned(), finding });
            }
            line => {
                line.into_iter().for_each(|line| line.errors = true);
                kept.push(finding);
            }
        }
    }
    kept.append(&mut own);
    kept.extend(allowances.into_values().flatten().filter(|line| !line.met).map(|line| line.idle()));
    *findings = kept;
}

/// The lines of an object's annotation that can take effect; of the others it is said what is wrong.
fn allowances_of<'a>(item: &'a Item, findings: &mut Vec<Finding>) -> Vec<Allowance<'a>> {
    let Some(text) = item.object.metadata().annotations.get(ALLOW) else { return Vec::new() };
    let Some(span) = item.place(ALLOW_POINTER).span() else { return Vec::new() };
    let mut usable = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()).take(LINES_MAX) {
        let (code, reason) = line.split_once(':').unwrap_or((line, ""));
        let (code, reason, span) = (code.trim(), reason.trim(), span.clone());
        match unusable(code, reason, item.file, &span) {
            Some(finding) => findings.push(finding.of(item.kind, &item.name).at(ALLOW_POINTER)),
            None => usable.push(Allowance { item, span, code, reason, met: false, errors: false }),
        }
    }
    usable
}

impl Allowance<'_> {
    /// Says that it has taken nothing out.
    fn idle(self) -> Finding {
        let (file, span) = (self.item.file, self.span);
        let finding = if self.errors { an_error(self.code, file, span) } else { nothing(self.code, file, span) };
        finding.of(self.item.kind, &self.item.name).at(ALLOW_POINTER)
    }
}

/// What is wrong with an acceptance, whatever is found.
fn unusable(code: &str, reason: &str, file: usize, span: &Span) -> Option<Finding> {
    let finding = |message: String| Finding::error("DR0111", file, span.clone(), message);
    let Some((known, ..)) = codes::ALL.iter().find(|(known, ..)| known.eq_ignore_ascii_case(code)) else {
        let found = finding(format!("there is no code {}", crate::escape::quoted(code)));
        return Some(match codes::closest(code) {
            Some(meant) => found.label(format!("did you mean `{meant}`?")),
            None => found.label("write it as in `DR0214: why it does not matter here`"),
        });
    };
    reason.trim().is_empty().then(|| {
        finding(format!("{known} is accepted without a reason"))
            .label("say why it does not matter here")
            .help(format!("write \"{known}: why it does not matter here\""))
    })
}

fn an_error(code: &str, file: usize, span: Span) -> Finding {
    Finding::error("DR0111", file, span, format!("{code} is an error here, and errors cannot be accepted"))
        .label("does not take effect")
}

fn nothing(code: &str, file: usize, span: Span) -> Finding {
    Finding::error("DR0112", file, span, format!("{code} is accepted, and nothing of that code is found"))
        .severity(Severity::Note)
        .label("can be removed")
}

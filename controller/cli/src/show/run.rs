//! A run as a list of its steps, live or finished, and what is true when it is over.

use crate::output::{Clock, Style, Tone, amount};
use model::view::{RunState, RunView, StepView};

/// `run r-7q4k   started 09:33:02 by anna`
pub fn heading(run: &RunView, clock: &Clock, style: Style) -> String {
    let id = style.paint(Tone::Strong, &format!("run {}", run.id));
    let by = if run.by.is_empty() { String::new() } else { format!(" by {}", run.by) };
    format!("{id}   {} {}, {}, started {}{by}", run.verb, run.scenario, run.title, clock.when(run.started))
}

/// One line for each step.
pub fn steps(run: &RunView, clock: &Clock, style: Style) -> Vec<String> {
    let number = run.steps.iter().map(|step| step.path.chars().count()).max().unwrap_or(1);
    let width = run.steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
    run.steps.iter().map(|step| step_line(step, number, width, clock, style)).collect()
}

fn step_line(step: &StepView, number: usize, width: usize, clock: &Clock, style: Style) -> String {
    let (mark, tone, word) = mark(&step.state, style);
    let took = match (step.started, step.finished) {
        (Some(started), Some(finished)) => amount::took(finished.since(started)),
        (Some(started), None) if step.state != "untouched" => amount::took(clock.now().since(started)),
        _ => String::new(),
    };
    let note = step.note.replace('\n', " ");
    let note = match (word.is_empty(), note.is_empty()) {
        (true, _) => note,
        (false, true) => word.to_owned(),
        (false, false) => format!("{word}: {note}"),
    };
    let plain = format!(" {:>number$} {:<width$}  {took:>7}   {note}", step.path, step.name);
    format!("  {}{}", style.paint(tone, mark), plain.trim_end())
}

/// Mark, tone and, where the mark alone could be misread, a word.
fn mark(state: &str, style: Style) -> (&'static str, Tone, &'static str) {
    match state {
        "reached" => (style.mark("✓", "+"), Tone::Good, ""),
        "asked" => (style.mark("▶", ">"), Tone::Strong, ""),
        "failed" => (style.mark("✗", "x"), Tone::Bad, "failed"),
        "skipped" => ("-", Tone::Warn, "skipped"),
        "undoing" => ("<", Tone::Warn, "being undone"),
        "undone" => ("<", Tone::Warn, "undone"),
        "undoFailed" => (style.mark("✗", "x"), Tone::Bad, "could not be undone"),
        _ => (style.mark("·", "."), Tone::Faint, ""),
    }
}

/// The last line while the run goes on.
pub fn footer(run: &RunView, clock: &Clock, style: Style) -> String {
    let took = amount::took(clock.now().since(run.started));
    style.paint(Tone::Faint, &format!("  {took} so far          Ctrl-C detaches, the run goes on"))
}

/// What is true when the run is over or waits for a person.
pub fn conclusion(run: &RunView, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(question) = &run.question {
        lines.push(style.paint(Tone::Warn, &format!("Run {} waits for a person.", run.id)));
        lines.push(format!("  question   {}", question.replace('\n', " ")));
        lines.extend(labelled("true now", &run.true_now));
        lines.extend(labelled("yes", run.choices.get(..1).unwrap_or_default()));
        lines.extend(labelled("no", run.choices.get(1..).unwrap_or_default()));
        return lines;
    }
    if run.state != RunState::Done {
        let how = match run.state {
            RunState::Paused => "is paused",
            RunState::RolledBack => "was taken back",
            RunState::Stuck => "is stuck: it is over and needs a person",
            RunState::Running | RunState::Done => "goes on",
        };
        let place = if crossed(run) { " after the point of no return" } else { "" };
        let place = if run.state == RunState::RolledBack { "" } else { place };
        lines.push(style.paint(Tone::Bad, &format!("Run {} {how}{place}.", run.id)));
        lines.extend(run.why.iter().map(|why| format!("  because    {why}")));
        lines.extend(labelled("true now", &run.true_now));
        lines.extend(labelled("choices", &run.choices));
        return lines;
    }
    let took = run.finished.map_or_else(String::new, |at| format!(" in {}", amount::took(at.since(run.started))));
    lines.push(style.paint(Tone::Good, &format!("{} {} done{took}.", run.verb, run.scenario)));
    lines.extend(labelled("true now", &run.true_now));
    lines.extend(labelled("next", &run.choices));
    lines
}

fn labelled(label: &str, items: &[String]) -> Vec<String> {
    let label_at = |at: usize| if at == 0 { label } else { "" };
    items.iter().enumerate().map(|(at, item)| format!("  {:<9}  {item}", label_at(at))).collect()
}

/// Whether a step that cannot be undone was asked: from then on there is no way back.
pub fn crossed(run: &RunView) -> bool {
    run.steps.iter().any(|step| step.point_of_no_return && !matches!(step.state.as_str(), "untouched" | "skipped"))
}

/// How to go on with a run this terminal does not follow any more.
pub fn detached(run: &RunView) -> Vec<String> {
    let (id, verb) = (&run.id, &run.verb);
    let mut lines = vec![
        format!("Detached. Run {id} ({verb} {}) goes on.", run.scenario),
        format!("  see it    standin run attach {id}"),
    ];
    if !crossed(run) {
        lines.push(format!("  stop it   standin run abort {id}"));
    }
    lines
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use model::Timestamp;

    /// 2026-11-20T08:33:02Z
    pub const START: u64 = 1_795_163_582_000;

    pub fn step(path: &str, name: &str, state: &str, ms: Option<(u64, Option<u64>)>, note: &str) -> StepView {
        StepView {
            path: path.into(),
            name: name.into(),
            state: state.into(),
            point_of_no_return: name == "make active",
            started: ms.map(|(from, _)| Timestamp(START + from)),
            finished: ms.and_then(|(_, to)| to).map(|to| Timestamp(START + to)),
            note: note.into(),
            ..StepView::default()
        }
    }

    pub fn running() -> RunView {
        RunView {
            id: "r-7q4k".into(),
            scenario: "mail".into(),
            verb: "switchover".into(),
            title: "mx1 -> dublin (mx2)".into(),
            by: "anna".into(),
            started: Timestamp(START),
            steps: vec![
                step("1", "stop services", "reached", Some((0, Some(13_100))), "dovecot 4.9s, postfix 8.2s"),
                step("2", "drain", "reached", Some((13_100, Some(14_800))), "spool empty on both sides"),
                step("3", "make active", "asked", Some((14_800, None)), ""),
                step("4", "start services", "untouched", None, ""),
            ],
            ..RunView::default()
        }
    }

    pub fn paused() -> RunView {
        let mut run = running();
        run.state = RunState::Paused;
        run.why = Some("step 4 failed".into());
        run.steps[2] = step("3", "make active", "reached", Some((14_800, Some(15_700))), "mx1 fenced");
        run.steps[3] = step("4", "start services", "failed", Some((15_700, Some(77_700))), "dovecot:\nno certificate");
        run.true_now = vec!["mx2 is active; dovecot does not run there".into(), "no data is lost".into()];
        run.choices = vec!["repair, then   standin run resume r-7q4k".into()];
        run
    }

    fn text(run: &RunView, style: Style) -> String {
        let clock = Clock::standing_at(Timestamp(START + 23_100));
        let mut lines = vec![heading(run, &clock, style)];
        lines.extend(steps(run, &clock, style));
        lines.push(footer(run, &clock, style));
        lines.extend(conclusion(run, style));
        lines.join("\n")
    }

    #[test]
    fn live() {
        insta::assert_snapshot!(text(&running(), Style::default()));
        assert!(text(&running(), Style { ascii: true, color: false }).is_ascii());
    }

    #[test]
    fn failed_after_the_point_of_no_return() {
        insta::assert_snapshot!(text(&paused(), Style::default()));
    }

    #[test]
    fn a_step_that_was_asked_counts_as_crossed() {
        let mut run = running();
        assert!(crossed(&run));
        run.steps[2].state = "untouched".into();
        assert!(!crossed(&run));
    }

    #[test]
    fn an_abort_is_offered_only_while_there_is_a_way_back() {
        let mut run = running();
        assert!(!detached(&run).iter().any(|line| line.contains("abort")));
        run.steps[2].state = "untouched".into();
        assert!(detached(&run).iter().any(|line| line.contains("standin run abort r-7q4k")));
    }

    #[test]
    fn a_question_has_its_answers() {
        let mut run = paused();
        run.question = Some("The help desk knows?".into());
        run.choices = vec!["standin run resume r-7q4k".into(), "standin run abort r-7q4k".into()];
        let expected = [
            "Run r-7q4k waits for a person.",
            "  question   The help desk knows?",
            "  true now   mx2 is active; dovecot does not run there",
            "             no data is lost",
            "  yes        standin run resume r-7q4k",
            "  no         standin run abort r-7q4k",
        ];
        assert_eq!(conclusion(&run, Style::default()), expected);
    }

    #[test]
    fn done() {
        let mut run = running();
        run.state = RunState::Done;
        run.finished = Some(Timestamp(START + 29_600));
        run.true_now = vec!["mail is active on mx2".into(), "no data is lost".into()];
        run.choices = vec!["standin resume mail --reverse".into(), "standin switchback mail".into()];
        let expected = [
            "switchover mail done in 29.6s.",
            "  true now   mail is active on mx2",
            "             no data is lost",
            "  next       standin resume mail --reverse",
            "             standin switchback mail",
        ];
        assert_eq!(conclusion(&run, Style::default()), expected);
    }
}

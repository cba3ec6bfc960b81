//! A plan before anything is done.

use crate::output::{Style, Tone};
use model::view::PlanView;

pub fn lines(plan: &PlanView, style: Style) -> Vec<String> {
    let mut lines = vec![format!("scenario {}, {}, {}", plan.scenario, plan.verb, plan.title)];
    if !plan.checks.is_empty() {
        lines.extend([String::new(), "Checks (the same the run will repeat)".to_owned()]);
        let mark = style.paint(Tone::Good, style.mark("✓", "+"));
        lines.extend(plan.checks.iter().map(|check| format!("  {mark} {check}")));
    }
    if !plan.losses.is_empty() {
        lines.extend([String::new(), style.paint(Tone::Bad, "What will be lost or set aside")]);
        let mark = style.paint(Tone::Bad, "!");
        lines.extend(plan.losses.iter().map(|loss| format!("  {mark} {loss}")));
    }
    lines.extend([String::new(), "What will happen".to_owned()]);
    lines.extend(steps(plan, style));
    lines
}

fn steps(plan: &PlanView, style: Style) -> Vec<String> {
    let title =
        |step: &model::view::StepView| if step.title.is_empty() { step.name.clone() } else { step.title.clone() };
    let number = plan.steps.iter().map(|step| step.path.chars().count()).max().unwrap_or(0).max(2);
    let width = plan.steps.iter().map(|step| title(step).chars().count()).max().unwrap_or(0);
    let rule = style.mark("── point of no return ──", "-- point of no return --");
    let line = |step: &model::view::StepView| {
        let plain = format!("  {:>number$}  {}", step.path, title(step));
        if !step.point_of_no_return {
            return plain;
        }
        let pad = " ".repeat(width - title(step).chars().count() + 4);
        format!("{plain}{pad}{}", style.paint(Tone::Warn, rule))
    };
    plan.steps.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::view::StepView;

    #[test]
    fn a_switchover() {
        let step = |path: &str, title: &str, point_of_no_return| StepView {
            path: path.into(),
            title: title.into(),
            point_of_no_return,
            ..StepView::default()
        };
        let plan = PlanView {
            scenario: "mail".into(),
            verb: "switchover".into(),
            title: "mx1 -> dublin (mx2)".into(),
            checks: vec!["mx1 and mx2 connected".into(), "dublin 0.8s behind; all of it can be drained".into()],
            losses: vec!["what mx1 wrote after 09:28:41".into()],
            steps: vec![
                step("1", "stop dovecot, postfix on mx1", false),
                step("2", "make mx2 active", true),
                step("3", "start postfix, dovecot on mx2", false),
            ],
            ..PlanView::default()
        };
        insta::assert_snapshot!(lines(&plan, Style::default()).join("\n"));
        let ascii = lines(&plan, Style { ascii: true, color: false }).join("\n");
        assert!(ascii.is_ascii() && ascii.contains("-- point of no return --"), "{ascii}");
    }
}

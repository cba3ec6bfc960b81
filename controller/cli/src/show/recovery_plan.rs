//! RecoveryPlans: the list, and everything about one.

use crate::output::{Cell, Style, Table, Tone};
use model::recovery_plan::{Action, Given, Parameter, PlanStep, RunScript, ToReplica};
use wire::api::{StoredPlan, StoredScenario};

pub fn table(items: &[StoredPlan], wide: bool) -> Table {
    let columns = ["NAME", "SCENARIO", "FOR", "STEPS", "GENERATION", "DESCRIPTION"];
    let mut table = Table::new(if wide { &columns } else { &columns[..4] });
    for item in items {
        let spec = &item.spec;
        let mut row: Vec<Cell> = vec![
            item.metadata.name.as_str().into(),
            spec.scenario.as_str().into(),
            spec.purpose.as_str().into(),
            spec.steps.len().to_string().into(),
        ];
        if wide {
            row.push(item.metadata.generation.unwrap_or(1).to_string().into());
            row.push(spec.description.as_ref().map_or_else(Cell::none, |text| text.as_str().into()));
        }
        table.row(row);
    }
    table
}

/// The page of one plan; `scenarios` tell who follows it.
pub fn lines(item: &StoredPlan, scenarios: &[StoredScenario], style: Style) -> Vec<String> {
    let (name, spec) = (&item.metadata.name, &item.spec);
    let heading = [style.paint(Tone::Strong, name), spec.description.clone().unwrap_or_default()].join("   ");
    let generation = item.metadata.generation.unwrap_or(1);
    let mut lines = vec![
        heading.trim_end().to_owned(),
        format!("  for a {} of {}, generation {generation}", spec.purpose, spec.scenario),
    ];
    let followed =
        |scenario: &&StoredScenario| scenario.spec.switchover.plan.as_ref().is_some_and(|p| p.as_str() == name);
    let by = scenarios.iter().find(followed).map(|scenario| &scenario.metadata.name);
    lines.push(match by {
        Some(scenario) => format!("  every switchover of {scenario} follows it, unless another plan is named"),
        None => format!("  followed only when named:  {}", command(item)),
    });
    let mut section = |title: &str, table: &Table| {
        if !table.is_empty() {
            lines.extend([String::new(), style.paint(Tone::Strong, title)]);
            lines.extend(table.render(style));
        }
    };
    section("Parameters", &parameters(&spec.parameters));
    section("Steps", &steps(&spec.steps));
    let mut next = Table::new(&[]).without_header().indented(2);
    let show = format!("standin plan show {} --for {} --plan {name}{}", spec.scenario, spec.purpose, wanted(item));
    next.row(vec![show.into()]);
    section("Next", &next);
    lines
}

fn command(item: &StoredPlan) -> String {
    let spec = &item.spec;
    format!("standin {} {} --plan {}{}", spec.purpose, spec.scenario, item.metadata.name, wanted(item))
}

/// What has to be given.
fn wanted(item: &StoredPlan) -> String {
    let required = item.spec.parameters.iter().filter(|parameter| parameter.default.is_none());
    required.map(|parameter| format!(" --set {}={}", parameter.name, parameter.kind.as_str().to_uppercase())).collect()
}

fn parameters(parameters: &[Parameter]) -> Table {
    let mut table = Table::new(&[]).without_header().indented(2);
    for parameter in parameters {
        let value =
            parameter.default.as_ref().map_or_else(|| "required".to_owned(), |value| format!("default {value}"));
        table.row(vec![
            parameter.name.as_str().into(),
            parameter.kind.as_str().into(),
            value.into(),
            parameter.description.clone().unwrap_or_default().into(),
        ]);
    }
    table
}

fn steps(steps: &[PlanStep]) -> Table {
    let mut table = Table::new(&[]).without_header().indented(2);
    for (at, step) in steps.iter().enumerate() {
        table.row(vec![(at + 1).to_string().into(), step.name.as_str().into(), what(step).into(), how(step).into()]);
    }
    table
}

/// What a step does.
fn what(step: &PlanStep) -> String {
    let at = step.host.as_ref().map_or(String::new(), |host| format!(" on {}", given(host)));
    let to = |to: &ToReplica| to.replica.as_ref().map_or_else(|| "target".to_owned(), given);
    match step.action() {
        None => String::new(),
        Some(Action::Approve(approve)) => format!("ask a person: {}", approve.message),
        Some(Action::StopServices) => format!("stop services{at}"),
        Some(Action::WaitForDrain(drain)) => format!("drain to {}", to(drain)),
        Some(Action::SetActive(active)) => format!("make {} active", to(active)),
        Some(Action::StartServices) => format!("start services{at}"),
        Some(Action::Check(check)) if check.checks.is_empty() => format!("run all checks{at}"),
        Some(Action::Check(check)) => format!("check {}{at}", check.checks.join(", ")),
        Some(Action::Redirect(redirect)) => {
            let points: Vec<&str> = redirect.apply.iter().map(|point| point.as_str()).collect();
            format!("redirect {}", points.join(", "))
        }
        Some(Action::Run(run)) => format!("run {}{at}", script(run)),
        Some(Action::ReverseReplication) => "replicate to home until equal".to_owned(),
    }
}

fn script(run: &RunScript) -> String {
    run.command.iter().map(given).collect::<Vec<_>>().join(" ")
}

fn given(given: &Given) -> String {
    match given {
        Given::Text(text) => text.clone(),
        Given::FromParameter(name) => format!("<{name}>"),
    }
}

/// How it is carried out, where the plan says so.
fn how(step: &PlanStep) -> String {
    let mut said = Vec::new();
    said.extend(step.timeout.map(|timeout| format!("timeout {timeout}")));
    said.extend(step.retries.map(|retries| format!("{} retries every {}", retries.max, retries.delay)));
    said.extend(step.on_failure.map(|answer| format!("on failure {}", answer.as_str())));
    said.extend(step.undo.as_ref().map(|undo| format!("undone by {}", script(&undo.run))));
    said.extend(step.always.then(|| "always".to_owned()));
    let moves = step.set_active.is_some() || step.point_of_no_return == Some(true);
    said.extend(moves.then(|| "point of no return".to_owned()));
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> StoredPlan {
        let text = r#"{
            "scenario": "mail", "purpose": "switchover", "description": "Mail moves once the help desk knows",
            "parameters": [{"name": "ticket", "type": "text", "required": true, "description": "The change"},
                           {"name": "to", "type": "replica", "default": "dublin"}],
            "steps": [
                {"name": "ask", "approve": {"message": "The help desk knows?"}, "timeout": "30m"},
                {"name": "announce", "host": "active", "run": {"command": ["announce", {"fromParameter": "ticket"}]},
                 "undo": {"run": {"command": ["announce", "--end"]}}},
                {"name": "stop", "stopServices": {}},
                {"name": "drain", "waitForDrain": {}},
                {"name": "make-active", "setActive": {"replica": {"fromParameter": "to"}}},
                {"name": "check", "check": {"checks": ["smtp"]}, "retries": {"max": 3, "delay": "5s"}},
                {"name": "forwarder", "redirect": {"apply": ["forwarder"]}, "onFailure": "continue"}
            ]}"#;
        let metadata = model::Metadata { name: "mail-quiet".into(), generation: Some(3), ..model::Metadata::default() };
        StoredPlan { metadata, spec: serde_json::from_str(text).unwrap(), ..StoredPlan::default() }
    }

    #[test]
    fn a_plan_in_the_list_and_on_its_page() {
        let list = table(&[plan()], false).render(Style::default());
        let wide = table(&[plan()], true).render(Style::default());
        let mut follows = StoredScenario::default();
        follows.metadata.name = "mail".into();
        follows.spec.switchover.plan = Some("mail-quiet".into());
        let page = lines(&plan(), &[], Style::default());
        let followed = lines(&plan(), &[follows], Style::default());
        assert_eq!(followed[2], "  every switchover of mail follows it, unless another plan is named");
        insta::assert_snapshot!([list, wide, page].map(|lines| lines.join("\n")).join("\n\n"));
    }
}

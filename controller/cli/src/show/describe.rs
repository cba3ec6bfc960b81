//! One object as a page: conditions first, reasons in words.

use super::lists::{event_cells, lag, word};
use crate::output::{Cell, Clock, Style, Table, Tone, amount, style::tone_of_health, time::utc};
use model::{
    Role, Timestamp,
    object::AppliedFrom,
    view::{Condition, EventView, MemberView, RunView, ScenarioState, ScenarioView},
};
use wire::api::{StoredHost, StoredScenario};

/// A page of sections, each with its own indented lines.
struct Page {
    lines: Vec<String>,
    style: Style,
}

impl Page {
    fn section(&mut self, title: &str, table: &Table) {
        if !table.is_empty() {
            self.lines.extend([String::new(), self.style.paint(Tone::Strong, title)]);
            self.lines.extend(table.render(self.style));
        }
    }
}

fn table() -> Table {
    Table::new(&[]).without_header().indented(2)
}

pub fn scenario(item: &StoredScenario, events: &[EventView], clock: &Clock, style: Style) -> Vec<String> {
    let (name, status) = (&item.metadata.name, &item.status);
    let heading = [style.paint(Tone::Strong, name), item.spec.description.clone().unwrap_or_default()].join("   ");
    let mut page = Page { lines: vec![heading.trim_end().to_owned()], style };
    page.lines.push(state_line(item, style));
    page.lines.push(active_line(status, clock));
    page.lines.extend(from_line(item.metadata.applied_from.as_ref(), clock));
    if let Some(suspended) = &item.ledger.suspended {
        page.lines.push(format!("  suspended by {}: {}", suspended.by, suspended.reason));
    }
    if let Some(plan) = &item.spec.switchover.plan {
        page.lines.push(format!("  a switchover follows the plan {plan}"));
    }
    page.section("Conditions", &conditions(&status.conditions, clock));
    page.section("Members", &members(status));
    page.section("Bandwidth", &bandwidth(status));
    page.section("Roots", &roots(item));
    page.section("Redirection", &redirection(item));
    page.section("Not kept", &not_kept(status));
    quarantine(&mut page, status);
    page.section("Last events", &last_events(events, clock));
    page.section("Next", &next_commands(name, item));
    page.lines
}

fn state_line(item: &StoredScenario, style: Style) -> String {
    let status = &item.status;
    let health = style.paint(tone_of_health(status.health), &word(&status.health));
    let why = if status.why.is_empty() { String::new() } else { format!(": {}", status.why) };
    let stored = item.metadata.generation.unwrap_or(status.observed_generation);
    let generation = if stored == status.observed_generation {
        format!("generation {stored} in force")
    } else {
        format!("generation {stored} stored, {} in force", status.observed_generation)
    };
    format!("  {}, {health}{why}; {generation}, epoch {}", word(&status.state), status.epoch)
}

fn active_line(status: &ScenarioView, clock: &Clock) -> String {
    let reverse = if status.reverse { "; reverse replication is on" } else { "" };
    let run = status.run.as_ref().map(|run| format!("; run {run} is going on")).unwrap_or_default();
    let Some(active) = &status.active else {
        return format!("  no member is known to be active{run}");
    };
    let home = if active.member.is_primary() { " (home)" } else { "" };
    let since = active.since.map(|at| format!(" since {}, {}", clock.full(at), clock.ago(at))).unwrap_or_default();
    let cause = if active.cause.is_empty() { String::new() } else { format!(", by {}", active.cause) };
    format!("  active on {}, {}{home}{since}{cause}{reverse}{run}", active.host, active.member)
}

/// Which commit says so, and who applied it.
fn from_line(from: Option<&AppliedFrom>, clock: &Clock) -> Option<String> {
    let from = from?;
    let parts = [from.repository.clone(), from.commit_in_words(), from.place(), Some(format!("by {}", from.by))];
    let told: Vec<String> = parts.into_iter().flatten().collect();
    Some(format!("  from {}, {}", told.join("  "), clock.ago(from.at)))
}

fn conditions(conditions: &[Condition], clock: &Clock) -> Table {
    let mut table = table();
    for condition in conditions {
        let (tone, state) = match condition.status.as_str() {
            "True" => (Tone::Good, "ok"),
            "False" => (Tone::Bad, "no"),
            _ => (Tone::Warn, "unknown"),
        };
        let since = condition.last_transition_time.map(|at| format!("since {}", clock.when(at))).unwrap_or_default();
        let message = if condition.message.is_empty() { &condition.reason } else { &condition.message };
        table.row(vec![
            Cell::toned(tone, state),
            condition.kind.as_str().into(),
            message.as_str().into(),
            since.into(),
        ]);
    }
    table
}

fn members(status: &ScenarioView) -> Table {
    let mut table =
        Table::new(&["NAME", "HOST", "ROLE", "STREAM", "LAG", "UNSENT", "SPOOL", "FILES", "SIZE", "CAPTURE"])
            .indented(2);
    for member in &status.members {
        let active = member.role == Role::Active;
        let applies = |cell: Cell| if active { Cell::none() } else { cell };
        let spool = member.spool_bytes.zip(member.spool_limit);
        let spool = spool.map(|(used, limit)| format!("{} / {}", amount::bytes(used), amount::bytes(limit)));
        table.row(vec![
            member.name.0.clone().into(),
            member.host.0.clone().into(),
            word(&member.role).to_lowercase().into(),
            stream(status.state, member),
            lag(status.state, member),
            applies(Cell::or_unknown(member.unsent_bytes.map(amount::bytes))),
            if active { Cell::or_unknown(spool) } else { Cell::none() },
            if active { Cell::or_unknown(member.files.map(amount::count)) } else { Cell::none() },
            if active { Cell::or_unknown(member.bytes.map(amount::bytes)) } else { Cell::none() },
            if active { Cell::or_unknown(member.capture.clone()) } else { Cell::none() },
        ]);
    }
    table
}

/// What may be sent to each member now, and what was.
fn bandwidth(status: &ScenarioView) -> Table {
    let mut table = table();
    for member in status.members.iter().filter(|member| member.role != Role::Active) {
        let Some(bandwidth) = &member.bandwidth else { continue };
        if bandwidth.limit.is_none() && bandwidth.until.is_none() && member.sent.is_none() {
            continue;
        }
        let sent = member.sent.map(super::lists::sent_in_words).unwrap_or_default();
        table.row(vec![format!("to {}", member.name).into(), bandwidth.in_words().into(), sent.into()]);
    }
    table
}

fn stream(state: ScenarioState, member: &MemberView) -> Cell {
    if !member.connected {
        return Cell::toned(Tone::Bad, "agent silent");
    }
    let progress = member.progress.as_ref().filter(|_| state != ScenarioState::Stopped).map(|progress| {
        let total = progress.bytes_total.map(|total| format!(" of {}", amount::bytes(total))).unwrap_or_default();
        format!(", {} {}{total}", progress.phase, amount::bytes(progress.bytes_done))
    });
    match (member.role, member.stream.as_str()) {
        (Role::Active, _) | (_, "") => Cell::none(),
        (_, text) => Cell::from(format!("{text}{}", progress.unwrap_or_default())),
    }
}

fn roots(item: &StoredScenario) -> Table {
    let mut header = vec!["NAME".to_owned()];
    header.extend(item.spec.members().map(|(member, host)| format!("ON {host} ({member})")));
    let mut table = Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>()).indented(2);
    for root in &item.spec.primary.roots {
        let mut row: Vec<Cell> = vec![root.name.0.clone().into()];
        for (member, _) in item.spec.members() {
            let at_member = item.spec.roots_of(&member).into_iter().find(|r| r.name == root.name);
            row.push(at_member.map_or_else(Cell::none, |r| r.path.into()));
        }
        table.row(row);
    }
    table
}

/// What of the data is not as at its source, because somebody has said so or because it cannot be helped.
fn not_kept(status: &ScenarioView) -> Table {
    let mut table = table();
    for member in &status.members {
        for lost in &member.not_kept {
            let place = format!("{} on {}", lost.root, member.host);
            table.row(vec![place.into(), lost.what.as_str().into(), lost.why.as_str().into()]);
        }
    }
    table
}

fn redirection(item: &StoredScenario) -> Table {
    let mut table = table();
    for (at, point) in item.spec.redirection.iter().enumerate() {
        let method = if point.script.is_some() { "script" } else { "?" };
        let now = item.ledger.redirected.get(&point.name);
        let now = now.map_or_else(|| "not moved yet".to_owned(), |member| format!("points to {member}"));
        table.row(vec![(at + 1).to_string().into(), point.name.0.clone().into(), method.into(), now.into()]);
    }
    table
}

fn quarantine(page: &mut Page, status: &ScenarioView) {
    let set_aside = status.members.iter().filter_map(|member| Some((member, member.set_aside.as_ref()?)));
    for (member, set_aside) in set_aside.filter(|(_, set_aside)| set_aside.entries > 0) {
        let title = format!(
            "Set aside on {}: {} in .standin/quarantine/{}",
            member.host,
            amount::plural(usize::try_from(set_aside.entries).unwrap_or(usize::MAX), "path"),
            set_aside.epoch
        );
        let mut listed = table();
        set_aside.paths.iter().for_each(|path| listed.row(vec![path.as_str().into()]));
        let more = set_aside.entries.saturating_sub(set_aside.paths.len() as u64);
        if more > 0 {
            let list = format!("... and {} more, all in {} on {}", amount::count(more), set_aside.list, member.host);
            listed.row(vec![list.into()]);
        }
        page.section(&title, &listed);
    }
}

fn last_events(events: &[EventView], clock: &Clock) -> Table {
    let mut table = table();
    events.iter().for_each(|event| table.row(event_cells(event, clock)));
    table
}

/// Commands that make sense in this state.
fn next_commands(name: &str, item: &StoredScenario) -> Table {
    let status = &item.status;
    let away = status.active.as_ref().is_some_and(|active| !active.member.is_primary());
    let commands = match (&status.run, &item.ledger.suspended) {
        (Some(run), _) => vec![format!("standin run attach {run}")],
        (None, Some(_)) => vec![format!("standin resume {name}")],
        (None, None) if away => {
            let mut commands = vec![format!("standin switchback {name}")];
            if !status.reverse {
                commands.insert(0, format!("standin resume {name} --reverse"));
            }
            commands
        }
        (None, None) => {
            vec![format!("standin plan show {name}"), format!("standin sync {name} --compare-only")]
        }
    };
    let mut table = table();
    commands.into_iter().for_each(|command| table.row(vec![command.into()]));
    table
}

pub fn host(
    item: &StoredHost,
    uses: &[StoredScenario],
    events: &[EventView],
    clock: &Clock,
    style: Style,
) -> Vec<String> {
    let (name, status) = (&item.metadata.name, &item.status);
    let mut page = Page { lines: vec![style.paint(Tone::Strong, name)], style };
    let state = match (status.joined, status.connected) {
        (_, true) => "connected",
        (true, false) => "joined, and silent",
        (false, false) => "not joined",
    };
    let version = status.version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
    let seen = status.last_seen.map(|at| format!(", last seen {}, {}", clock.full(at), clock.ago(at)));
    page.lines.push(format!("  {state}{version}{}", seen.unwrap_or_default()));
    page.lines.push(format!("  replication address {}", item.spec.replication_endpoint()));
    page.lines.extend(status.key.iter().map(|key| format!("  key {key}")));
    page.lines.extend(from_line(item.metadata.applied_from.as_ref(), clock));
    let mut parts = Table::new(&["SCENARIO", "MEMBER", "ROLE", "STREAM", "LAG"]).indented(2);
    for scenario in uses {
        for member in scenario.status.members.iter().filter(|member| member.host.0 == *name) {
            parts.row(vec![
                scenario.metadata.name.as_str().into(),
                member.name.0.clone().into(),
                word(&member.role).to_lowercase().into(),
                stream(scenario.status.state, member),
                lag(scenario.status.state, member),
            ]);
        }
    }
    page.section("Parts", &parts);
    page.section("Last events", &last_events(events, clock));
    let mut next = table();
    if !status.joined {
        next.row(vec![format!("standin token create --host {name}").into()]);
    }
    page.section("Next", &next);
    page.lines
}

pub fn run(run: &RunView, clock: &Clock, style: Style) -> Vec<String> {
    let mut lines = vec![super::run::heading(run, clock, style)];
    let finished = run.finished.map(|at: Timestamp| format!(", finished {}", utc(at))).unwrap_or_default();
    lines.push(format!("  {}, started {}{finished}", word(&run.state), utc(run.started)));
    lines.extend(super::run::steps(run, clock, style));
    if run.state != model::view::RunState::Running {
        lines.extend(super::run::conclusion(run, style));
    }
    lines
}

#[cfg(test)]
mod tests;

//! The lists of `get`. `?` is unknown, `-` is not applicable, a number is measured.

use crate::output::{Cell, Clock, Table, Tone, amount, style::tone_of_health};
use model::{
    Role, Timestamp,
    agent_status::Sent,
    view::{EventView, Health, MemberView, RunState, RunView, ScenarioState, ScenarioView},
};
use wire::api::{StoredHost, StoredScenario};

/// A word of a value, as it is written in machine output.
pub fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_else(|| "?".into())
}

fn when(clock: &Clock, at: Option<Timestamp>) -> Cell {
    at.filter(|at| at.0 > 0).map_or_else(Cell::none, |at| Cell::from(clock.ago(at)))
}

pub fn scenarios(items: &[StoredScenario], wide: bool) -> Table {
    if wide {
        return scenarios_wide(items);
    }
    let mut table = Table::new(&["NAME", "STATE", "HEALTH", "ACTIVE", "LAG", "WHY"]);
    for item in items {
        let mut row = first_cells(item);
        row.extend([lag_of(&item.status), item.status.why.as_str().into()]);
        table.row(row);
    }
    table
}

fn first_cells(item: &StoredScenario) -> Vec<Cell> {
    let status = &item.status;
    vec![
        item.metadata.name.as_str().into(),
        word(&status.state).into(),
        Cell::toned(tone_of_health(status.health), word(&status.health)),
        Cell::or_unknown(status.active.as_ref().map(|active| active.host.0.clone())),
    ]
}

/// One row for each member that is not active.
fn scenarios_wide(items: &[StoredScenario]) -> Table {
    let columns = [
        "NAME", "STATE", "HEALTH", "ACTIVE", "REPLICA", "HOST", "LAG", "UNSENT", "LIMIT", "SPOOL", "FILES", "SIZE",
        "WHY",
    ];
    let mut table = Table::new(&columns);
    for item in items {
        let status = &item.status;
        let standbys = status.members.iter().filter(|member| member.role != Role::Active);
        // Spool, files and size are the active side's: only it counts them.
        let active = status.members.iter().find(|member| member.role == Role::Active);
        let held = [
            active.map_or_else(Cell::none, spool),
            Cell::or_unknown(active.and_then(|member| member.files).map(amount::count)),
            Cell::or_unknown(active.and_then(|member| member.bytes).map(amount::bytes)),
        ];
        let mut row = first_cells(item);
        for (at, member) in standbys.enumerate() {
            if at > 0 {
                row = vec![Cell::default(), Cell::default(), Cell::default(), Cell::default()];
            }
            row.extend([member.name.0.clone().into(), member.host.0.clone().into(), lag(status.state, member)]);
            row.push(bytes(status.state, member.unsent_bytes));
            row.push(limit(status.state, member));
            row.extend(held.iter().map(|cell| if at == 0 { cell.clone() } else { Cell::default() }));
            let why = if at == 0 && !status.why.is_empty() { &status.why } else { &member.stream };
            row.push(why.as_str().into());
            table.row(std::mem::take(&mut row));
        }
        if !row.is_empty() {
            row.extend(std::iter::repeat_with(Cell::none).take(8));
            row.push(status.why.as_str().into());
            table.row(row);
        }
    }
    table
}

fn spool(active: &MemberView) -> Cell {
    let text = active.spool_bytes.zip(active.spool_limit);
    Cell::or_unknown(text.map(|(used, limit)| format!("{} / {}", amount::bytes(used), amount::bytes(limit))))
}

/// The bandwidth limit in force; none where there is none.
fn limit(state: ScenarioState, member: &MemberView) -> Cell {
    match &member.bandwidth {
        _ if state == ScenarioState::Stopped => Cell::none(),
        None => Cell::unknown(),
        Some(bandwidth) => bandwidth.limit.map_or_else(Cell::none, |limit| limit.to_string().into()),
    }
}

/// Such as `sent 1.2 GiB as 480 MiB (x2.6)`. Without compression, encryption and framing make it a little more.
pub fn sent_in_words(sent: Sent) -> String {
    if sent.wire_bytes == 0 {
        return "nothing sent yet".to_owned();
    }
    let ratio = sent.raw_bytes as f64 / sent.wire_bytes as f64;
    format!("sent {} as {} (x{ratio:.1})", amount::bytes(sent.raw_bytes), amount::bytes(sent.wire_bytes))
}

fn bytes(state: ScenarioState, amount: Option<u64>) -> Cell {
    if state == ScenarioState::Stopped { Cell::none() } else { Cell::or_unknown(amount.map(amount::bytes)) }
}

/// How far the followers of a scenario are behind, in rising order of attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behind {
    NotApplicable,
    Millis(u64),
    Unknown,
}

/// The worst lag of all followers: one unknown makes it unknown.
pub fn worst_lag(status: &ScenarioView) -> Behind {
    if status.state == ScenarioState::Unknown {
        return Behind::Unknown;
    }
    let standbys = status.members.iter().filter(|member| member.role != Role::Active);
    let followers = standbys.filter(|member| !lag_does_not_apply(status.state, member));
    let lags = followers.map(|member| member.lag.map_or(Behind::Unknown, |lag| Behind::Millis(lag.millis)));
    lags.max().unwrap_or(Behind::NotApplicable)
}

fn lag_of(status: &ScenarioView) -> Cell {
    match worst_lag(status) {
        Behind::NotApplicable => Cell::none(),
        Behind::Millis(millis) => seconds(millis).into(),
        Behind::Unknown => Cell::unknown(),
    }
}

/// The lag of one member.
pub fn lag(state: ScenarioState, member: &MemberView) -> Cell {
    if member.role == Role::Active || lag_does_not_apply(state, member) {
        return Cell::none();
    }
    Cell::or_unknown(member.lag.map(|lag| seconds(lag.millis)))
}

/// Nothing is followed: suspended, being copied for the first time, or hanging on no stream on purpose.
fn lag_does_not_apply(state: ScenarioState, member: &MemberView) -> bool {
    matches!(state, ScenarioState::Stopped | ScenarioState::Synchronizing | ScenarioState::Preparing)
        || member.stream == "no stream"
}

pub fn seconds(millis: u64) -> String {
    amount::took(std::time::Duration::from_millis(millis))
}

/// `5 scenarios: 1 ok, 3 degraded, 1 suspended`
pub fn summary(items: &[StoredScenario]) -> String {
    let all = [Health::Ok, Health::Suspended, Health::Degraded, Health::Unknown, Health::Failed];
    let counted = all.iter().filter_map(|health| {
        let n = items.iter().filter(|item| item.status.health == *health).count();
        (n > 0).then(|| format!("{n} {}", word(health)))
    });
    let counted = counted.collect::<Vec<_>>().join(", ");
    let total = amount::plural(items.len(), "scenario");
    if counted.is_empty() { total } else { format!("{total}: {counted}") }
}

pub fn hosts(items: &[StoredHost], wide: bool, clock: &Clock) -> Table {
    let columns = ["NAME", "STATE", "LAST SEEN", "VERSION", "ADDRESS", "KEY"];
    let mut table = Table::new(if wide { &columns } else { &columns[..5] });
    for item in items {
        let mut row = vec![
            item.metadata.name.as_str().into(),
            host_state(item),
            when(clock, item.status.last_seen),
            item.status.version.clone().map_or_else(Cell::none, Cell::from),
            item.spec.replication_endpoint().into(),
        ];
        if wide {
            row.push(item.status.key.clone().map_or_else(Cell::none, Cell::from));
        }
        table.row(row);
    }
    table
}

fn host_state(item: &StoredHost) -> Cell {
    match (item.status.joined, item.status.connected) {
        (_, true) => Cell::toned(Tone::Good, "connected"),
        (true, false) => Cell::toned(Tone::Bad, "silent"),
        (false, false) => Cell::toned(Tone::Warn, "not joined"),
    }
}

pub fn tone_of_run(state: RunState) -> Tone {
    match state {
        RunState::Running => Tone::Strong,
        RunState::Done => Tone::Good,
        RunState::Paused | RunState::RolledBack => Tone::Warn,
        RunState::Stuck => Tone::Bad,
    }
}

pub fn runs(items: &[RunView], clock: &Clock) -> Table {
    let mut table = Table::new(&["RUN", "SCENARIO", "VERB", "STATE", "STARTED", "TOOK", "BY", "WHAT"]);
    for run in items {
        let took = run.finished.unwrap_or_else(|| clock.now()).since(run.started);
        table.row(vec![
            run.id.0.clone().into(),
            run.scenario.0.clone().into(),
            run.verb.as_str().into(),
            Cell::toned(tone_of_run(run.state), word(&run.state)),
            clock.when(run.started).into(),
            amount::took(took).into(),
            run.by.as_str().into(),
            run.why.as_ref().unwrap_or(&run.title).as_str().into(),
        ]);
    }
    table
}

/// Severity words in rising order.
pub const SEVERITIES: [&str; 3] = ["info", "warning", "error"];

pub fn tone_of_severity(severity: &str) -> Tone {
    match severity {
        "error" => Tone::Bad,
        "warning" => Tone::Warn,
        _ => Tone::Plain,
    }
}

pub fn events(items: &[EventView], clock: &Clock) -> Table {
    let mut table = Table::new(&["TIME", "SEVERITY", "KIND", "ABOUT", "MESSAGE"]);
    items.iter().for_each(|event| table.row(event_cells(event, clock)));
    table
}

pub fn event_cells(event: &EventView, clock: &Clock) -> Vec<Cell> {
    let names =
        [event.scenario.as_ref().map(|s| &s.0), event.host.as_ref().map(|h| &h.0), event.run.as_ref().map(|r| &r.0)];
    let about = names.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
    vec![
        clock.when(event.at).into(),
        Cell::toned(tone_of_severity(&event.severity), event.severity.as_str()),
        event.kind.as_str().into(),
        if about.is_empty() { Cell::none() } else { about.into() },
        event.message.as_str().into(),
    ]
}

#[cfg(test)]
pub mod tests;

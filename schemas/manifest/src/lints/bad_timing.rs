//! A limit of nothing, or times that do not fit together.

use super::{Item, Lint, World, world::members};
use crate::{
    finding::{Finding, Severity},
    tree::child,
};
use model::{
    RecoveryPlanSpec, ScenarioSpec,
    elements::mass_change::{MassChange, WITHIN_MAX},
    units::{Period, Size},
};

pub const LINT: Lint = Lint { code: "DR0218", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    world.plans().for_each(|(item, spec)| plan(item, spec, findings));
    for (item, spec) in world.scenarios() {
        for (pointer, period) in periods(spec) {
            if period == Period::default() {
                findings.extend(zero(item, pointer, "no time at all"));
            }
        }
        let spools = std::iter::once(&spec.primary.spool).chain(spec.replicas.iter().map(|replica| &replica.spool));
        for ((_, _, at), spool) in members(spec).into_iter().zip(spools) {
            if spool.max_size == Size::default() {
                findings.extend(zero(item, child(&child(&at, "spool"), "maxSize"), "no room at all"));
            }
        }
        findings.extend(shorter_than_a_round(item, spec));
        findings.extend(not_remembered(item, &spec.mass_change));
    }
}

/// Longest time an agent lets a script run, whatever its order says.
const SCRIPT_TIME_MAX: Period = Period::from_secs(3600);

fn plan(item: &Item, plan: &RecoveryPlanSpec, findings: &mut Vec<Finding>) {
    for (n, step) in plan.steps.iter().enumerate() {
        let pointer = format!("/spec/steps/{n}/timeout");
        if step.timeout == Some(Period::default()) {
            findings.extend(zero(item, pointer, "no time at all"));
        } else if step.run.is_some() && step.timeout > Some(SCRIPT_TIME_MAX) {
            let finding = item.place(pointer).error(LINT.code, "a script may take an hour at most");
            findings
                .extend(finding.map(|f| f.label("its agent ends it before").help(format!("write {SCRIPT_TIME_MAX}"))));
        }
    }
}

fn periods(spec: &ScenarioSpec) -> Vec<(String, Period)> {
    let mut found = vec![
        ("/spec/monitoring/interval".to_owned(), spec.monitoring.interval),
        ("/spec/monitoring/timeout".to_owned(), spec.monitoring.timeout),
        ("/spec/switchover/guards/maxLag".to_owned(), spec.switchover.guards.max_lag),
        ("/spec/massChange/within".to_owned(), spec.mass_change.within),
    ];
    for (n, check) in spec.monitoring.checks.iter().enumerate() {
        found.extend(check.exec.iter().map(|c| (format!("/spec/monitoring/checks/{n}/exec/timeout"), c.timeout)));
        found.extend(check.tcp.iter().map(|c| (format!("/spec/monitoring/checks/{n}/tcp/timeout"), c.timeout)));
    }
    for (n, service) in spec.services.commands.iter().enumerate() {
        found.push((format!("/spec/services/commands/{n}/timeout"), service.timeout));
    }
    for (n, point) in spec.redirection.iter().enumerate() {
        found.extend(point.script.iter().map(|s| (format!("/spec/redirection/{n}/script/timeout"), s.timeout)));
    }
    found
}

fn zero(item: &Item, pointer: String, label: &str) -> Option<Finding> {
    let field = pointer.rsplit('/').next().unwrap_or_default().to_owned();
    let finding = item.place(pointer).error(LINT.code, format!("`{field}` must be more than 0"))?;
    Some(finding.label(label).help(format!("leave `{field}` out for its default")))
}

fn not_remembered(item: &Item, limits: &MassChange) -> Option<Finding> {
    if limits.within.0 <= WITHIN_MAX {
        return None;
    }
    let finding = item.place("/spec/massChange/within").error(LINT.code, "`within` may be a day at most")?;
    Some(finding.label("removals are not remembered for so long").help("write 24h"))
}

fn shorter_than_a_round(item: &Item, spec: &ScenarioSpec) -> Option<Finding> {
    let monitoring = &spec.monitoring;
    if monitoring.timeout >= monitoring.interval || monitoring.timeout == Period::default() {
        return None;
    }
    let (timeout, interval) = (item.place("/spec/monitoring/timeout"), item.place("/spec/monitoring/interval"));
    let (place, other) = if timeout.span().is_some() { (timeout, interval) } else { (interval, timeout) };
    let message = format!("`timeout` {} is shorter than `interval` {}", monitoring.timeout, monitoring.interval);
    let finding = place.error(LINT.code, message)?.severity(Severity::Warning);
    let finding = other.as_context(finding.label("a single failed round reports the host down"), "time between rounds");
    Some(finding.help("allow for a few rounds"))
}

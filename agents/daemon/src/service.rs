//! Services: started in order where they should run, stopped in reverse everywhere else.
//!
//! One task per scenario owns them. It is told what should be by `ServiceOrder` and says what is by `ServiceReport`;
//! a state that could not be found out is `Unknown`, which never counts as stopped.

use crate::script::{Ended, Leftovers, Order, Scripts};
use model::{
    Epoch,
    agent_status::{ServiceState, ServiceStatus},
    elements::services::ServiceCommand,
};
use replication::failpoint;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Time between two looks at services that are as they should be.
pub const RECHECK_EVERY: Duration = Duration::from_secs(5);
/// Time between two looks at a service that was just started or stopped.
const SETTLE_EVERY: Duration = Duration::from_millis(200);
/// A service that died, or that did not stop, is tried again no more often than this.
pub const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What the services of a scenario should be. An order that differs from the last one has a higher `number`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceOrder {
    pub number: u64,
    pub commands: Vec<ServiceCommand>,
    pub serving: bool,
    /// Why nothing may be started now; what runs goes on.
    pub held: Option<String>,
    /// Epoch and ledger revision at which serving began: each service is started once for each.
    pub since: (Epoch, u64),
    pub environment: Vec<(&'static str, String)>,
}

/// What the services are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceReport {
    /// The order that was last looked at in full.
    pub number: u64,
    pub services: Vec<ServiceStatus>,
}

/// Keeps the services as ordered until it is cancelled. Services go on when the agent ends.
pub async fn keep(
    scripts: Arc<Scripts>,
    mut orders: watch::Receiver<ServiceOrder>,
    reports: watch::Sender<ServiceReport>,
    stop: CancellationToken,
) {
    let mut services = Services { scripts, reports, attempts: BTreeMap::new(), statuses: Vec::new() };
    loop {
        let order = orders.borrow_and_update().clone();
        services.converge(&order, &orders).await;
        let again = tokio::time::sleep(RECHECK_EVERY);
        tokio::select! {
            () = stop.cancelled() => return,
            changed = orders.changed() => if changed.is_err() { return },
            () = again => {}
        }
    }
}

struct Services {
    scripts: Arc<Scripts>,
    reports: watch::Sender<ServiceReport>,
    /// When each service was last started or stopped, and for which order.
    attempts: BTreeMap<String, (Instant, Aim)>,
    statuses: Vec<ServiceStatus>,
}

/// What an attempt was for; the same aim is not tried again before `AGAIN_AFTER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    Start(Epoch, u64),
    Stop(u64),
}

impl Services {
    async fn converge(&mut self, order: &ServiceOrder, orders: &watch::Receiver<ServiceOrder>) {
        self.name_all(order);
        let count = order.commands.len();
        let sequence: Vec<usize> = if order.serving { (0..count).collect() } else { (0..count).rev().collect() };
        for index in sequence {
            let command = &order.commands[index];
            let reached = match order.serving {
                true => self.ensure_running(index, command, order, orders).await,
                false => self.ensure_stopped(index, command, order, orders).await,
            };
            // What depends on a service that does not run is not started either; stopping goes on regardless.
            if orders.has_changed().unwrap_or(true) || (order.serving && !reached) {
                break;
            }
        }
        if !orders.has_changed().unwrap_or(true) {
            self.publish(Some(order.number));
        }
    }

    /// One status per service of the order; what was known of others is forgotten.
    fn name_all(&mut self, order: &ServiceOrder) {
        let known = std::mem::take(&mut self.statuses);
        let of = |name: &String| known.iter().find(|status| status.name == *name).cloned();
        let fresh = |name: &String| ServiceStatus { name: name.clone(), ..ServiceStatus::default() };
        self.statuses = order.commands.iter().map(|c| of(&c.name).unwrap_or_else(|| fresh(&c.name))).collect();
    }

    async fn ensure_running(
        &mut self,
        index: usize,
        command: &ServiceCommand,
        order: &ServiceOrder,
        orders: &watch::Receiver<ServiceOrder>,
    ) -> bool {
        let (state, message) = self.look(command, order).await;
        if state == ServiceState::Running {
            self.set(index, state, message);
            return true;
        }
        if let Some(why) = &order.held {
            self.set(index, state, format!("not started: {why}"));
            return false;
        }
        let aim = Aim::Start(order.since.0, order.since.1);
        if self.tried(command, aim) {
            let failed = self.statuses[index].state == ServiceState::Failed;
            self.set(index, if failed { ServiceState::Failed } else { state }, told(&[("does not run", &message)]));
            return false;
        }
        self.attempt(index, command, aim, (ServiceState::Changing, "starting"));
        let asked = self.script(&command.start, command, order, Leftovers::Keep).await;
        self.settle(index, command, order, orders, ServiceState::Running, asked).await
    }

    async fn ensure_stopped(
        &mut self,
        index: usize,
        command: &ServiceCommand,
        order: &ServiceOrder,
        orders: &watch::Receiver<ServiceOrder>,
    ) -> bool {
        let (state, message) = self.look(command, order).await;
        if state == ServiceState::Stopped {
            self.set(index, state, message);
            return true;
        }
        let aim = Aim::Stop(order.number);
        if self.tried(command, aim) {
            let failed = self.statuses[index].state == ServiceState::Failed && state != ServiceState::Unknown;
            self.set(index, if failed { ServiceState::Failed } else { state }, told(&[("not stopped", &message)]));
            return false;
        }
        // Unknown stays unknown: saying that it changes would say that it ran.
        let shown = if state == ServiceState::Unknown { state } else { ServiceState::Changing };
        self.attempt(index, command, aim, (shown, "stopping"));
        let asked = self.script(&command.stop, command, order, Leftovers::Kill).await;
        self.settle(index, command, order, orders, ServiceState::Stopped, asked).await
    }

    fn tried(&self, command: &ServiceCommand, aim: Aim) -> bool {
        self.attempts.get(&command.name).is_some_and(|(at, tried)| *tried == aim && at.elapsed() < AGAIN_AFTER)
    }

    fn attempt(&mut self, index: usize, command: &ServiceCommand, aim: Aim, (state, word): (ServiceState, &str)) {
        self.attempts.insert(command.name.clone(), (Instant::now(), aim));
        self.set(index, state, word.to_owned());
        failpoint::pass("agent.service");
    }

    /// Looks until the service is as it was asked to be, its time is over, or something else is ordered.
    async fn settle(
        &mut self,
        index: usize,
        command: &ServiceCommand,
        order: &ServiceOrder,
        orders: &watch::Receiver<ServiceOrder>,
        wanted: ServiceState,
        asked: Result<String, String>,
    ) -> bool {
        let deadline = Instant::now() + command.timeout.0;
        loop {
            let (state, message) = self.look(command, order).await;
            if state == wanted {
                self.set(index, state, message);
                return true;
            }
            // A script that failed gets no more time; what the service is was just looked at.
            if asked.is_err() || Instant::now() >= deadline || orders.has_changed().unwrap_or(true) {
                let said = asked.unwrap_or_else(|e| e);
                let end = if state == ServiceState::Unknown { ServiceState::Unknown } else { ServiceState::Failed };
                let script = if wanted == ServiceState::Running { "start" } else { "stop" };
                let check = if message.is_empty() { vec![] } else { vec![("check", message.as_str())] };
                self.set(index, end, told(&[vec![(script, said.as_str())], check].concat()));
                return false;
            }
            tokio::time::sleep(SETTLE_EVERY).await;
        }
    }

    async fn look(&self, command: &ServiceCommand, order: &ServiceOrder) -> (ServiceState, String) {
        let run = self.order(&command.check, command, order, Leftovers::Kill);
        match self.scripts.run(&run).await {
            Ok(outcome) => {
                let state = match outcome.ended {
                    Ended::Exit(0) => ServiceState::Running,
                    Ended::Exit(1) => ServiceState::Stopped,
                    _ => ServiceState::Unknown,
                };
                let message = if state == ServiceState::Unknown { outcome.summary() } else { String::new() };
                (state, message)
            }
            Err(e) => (ServiceState::Unknown, crate::text::chain(&e)),
        }
    }

    async fn script(
        &self,
        words: &[String],
        command: &ServiceCommand,
        order: &ServiceOrder,
        leftovers: Leftovers,
    ) -> Result<String, String> {
        match self.scripts.run(&self.order(words, command, order, leftovers)).await {
            Ok(outcome) if outcome.success() => Ok(outcome.summary()),
            Ok(outcome) => Err(outcome.summary()),
            Err(e) => Err(crate::text::chain(&e)),
        }
    }

    fn order(&self, words: &[String], command: &ServiceCommand, order: &ServiceOrder, leftovers: Leftovers) -> Order {
        let (command_line, environment) = (words.to_vec(), order.environment.clone());
        Order { command: command_line, environment, timeout: command.timeout.0, leftovers }
    }

    fn set(&mut self, index: usize, state: ServiceState, message: String) {
        let name = self.statuses[index].name.clone();
        self.statuses[index] = ServiceStatus { name, state, message };
        self.publish(None);
    }

    fn publish(&self, number: Option<u64>) {
        self.reports.send_if_modified(|report| {
            let next = ServiceReport { number: number.unwrap_or(report.number), services: self.statuses.clone() };
            let changed = *report != next;
            *report = next;
            changed
        });
    }
}

/// What each part said, without a colon after which nothing comes.
fn told(parts: &[(&str, &str)]) -> String {
    let one = |(what, said): &(&str, &str)| match said.is_empty() {
        true => (*what).to_owned(),
        false => format!("{what}: {said}"),
    };
    parts.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;

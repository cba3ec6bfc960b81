//! The loop of a part: looks at what should be and what is, and does the next things.

use super::{
    actor::{Part, State},
    docket::Docket,
    plan::{self, Move, Side as Wanted},
    role::{RoleFile, Taken},
    side::{Open, Place, Shape, Side, SourceShape, TargetShape},
};
use crate::{
    agent::lock,
    checks::Watched,
    link::dial::{Line, OutLink},
    service::ServiceOrder,
    text,
};
use model::{Assignment, Direction, Role, Stream, agent_status::ServiceState, elements::preserve::Loss};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// The loop turns at least this often: things may change that nobody announces.
const TURN_EVERY: Duration = Duration::from_secs(1);
/// A side that could not be opened is tried again after this time.
const OPEN_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What only the loop uses.
pub struct Converging {
    part: Arc<Part>,
    role_file: RoleFile,
    orders: watch::Sender<ServiceOrder>,
    watching: watch::Sender<Watched>,
    docket: Docket,
    /// The last shape that could not be opened, and when to try again.
    failed: Option<(Shape, Instant)>,
    /// Why no service may be started on the roots as they are.
    held: Option<String>,
}

impl Converging {
    pub fn new(
        part: Arc<Part>,
        role_file: RoleFile,
        orders: watch::Sender<ServiceOrder>,
        watching: watch::Sender<Watched>,
    ) -> Self {
        let docket = Docket::new(Arc::clone(&part));
        Self { part, role_file, orders, watching, docket, failed: None, held: None }
    }

    pub async fn run(mut self) {
        let part = Arc::clone(&self.part);
        let mut services = part.services.clone();
        while !part.stop.is_cancelled() {
            self.turn().await;
            part.turns.send_modify(|turn| *turn += 1);
            tokio::select! {
                () = part.stop.cancelled() => break,
                () = part.wake.notified() => {}
                Ok(()) = services.changed() => {}
                () = tokio::time::sleep(TURN_EVERY) => {}
            }
        }
        self.docket.close().await;
        self.close_links(|_| false).await;
        self.close_side().await;
    }

    async fn turn(&mut self) {
        // Taking a role can make the next move possible; the machine has no cycles, so this ends.
        for _ in 0..3 {
            self.look_at_roots().await;
            let (moves, shape) = self.decide();
            self.order(moves);
            self.watch(moves);
            self.close_links(|link| moves.dial && self.wants(&link.line.stream)).await;
            if !lock(&self.part.state).open.fits(&shape) {
                self.close_links(|_| false).await;
                self.close_side().await;
            }
            self.open(shape).await;
            self.tell_epoch().await;
            self.dial(moves);
            if !self.take_role(moves).await {
                break;
            }
        }
        self.docket.start_new().await;
        self.docket.sweep().await;
    }

    /// A service that starts where its data is not would begin anew with none. While the source is closed for a moment,
    /// what was known stays known.
    async fn look_at_roots(&mut self) {
        let source = {
            let state = lock(&self.part.state);
            if state.assignment.suspended {
                self.held = None;
            }
            state.open.source().cloned()
        };
        if let Some(source) = source {
            let report = tokio::task::spawn_blocking(move || source.report()).await;
            self.held = report.ok().and_then(|report| report.roots.iter().find_map(super::report::without_data));
        }
    }

    fn decide(&self) -> (Move, Shape) {
        let mut state = lock(&self.part.state);
        state.calm = self.is_calm(&state);
        let moves = state.situation().decide();
        let given = &state.assignment;
        let shape = match moves.side {
            _ if state.holds > 0 => Shape::Nothing,
            Wanted::Nothing => Shape::Nothing,
            Wanted::Source => Shape::Source(SourceShape::of(given)),
            Wanted::Target => TargetShape::of(given).map_or(Shape::Nothing, Shape::Target),
        };
        (moves, shape)
    }

    /// What was known stays known while the services are looked at for a new order that lets them rest as before.
    fn is_calm(&self, state: &State) -> bool {
        let order = self.orders.borrow();
        let report = self.part.services.borrow();
        let states = || report.services.iter().map(|service| service.state);
        let looked_at = report.number == order.number && order.number > 0;
        !order.serving && plan::is_calm(state.taken.role, states()) && (looked_at || state.calm)
    }

    fn order(&self, moves: Move) {
        let environment = self.part.environment();
        let state = lock(&self.part.state);
        self.orders.send_if_modified(|order| {
            let begins = moves.serve && !order.serving;
            let next = ServiceOrder {
                number: order.number,
                commands: state.assignment.services.commands.clone(),
                serving: moves.serve,
                held: self.held.clone().filter(|_| moves.serve),
                since: if begins { (state.epoch, state.assignment.ledger_revision) } else { order.since },
                environment,
            };
            let changed = order.number == 0 || *order != next;
            if changed {
                *order = ServiceOrder { number: order.number + 1, ..next };
            }
            changed
        });
    }

    /// The active host is watched, unless its services are meant to stand still. The first round waits until they have
    /// come up: what is being started is not down.
    fn watch(&self, moves: Move) {
        let environment = self.part.environment();
        let state = lock(&self.part.state);
        let given = &state.assignment;
        let serves = moves.serve || given.services.commands.is_empty();
        let active = moves.role == Role::Active && state.taken.role == Role::Active;
        let coming_up = serves && self.services_come_up();
        let watched = (active && serves).then(|| (given.monitoring.clone(), environment));
        self.watching.send_if_modified(|before| {
            let watched = watched.filter(|_| before.is_some() || !coming_up);
            let changed = *before != watched;
            *before = watched;
            changed
        });
    }

    fn services_come_up(&self) -> bool {
        let order = self.orders.borrow();
        let report = self.part.services.borrow();
        let changes = |state| matches!(state, ServiceState::Changing | ServiceState::Unknown);
        !order.commands.is_empty()
            && (report.number < order.number || report.services.iter().any(|service| changes(service.state)))
    }

    fn wants(&self, stream: &Stream) -> bool {
        let state = lock(&self.part.state);
        stream.direction == Direction::Out && state.assignment.streams.contains(stream)
    }

    async fn close_links(&self, keep: impl Fn(&OutLink) -> bool) {
        let synchronization = lock(&self.part.state).assignment.synchronization.clone();
        let links = lock(&self.part.state).links.clone();
        for link in links {
            if !keep(&link) || link.line.synchronization != synchronization {
                link.close().await;
                lock(&self.part.state).links.retain(|other| !Arc::ptr_eq(other, &link));
            }
        }
    }

    async fn close_side(&self) {
        let side = std::mem::take(&mut lock(&self.part.state).open.side);
        side.close().await;
    }

    async fn open(&mut self, shape: Shape) {
        let again_later = self.failed.as_ref().is_some_and(|(failed, at)| *failed == shape && *at > Instant::now());
        if lock(&self.part.state).open.fits(&shape) || again_later {
            return;
        }
        let place = self.part.place();
        let (epoch, spool) = {
            let state = lock(&self.part.state);
            (state.assignment.epoch, state.assignment.spool.clone())
        };
        let wanted = shape.clone();
        let opened = tokio::task::spawn_blocking(move || place.open(wanted, epoch, &spool)).await;
        let opened = opened.unwrap_or_else(|e| Err(e.to_string()));
        let mut state = lock(&self.part.state);
        match opened {
            Ok(side) => {
                state.open = Open { side };
                state.closed_because = None;
                self.failed = None;
            }
            Err(why) => {
                tracing::warn!(scenario = %self.part.scenario, why, "a side could not be opened");
                state.closed_because = Some(why);
                self.failed = Some((shape, Instant::now() + OPEN_AGAIN_AFTER));
            }
        }
    }

    /// New batches carry the epoch of the assignment. An epoch that was only heard is another host's.
    async fn tell_epoch(&self) {
        let told = {
            let mut state = lock(&self.part.state);
            let (epoch, stale) = (state.assignment.epoch, state.situation().stale());
            match &mut state.open.side {
                Side::Source(open) if open.epoch != epoch && !stale => {
                    open.epoch = epoch;
                    Some((open.source.clone(), epoch))
                }
                _ => None,
            }
        };
        if let Some((source, epoch)) = told {
            // Waits while the source is busy: whatever is asked of it afterwards comes after this.
            let _ = tokio::task::spawn_blocking(move || source.set_epoch(epoch)).await;
        }
    }

    fn dial(&self, moves: Move) {
        let mut state = lock(&self.part.state);
        state.links.iter().for_each(|link| link.adjust(&state.assignment.replication));
        let Some(source) = state.open.source().cloned().filter(|_| moves.dial) else { return };
        let out = state.assignment.streams.iter().filter(|stream| stream.direction == Direction::Out);
        let missing = out.filter(|stream| !state.links.iter().any(|link| link.line.stream == **stream));
        let line = |stream: &Stream| Line {
            context: Arc::clone(&self.part.context),
            scenario: self.part.scenario.clone(),
            stream: stream.clone(),
            source: source.clone(),
            synchronization: state.assignment.synchronization.clone(),
            replication: state.assignment.replication.clone(),
            lossy: lossy(&state.assignment, stream),
        };
        let lines: Vec<Line> = missing.map(line).collect();
        state.links.extend(lines.into_iter().map(|line| OutLink::start(line, Arc::downgrade(&self.part))));
    }

    /// Takes the role once it is true; it is on disk before anything acts on it. Returns whether that changed it.
    async fn take_role(&mut self, moves: Move) -> bool {
        let taken = {
            let state = lock(&self.part.state);
            let reached = match moves.role {
                Role::Active => {
                    let source_open = matches!(state.open.side, Side::Source(_));
                    state.taken.role == Role::Active || source_open || state.assignment.suspended
                }
                Role::Standby | Role::Fenced => state.calm,
            };
            let taken = Taken { role: moves.role, epoch: state.epoch };
            if !reached || state.taken == taken {
                return false;
            }
            taken
        };
        let file = self.role_file.clone();
        let written = tokio::task::spawn_blocking(move || file.write(taken).map_err(|e| text::chain(&e))).await;
        if let Err(why) = written.unwrap_or_else(|e| Err(e.to_string())) {
            lock(&self.part.state).closed_because = Some(why);
            return false;
        }
        let mut state = lock(&self.part.state);
        let changed = state.taken.role != taken.role;
        state.taken = taken;
        if changed {
            tracing::info!(scenario = %self.part.scenario, role = ?taken.role, epoch = %taken.epoch, "role taken");
        }
        changed
    }
}

/// What the target's roots may be without, in the order of this host's.
fn lossy(given: &Assignment, stream: &Stream) -> Vec<BTreeSet<Loss>> {
    given.roots.iter().map(|root| stream.lossy.get(&root.name).cloned().unwrap_or_default()).collect()
}

impl Part {
    pub(super) fn place(&self) -> Place {
        Place { scenario: self.scenario.clone(), directory: self.directory.clone() }
    }
}

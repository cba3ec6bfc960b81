//! The role machine: what a part has open and which role it may say it has taken. Pure, one table.
//!
//! | given | data | links | services | role taken when |
//! |---|---|---|---|---|
//! | anything, unconfirmed | nothing | - | stopped | calm: Standby |
//! | Active | source, unless suspended | dial | as ordered, once Active is taken | the source is open, or suspended |
//! | Active or Fenced, stale epoch | source if it is open | - | stopped | calm: Fenced |
//! | Fenced, streams out | source | dial | stopped | calm: Fenced |
//! | Fenced or Standby, a stream in | calm: target | - | stopped | calm: as given |
//! | Fenced or Standby, no stream | nothing | - | stopped | calm: as given |
//!
//! *Calm*: every service is known to be stopped. A host that never was active is calm also when it cannot tell, for a
//! check may need the very data that has yet to come; one that was active is not: unknown is not stopped.

use model::{Assignment, Direction, Epoch, Role, agent_status::ServiceState};

/// What a part should have open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Nothing,
    Source,
    Target,
}

/// What a part should do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    pub side: Side,
    /// Outgoing streams are dialled.
    pub dial: bool,
    /// Services should run.
    pub serve: bool,
    /// The role to take once `side` is open and, for all but Active, the host is calm.
    pub role: Role,
}

/// Everything the table looks at.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    pub assignment: &'a Assignment,
    pub confirmed: bool,
    /// The highest epoch stored.
    pub epoch: Epoch,
    /// The role this host has.
    pub taken: Role,
    pub calm: bool,
    pub source_open: bool,
}

impl Situation<'_> {
    /// Whether a higher epoch than this assignment's was heard: it may stop things and never start any.
    pub fn stale(&self) -> bool {
        self.assignment.epoch < self.epoch
    }

    pub fn decide(&self) -> Move {
        let given = self.assignment;
        let has = |direction| given.streams.iter().any(|stream| stream.direction == direction);
        let rest = Move { side: Side::Nothing, dial: false, serve: false, role: given.role };
        let side = |side| Move { side, dial: side == Side::Source, ..rest };
        match given.role {
            _ if !self.confirmed => Move { role: Role::Standby, ..rest },
            Role::Active | Role::Fenced if self.stale() => {
                let side = if self.source_open { Side::Source } else { Side::Nothing };
                Move { side, role: Role::Fenced, ..rest }
            }
            Role::Standby if self.stale() => rest,
            Role::Active => {
                let side = side(if given.suspended { Side::Nothing } else { Side::Source });
                Move { serve: given.serving && self.taken == Role::Active, ..side }
            }
            _ if given.suspended => rest,
            Role::Fenced if has(Direction::Out) => side(Side::Source),
            Role::Fenced | Role::Standby if has(Direction::In) && self.calm => side(Side::Target),
            Role::Fenced | Role::Standby => rest,
        }
    }
}

/// Whether no service can be writing here; `states` come from a look at the current order.
pub fn is_calm(taken: Role, states: impl Iterator<Item = ServiceState>) -> bool {
    let calm = |state| match state {
        ServiceState::Stopped => true,
        ServiceState::Unknown => taken == Role::Standby,
        ServiceState::Running | ServiceState::Changing | ServiceState::Failed => false,
    };
    states.into_iter().all(calm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Stream;

    fn stream(direction: Direction) -> Stream {
        Stream {
            direction,
            source: "primary".into(),
            target: "dublin".into(),
            peer_host: "mx2".into(),
            peer_key: None,
            address: String::new(),
            epoch: Epoch(2),
            set_aside: None,
            lossy: std::collections::BTreeMap::new(),
        }
    }

    fn given(role: Role, streams: &[Direction]) -> Assignment {
        let streams = streams.iter().copied().map(stream).collect();
        Assignment { role, epoch: Epoch(2), serving: true, streams, ..Assignment::default() }
    }

    fn situation(assignment: &Assignment, taken: Role) -> Situation<'_> {
        Situation { assignment, confirmed: true, epoch: Epoch(2), taken, calm: true, source_open: false }
    }

    #[test]
    fn services_run_only_where_active_was_taken() {
        let active = given(Role::Active, &[Direction::Out]);
        assert!(!situation(&active, Role::Standby).decide().serve);
        assert!(situation(&active, Role::Active).decide().serve);
        assert!(!Situation { confirmed: false, ..situation(&active, Role::Active) }.decide().serve);
        assert!(!Situation { epoch: Epoch(3), ..situation(&active, Role::Active) }.decide().serve);
        for role in [Role::Standby, Role::Fenced] {
            for taken in [Role::Active, Role::Standby, Role::Fenced] {
                assert!(!situation(&given(role, &[Direction::In]), taken).decide().serve);
            }
        }
        let idle = Assignment { serving: false, ..active };
        assert!(!situation(&idle, Role::Active).decide().serve);
    }

    #[test]
    fn a_boot_rests_whatever_the_stored_spec_says() {
        for role in [Role::Active, Role::Standby, Role::Fenced] {
            let given = given(role, &[Direction::Out, Direction::In]);
            let moves = Situation { confirmed: false, ..situation(&given, Role::Active) }.decide();
            assert_eq!(moves, Move { side: Side::Nothing, dial: false, serve: false, role: Role::Standby });
        }
    }

    #[test]
    fn a_higher_epoch_fences_and_never_promotes() {
        let ahead = |a| Situation { epoch: Epoch(3), source_open: true, ..situation(a, Role::Active) };
        let active = given(Role::Active, &[Direction::Out]);
        let fenced = Move { side: Side::Source, dial: false, serve: false, role: Role::Fenced };
        assert_eq!(ahead(&active).decide(), fenced);
        let standby = given(Role::Standby, &[Direction::In]);
        let moves = ahead(&standby).decide();
        assert_eq!((moves.side, moves.role), (Side::Nothing, Role::Standby));
    }

    #[test]
    fn a_fenced_host_keeps_its_source_while_it_has_streams_out() {
        let with = given(Role::Fenced, &[Direction::Out]);
        let without = given(Role::Fenced, &[]);
        let moves = situation(&with, Role::Active).decide();
        assert_eq!((moves.side, moves.dial, moves.role), (Side::Source, true, Role::Fenced));
        assert_eq!(situation(&without, Role::Fenced).decide().side, Side::Nothing);
    }

    #[test]
    fn a_target_opens_only_when_nothing_can_write_beside_it() {
        let standby = given(Role::Standby, &[Direction::In]);
        assert_eq!(situation(&standby, Role::Active).decide().side, Side::Target);
        assert_eq!(Situation { calm: false, ..situation(&standby, Role::Active) }.decide().side, Side::Nothing);
    }

    #[test]
    fn suspended_parts_have_nothing_open_and_services_go_on() {
        for role in [Role::Active, Role::Standby, Role::Fenced] {
            let given = Assignment { suspended: true, ..given(role, &[Direction::Out, Direction::In]) };
            let moves = situation(&given, role).decide();
            assert_eq!((moves.side, moves.dial, moves.role), (Side::Nothing, false, role));
            assert_eq!(moves.serve, role == Role::Active);
        }
    }

    #[test]
    fn unknown_is_not_stopped_where_services_have_run() {
        use ServiceState::{Changing, Failed, Running, Stopped, Unknown};
        assert!(is_calm(Role::Active, [Stopped, Stopped].into_iter()));
        assert!(!is_calm(Role::Active, [Stopped, Unknown].into_iter()));
        assert!(!is_calm(Role::Fenced, [Unknown].into_iter()));
        assert!(is_calm(Role::Standby, [Unknown].into_iter()));
        for state in [Running, Changing, Failed] {
            assert!(!is_calm(Role::Standby, [state].into_iter()), "{state:?}");
        }
    }
}

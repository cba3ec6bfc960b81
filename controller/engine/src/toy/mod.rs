//! A toy world for tests: hosts that do at once what `compose` says, orders that are written where the services
//! run, and faults on demand. It knows nothing of runs, so it proves that the ledger alone drives the hosts.

mod agent;
mod play;

pub use agent::{Agent, Fault};
pub use play::{Hardship, Played, plan_text};

use crate::{
    compose::{compose, first_ledger},
    settings::{Observed, Report, Settings},
};
use model::{
    AgentStatus, HostName, HostSpec, Ledger, MemberName, RunId, ScenarioName, ScenarioSpec, Timestamp,
    elements::{
        monitoring::{Check, TcpCheck},
        redirection::{Redirection, ScriptRedirection},
        roots::{ReplicaRoot, Root},
        services::ServiceCommand,
    },
    scenario::{Primary, Replica},
    units::Period,
};
use std::collections::{BTreeMap, BTreeSet};

/// Everything there is: settings, ledger, hosts and a clock.
#[derive(Clone, Debug)]
pub struct Toy {
    pub scenario: ScenarioName,
    pub generation: u64,
    pub spec: ScenarioSpec,
    pub hosts: BTreeMap<HostName, HostSpec>,
    pub keys: BTreeMap<HostName, String>,
    pub ledger: Ledger,
    pub now: Timestamp,
    pub agents: BTreeMap<HostName, Agent>,
    pub faults: BTreeSet<Fault>,
    /// The last order number that was handed out.
    pub orders: u64,
    runs: u32,
    /// The run that is not over.
    pub busy: Option<RunId>,
}

impl Toy {
    /// `shop`: mx1 at home, dublin on mx2; one service, one check, one redirection point. All in sync.
    pub fn two_hosts() -> Self {
        Self::new(&[("dublin", "mx2")])
    }

    /// The same with a second replica, oslo on mx3.
    pub fn three_hosts() -> Self {
        Self::new(&[("dublin", "mx2"), ("oslo", "mx3")])
    }

    fn new(replicas: &[(&str, &str)]) -> Self {
        Self::of("shop".into(), spec(replicas))
    }

    /// A world for any scenario, all in sync.
    pub fn of(scenario: ScenarioName, spec: ScenarioSpec) -> Self {
        let hosts: Vec<HostName> = spec.members().map(|(_, host)| host.clone()).collect();
        let address = |host: &HostName| HostSpec { replication_address: format!("{host}.example") };
        let mut toy = Self {
            scenario,
            generation: 1,
            ledger: first_ledger(&spec),
            hosts: hosts.iter().map(|host| (host.clone(), address(host))).collect(),
            keys: hosts.iter().map(|host| (host.clone(), format!("key-of-{host}"))).collect(),
            agents: hosts.iter().map(|host| (host.clone(), Agent::fresh())).collect(),
            now: Timestamp(1_000_000),
            spec,
            faults: BTreeSet::new(),
            orders: 0,
            runs: 0,
            busy: None,
        };
        (0..3).for_each(|_| toy.tick());
        toy
    }

    pub fn settings(&self) -> Settings<'_> {
        let Self { scenario, generation, spec, hosts, keys, .. } = self;
        Settings { scenario, generation: *generation, spec, hosts, keys }
    }

    /// One second: hosts take up what they should be, changes travel, orders are written, errands are done.
    pub fn tick(&mut self) {
        self.pass(1);
        let parts = compose(&self.settings(), &self.ledger);
        for (host, part) in parts {
            if let Some(agent) = self.agents.get_mut(&host).filter(|agent| agent.up) {
                agent.take_up(part, &host, &self.faults);
            }
        }
        self.replicate();
        for agent in self.agents.values_mut().filter(|agent| agent.writes()) {
            self.orders += 1;
            agent.write(self.orders);
        }
        let now = self.now;
        for agent in self.agents.values_mut().filter(|agent| agent.up) {
            agent.run_errands(&self.faults);
            agent.last_seen = now;
        }
    }

    /// Time goes by and nobody does anything.
    pub fn pass(&mut self, seconds: u64) {
        self.now.0 += seconds * 1000;
    }

    fn replicate(&mut self) {
        if self.faults.contains(&Fault::LinkCut) {
            return;
        }
        let members: Vec<(MemberName, HostName)> =
            self.spec.members().map(|(member, host)| (member, host.clone())).collect();
        for (source, source_host) in &members {
            for (target, target_host) in &members {
                let Some(from) = self.agents.get(source_host).filter(|agent| agent.sends_to(target)) else { continue };
                let packet = from.packet(self.now);
                if let Some(to) = self.agents.get_mut(target_host).filter(|agent| agent.follows(source)) {
                    to.receive(source, packet.clone());
                    if let Some(from) = self.agents.get_mut(source_host) {
                        from.acked.insert(target.clone(), packet.mark);
                    }
                }
            }
        }
    }

    /// Kills a host: nothing runs there any more.
    pub fn kill(&mut self, host: &str) {
        if let Some(agent) = self.agents.get_mut(&HostName::from(host)) {
            agent.up = false;
        }
    }

    /// Brings a host back; it rests until it is told what it is.
    pub fn revive(&mut self, host: &str) {
        if let Some(agent) = self.agents.get_mut(&HostName::from(host)) {
            agent.boot();
        }
    }

    pub fn agent(&self, host: &str) -> Agent {
        self.agents.get(&HostName::from(host)).cloned().unwrap_or_default()
    }

    /// Hosts on which writes are accepted now.
    pub fn writers(&self) -> Vec<&HostName> {
        self.agents.iter().filter(|(_, agent)| agent.accepts_writes()).map(|(host, _)| host).collect()
    }

    pub fn observed(&self) -> Observed {
        let report = |agent: &Agent| Report {
            status: AgentStatus {
                confirmed: true,
                scenarios: agent
                    .status(&self.faults)
                    .map(|status| (self.scenario.clone(), status))
                    .into_iter()
                    .collect(),
                ..AgentStatus::default()
            },
            connected: agent.up,
            last_seen: agent.last_seen,
        };
        Observed {
            hosts: self.agents.iter().map(|(host, agent)| (host.clone(), report(agent))).collect(),
            now: self.now,
        }
    }
}

fn spec(replicas: &[(&str, &str)]) -> ScenarioSpec {
    let replica = |(name, host): &(&str, &str)| Replica {
        name: (*name).into(),
        host: (*host).into(),
        roots: vec![ReplicaRoot { name: "data".into(), path: "/srv/shop".into(), ..ReplicaRoot::default() }],
        ..Replica::default()
    };
    let script = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let mut spec = ScenarioSpec {
        primary: Primary {
            host: "mx1".into(),
            roots: vec![Root { name: "data".into(), path: "/srv/shop".into(), ..Root::default() }],
            ..Primary::default()
        },
        replicas: replicas.iter().map(replica).collect(),
        redirection: vec![Redirection {
            name: "forwarder".into(),
            script: Some(ScriptRedirection {
                command: script(&["forward"]),
                check: script(&["forward", "--check"]),
                timeout: Period::from_secs(30),
            }),
        }],
        ..ScenarioSpec::default()
    };
    spec.services.commands = vec![ServiceCommand {
        name: "shop".into(),
        start: script(&["shop", "start"]),
        stop: script(&["shop", "stop"]),
        check: script(&["shop", "check"]),
        timeout: Period::from_secs(60),
    }];
    spec.monitoring.checks = vec![Check {
        name: "http".into(),
        exec: None,
        tcp: Some(TcpCheck { port: 80, expect: None, timeout: Period::from_secs(10) }),
    }];
    spec
}

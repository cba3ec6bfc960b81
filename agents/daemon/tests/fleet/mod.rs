//! Agents in this process, with a controller that says whatever a test wants and remembers what it hears.

#![allow(dead_code)]

use agent::{Config, JoinRequest, Ready};
use model::{
    AgentSpec, AgentStatus, Assignment, AssignmentStatus, Direction, Epoch, ErrandOutcome, HostName, Role, Stream,
    elements::{
        roots::Root,
        services::{ServiceCommand, Services},
        spool::Spool,
    },
    errand::Work,
    units::{Period, Size},
};
use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use wire::{
    control::{self, CONTROL_BYTES_MAX, PROTOCOL, ToAgent, ToController},
    frame::{FrameReader, FrameWriter},
    identity::Authority,
    tls::{self, ClientCertificate},
    token::Token,
};

/// Longest time anything in these tests may take.
pub const DEADLINE: Duration = Duration::from_secs(30);

type Statuses = BTreeMap<HostName, AgentStatus>;
type Specs = BTreeMap<HostName, AgentSpec>;

/// Stands for a controller.
pub struct Controller {
    pub address: SocketAddr,
    pub authority: Arc<Authority>,
    /// Hosts that asked for their next certificate, each time anew.
    pub renewals: watch::Receiver<Vec<HostName>>,
    pub specs: watch::Sender<Specs>,
    pub statuses: watch::Receiver<Statuses>,
    pub stop: CancellationToken,
}

impl Controller {
    pub async fn start() -> Self {
        Self::signing(Authority::create().unwrap(), None).await
    }

    /// Signs with `authority`, and the next certificate of a host with `renewing`; without it, it knows no renewals.
    pub async fn signing(authority: Authority, renewing: Option<Authority>) -> Self {
        let authority = Arc::new(authority);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let identity = authority.issue_controller(&["127.0.0.1".to_owned()]).unwrap();
        let server = tls::server_config(&identity, ClientCertificate::Optional).unwrap();
        let (specs, statuses) = (watch::Sender::new(Specs::new()), watch::Sender::new(Statuses::new()));
        let (heard, asked) = (statuses.subscribe(), watch::Sender::new(Vec::new()));
        let renewals = asked.subscribe();
        let office = Arc::new(Office { authority: authority.clone(), renewing, asked });
        let stop = CancellationToken::new();
        let (told, ended) = (specs.clone(), stop.clone());
        tokio::spawn(async move {
            while let Some(Ok((stream, _))) = ended.run_until_cancelled(listener.accept()).await {
                let session = session(stream, server.clone(), office.clone(), told.subscribe(), statuses.clone());
                let ended = ended.clone();
                tokio::spawn(async move { ended.run_until_cancelled(session).await });
            }
        });
        Self { address, authority, renewals, specs, statuses: heard, stop }
    }

    pub fn token(&self) -> Token {
        Token::create(&self.authority.fingerprint().unwrap()).unwrap()
    }

    /// Gives `host` its next spec.
    pub fn give(&self, host: &str, assignment: Assignment) {
        self.specs.send_modify(|specs| {
            let spec = specs.entry(host.into()).or_insert(AgentSpec { host: host.into(), ..AgentSpec::default() });
            spec.revision += 1;
            spec.scenarios = [("shop".into(), assignment)].into();
        });
    }

    pub fn change(&self, host: &str, change: impl FnOnce(&mut Assignment)) {
        self.specs.send_modify(|specs| {
            let spec = specs.get_mut(&HostName::from(host)).unwrap();
            spec.revision += 1;
            change(spec.scenarios.get_mut(&"shop".into()).unwrap());
        });
    }

    fn revision(&self, host: &str) -> u64 {
        self.specs.borrow().get(&HostName::from(host)).map_or(0, |spec| spec.revision)
    }

    /// Waits until `host` reports, on the newest spec, something that `holds`.
    pub async fn until(&self, host: &str, what: &str, holds: impl Fn(&AssignmentStatus) -> bool) -> AssignmentStatus {
        let revision = self.revision(host);
        let status = self.until_status(host, what, |status| {
            status.revision >= revision && status.scenarios.get(&"shop".into()).is_some_and(&holds)
        });
        status.await.scenarios[&"shop".into()].clone()
    }

    pub async fn until_status(&self, host: &str, what: &str, holds: impl Fn(&AgentStatus) -> bool) -> AgentStatus {
        let host = HostName::from(host);
        let mut statuses = self.statuses.clone();
        let found = statuses.wait_for(|all| all.get(&host).is_some_and(&holds));
        match tokio::time::timeout(DEADLINE, found).await {
            Ok(found) => found.unwrap()[&host].clone(),
            Err(_) => panic!("{host} never was `{what}`: {:#?}", self.statuses.borrow().get(&host)),
        }
    }

    /// Orders an errand and waits for its end.
    pub async fn errand(&self, host: &str, id: &str, work: Work) -> ErrandOutcome {
        let id = model::ErrandId(id.to_owned());
        self.change(host, |given| drop(given.errands.insert(id.clone(), work)));
        let ended = |outcome: &ErrandOutcome| !matches!(outcome, ErrandOutcome::Running { .. });
        let status = self.until(host, &id.0, |status| status.errands.get(&id).is_some_and(ended)).await;
        status.errands[&id].clone()
    }
}

/// Signs certificates.
struct Office {
    authority: Arc<Authority>,
    renewing: Option<Authority>,
    asked: watch::Sender<Vec<HostName>>,
}

impl Office {
    /// The answer to a request; a controller that knows no renewals ends the session.
    fn renew(&self, host: &HostName, key: &str, request: &str) -> Option<ToAgent> {
        self.asked.send_modify(|asked| asked.push(host.clone()));
        let certificate = self.renewing.as_ref()?.renew_agent(request, host, key).unwrap();
        Some(ToAgent::Renewed { certificate })
    }
}

async fn session(
    stream: TcpStream,
    server: Arc<rustls::ServerConfig>,
    office: Arc<Office>,
    mut specs: watch::Receiver<Specs>,
    statuses: watch::Sender<Statuses>,
) -> Option<()> {
    let (stream, peer) = tls::accept(&server, stream).await.ok()?;
    let (read, write) = tokio::io::split(stream);
    let (mut reader, mut writer) = (FrameReader::new(read, CONTROL_BYTES_MAX), FrameWriter::new(write));
    let host = match control::receive(&mut reader).await.ok()? {
        ToController::Join { host, certificate_request, token_secret, .. } => {
            let answer = if token_secret.is_empty() {
                ToAgent::Refused { reason: "no".to_owned(), retry: false }
            } else {
                let certificate = office.authority.sign_agent(&certificate_request, &host).unwrap();
                ToAgent::Joined { certificate, authority: office.authority.certificate_pem().to_owned() }
            };
            control::send(&mut writer, &answer).await.ok()?;
            return writer.shutdown().await.ok();
        }
        ToController::Hello { host, .. } => host,
        ToController::Status(_) | ToController::Renew { .. } => return None,
    };
    let key = peer.filter(|peer| peer.is_agent(&host)).unwrap().key;
    let welcome =
        ToAgent::Welcome { protocol: PROTOCOL, version: "test".to_owned(), renews: office.renewing.is_some() };
    control::send(&mut writer, &welcome).await.ok()?;
    let (name, told) = (host.clone(), statuses.clone());
    let (answers, mut given) = mpsc::channel(1);
    let reading = tokio::spawn(async move {
        loop {
            match control::receive(&mut reader).await {
                Ok(ToController::Status(status)) => told.send_modify(|all| drop(all.insert(name.clone(), *status))),
                Ok(ToController::Renew { host, certificate_request }) => {
                    let Some(answer) = office.renew(&host, &key, &certificate_request) else { return };
                    let _ = answers.send(answer).await;
                }
                _ => return,
            }
        }
    });
    specs.mark_changed();
    while !reading.is_finished() {
        let message = tokio::select! {
            changed = specs.changed() => {
                changed.ok()?;
                specs.borrow_and_update().get(&host).cloned().map(|spec| ToAgent::Spec(Box::new(spec)))
            }
            Some(answer) = given.recv() => Some(answer),
        };
        if let Some(message) = message {
            control::send(&mut writer, &message).await.ok()?;
        }
    }
    None
}

/// One host with its agent.
pub struct Host {
    pub name: String,
    pub directory: PathBuf,
    pub address: SocketAddr,
    pub key: String,
    pub boot_id: String,
    controller: String,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Host {
    pub async fn join(controller: &Controller, directory: &Path, name: &str) -> Self {
        let directory = directory.join(name);
        fs::create_dir_all(directory.join("scripts")).unwrap();
        fs::set_permissions(directory.join("scripts"), fs::Permissions::from_mode(0o755)).unwrap();
        let joined = agent::join(JoinRequest {
            controller: controller.address.to_string(),
            token: controller.token(),
            host: name.into(),
            state: directory.join("state"),
            replace: false,
        });
        let key = joined.await.unwrap().key;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let (name, controller) = (name.to_owned(), controller.address.to_string());
        Self { name, directory, address, key, boot_id: "boot-1".to_owned(), controller, running: None }
    }

    pub fn config(&self) -> Config {
        Config {
            host: self.name.as_str().into(),
            controller: self.controller.clone(),
            state: self.directory.join("state"),
            scripts: self.directory.join("scripts"),
            listen: self.address,
            version: "test".to_owned(),
            boot_id: self.boot_id.clone(),
        }
    }

    pub async fn start(&mut self) {
        let stop = CancellationToken::new();
        let (ready, listens) = oneshot::channel();
        let served = agent::serve(self.config(), stop.clone(), move |r: Ready| ready.send(r.listen_addr).unwrap());
        let task = tokio::spawn(async move { served.await.unwrap() });
        self.address = tokio::time::timeout(DEADLINE, listens).await.unwrap().unwrap();
        self.running = Some((stop, task));
    }

    pub async fn stop(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            stop.cancel();
            tokio::time::timeout(DEADLINE, task).await.expect("the agent ends when told to").unwrap();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub fn script(&self, name: &str, body: &str) {
        let path = self.path("scripts").join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A service that runs while the file `NAME.up` exists.
    pub fn service(&self, name: &str) -> ServiceCommand {
        let body = r#"case $1 in start) : > "$2";; stop) rm -f "$2";; check) [ -e "$2" ];; esac"#;
        self.script("svc", body);
        let up = self.path(&format!("{name}.up")).display().to_string();
        let line = |verb: &str| vec!["svc".to_owned(), verb.to_owned(), up.clone()];
        ServiceCommand {
            name: name.to_owned(),
            start: line("start"),
            stop: line("stop"),
            check: line("check"),
            timeout: Period::from_secs(5),
        }
    }

    pub fn serves(&self, name: &str) -> bool {
        self.path(&format!("{name}.up")).exists()
    }
}

/// Two hosts, `mx1` as `primary` and `mx2` as `dublin`, with one root and one service each.
pub struct Pair {
    pub controller: Controller,
    pub primary: Host,
    pub dublin: Host,
    pub directory: tempfile::TempDir,
}

impl Pair {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let controller = Controller::start().await;
        let mut primary = Host::join(&controller, directory.path(), "mx1").await;
        let mut dublin = Host::join(&controller, directory.path(), "mx2").await;
        fs::create_dir(primary.path("root")).unwrap();
        fs::create_dir(dublin.path("root")).unwrap();
        primary.start().await;
        dublin.start().await;
        Self { controller, primary, dublin, directory }
    }

    /// What `host` should be when `active` is active at `epoch` and the other follows it.
    pub fn given(&self, host: &Host, active: &Host, epoch: u64) -> Assignment {
        let member = |host: &Host| if host.name == "mx1" { "primary" } else { "dublin" };
        let (other, is_active) =
            (if host.name == "mx1" { &self.dublin } else { &self.primary }, host.name == active.name);
        let (source, target) = if is_active { (host, other) } else { (other, host) };
        let stream = Stream {
            direction: if is_active { Direction::Out } else { Direction::In },
            source: member(source).into(),
            target: member(target).into(),
            peer_host: other.name.as_str().into(),
            peer_key: Some(other.key.clone()),
            address: target.address.to_string(),
            epoch: Epoch(epoch),
            set_aside: None,
            lossy: std::collections::BTreeMap::new(),
        };
        let path = host.path("root").display().to_string();
        Assignment {
            generation: 1,
            ledger_revision: epoch,
            epoch: Epoch(epoch),
            member: member(host).into(),
            role: if is_active { Role::Active } else { Role::Standby },
            roots: vec![Root { name: "data".into(), path, ..Root::default() }],
            spool: Spool { max_size: Size::mib(64), min_disk_free: Size::mib(1), ..Spool::default() },
            services: Services { commands: vec![host.service("shop")] },
            serving: is_active,
            streams: vec![stream],
            ..Assignment::default()
        }
    }

    /// Primary active, dublin following, at `epoch`.
    pub fn at_home(&self, epoch: u64) {
        self.controller.give("mx1", self.given(&self.primary, &self.primary, epoch));
        self.controller.give("mx2", self.given(&self.dublin, &self.primary, epoch));
    }

    pub async fn stop(mut self) {
        self.primary.stop().await;
        self.dublin.stop().await;
        self.controller.stop.cancel();
    }
}

/// Waits until `holds`, asking the file system again and again.
pub async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let began = tokio::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

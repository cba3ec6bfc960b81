//! A fake agent: becomes at once whatever its spec says, and reports it over the real protocol.

use model::{
    AgentSpec, AgentStatus, Assignment, AssignmentStatus, Direction, ErrandOutcome, ErrandResult, HostName, Mark, Role,
    Timestamp,
    agent_status::*,
    errand::{Comparison, Work},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{ReadHalf, WriteHalf, split},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{client::TlsStream, rustls::ClientConfig};
use wire::{
    control::{CONTROL_BYTES_MAX, ControlError, PROTOCOL, ToAgent, ToController, receive, send},
    frame::{FrameReader, FrameWriter},
    identity::{CertificateRequest, Identity},
    tls::{self, Expected, client_config, joining_config},
    token::Token,
};

const WAIT: Duration = Duration::from_secs(20);

/// A connection to the controller.
pub struct Line {
    pub reader: FrameReader<ReadHalf<TlsStream<TcpStream>>>,
    pub writer: FrameWriter<WriteHalf<TlsStream<TcpStream>>>,
}

impl Line {
    pub async fn dial(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Self, tls::TlsError> {
        let stream = TcpStream::connect(address).await.map_err(tls::TlsError::Handshake)?;
        let (stream, _) = tls::connect(config, stream, Expected::Controller).await?;
        let (reader, writer) = split(stream);
        Ok(Self { reader: FrameReader::new(reader, CONTROL_BYTES_MAX), writer: FrameWriter::new(writer) })
    }

    pub async fn say(&mut self, message: &ToController) -> Result<(), ControlError> {
        send(&mut self.writer, message).await
    }

    pub async fn hear(&mut self) -> Result<ToAgent, ControlError> {
        timeout(WAIT, receive(&mut self.reader)).await.expect("an answer in time")
    }

    /// The reason of a refusal, which is the only acceptable answer.
    pub async fn refusal(&mut self) -> String {
        match self.hear().await {
            Ok(ToAgent::Refused { reason, .. }) => reason,
            other => panic!("not refused: {other:?}"),
        }
    }
}

pub fn hello(host: &str, instance: &str) -> ToController {
    ToController::Hello {
        protocol: PROTOCOL,
        version: "0.1.0".to_owned(),
        host: HostName::from(host),
        boot_id: "boot".to_owned(),
        instance: instance.to_owned(),
    }
}

/// Joins with a token; the refusal when there is one.
pub async fn join(address: SocketAddr, token: &str, host: &str) -> Result<Identity, String> {
    let token: Token = token.parse().unwrap();
    let mut line = Line::dial(address, &joining_config(&token.pin).unwrap()).await.unwrap();
    let request = CertificateRequest::create().unwrap();
    let message = ToController::Join {
        protocol: PROTOCOL,
        host: HostName::from(host),
        token_id: token.id.clone(),
        token_secret: token.secret().to_owned(),
        certificate_request: request.pem().to_owned(),
    };
    line.say(&message).await.unwrap();
    match line.hear().await.unwrap() {
        ToAgent::Joined { certificate, authority } => Ok(request.into_identity(certificate, authority).unwrap()),
        ToAgent::Refused { reason, .. } => Err(reason),
        other => panic!("{other:?}"),
    }
}

/// An agent that runs until it is dropped, and dials again when its controller is gone.
pub struct Agent {
    pub specs: watch::Receiver<Option<AgentSpec>>,
    task: JoinHandle<()>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a fake agent makes of its spec.
pub type Report = fn(&AgentSpec) -> AgentStatus;

impl Agent {
    /// `address` changes when the controller comes back on another port.
    pub fn start(address: watch::Receiver<SocketAddr>, identity: &Identity, host: &str, report: Report) -> Self {
        let (sender, specs) = watch::channel(None);
        let (config, host) = (client_config(identity).unwrap(), host.to_owned());
        let task = tokio::spawn(async move {
            loop {
                let target = *address.borrow();
                let _ = live(target, &config, &host, report, &sender).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Self { specs, task }
    }
}

async fn live(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    host: &str,
    report: Report,
    specs: &watch::Sender<Option<AgentSpec>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut line = Line::dial(address, config).await?;
    line.say(&hello(host, host)).await?;
    let Line { mut reader, mut writer } = line;
    let mut heard = specs.subscribe();
    let hear = async {
        loop {
            if let ToAgent::Spec(spec) = receive(&mut reader).await? {
                // As the agent does: what is older than what it holds is refused.
                specs.send_if_modified(|held| {
                    let taken = held.as_ref().is_none_or(|held| held.revision <= spec.revision);
                    if taken {
                        *held = Some(*spec);
                    }
                    taken
                });
            }
        }
        #[allow(unreachable_code)]
        Ok::<(), ControlError>(())
    };
    let tell = async {
        loop {
            let spec = heard.borrow_and_update().clone();
            if let Some(spec) = spec {
                send(&mut writer, &ToController::Status(Box::new(report(&spec)))).await?;
            }
            let _ = timeout(Duration::from_millis(500), heard.changed()).await;
        }
        #[allow(unreachable_code)]
        Ok::<(), ControlError>(())
    };
    tokio::select! { ended = hear => ended?, ended = tell => ended? };
    Ok(())
}

/// The report of an agent that has done everything.
pub fn perfect(spec: &AgentSpec) -> AgentStatus {
    let parts = spec.scenarios.iter().map(|(name, part)| (name.clone(), part_done(part)));
    AgentStatus {
        revision: spec.revision,
        host: spec.host.clone(),
        version: "0.1.0".to_owned(),
        boot_id: "boot".to_owned(),
        at: now(),
        confirmed: true,
        scenarios: parts.collect(),
    }
}

/// The report of an agent that does everything but errands.
pub fn idle(spec: &AgentSpec) -> AgentStatus {
    let mut status = perfect(spec);
    status.scenarios.values_mut().for_each(|part| part.errands.clear());
    status
}

fn now() -> Timestamp {
    Timestamp(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64)
}

fn part_done(part: &Assignment) -> AssignmentStatus {
    let mark = Mark { epoch: part.epoch, batch: 1 };
    let root = |root: &model::elements::roots::Root| RootStatus {
        name: root.name.clone(),
        path: root.path.clone(),
        state: RootState::Ready,
        ..RootStatus::default()
    };
    let state = if part.serving { ServiceState::Running } else { ServiceState::Stopped };
    let services = part.services.commands.iter();
    AssignmentStatus {
        generation: part.generation,
        ledger_revision: part.ledger_revision,
        epoch: part.epoch,
        role: part.role,
        roots: part.roots.iter().map(root).collect(),
        source: (part.role != Role::Standby).then(|| source(part, mark)),
        target: part.streams.iter().find(|s| s.direction == Direction::In).map(|s| TargetStatus {
            source: s.source.clone(),
            state: TargetState::Synced,
            lineage: Some(format!("lineage of {}", s.source)),
            synced: Some(mark),
            lag: Some(Lag { millis: 3, measured_at: now() }),
            ..TargetStatus::default()
        }),
        services: services.map(|s| ServiceStatus { name: s.name.clone(), state, ..ServiceStatus::default() }).collect(),
        errands: part.errands.iter().map(|(id, work)| (id.clone(), ErrandOutcome::Done(result(work, mark)))).collect(),
        ..AssignmentStatus::default()
    }
}

fn source(part: &Assignment, mark: Mark) -> SourceStatus {
    let out = part.streams.iter().filter(|s| s.direction == Direction::Out);
    let stream = |s: &model::Stream| OutStatus {
        target: s.target.clone(),
        state: LinkState::Following,
        synced: Some(mark),
        unsent_bytes: Some(0),
        ..OutStatus::default()
    };
    SourceStatus {
        lineage: format!("lineage of {}", part.member),
        scanned: true,
        last: mark,
        spool_limit: 1 << 30,
        streams: out.map(stream).collect(),
        ..SourceStatus::default()
    }
}

fn result(work: &Work, mark: Mark) -> ErrandResult {
    let mark = matches!(work, Work::Barrier).then_some(mark);
    let comparison = matches!(work, Work::Compare { .. }).then(Comparison::default);
    ErrandResult { message: "done".to_owned(), mark, comparison, script: None }
}

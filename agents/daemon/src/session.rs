//! The session to the controller: specs come in, reports go out. Without a controller everything goes on as it was.

use crate::{agent::Agent, backoff::Backoff, link::HANDSHAKE_DEADLINE, net, renewal, renewal::Renewal, text};
use model::{AgentStatus, Timestamp};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use wire::{
    control::{self, CONTROL_BYTES_MAX, ControlError, PROTOCOL, ToAgent, ToController},
    frame::{FrameReader, FrameWriter},
    tls::{self, Expected, TlsError},
};

/// Shortest time between two reports: changes in between are sent together.
const REPORT_EVERY: Duration = Duration::from_millis(100);
/// A report is sent at least this often, changed or not.
const REPORT_AT_LEAST_EVERY: Duration = Duration::from_secs(2);
/// A controller that does not take a report within this time has gone.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// Wait after a refusal that trying again cannot help.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);
/// A session that lasted this long was a good one: the next attempt comes soon.
const GOOD_SESSION: Duration = Duration::from_secs(10);
/// Messages of the controller waiting to be taken.
const ORDERS_WAITING_MAX: usize = 4;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum SessionEnd {
    #[error("cannot reach the controller")]
    Connect(#[source] io::Error),
    #[error("the controller was silent for too long")]
    Silent,
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the connection to the controller failed")]
    Control(#[from] ControlError),
    #[error("the controller refused: {reason}")]
    Refused { reason: String, retry: bool },
    #[error("the controller speaks protocol {0}, this agent {PROTOCOL}")]
    Protocol(u32),
    #[error("the controller sent something that has no place here")]
    Unexpected,
    #[error("the connection to the controller ended")]
    Ended,
}

/// Holds a session to the controller until `stop`.
pub async fn keep(agent: Arc<Agent>, stop: CancellationToken) {
    let mut backoff = Backoff::default();
    loop {
        let began = Instant::now();
        let end = tokio::select! {
            () = stop.cancelled() => return,
            end = one(&agent) => end,
        };
        tracing::info!(controller = agent.controller(), why = text::chain(&end), "no session to the controller");
        if began.elapsed() > GOOD_SESSION {
            backoff.reset();
        }
        let pause = match end {
            SessionEnd::Refused { retry: false, .. } => REFUSED_PAUSE,
            _ => backoff.next(),
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => {}
        }
    }
}

async fn one(agent: &Arc<Agent>) -> SessionEnd {
    match open(agent).await {
        Ok((reader, writer, renewal)) => carry(agent, reader, writer, renewal).await,
        Err(end) => end,
    }
}

type Reader = FrameReader<Box<dyn AsyncRead + Send + Unpin>>;
type Writer = FrameWriter<Box<dyn AsyncWrite + Send + Unpin>>;

async fn open(agent: &Arc<Agent>) -> Result<(Reader, Writer, Renewal), SessionEnd> {
    let connected = net::connect(agent.controller(), HANDSHAKE_DEADLINE, net::MESSAGES_UNTAKEN_MAX).await;
    let stream = connected.map_err(SessionEnd::Connect)?;
    let client = agent.credentials().client();
    let secured = timeout(HANDSHAKE_DEADLINE, tls::connect(&client, stream, Expected::Controller));
    let (stream, _) = secured.await.map_err(|_| SessionEnd::Silent)??;
    let (read, write) = tokio::io::split(stream);
    let mut reader: Reader = FrameReader::new(Box::new(read), CONTROL_BYTES_MAX);
    let mut writer: Writer = FrameWriter::new(Box::new(write));
    let greeting = async {
        control::send(&mut writer, &agent.hello()).await?;
        control::receive(&mut reader).await
    };
    match timeout(HANDSHAKE_DEADLINE, greeting).await.map_err(|_| SessionEnd::Silent)?? {
        ToAgent::Welcome { protocol: PROTOCOL, version, renews } => {
            tracing::info!(controller = agent.controller(), version, "session to the controller");
            Ok((reader, writer, Renewal::new(Arc::clone(agent), renews)))
        }
        ToAgent::Welcome { protocol, .. } => Err(SessionEnd::Protocol(protocol)),
        ToAgent::Refused { reason, retry } => Err(SessionEnd::Refused { reason, retry }),
        _ => Err(SessionEnd::Unexpected),
    }
}

/// Takes specs and certificates, and sends reports, until either fails. The controller may be silent for as long as nothing changes; that
/// it is still there is known from its taking the reports.
async fn carry(agent: &Arc<Agent>, reader: Reader, mut writer: Writer, mut renewal: Renewal) -> SessionEnd {
    let (orders, received) = mpsc::channel(ORDERS_WAITING_MAX);
    let mut reading = AbortOnDropHandle::new(tokio::spawn(read(reader, orders)));
    let session = CancellationToken::new();
    let _end_of_session = session.clone().drop_guard();
    tokio::spawn(take_all(Arc::clone(agent), received, session));
    let mut ticks = interval(REPORT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent: Option<(Instant, AgentStatus)> = None;
    loop {
        tokio::select! {
            end = &mut reading => return end.unwrap_or(SessionEnd::Ended),
            Some(message) = renewal.look() => {
                if let Err(end) = say(&mut writer, &message).await {
                    return end;
                }
            }
            _ = ticks.tick() => {
                if let Err(end) = report(agent, &mut writer, &mut sent).await {
                    return end;
                }
            }
        }
    }
}

/// Takes one order after the other until the session ends. What closes meanwhile may take long, and reports go on; a
/// spec that is being taken is taken whole, also when the session has ended.
async fn take_all(agent: Arc<Agent>, mut received: mpsc::Receiver<ToAgent>, session: CancellationToken) {
    // What the session still had in its queue must not come after a spec of the next one.
    while let Some(Some(order)) = session.run_until_cancelled(received.recv()).await {
        take(&agent, order).await;
    }
}

/// Does what the controller said; what cannot be done leaves the session as it is.
async fn take(agent: &Arc<Agent>, order: ToAgent) {
    match order {
        ToAgent::Spec(spec) => {
            if let Err(e) = agent.take(*spec).await {
                tracing::warn!(why = text::chain(&e), "a spec was not taken");
            }
        }
        ToAgent::Renewed { certificate } => renewal::take(agent, certificate).await,
        ToAgent::NotRenewed { reason } => tracing::warn!(reason, "the controller did not renew the certificate"),
        ToAgent::Welcome { .. } | ToAgent::Joined { .. } | ToAgent::Refused { .. } => {}
    }
}

async fn read(mut reader: Reader, orders: mpsc::Sender<ToAgent>) -> SessionEnd {
    loop {
        match control::receive(&mut reader).await {
            Ok(ToAgent::Refused { reason, retry }) => return SessionEnd::Refused { reason, retry },
            Ok(ToAgent::Welcome { .. } | ToAgent::Joined { .. }) => return SessionEnd::Unexpected,
            Ok(order) => match orders.send(order).await {
                Ok(()) => {}
                Err(_) => return SessionEnd::Ended,
            },
            Err(e) => return SessionEnd::Control(e),
        }
    }
}

async fn say(writer: &mut Writer, message: &ToController) -> Result<(), SessionEnd> {
    Ok(timeout(SEND_DEADLINE, control::send(writer, message)).await.map_err(|_| SessionEnd::Silent)??)
}

async fn report(
    agent: &Arc<Agent>,
    writer: &mut Writer,
    sent: &mut Option<(Instant, AgentStatus)>,
) -> Result<(), SessionEnd> {
    let status = agent.status().await;
    let due = match sent {
        Some((at, before)) => at.elapsed() >= REPORT_AT_LEAST_EVERY || !same(before, &status),
        None => true,
    };
    if due {
        let message = ToController::Status(Box::new(status));
        say(writer, &message).await?;
        if let ToController::Status(status) = message {
            *sent = Some((Instant::now(), *status));
        }
    }
    Ok(())
}

/// Whether two reports say the same but for the time.
fn same(before: &AgentStatus, now: &AgentStatus) -> bool {
    let timeless = |status: &AgentStatus| AgentStatus { at: Timestamp::default(), ..status.clone() };
    timeless(before) == timeless(now)
}

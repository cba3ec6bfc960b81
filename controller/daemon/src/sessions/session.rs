//! The session of one joined agent: its reports come in, its spec goes out.

use super::{
    greeting::{Guest, Reader, SEND_WAIT, SessionError, Writer, permit, refuse},
    renew,
};
use crate::{
    hub::{Hub, Severity, event},
    state::{SessionId, Sitting, now},
};
use model::{AgentStatus, HostName, view::EventView};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use wire::{
    control::{CONTROL_BYTES_MAX, PROTOCOL, ToAgent, ToController, receive, send},
    identity::Peer,
};

/// An agent that says nothing for this long is not connected. It reports at least every 2 s.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Least time between two messages that are read. An agent reports at most every 100 ms.
const MESSAGE_GAP: Duration = Duration::from_millis(10);

/// Answers waiting to be sent; nothing more is read meanwhile.
const ANSWERS_WAITING_MAX: usize = 1;

/// Who said hello.
pub struct Arrival {
    pub host: HostName,
    pub instance: String,
    pub version: String,
    pub peer: Peer,
}

/// Carries the session until it ends.
pub async fn run(guest: Guest, arrival: Arrival, reader: Reader, mut writer: Writer) -> Result<(), SessionError> {
    let hub = Arc::clone(&guest.hub);
    let host = arrival.host.clone();
    if hub.key_of(&host).as_deref() != Some(arrival.peer.key.as_str()) {
        let message = format!("{host} showed a key that is not the one it joined with");
        hub.note_rarely(EventView { host: Some(host), ..event(Severity::Warning, "AgentRefused", message) }).await;
        return refuse(&mut writer, "this key is not the one the host joined with; join again", false).await;
    }
    let Ok(_place) = Arc::clone(&guest.places).try_acquire_owned() else {
        return refuse(&mut writer, "this controller has as many agents as it can serve", true).await;
    };
    let Sitting::Seated { id, closed } = hub.roster.sit(&host, &arrival.instance) else {
        let message = format!("two agents run as {host}; the one that connected later is kept");
        hub.note_rarely(EventView { host: Some(host), ..event(Severity::Error, "DuplicateAgent", message) }).await;
        return refuse(&mut writer, "another agent with this identity is connected", true).await;
    };
    drop(guest.turn);
    // A join in between has closed the session before this one, not this one.
    if hub.key_of(&host).as_deref() != Some(arrival.peer.key.as_str()) {
        closed.cancel();
    }
    let (answers, given) = mpsc::channel(ANSWERS_WAITING_MAX);
    let ended = tokio::select! {
        ended = hear(&hub, &arrival, id, reader, answers) => ended,
        ended = tell(&hub, &host, writer, given) => ended,
        () = closed.cancelled() => Err(SessionError::Replaced),
        () = guest.stop.cancelled() => Ok(()),
    };
    if hub.roster.leave(&host, id) {
        let why = ended.as_ref().map_or_else(ToString::to_string, |()| "the controller stops".to_owned());
        let message = format!("{host} is not connected any more: {why}");
        let gone = event(Severity::Warning, "AgentDisconnected", message);
        hub.note(EventView { host: Some(host.clone()), ..gone }).await;
    }
    hub.trigger_host(&host);
    ended
}

async fn hear(
    hub: &Arc<Hub>,
    arrival: &Arrival,
    id: SessionId,
    mut reader: Reader,
    answers: mpsc::Sender<ToAgent>,
) -> Result<(), SessionError> {
    reader.set_limit(CONTROL_BYTES_MAX);
    loop {
        let message: ToController = timeout(SILENCE_MAX, receive(&mut reader)).await??;
        permit(Some(&arrival.peer), &message).map_err(SessionError::Refused)?;
        match message {
            ToController::Status(status) => report(hub, arrival, id, *status).await?,
            ToController::Renew { certificate_request, .. } => {
                let answer = renew::answer(hub, &arrival.host, certificate_request).await?;
                answers.send(answer).await.map_err(|_| SessionError::Replaced)?;
            }
            ToController::Hello { .. } | ToController::Join { .. } => {
                return Err(SessionError::Refused("only reports and renewals follow a hello".to_owned()));
            }
        }
        sleep(MESSAGE_GAP).await;
    }
}

async fn report(hub: &Hub, arrival: &Arrival, id: SessionId, status: AgentStatus) -> Result<(), SessionError> {
    let first = hub.roster.report(&arrival.host, id, status, now()).ok_or(SessionError::Replaced)?;
    if first {
        let message = format!("{} is connected, version {}", arrival.host, arrival.version.escape_debug());
        let connected = event(Severity::Info, "AgentConnected", message);
        hub.note(EventView { host: Some(arrival.host.clone()), ..connected }).await;
    }
    hub.trigger_host(&arrival.host);
    Ok(())
}

async fn tell(
    hub: &Arc<Hub>,
    host: &HostName,
    mut writer: Writer,
    mut answers: mpsc::Receiver<ToAgent>,
) -> Result<(), SessionError> {
    let welcome = ToAgent::Welcome { protocol: PROTOCOL, version: hub.version.clone(), renews: true };
    timeout(SEND_WAIT, send(&mut writer, &welcome)).await??;
    let mut specs = hub.posts.subscribe(host);
    specs.mark_changed();
    loop {
        let message = tokio::select! {
            changed = specs.changed() => match changed {
                Ok(()) => specs.borrow_and_update().clone().map(|spec| ToAgent::Spec(Box::new(spec))),
                Err(_) => return Ok(()),
            },
            Some(answer) = answers.recv() => Some(answer),
        };
        if let Some(message) = message {
            timeout(SEND_WAIT, send(&mut writer, &message)).await??;
        }
    }
}

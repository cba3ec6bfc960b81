//! One HTTP request on its own connection.

use crate::exit::{Exit, Failure, Outcome};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{ACCEPT, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{net::UnixStream, time::timeout};
use wire::api::Problem;

/// Time in which a controller on this machine accepts a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Time in which it answers; an apply of a large set is read and stored within it.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// The controller's socket.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        let answer = timeout(ANSWER_WITHIN, self.ask(Method::GET, path, None)).await;
        typed(answer.map_err(|_| silent(&self.socket))??)
    }

    /// Asks for a change. When the answer is lost, nobody knows here whether it was made.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Outcome<T> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::new(Exit::Malformed, format!("the request cannot be written: {error}")))?;
        let answer = timeout(ANSWER_WITHIN, self.ask(Method::POST, path, Some(body))).await;
        typed(answer.map_err(|_| lost("no answer came within 60s"))??)
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Outcome<Value> {
        let changes = method == Method::POST;
        let (asked, begin) = (method.clone(), std::time::Instant::now());
        let response = self.send(method, path, body).await?;
        let status = response.status().as_u16();
        tracing::debug!(method = %asked, path, status, took = ?begin.elapsed(), "the controller answered");
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| broken(changes, &self.socket, &error.to_string()))?.to_bytes();
        if (200..300).contains(&status) {
            return read_json(&body);
        }
        Err(refused(status, &body))
    }

    /// Sends a request; the connection lives as long as its answer is read.
    pub(super) async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Outcome<Response<Incoming>> {
        let changes = method == Method::POST;
        let connected = timeout(CONNECT_WITHIN, UnixStream::connect(&self.socket)).await;
        let stream = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stream = stream.map_err(|error| unreachable(&self.socket, &error))?;
        let broken = |error: hyper::Error| broken(changes, &self.socket, &error.to_string());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header(HOST, "standin").header(ACCEPT, "*/*");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|error| Failure::new(Exit::Malformed, format!("the request cannot be written: {error}")))?;
        sender.send_request(request).await.map_err(broken)
    }
}

pub(super) fn refused(status: u16, body: &[u8]) -> Failure {
    let problem = serde_json::from_slice::<Value>(body).ok().map(clean).map(serde_json::from_value::<Problem>);
    Failure::from_problem(status, problem.and_then(Result::ok).unwrap_or_default())
}

fn read_json(body: &[u8]) -> Outcome<Value> {
    serde_json::from_slice(body).map(clean).map_err(|error| not_understood(&error.to_string()))
}

fn typed<T: DeserializeOwned>(value: Value) -> Outcome<T> {
    serde_json::from_value(value).map_err(|error| not_understood(&error.to_string()))
}

fn not_understood(error: &str) -> Failure {
    Failure::new(Exit::Failed, format!("the controller's answer is not understood: {error}"))
        .help("standin version shows whether client and controller are of one release")
}

/// Texts come from other hosts too: what could steer a terminal is shown escaped.
pub(super) fn clean(value: Value) -> Value {
    let unsafe_char = |c: char| c.is_control() && c != '\n' && c != '\t';
    match value {
        Value::String(text) if text.contains(unsafe_char) => {
            let shown = |c: char| if unsafe_char(c) { c.escape_default().to_string() } else { c.to_string() };
            Value::String(text.chars().map(shown).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(clean).collect()),
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(name, field)| (name, clean(field))).collect()),
        other => other,
    }
}

fn unreachable(socket: &Path, error: &io::Error) -> Failure {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "there is no such socket",
        io::ErrorKind::PermissionDenied => "this user may not use the socket; root and group `standin` may",
        io::ErrorKind::ConnectionRefused => "the socket is there and nobody listens: the controller has stopped",
        io::ErrorKind::TimedOut => "the controller does not accept connections",
        _ => return about_unreachable(socket, &error.to_string()),
    };
    about_unreachable(socket, why)
}

fn about_unreachable(socket: &Path, why: &str) -> Failure {
    Failure::new(Exit::NoAnswer, format!("no controller answers at {}", socket.display()))
        .fact(why)
        .fact("nothing was asked or changed; agents go on replicating without a controller")
        .help("start it with  standin controller --config /etc/standin/controller.yaml")
        .help("or name its socket with --socket PATH or STANDIN_SOCKET")
}

fn silent(socket: &Path) -> Failure {
    about_unreachable(socket, "it accepted the connection and did not answer within 60s")
}

fn broken(changes: bool, socket: &Path, error: &str) -> Failure {
    if changes { lost(error) } else { about_unreachable(socket, &format!("the connection broke: {error}")) }
}

fn lost(error: &str) -> Failure {
    Failure::new(Exit::Pending, "the controller was asked and its answer was lost")
        .fact(error.to_owned())
        .fact("it is unknown whether the change was taken; what was taken goes on")
        .help("look first:  standin status,  standin run list")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_steer_the_terminal() {
        let value = serde_json::json!({"a": ["\u{1b}[2Jx\ny", 1], "b": "ok"});
        assert_eq!(clean(value), serde_json::json!({"a": ["\\u{1b}[2Jx\ny", 1], "b": "ok"}));
    }
}

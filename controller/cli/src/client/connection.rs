//! One HTTP request on its own connection.

use super::{
    place::Place,
    trouble::{Missed, about_unreachable, lost},
};
use crate::{
    contexts::{Chosen, Credential},
    exit::{Exit, Failure, Outcome},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use wire::{api::Problem, people::PersonToken};

/// Time in which it answers; an apply of a large set is read and stored within it.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// The controller that is asked, or why it is not known which; said when it is asked, since not every command asks.
#[derive(Clone, Debug)]
pub struct Client {
    chosen: Arc<Outcome<Chosen>>,
}

impl Client {
    pub fn new(chosen: Outcome<Chosen>) -> Self {
        Self { chosen: Arc::new(chosen) }
    }

    /// What a person calls the controller that is asked.
    pub fn label(&self) -> String {
        self.chosen.as_ref().as_ref().map_or_else(|_| "?".to_owned(), Chosen::label)
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        let answer = timeout(ANSWER_WITHIN, self.ask(Method::GET, path, None)).await;
        typed(answer.map_err(|_| self.silent())??)
    }

    /// Asks for a change. When the answer is lost, nobody knows here whether it was made.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Outcome<T> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::new(Exit::Malformed, format!("the request cannot be written: {error}")))?;
        self.change(Method::POST, path, Some(body)).await
    }

    /// Asks for a removal; as uncertain as `post` when the answer is lost.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        self.change(Method::DELETE, path, None).await
    }

    async fn change<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Outcome<T> {
        let answer = timeout(ANSWER_WITHIN, self.ask(method, path, body)).await;
        typed(answer.map_err(|_| lost("no answer came within 60s"))??)
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Outcome<Value> {
        let changes = method != Method::GET;
        let chosen = self.chosen()?;
        let (asked, begin) = (method.clone(), std::time::Instant::now());
        let response = self.send(method, path, body).await?;
        let status = response.status().as_u16();
        tracing::debug!(method = %asked, path, status, took = ?begin.elapsed(), "the controller answered");
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| broken(changes, &chosen.place, &error.to_string()))?.to_bytes();
        if (200..300).contains(&status) {
            return read_json(&body);
        }
        Err(self.refused(status, &body))
    }

    /// Sends a request; the connection lives as long as its answer is read.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Response<Incoming>, Missed> {
        let changes = method != Method::GET;
        let chosen = self.chosen().map_err(Missed::Never)?;
        let place = &chosen.place;
        // Read anew for each connection: a long watch goes on with a token that was replaced meanwhile.
        let token = chosen.credential.read().map_err(Missed::Never)?;
        let request = request(method, path, place, token.as_ref(), body).map_err(Missed::Never)?;
        let stream = place.connect().await?;
        let broken = |error: hyper::Error| Missed::Again(broken(changes, place, &error.to_string()));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(broken)
    }

    fn chosen(&self) -> Outcome<&Chosen> {
        self.chosen.as_ref().as_ref().map_err(Clone::clone)
    }

    fn silent(&self) -> Failure {
        let why = "it accepted the connection and did not answer within 60s";
        self.chosen().map_or_else(|failure| failure, |chosen| about_unreachable(&chosen.place, why))
    }

    /// The controller's own words, and where the token came from that they are about.
    pub(super) fn refused(&self, status: u16, body: &[u8]) -> Failure {
        let problem = serde_json::from_slice::<Value>(body).ok().map(clean).map(serde_json::from_value::<Problem>);
        let failure = Failure::from_problem(status, problem.and_then(Result::ok).unwrap_or_default());
        let (401 | 403, Ok(chosen)) = (status, self.chosen()) else { return failure };
        let Credential::File(path) = &chosen.credential else { return failure };
        let failure = failure.fact(format!("asked as context {} with the token in {}", chosen.label(), path.display()));
        let name = chosen.name.as_deref().unwrap_or("NAME");
        failure.help(format!("then here:  standin context add {name} --replace --token-file FILE"))
    }
}

fn request(
    method: Method,
    path: &str,
    place: &Place,
    token: Option<&PersonToken>,
    body: Option<Vec<u8>>,
) -> Outcome<Request<Full<Bytes>>> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Malformed, format!("the request cannot be written: {error}"))
    };
    let mut request = Request::builder().method(method).uri(path).header(HOST, place.host()).header(ACCEPT, "*/*");
    if let Some(token) = token {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|error| wrong(&error))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    request.body(Full::new(Bytes::from(body.unwrap_or_default()))).map_err(|error| wrong(&error))
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

fn broken(changes: bool, place: &Place, error: &str) -> Failure {
    if changes { lost(error) } else { about_unreachable(place, &format!("the connection broke: {error}")) }
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

//! Reads server-sent events from one connection.

use super::{Client, connection::clean, trouble::Missed};
use crate::exit::{Exit, Failure, Outcome};
use http_body_util::{BodyExt, Limited};
use hyper::{Method, body::Incoming};
use std::time::Duration;
use tokio::time::timeout;
use wire::api::WatchEvent;

/// Largest single event that is read.
const EVENT_BYTES_MAX: usize = 16 << 20;
/// Largest refusal that is read.
const REFUSAL_BYTES_MAX: usize = 1 << 20;

/// Longest silence of a watch. A controller that lives sends a comment every 15 seconds; one whose machine or network
/// is gone sends nothing, not even an end.
const SILENCE_MAX: Duration = Duration::from_secs(50);

/// An open watch.
pub struct Watch {
    body: Incoming,
    parser: Parser,
}

impl Client {
    /// Opens a watch; `query` begins with `?`.
    pub(super) async fn watch(&self, query: &str) -> Result<Watch, Missed> {
        let response = self.send(Method::GET, &format!("/v1/watch{query}"), None).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(Watch { body: response.into_body(), parser: Parser::default() });
        }
        let body = Limited::new(response.into_body(), REFUSAL_BYTES_MAX).collect().await;
        let failure = self.refused(status.as_u16(), &body.map(|body| body.to_bytes()).unwrap_or_default());
        // A refusal stays one however often it is asked for; only what is not there yet may come.
        let again = failure.exit == Exit::NoAnswer && status.is_server_error();
        Err(if again { Missed::Again(failure) } else { Missed::Never(failure) })
    }
}

impl Watch {
    /// The next change; `None` when the connection has ended. Nothing is lost when this is cancelled.
    pub async fn next(&mut self) -> Outcome<Option<WatchEvent>> {
        loop {
            if let Some(data) = self.parser.event() {
                let value: serde_json::Value = serde_json::from_slice(&data).map_err(|e| garbled(&e.to_string()))?;
                return serde_json::from_value(clean(value)).map(Some).map_err(|e| garbled(&e.to_string()));
            }
            if self.parser.buffered() > EVENT_BYTES_MAX {
                return Err(garbled("an event is larger than 16 MiB"));
            }
            match timeout(SILENCE_MAX, self.body.frame()).await {
                Ok(Some(Ok(frame))) => self.parser.feed(frame.data_ref().map_or(&[], |data| &data[..])),
                Ok(Some(Err(_)) | None) | Err(_) => return Ok(None),
            }
        }
    }
}

fn garbled(error: &str) -> Failure {
    Failure::new(Exit::Failed, format!("the controller's watch is not understood: {error}"))
}

/// Splits a byte stream into the data of its events.
#[derive(Default)]
struct Parser {
    buffer: Vec<u8>,
    data: Vec<u8>,
}

impl Parser {
    fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    fn buffered(&self) -> usize {
        self.buffer.len() + self.data.len()
    }

    /// The data of the next complete event that has any.
    fn event(&mut self) -> Option<Vec<u8>> {
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() && !self.data.is_empty() {
                return Some(std::mem::take(&mut self.data));
            }
            if let Some(data) = line.strip_prefix(b"data:") {
                self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
                self.data.push(b'\n');
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_whole_however_they_arrive() {
        let stream = b": hello\n\nevent: run\ndata: {\"a\":\ndata: 1}\n\n:\n\ndata:{}\r\n\r\ndata: {\"torn\"";
        for chunk in [1, 3, stream.len()] {
            let (mut parser, mut events) = (Parser::default(), Vec::new());
            for bytes in stream.chunks(chunk) {
                parser.feed(bytes);
                while let Some(event) = parser.event() {
                    events.push(String::from_utf8(event).unwrap());
                }
            }
            assert_eq!(events, ["{\"a\":\n1}\n", "{}\n"], "in chunks of {chunk}");
        }
    }
}

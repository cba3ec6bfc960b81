//! HTTP by hand over the Unix socket: one request a connection.

use serde::{Serialize, de::DeserializeOwned};
use std::{path::Path, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::UnixStream,
    time::timeout,
};
use wire::api::{Problem, WatchEvent};

const WAIT: Duration = Duration::from_secs(20);

/// An answer: its status and its body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn ok<T: DeserializeOwned>(self) -> T {
        assert_eq!(self.status, 200, "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn problem(self, status: u16, exit: u8) -> Problem {
        assert_eq!(self.status, status, "{}", self.body);
        let problem: Problem = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem.exit, exit, "{problem:?}");
        problem
    }
}

pub async fn get(socket: &Path, path: &str) -> Answer {
    request(socket, "GET", path, "").await
}

pub async fn post<T: Serialize>(socket: &Path, path: &str, body: &T) -> Answer {
    request(socket, "POST", path, &serde_json::to_string(body).unwrap()).await
}

pub async fn request(socket: &Path, method: &str, path: &str, body: &str) -> Answer {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(head(method, path, body.len()).as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut text = String::new();
    timeout(WAIT, stream.read_to_string(&mut text)).await.expect("an answer in time").unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, body: body.to_owned() }
}

fn head(method: &str, path: &str, length: usize) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: standin\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
}

/// The events of a watch, one by one.
pub struct Watch(Lines<BufReader<UnixStream>>);

impl Watch {
    pub async fn open(socket: &Path, query: &str) -> Self {
        let mut stream = UnixStream::connect(socket).await.unwrap();
        stream.write_all(head("GET", &format!("/v1/watch?{query}"), 0).as_bytes()).await.unwrap();
        Self(BufReader::new(stream).lines())
    }

    /// The next change for which `wanted` holds.
    pub async fn until(&mut self, wanted: impl Fn(&WatchEvent) -> bool) -> WatchEvent {
        let search = async {
            loop {
                let line = self.0.next_line().await.unwrap().expect("the watch goes on");
                let Some(data) = line.strip_prefix("data: ") else { continue };
                let event: WatchEvent = serde_json::from_str(data).unwrap();
                if wanted(&event) {
                    return event;
                }
            }
        };
        timeout(WAIT, search).await.expect("a change in time")
    }
}

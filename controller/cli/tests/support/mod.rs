//! The binary, and a controller that answers what it was told to.
#![allow(dead_code, clippy::unwrap_used)]

use model::view::{Condition, Health, ScenarioState, ScenarioView};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
};
use wire::api::StoredScenario;

/// `standin` with these arguments, without a terminal, in an environment of its own.
pub fn standin(socket: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    command.args(args).env_clear().env("STANDIN_SOCKET", socket).env("LANG", "C.UTF-8").env("TZ", "UTC");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// A command that goes on until it is interrupted.
pub struct Looking {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Looking {
    pub fn at(controller: &FakeController, args: &[&str]) -> Self {
        let mut child = standin(&controller.socket(), args).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// The next line it prints, without its end; empty when there is none any more.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }

    /// Presses Ctrl-C; answers the rest of what is said.
    pub fn interrupt(mut self) -> Said {
        let pressed = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(pressed.success());
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        Said { code: self.child.wait().unwrap().code(), out, err }
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn said(mut command: Command) -> Said {
    command.output().unwrap().into()
}

/// An answer: status and body. A body of `Events` is a watch that stays open.
#[derive(Clone)]
pub enum Answer {
    Json(u16, String),
    Events(Vec<String>),
    /// Hangs up without an answer.
    Nothing,
}

type Answers = Arc<Mutex<BTreeMap<String, Vec<Answer>>>>;
type Requests = Arc<Mutex<Vec<(String, String)>>>;

/// A controller on a socket of its own.
pub struct FakeController {
    dir: tempfile::TempDir,
    answers: Answers,
    requests: Requests,
}

impl FakeController {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("sock")).unwrap();
        let (answers, requests) = (Answers::default(), Requests::default());
        let shared = (Arc::clone(&answers), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answers, requests) = (Arc::clone(&shared.0), Arc::clone(&shared.1));
                thread::spawn(move || serve(stream, &answers, &requests));
            }
        });
        Self { dir, answers, requests }
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    /// Adds an answer to `METHOD PATH`; the last one of several is given again and again.
    pub fn on(&self, request: &str, answer: Answer) -> &Self {
        self.answers.lock().unwrap().entry(request.to_owned()).or_default().push(answer);
        self
    }

    pub fn json(&self, request: &str, body: &impl serde::Serialize) -> &Self {
        self.on(request, Answer::Json(200, serde_json::to_string(body).unwrap()))
    }

    pub fn problem(&self, request: &str, status: u16, problem: &wire::api::Problem) -> &Self {
        self.on(request, Answer::Json(status, serde_json::to_string(problem).unwrap()))
    }

    pub fn run(&self, args: &[&str]) -> Said {
        said(standin(&self.socket(), args))
    }

    /// Bodies of what was asked, by `METHOD PATH`.
    pub fn asked(&self, request: &str) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|(asked, _)| asked == request).map(|(_, body)| body.clone()).collect()
    }
}

fn serve(mut stream: UnixStream, answers: &Answers, requests: &Requests) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).unwrap();
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let request = format!("{method} {path}");
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap() <= 2 {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    requests.lock().unwrap().push((request.clone(), String::from_utf8(body).unwrap()));
    let answer = {
        let mut answers = answers.lock().unwrap();
        match answers.get_mut(&request) {
            Some(list) if list.len() > 1 => list.remove(0),
            Some(list) => list[0].clone(),
            None => Answer::Json(404, format!(r#"{{"message":"no answer to {request}","exit":1}}"#)),
        }
    };
    match answer {
        Answer::Nothing => {}
        Answer::Json(status, body) => {
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
        Answer::Events(events) => {
            let mut text = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_owned();
            events.iter().for_each(|event| text.push_str(&format!("data: {event}\n\n")));
            let _ = stream.write_all(text.as_bytes());
            // Open until the other side goes.
            let _ = reader.read(&mut [0]);
        }
    }
}

/// A scenario named `mail` of which generation 2 is in force.
pub fn stored(state: ScenarioState, health: Health) -> StoredScenario {
    let mut item = StoredScenario::default();
    item.metadata.name = "mail".into();
    item.spec.primary.roots = vec![model::elements::roots::Root::default()];
    item.status = ScenarioView { state, health, observed_generation: 2, ..ScenarioView::default() };
    if state == ScenarioState::Protecting {
        let kinds = ["RootsReady", "Synchronized", "Protected", "ManifestCurrent"];
        item.status.conditions = kinds.map(holding).to_vec();
    }
    item
}

fn holding(kind: &str) -> Condition {
    let text = String::new;
    Condition { kind: kind.into(), status: "True".into(), reason: text(), message: text(), last_transition_time: None }
}

//! A small client of yaml-language-server: opens texts and gathers what it says about them.

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

/// Longest time for all answers.
const PATIENCE: Duration = Duration::from_secs(50);

pub struct LanguageServer {
    child: Child,
    stdin: ChildStdin,
    messages: Receiver<Value>,
    settings: Value,
    /// What was said last about each text.
    said: BTreeMap<String, Vec<String>>,
}

impl LanguageServer {
    /// `schema` is used for texts without a modeline whose path matches `pattern`.
    pub fn start(program: &Path, schema: &Path, pattern: &str) -> Self {
        let mut child = Command::new(program)
            .arg("--stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (send, messages) = channel();
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(message) = message(&mut stdout) {
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        let schemas = json!({ uri(schema): pattern });
        // The public store of schemas is left out: nothing here may depend on a network.
        let settings = json!({"yaml": {"validate": true, "schemas": schemas, "schemaStore": {"enable": false}}});
        let mut server = Self { child, stdin, messages, settings, said: BTreeMap::new() };
        let capabilities = json!({"workspace": {"configuration": true}});
        let parameters = json!({"processId": null, "rootUri": null, "capabilities": capabilities});
        server.send(json!({"id": 1, "method": "initialize", "params": parameters}));
        server.pump(|server| server.said.contains_key("initialized"));
        server.send(json!({"method": "initialized", "params": {}}));
        let settings = server.settings.clone();
        server.send(json!({"method": "workspace/didChangeConfiguration", "params": {"settings": settings}}));
        server
    }

    /// Opens a text as if it lay at `path`.
    pub fn open(&mut self, path: &Path, text: &str) {
        let document = json!({"uri": uri(path), "languageId": "yaml", "version": 1, "text": text});
        self.send(json!({"method": "textDocument/didOpen", "params": {"textDocument": document}}));
    }

    /// Waits until what was said about every path is `enough`, and answers it.
    pub fn wait(&mut self, paths: &[&Path], enough: impl Fn(&Path, &[String]) -> bool) -> Vec<Vec<String>> {
        let said = |server: &Self, path: &Path| server.said.get(&uri(path)).cloned();
        self.pump(|server| paths.iter().all(|path| said(server, path).is_some_and(|said| enough(path, &said))));
        paths.iter().map(|path| said(self, path).unwrap_or_default()).collect()
    }

    /// Handles messages until `done`, or until patience ends.
    fn pump(&mut self, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(left) {
                Ok(message) => self.handle(&message),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => panic!("yaml-language-server has ended"),
            }
        }
    }

    fn handle(&mut self, message: &Value) {
        let method = message.get("method").and_then(Value::as_str).unwrap_or_default();
        match (method, message.get("id")) {
            ("", Some(_)) => {
                self.said.insert("initialized".to_owned(), Vec::new());
            }
            ("workspace/configuration", Some(id)) => {
                let items = message["params"]["items"].as_array().cloned().unwrap_or_default();
                let section = |item: &Value| self.settings.get(item["section"].as_str()?).cloned();
                let answers: Vec<Value> = items.iter().map(|item| section(item).unwrap_or_else(|| json!({}))).collect();
                self.send(json!({"id": id, "result": answers}));
            }
            (_, Some(id)) => self.send(json!({"id": id, "result": null})),
            ("textDocument/publishDiagnostics", None) => {
                let about = message["params"]["uri"].as_str().unwrap_or_default().to_owned();
                let found = message["params"]["diagnostics"].as_array().cloned().unwrap_or_default();
                let said = |found: Value| {
                    let line = found["range"]["start"]["line"].as_u64().unwrap_or_default() + 1;
                    format!("{line}: {}", found["message"].as_str().unwrap_or_default())
                };
                self.said.insert(about, found.into_iter().map(said).collect());
            }
            _ => {}
        }
    }

    fn send(&mut self, mut message: Value) {
        message["jsonrpc"] = json!("2.0");
        let text = message.to_string();
        write!(self.stdin, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.stdin.flush().unwrap();
    }
}

impl Drop for LanguageServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// One message: headers, an empty line, as many bytes as they say.
fn message(source: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if source.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().strip_prefix("Content-Length: ") {
            Some(text) => length = text.parse().ok()?,
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    let mut bytes = vec![0; length];
    source.read_exact(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

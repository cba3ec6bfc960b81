//! A git server on loopback that wants a password, made of git's own CGI program.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

/// Serves the repositories below `directory` to whoever shows `authorization`, and calls `seen` at each request that
/// does. Answers the address.
pub fn serve(directory: &Path, authorization: &str, seen: impl Fn() + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (directory, authorization) = (directory.to_owned(), authorization.to_owned());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let asked = Asked::read(&stream);
            let allowed = asked.header("authorization") == Some(authorization.as_str());
            if allowed {
                seen();
            }
            let answer = if allowed { asked.answer(&directory) } else { unauthorized() };
            let _ = (&stream).write_all(&answer);
        }
    });
    address
}

fn unauthorized() -> Vec<u8> {
    let head = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\n";
    format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

struct Asked {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Asked {
    fn read(stream: &TcpStream) -> Self {
        let mut lines = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let first = line();
        let mut words = first.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        let lines_of_head = std::iter::from_fn(|| Some(line()).filter(|line| !line.is_empty()));
        let header = |line: String| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let headers: Vec<(String, String)> = lines_of_head.filter_map(header).collect();
        let mut asked = Self { method, path, query, headers, body: Vec::new() };
        let length: usize = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
        asked.body.resize(length, 0);
        lines.read_exact(&mut asked.body).unwrap();
        asked
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn answer(&self, directory: &PathBuf) -> Vec<u8> {
        let mut backend = Command::new("git");
        backend.arg("http-backend").env("GIT_PROJECT_ROOT", directory).env("GIT_HTTP_EXPORT_ALL", "1");
        backend.env("REQUEST_METHOD", &self.method).env("PATH_INFO", &self.path).env("QUERY_STRING", &self.query);
        backend.env("CONTENT_LENGTH", self.body.len().to_string());
        for (variable, name) in [
            ("CONTENT_TYPE", "content-type"),
            ("HTTP_CONTENT_ENCODING", "content-encoding"),
            ("GIT_PROTOCOL", "git-protocol"),
        ] {
            backend.env(variable, self.header(name).unwrap_or_default());
        }
        let mut backend = backend.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        backend.stdin.take().unwrap().write_all(&self.body).unwrap();
        let said = backend.wait_with_output().unwrap().stdout;
        [b"HTTP/1.1 200 OK\r\nConnection: close\r\n".as_slice(), &said].concat()
    }
}

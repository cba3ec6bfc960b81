//! Wrong input and missing answers: the exit code and the words, for each.
#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, io::Write, process::Stdio};
use support::{said, standin};

/// Arguments, exit code, and what stderr has to say.
const WRONG: &[(&[&str], i32, &str)] = &[
    (&["swichover", "mail"], 2, "switchover"),
    (&["get"], 2, "required"),
    (&["get", "volumes"], 2, "invalid value 'volumes'"),
    (&["get", "scenarios", "-o", "xml"], 2, "invalid value 'xml'"),
    (&["get", "runs", "-l", "a=b"], 2, "runs and events carry no labels"),
    (&["get", "hosts", "-o", "json", "--no-headers"], 2, "--no-headers is for table, wide and csv"),
    (&["get", "hosts", "-o", "name", "--columns", "name"], 2, "--columns is for table, wide and csv"),
    (&["switchover", "mail", "--progress", "live", "--confirm", "mail"], 2, "--progress live needs a terminal"),
    (&["sync", "mail", "--root", "data"], 2, "--compare-only"),
    (&["get", "hosts", "--progress", "often"], 2, "invalid value 'often'"),
    (&["get", "scenarios", "--sort-by", "size"], 2, "sorted by name, state, health, lag or age"),
    (&["get", "hosts", "--sort-by", "lag"], 2, "sorted by name, state or age"),
    (&["get", "runs", "--sort-by", "NAME"], 2, "sorted by name, state, time or age"),
    (&["get", "events", "--sort-by", ""], 2, "sorted by name, severity, kind, time or age"),
    (&["failover", "mail"], 2, "--to"),
    (&["switchover", "mail", "--confirm", "web"], 6, "the confirmation says `web` and the scenario is `mail`"),
    (&["switchover", "mail", "--timeout", "30", "--confirm", "mail"], 2, "write 30s"),
    (&["switchover", "mail", "--confirm", "mail", "--wait=false", "--timeout", "3s"], 2, "not to wait at all"),
    (&["switchback", "mail", "--discard", "active"], 2, "invalid value 'active'"),
    (&["apply", "--timeout", "3s"], 2, "--wait"),
    (&["apply", "--dry-run", "--yes"], 2, "cannot be used with"),
    (&["sync", "mail", "--compare-only", "--yes"], 2, "cannot be used with"),
    (&["run", "show", "../version"], 2, "standin run list shows them"),
    (&["run", "resume", "r-1", "--skip", "5"], 2, "--reason"),
    (&["run", "resume", "r-1", "--skip", "5", "--reason", "x", "--step", "5"], 2, "--step"),
    (&["run", "abort", "r-1", "--as-it-is"], 2, "--reason"),
    (&["token", "create", "--host", "mx1", "--ttl", "2h"], 2, "not between 1s and 1h"),
    (&["token", "create", "--role", "viewer", "--ttl", "400d"], 2, "not between 1s and 366d"),
    (&["token", "create"], 2, "--role"),
    (&["token", "create", "--host", "mx1", "--role", "admin"], 2, "cannot be used with"),
    (&["token", "create", "--role", "root"], 2, "viewer, operator, admin"),
    (&["context", "use", "nobody"], 1, "there is no context nobody"),
    (&["context", "remove", "nobody"], 1, "standin context list"),
    (&["context", "add", "prod", "--token-file", "x"], 2, "--url is missing"),
    (&["context", "add", "prod", "--url", "http://ctl.example"], 2, "not encrypted"),
    (&["context", "add", "prod", "--url", "https://ctl.example"], 2, "whom to trust"),
    (&["context", "add", "local", "--url", "https://ctl.example"], 2, "another name is needed"),
    (&["--context", "nobody", "status"], 2, "there is no context nobody"),
    (&["--context", "nobody", "--socket", "x", "status"], 2, "both name a controller"),
    (&["events", "--since", "yesterday"], 2, "is not a length of time"),
    (&["validate", "-f", "/no/such/file.yaml"], 2, "/no/such/file.yaml"),
    (&["explain", "DR9999"], 1, "there is no code DR9999"),
    (&["get", "scenarios", "--force"], 2, "unexpected argument '--force'"),
];

#[test]
fn wrong_input_has_its_code_and_its_words() {
    let dir = tempfile::tempdir().unwrap();
    for (args, code, words) in WRONG {
        let said = said(standin(&dir.path().join("sock"), args));
        assert_eq!(said.code, Some(*code), "{args:?}: {}", said.err);
        assert!(said.err.contains(words), "{args:?} said: {}", said.err);
        assert_eq!(said.out, "", "{args:?}: data on stdout");
    }
}

#[test]
fn no_controller_is_said_with_what_is_true_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    for args in [&["get", "scenarios"][..], &["status"], &["suspend", "mail", "--yes"], &["run", "list"]] {
        let said = said(standin(&dir.path().join("sock"), args));
        assert_eq!(said.code, Some(3), "{args:?}");
        for words in
            ["no controller answers at", "there is no such socket", "agents go on replicating", "STANDIN_SOCKET"]
        {
            assert!(said.err.contains(words), "{args:?} said: {}", said.err);
        }
    }
    let stale = dir.path().join("stale");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    assert!(said(standin(&stale, &["status"])).err.contains("nobody listens"));
}

#[test]
fn validate_tells_valid_from_wrong_from_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let validate = |more: &[&str]| {
        let mut args = vec!["validate"];
        args.extend(more);
        let mut command = standin(&dir.path().join("sock"), &args);
        command.current_dir(&dir);
        said(command)
    };
    let nothing = validate(&[]);
    assert_eq!((nothing.code, nothing.err.contains("no manifest found in .")), (Some(2), true), "{}", nothing.err);
    let host =
        "apiVersion: standin/v1alpha1\nkind: Host\nmetadata: {name: mx1}\nspec: {replicationAddress: 10.0.0.1}\n";
    fs::write(dir.path().join("host.yaml"), host).unwrap();
    let right = validate(&[]);
    assert_eq!((right.code, right.err.as_str()), (Some(0), ""));
    assert!(right.out.contains("Checked 1 object in 1 file: no errors, no warnings."), "{}", right.out);
    fs::write(dir.path().join("host.yaml"), host.replace("replicationAddress", "replicationAdress")).unwrap();
    let wrong = validate(&["--format", "concise"]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.out.contains("host.yaml:4:8: error[DR0101]"), "{}", wrong.out);
    assert_eq!(validate(&["--exit-zero"]).code, Some(0));
    let json = validate(&["--format", "json"]);
    for line in json.out.lines() {
        let finding: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(finding["schema"], "standin.diag/v1");
    }
    assert_eq!((json.code, json.out.is_empty()), (Some(1), false));
}

#[test]
fn standard_input_is_read_as_a_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = standin(&dir.path().join("sock"), &["validate", "-f", "-", "--format", "concise"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"kind: Host\n").unwrap();
    let said = support::Said::from(child.wait_with_output().unwrap());
    assert_eq!(said.code, Some(1));
    assert!(said.out.starts_with("-:1:1: error"), "{}", said.out);
}

#[test]
fn a_closed_pipe_is_not_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    for args in [&["schema"][..], &["explain"], &["explain", "DR0101"], &["--help"], &["--version"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = standin(&dir.path().join("sock"), args);
        let said = said_with(command.stdout(writer));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{args:?}");
    }
    let mut command = standin(&dir.path().join("sock"), &["schema"]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let said = said_with(command.stdout(full));
    assert_eq!(said.code, Some(5), "a full disk is a failure");
    assert!(said.err.contains("the output could not be written"), "{}", said.err);
}

fn said_with(command: &mut std::process::Command) -> support::Said {
    command.output().unwrap().into()
}

#[test]
fn a_wrong_configuration_is_refused_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let config = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let head = "apiVersion: standin/v1alpha1\nkind: ";
    let right = config("c.yaml", &format!("{head}ControllerConfig\nspec: {{agentListen: '127.0.0.1:0'}}\n"));
    let typo = config("t.yaml", &format!("{head}ControllerConfig\nspec:\n  agentListn: '127.0.0.1:0'\n"));
    let agent = config("a.yaml", &format!("{head}AgentConfig\nspec: {{host: mx1, controller: 'ctl:25002'}}\n"));
    let token = config("token", "not-a-token");
    let wrong: &[(&[&str], i32, &str)] = &[
        (&["controller", "--check-config", "--config", &right], 0, ""),
        (&["agent", "--check-config", "--config", &agent], 0, ""),
        (&["controller", "--check-config", "--config", &typo], 2, "agentListn"),
        (&["controller", "--config", &agent], 2, "kind: ControllerConfig"),
        (&["agent", "--config", "/no/such/file"], 2, "/no/such/file"),
        (&["agent", "join", "ctl:25002", "--host", "mx1", "--token-file", &token, "--config", &agent], 2, "a token"),
        (&["agent", "join", "ctl:25002", "--host", "mx2", "--token-file", &token, "--config", &agent], 2, "is for mx1"),
    ];
    for (args, code, words) in wrong {
        let said = said(standin(&dir.path().join("sock"), args));
        assert_eq!(said.code, Some(*code), "{args:?}: {}", said.err);
        assert!(said.err.contains(words), "{args:?} said: {}", said.err);
        assert!(!said.err.contains("not-a-token"), "a token is never shown: {}", said.err);
    }
}

//! Contexts as a person keeps them: what is written where, what wins, and what is never shown.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use support::Said;
use wire::people::PersonToken;

/// A person with a home, and no controller anywhere.
struct Person {
    home: tempfile::TempDir,
    token: PersonToken,
}

impl Person {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), token: PersonToken::create().unwrap() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = support::standin(Path::new("/none"), args);
        command.env_remove("STANDIN_SOCKET").env("HOME", self.home.path()).current_dir(self.home.path());
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        self.with(self.command(args))
    }

    /// Gives the token on standard input, and holds against everything that it is never repeated.
    fn with(&self, mut command: Command) -> Said {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        // Who does not read it has closed it.
        let _ = child.stdin.take().unwrap().write_all(self.token.to_string().as_bytes());
        let said = Said::from(child.wait_with_output().unwrap());
        assert!(!said.out.contains(self.token.secret()) && !said.err.contains(self.token.secret()), "{}", said.err);
        said
    }

    fn add(&self, name: &str, more: &[&str]) -> Said {
        let url = ["--url", "http://127.0.0.1:1", "--token-file", "-", "--no-check"];
        self.run(&[&["context", "add", name], &url[..], more].concat())
    }

    fn config(&self) -> PathBuf {
        self.home.path().join(".config/standin/config.yaml")
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn tokens_are_kept_apart_and_private_and_go_with_their_context() {
    let person = Person::new();
    assert_eq!(person.add("prod", &["--use"]).code, Some(0));
    assert_eq!(person.add("test", &[]).code, Some(0));
    let (config, tokens) = (person.config(), person.config().with_file_name("tokens"));
    assert!(!fs::read_to_string(&config).unwrap().contains("standin_"));
    assert_eq!((mode(&tokens), mode(&tokens.join("prod")), mode(&config)), (0o700, 0o600, 0o600));
    let list = person.run(&["context", "list"]);
    let marks: Vec<&str> = list.out.lines().filter(|line| line.starts_with('*')).collect();
    assert!(marks.len() == 1 && marks[0].contains("prod"), "{}", list.out);
    assert_eq!(person.add("prod", &[]).code, Some(6), "there is one already");
    let edited = fs::read_to_string(&config).unwrap().replace("spec:\n", "spec:\n  # mine\n");
    fs::write(&config, edited).unwrap();
    let removed = person.run(&["context", "remove", "prod"]);
    assert!(removed.code == Some(0) && removed.err.contains("standin token revoke"), "{}", removed.err);
    assert!(!tokens.join("prod").exists() && tokens.join("test").exists());
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains("# mine") && text.contains("context: local"), "{text}");
    assert_eq!(person.run(&["context", "use", "test"]).code, Some(0));
    assert!(person.run(&["status"]).err.contains("http://127.0.0.1:1"));
}

#[test]
fn what_does_not_answer_is_not_kept() {
    let person = Person::new();
    let said = person.run(&["context", "add", "prod", "--url", "http://127.0.0.1:1", "--token-file", "-"]);
    assert!(said.code == Some(3) && said.err.contains("the context was not kept"), "{}", said.err);
    assert!(!person.config().exists());
}

#[test]
fn a_token_that_others_can_read_is_not_sent() {
    let person = Person::new();
    person.add("prod", &["--use"]);
    let token = person.config().with_file_name("tokens").join("prod");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let said = person.run(&["status"]);
    assert!(said.code == Some(6) && said.err.contains("chmod 600"), "{}", said.err);
    fs::remove_file(&token).unwrap();
    let said = person.run(&["status"]);
    assert!(said.code == Some(2) && said.err.contains("--replace --token-file"), "{}", said.err);
}

#[test]
fn it_is_said_what_set_what() {
    let person = Person::new();
    let view = || person.run(&["config", "view", "--origin"]);
    assert!(view().out.contains("local") && view().out.contains("default"));
    person.add("prod", &["--use"]);
    person.add("test", &[]);
    assert!(
        view()
            .out
            .lines()
            .any(|line| line.starts_with("context ") && line.contains("prod") && line.contains("config.yaml"))
    );
    let mut command = person.command(&["config", "view", "--origin"]);
    command.env("STANDIN_CONTEXT", "test");
    let said = person.with(command);
    assert!(
        said.out.lines().any(|line| line.starts_with("context ") && line.ends_with("STANDIN_CONTEXT")),
        "{}",
        said.out
    );
    let flag = person.run(&["config", "view", "--context", "test", "-o", "json"]);
    let list: serde_json::Value = serde_json::from_str(&flag.out).unwrap();
    assert_eq!((&list["items"][0]["value"], &list["items"][0]["origin"]), (&"test".into(), &"--context".into()));
    let mut both = person.command(&["status"]);
    both.env("STANDIN_CONTEXT", "test").env("STANDIN_SOCKET", "/x");
    assert_eq!(person.with(both).code, Some(2));
    let mut elsewhere = person.command(&["config", "view"]);
    elsewhere.env("XDG_CONFIG_HOME", person.home.path().join("empty"));
    assert!(person.with(elsewhere).out.contains("local"), "XDG_CONFIG_HOME goes before HOME");
}

#[test]
fn a_file_with_a_layout_of_its_own_is_used_and_not_touched() {
    let person = Person::new();
    let text = "apiVersion: standin/v1alpha1\nkind: ClientConfig\nspec: {contexts: [{name: a, url: 'http://localhost:1', tokenFile: t}]}\n";
    fs::create_dir_all(person.config().parent().unwrap()).unwrap();
    fs::write(person.config(), text).unwrap();
    fs::write(person.config().with_file_name("t"), person.token.to_string()).unwrap();
    fs::set_permissions(person.config().with_file_name("t"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(person.run(&["--context", "a", "status"]).code, Some(3), "nobody answers there");
    for args in [&["context", "use", "a"][..], &["context", "remove", "a"]] {
        let said = person.run(args);
        assert!(said.code == Some(6) && said.err.contains("was not touched"), "{}", said.err);
    }
    assert!(person.add("b", &[]).err.contains("- name: b"), "the lines to add are said");
    assert_eq!(fs::read_to_string(person.config()).unwrap(), text);
    assert!(!person.config().with_file_name("tokens").exists());
    fs::write(person.config(), text.replace("url", "uri")).unwrap();
    let said = person.run(&["status"]);
    assert!(said.code == Some(2) && said.err.contains("uri"), "{}", said.err);
    assert_eq!(
        person.run(&["validate", "-f", ".config/standin/config.yaml"]).code,
        Some(1),
        "no controller is asked, so it does not matter"
    );
}

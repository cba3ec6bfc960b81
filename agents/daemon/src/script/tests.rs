use super::{run::OUTPUT_BYTES_MAX, *};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

struct Place {
    _directory: tempfile::TempDir,
    scripts: Scripts,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("scripts");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let scripts = Scripts::new(&path, &directory.path().join("run"));
        Self { _directory: directory, scripts, path }
    }

    fn write(&self, name: &str, body: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    async fn run(&self, command: &[&str]) -> Result<Outcome, ScriptError> {
        self.scripts.run(&order(command)).await
    }
}

fn order(command: &[&str]) -> Order {
    Order {
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        environment: vec![("STANDIN_HOST", "mx1".to_owned())],
        timeout: Duration::from_secs(10),
        leftovers: Leftovers::Kill,
    }
}

#[tokio::test]
async fn arguments_pass_without_a_shell_and_the_environment_is_clean() {
    let place = Place::new();
    place.write("show", "printf '%s|' \"$@\"; echo; env | sort; pwd; cat; echo oops >&2; exit 3");
    let outcome = place.run(&["show", "$(id)", "a b", "; rm -rf /"]).await.unwrap();
    assert_eq!(outcome.ended, Ended::Exit(3));
    let lines: Vec<&str> = outcome.output.lines().filter(|l| !l.starts_with("PWD=") && !l.starts_with("_=")).collect();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(lines, ["$(id)|a b|; rm -rf /|", "LANG=C.UTF-8", path, "STANDIN_HOST=mx1", "/", "oops"]);
    assert_eq!(outcome.summary(), "exit status 3: oops");
}

#[tokio::test]
async fn names_that_are_not_plain_are_refused() {
    let place = Place::new();
    place.write("ok", "exit 0");
    for name in ["", ".", "..", "../ok", "/bin/true", "./ok", "a/b", ".hidden", "o\0k", "o\nk"] {
        let refused = place.run(&[name]).await;
        assert!(matches!(refused, Err(ScriptError::NotAName(_))), "{name:?}: {refused:?}");
    }
    assert!(matches!(place.run(&[]).await, Err(ScriptError::NoName)));
    assert!(matches!(place.run(&["absent"]).await, Err(ScriptError::NotFound(_))));
    assert!(place.run(&["ok"]).await.unwrap().success());
}

#[tokio::test]
async fn what_others_could_have_written_is_refused() {
    let place = Place::new();
    let path = place.write("job", "exit 0");
    let refused = async |why: &str| {
        let refused = place.run(&["job"]).await;
        assert!(matches!(refused, Err(ScriptError::Untrusted { .. })), "{why}: {refused:?}");
    };
    for mode in [0o775, 0o757, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        refused("mode of the file").await;
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    for mode in [0o775, 0o757, 0o1777] {
        fs::set_permissions(&place.path, fs::Permissions::from_mode(mode)).unwrap();
        refused("mode of the directory").await;
    }
    fs::set_permissions(&place.path, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(place.run(&["job"]).await.unwrap().success());
    fs::rename(&path, place.path.join("real")).unwrap();
    std::os::unix::fs::symlink("real", &path).unwrap();
    refused("symbolic link").await;
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused("directory").await;
    fs::remove_dir(&path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::from(0o755), 0).unwrap();
    refused("fifo").await;
}

#[tokio::test]
async fn a_parent_that_others_can_write_to_is_refused() {
    let outer = tempfile::tempdir().unwrap();
    let open = outer.path().join("open");
    let path = open.join("scripts");
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("job"), "#!/bin/sh\n").unwrap();
    for directory in [&path, &path.join("job")] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let scripts = Scripts::new(&path, &outer.path().join("run"));
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(scripts.run(&order(&["job"])).await, Err(ScriptError::Untrusted { .. })));
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(scripts.run(&order(&["job"])).await.unwrap().success());
}

#[tokio::test]
async fn output_is_capped_and_stdin_is_empty() {
    let place = Place::new();
    place.write("loud", "cat; head -c 5000000 /dev/zero | tr '\\0' x");
    let outcome = place.run(&["loud"]).await.unwrap();
    assert!(outcome.success());
    assert_eq!(outcome.output.len(), OUTPUT_BYTES_MAX);
}

#[tokio::test]
async fn a_hanging_script_is_killed_with_its_children() {
    let place = Place::new();
    let pids = place.path.join("pids");
    place.write("hang", &format!("trap '' TERM; sleep 300 & echo $! $$ > {}; wait; sleep 300", pids.display()));
    let began = Instant::now();
    let quick = Order { timeout: Duration::from_millis(500), ..order(&["hang"]) };
    let outcome = place.scripts.run(&quick).await.unwrap();
    assert_eq!(outcome.ended, Ended::TimedOut);
    assert!(began.elapsed() < Duration::from_secs(20));
    let pids = fs::read_to_string(pids).unwrap();
    for pid in pids.split_whitespace() {
        wait_until_gone(pid).await;
    }
}

async fn wait_until_gone(pid: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let alive = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    while alive() {
        assert!(Instant::now() < deadline, "process {pid} is still there");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_daemon_that_keeps_the_output_open_does_not_hold_us() {
    let place = Place::new();
    let pid = place.path.join("pid");
    place.write("serve", &format!("(while :; do echo tick; sleep 0.05; done) & echo $! > {}; echo up", pid.display()));
    let began = Instant::now();
    let outcome = place.scripts.run(&Order { leftovers: Leftovers::Keep, ..order(&["serve"]) }).await.unwrap();
    assert!(outcome.success() && outcome.output.contains("up"));
    assert!(began.elapsed() < Duration::from_secs(5));
    let kept = fs::read_to_string(&pid).unwrap();
    assert!(fs::exists(format!("/proc/{}", kept.trim())).unwrap(), "the service was killed");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(kept.trim().parse().unwrap()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    place.run(&["serve"]).await.unwrap();
    wait_until_gone(fs::read_to_string(&pid).unwrap().trim()).await;
}

#[tokio::test]
async fn a_script_replaced_or_deleted_while_it_runs_goes_on_as_it_was() {
    let place = Place::new();
    let go = place.path.join("go");
    let body = |word: &str| format!("echo begun; while [ ! -e {} ]; do sleep 0.02; done; echo {word}", go.display());
    let path = place.write("job", &body("old"));
    let order = order(&["job"]);
    let running = place.scripts.run(&order);
    let replace = async {
        tokio::time::timeout(Duration::from_secs(5), async {
            while fs::read_dir(place.path.parent().unwrap().join("run")).map_or(0, Iterator::count) == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        // In place, as an editor or a deployment would, under the feet of the shell that reads it.
        fs::write(&path, format!("#!/bin/sh\n{}\n", body("new!"))).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&go, "").unwrap();
    };
    let (outcome, ()) = tokio::join!(running, replace);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.output, "begun\nold\n");
    assert_eq!(outcome.hash.len(), 64);
}

#[tokio::test]
async fn a_copy_that_was_tampered_with_is_written_again() {
    let place = Place::new();
    place.write("job", "echo good");
    let first = place.run(&["job"]).await.unwrap();
    let copy = place.path.parent().unwrap().join("run").join(&first.hash).join("job");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(&copy, "#!/bin/sh\necho bad\n").unwrap();
    assert_eq!(place.run(&["job"]).await.unwrap().output, "good\n");
}

#[tokio::test]
async fn a_script_that_dies_by_a_signal_says_so() {
    let place = Place::new();
    place.write("die", "kill -9 $$");
    assert_eq!(place.run(&["die"]).await.unwrap().ended, Ended::Signal(9));
    place.write("nul", "exit 0");
    assert!(matches!(place.run(&["nul", "a\0b"]).await, Err(ScriptError::Start(_))));
}

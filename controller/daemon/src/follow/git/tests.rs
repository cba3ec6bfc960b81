use super::*;
use std::{fs, net::TcpListener, path::PathBuf, process::Command as Plain};
use tempfile::TempDir;

/// A repository that is followed, and the private directory of whoever follows it.
struct Lab {
    temp: TempDir,
    from: Git,
}

impl Lab {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let work = temp.path().join("work");
        fs::create_dir(&work).unwrap();
        let repository = work.to_str().unwrap().to_owned();
        let lab = Self { temp, from: Git { repository, branch: "main".into(), ..Git::default() } };
        lab.git(&["init", "--quiet", "--initial-branch=main"]);
        lab.commit("first");
        lab
    }

    fn git(&self, args: &[&str]) -> String {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let done = Plain::new("git").current_dir(self.temp.path().join("work")).args(identity).args(args).output();
        let done = done.unwrap();
        assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    fn commit(&self, text: &str) {
        fs::write(self.temp.path().join("work/file"), text).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "change"]);
    }

    fn state(&self) -> PathBuf {
        self.temp.path().join("state")
    }

    fn kept(&self, path: &str) -> PathBuf {
        self.state().join("repository.git").join(path)
    }

    /// What `file` holds in the commit that is fetched.
    async fn fetched(&self) -> String {
        let checkout = fetch(&self.from, &self.state()).await.unwrap_or_else(|error| panic!("{error:?}"));
        fs::read_to_string(checkout.path().join("tree/file")).unwrap()
    }
}

#[tokio::test]
async fn a_lock_that_was_left_behind_stops_nothing() {
    let lab = Lab::new();
    assert_eq!(lab.fetched().await, "first");
    for lock in ["shallow.lock", "refs/standin/followed.lock"] {
        fs::write(lab.kept(lock), "").unwrap();
        lab.commit(lock);
        assert_eq!(lab.fetched().await, lock);
        assert!(!lab.kept(lock).exists(), "{lock} is gone for good");
    }
}

#[tokio::test]
async fn a_damaged_repository_is_made_anew() {
    let lab = Lab::new();
    lab.fetched().await;
    for damaged in ["HEAD", "refs/standin/followed", "shallow", "config"] {
        fs::write(lab.kept(damaged), "\0\0\0").unwrap();
        lab.commit(damaged);
        assert_eq!(lab.fetched().await, damaged);
    }
    fs::remove_dir_all(lab.kept("objects")).unwrap();
    fs::create_dir(lab.kept("objects")).unwrap();
    assert_eq!(lab.fetched().await, "config", "the same commit without its objects");
}

#[tokio::test]
async fn a_repository_that_cannot_be_reached_costs_nothing_that_was_fetched() {
    let mut lab = Lab::new();
    lab.fetched().await;
    let there = std::mem::replace(&mut lab.from.repository, "/nonexistent/dr.git".into());
    let error = fetch(&lab.from, &lab.state()).await.unwrap_err();
    assert_eq!(error.what, "git fetch failed", "{error:?}");
    assert!(lab.kept("HEAD").exists() && !lab.state().join("repository.new.git").exists());
    lab.from.repository = there;
    assert_eq!(lab.fetched().await, "first");
}

#[tokio::test]
async fn a_fetch_that_is_cut_short_leaves_no_lock_and_no_process() {
    let mut lab = Lab::new();
    lab.fetched().await;
    // One that accepts and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = lab.from.repository.clone();
    lab.from.repository = format!("http://{}/dr.git", silent.local_addr().unwrap());
    let limits = Limits { time: Duration::from_millis(300), bytes: FETCHED_BYTES_MAX };
    let error = fetch_within(&lab.from, &lab.state(), limits).await.unwrap_err();
    assert!(error.what.contains("took longer"), "{error:?}");
    // What git has started may outlive it by a moment.
    until(|| processes_in(&lab.state()) == 0).await;
    lab.from.repository = there;
    assert_eq!(lab.fetched().await, "first");
}

#[tokio::test]
async fn a_fetch_that_nobody_waits_for_any_more_ends() {
    let mut lab = Lab::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    lab.from.repository = format!("http://{}/dr.git", silent.local_addr().unwrap());
    let state = lab.state();
    let fetching = tokio::spawn(async move { fetch(&lab.from, &lab.state()).await.map(drop) });
    until(|| processes_in(&state) > 0).await;
    fetching.abort();
    until(|| processes_in(&state) == 0).await;
}

async fn until(wanted: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !wanted() {
        assert!(Instant::now() < deadline, "never so");
        tokio::task::yield_now().await;
    }
}

/// How many processes work in a directory or below.
fn processes_in(directory: &Path) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let at = processes.filter_map(|process| fs::read_link(process.path().join("cwd")).ok());
    at.filter(|at| at.starts_with(directory)).count()
}

impl Lab {
    /// Commits `levels` directories in each other, each with ten names for the same one; `last` is what the innermost
    /// names stand for.
    fn commit_levels(&self, levels: usize, mode: &str, last: &str) {
        let at = self.temp.path().join("work");
        let tree = |line: String| {
            let all: String = (0..10).map(|n| format!("{line}\td{n}\n")).collect();
            fs::write(at.join("../tree"), all).unwrap();
            let input = fs::File::open(at.join("../tree")).unwrap();
            let made = Plain::new("git").current_dir(&at).arg("mktree").stdin(input).output().unwrap();
            String::from_utf8(made.stdout).unwrap().trim().to_owned()
        };
        let innermost = tree(format!("{mode} {last}"));
        let top = (1..levels).fold(innermost, |below, _| tree(format!("040000 tree {below}")));
        let commit = self.git(&["commit-tree", &top, "-m", "deep"]);
        self.git(&["update-ref", "refs/heads/main", &commit]);
    }
}

#[tokio::test]
async fn a_tree_of_trees_is_refused_before_it_is_listed_or_written() {
    let lab = Lab::new();
    lab.fetched().await;
    let file = lab.git(&["hash-object", "-w", "file"]);
    fs::write(lab.temp.path().join("none"), "").unwrap();
    let nothing = lab.git(&["hash-object", "-w", "-t", "tree", "../none"]);
    for (mode, last) in [("100644 blob", &file), ("040000 tree", &nothing)] {
        lab.commit_levels(9, mode, last);
        let began = Instant::now();
        let error = fetch(&lab.from, &lab.state()).await.unwrap_err();
        assert!(error.what.contains("too large for manifests"), "{mode}: {error:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "git was not ended at the limit");
        assert!(!lab.state().join("checkout").exists() && lab.kept("HEAD").exists());
    }
    lab.commit_levels(3, "100644 blob", &file);
    fetch(&lab.from, &lab.state()).await.unwrap();
}

#[tokio::test]
async fn a_repository_that_has_grown_is_made_anew() {
    let lab = Lab::new();
    lab.fetched().await;
    let mark = lab.kept("mark");
    fs::write(&mark, "").unwrap();
    lab.commit("second");
    assert_eq!(lab.fetched().await, "second");
    assert!(mark.exists(), "it is the same one until then");
    (0..700).for_each(|n| fs::write(lab.kept(&format!("objects/pack/tmp_{n}")), "").unwrap());
    assert_eq!(lab.fetched().await, "second");
    assert!(!mark.exists() && !lab.kept("objects/pack/tmp_0").exists());
}

#[tokio::test]
async fn a_fetch_that_brings_too_much_is_ended_and_leaves_nothing() {
    let lab = Lab::new();
    lab.fetched().await;
    let mut noise = vec![0; 4 << 20];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    fs::write(lab.temp.path().join("work/noise"), noise).unwrap();
    lab.commit("with noise");
    let limits = Limits { time: FETCH_MAX, bytes: 1 << 20 };
    let error = fetch_within(&lab.from, &lab.state(), limits).await.unwrap_err();
    assert!(error.what.contains("too large to be fetched"), "{error:?}");
    let packs = fs::read_dir(lab.kept("objects/pack")).unwrap().flatten();
    assert!(packs.map(|pack| pack.metadata().unwrap().len()).all(|bytes| bytes < 1 << 20));
    assert_eq!(lab.fetched().await, "with noise", "with room for it");
}

/// `bot:hunter2` and `git:hunter2`.
const AUTHORIZATIONS: [&str; 2] = ["Basic Ym90Omh1bnRlcjI=", "Basic Z2l0Omh1bnRlcjI="];

#[tokio::test]
async fn a_credential_reaches_the_server_and_nobody_else_sees_it() {
    for (line, authorization) in ["bot:hunter2\n", "hunter2"].into_iter().zip(AUTHORIZATIONS) {
        let mut lab = Lab::new();
        let (state, (tell, told)) = (lab.state(), std::sync::mpsc::channel());
        let look = move || tell.send(started_with(&state)).unwrap();
        let address = test_server::serve(lab.temp.path(), authorization, look);
        lab.from.repository = format!("{address}/work");
        let error = fetch(&lab.from, &lab.state()).await.unwrap_err();
        assert_eq!(error.what, "git fetch failed", "without a credential: {error:?}");
        lab.from.credential_file = Some(lab.temp.path().join("it's a \"credential\" $file"));
        let file = lab.from.credential_file.clone().unwrap();
        fs::write(&file, line).unwrap();
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(lab.fetched().await, "first");
        let seen: Vec<String> = told.try_iter().collect();
        assert!(seen.iter().any(|seen| seen.contains("git-remote-http")), "{seen:?}");
        assert!(seen.iter().all(|seen| !seen.contains("hunter2")), "{seen:?}");
        assert!(!fs::read_to_string(lab.kept("config")).unwrap().contains("hunter2"));
        fs::write(&file, "bot:wrong").unwrap();
        let error = fetch(&lab.from, &lab.state()).await.unwrap_err();
        assert!(!format!("{error:?}").contains("wrong"), "{error:?}");
    }
}

/// Arguments and environment of the processes that work in a directory or below.
fn started_with(directory: &Path) -> String {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|process| process.path());
    let here = |process: &PathBuf| fs::read_link(process.join("cwd")).is_ok_and(|at| at.starts_with(directory));
    let said = |process: PathBuf| ["cmdline", "environ"].map(|file| fs::read(process.join(file)).unwrap_or_default());
    let all: Vec<Vec<u8>> = processes.filter(here).flat_map(said).collect();
    String::from_utf8_lossy(&all.concat()).into_owned()
}

//! Projects, overlays, rendering, starting one, and explaining fields, by the program itself.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};
use support::{FakeController, Said, said, standin};
use wire::api::{ApplyRequest, ApplyResult, List, StoredHost};

/// `standin` in a directory, with no controller.
fn at(directory: &Path, args: &[&str]) -> Command {
    let mut command = standin(&directory.join("no.sock"), args);
    command.current_dir(directory);
    command
}

fn run(directory: &Path, args: &[&str]) -> Said {
    said(at(directory, args))
}

/// A project as `init` writes it, with an overlay.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let written = run(dir.path(), &["init", "--template", "mail"]);
    assert_eq!(written.code, Some(0), "{}", written.err);
    let file = dir.path().join("standin.yaml");
    let text = fs::read_to_string(&file).unwrap().replace("  # overlays:", "  overlays:");
    fs::write(file, text).unwrap();
    fs::create_dir_all(dir.path().join("overlays/staging")).unwrap();
    fs::write(dir.path().join("overlays/staging/mail.yaml"), OVERLAY).unwrap();
    dir
}

const OVERLAY: &str = "\
apiVersion: standin/v1alpha1
kind: Scenario
metadata: {name: mail}
spec:
  primary: {spool: {maxSize: 2GiB}}
  monitoring:
    checks: [{name: imap, $remove: true}]
";

#[test]
fn the_project_is_found_upward_and_paths_are_seen_from_here() {
    let dir = project();
    let below = dir.path().join("scenarios");
    fs::write(below.join("broken.yaml"), OVERLAY.replace("name: mail", "name: other")).unwrap();
    let found = run(&below, &["validate", "--format", "concise"]);
    assert_eq!(found.code, Some(1));
    assert!(found.out.starts_with("broken.yaml:4:1: error[DR0102]"), "{}", found.out);
    let rendered = run(&below, &["render", "-f", "../hosts", "--origin"]);
    assert!(rendered.out.contains("kind: Host  # from ../hosts/hosts.yaml:4\n"), "{}", rendered.out);
    let named = run(&below, &["validate", "--format", "concise", "-f", ".."]);
    assert_eq!(named.out, found.out);
}

#[test]
fn what_is_rendered_can_be_read_again() {
    let dir = project();
    let rendered = run(dir.path(), &["render", "--overlay", "staging"]);
    assert_eq!((rendered.code, rendered.err.as_str()), (Some(0), ""));
    assert!(rendered.out.contains("maxSize: 2GiB\n") && !rendered.out.contains("name: imap"), "{}", rendered.out);
    let mut again = at(dir.path(), &["render", "-f", "-"]);
    let mut child = again.stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), rendered.out.as_bytes()).unwrap();
    let again: Said = child.wait_with_output().unwrap().into();
    assert_eq!((again.code, again.out), (Some(0), rendered.out));
    let origins = run(dir.path(), &["render", "--overlay", "staging", "--origin", "--defaults"]).out;
    for line in ["maxSize: 2GiB  # from overlays/staging/mail.yaml:5\n", "onFull: resync  # default\n"] {
        assert!(origins.contains(line), "{origins}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&run(dir.path(), &["render", "-o", "json", "--origin", "--overlay", "staging"]).out)
            .unwrap();
    assert_eq!((&json["schema"], json["items"].as_array().map(Vec::len)), (&"standin.list/v1".into(), Some(3)));
    let origin =
        json["origins"].as_array().unwrap().iter().find(|o| o["path"] == "/spec/primary/spool/maxSize").unwrap();
    assert_eq!((&origin["file"], &origin["line"]), (&"overlays/staging/mail.yaml".into(), &5.into()));
}

#[test]
fn an_apply_sends_the_merged_objects() {
    let dir = project();
    let controller = FakeController::start();
    controller.json("GET /v1/hosts", &List::<StoredHost>::new(Vec::new()));
    controller.json("POST /v1/diff", &ApplyResult::default());
    let directory = dir.path().display().to_string();
    let done = controller.run(&["diff", "-f", &directory, "--overlay", "staging"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let sent: ApplyRequest = serde_json::from_str(&controller.asked("POST /v1/diff")[0]).unwrap();
    let scenario = sent.files.iter().find(|file| file.path.contains("mail.yaml")).unwrap();
    assert!(scenario.path.ends_with("scenarios/mail.yaml (overlay staging)"), "{}", scenario.path);
    assert!(scenario.text.contains("maxSize: 2GiB") && !scenario.text.contains("$remove"), "{}", scenario.text);
    assert!(!sent.files.iter().any(|file| file.path.contains("overlays/")), "parts of objects are not sent");
    let read = manifest::read(&sent.files.iter().map(|file| (&file.path, &file.text)).collect::<Vec<_>>());
    assert!(read.findings.is_empty() && read.objects.len() == 3, "{:?}", read.findings);
}

#[test]
fn each_mistake_has_its_code_and_says_what_to_do() {
    let dir = project();
    fs::create_dir(dir.path().join("bare")).unwrap();
    fs::create_dir(dir.path().join("bare/.git")).unwrap();
    fs::write(dir.path().join("bare/a.yaml"), "kind: Hst\n").unwrap();
    let expectations: [(&[&str], i32, &str); 18] = [
        (&["render", "--overlay", "stagin"], 2, "did you mean --overlay staging?"),
        (&["render", "--overlay", "staging", "-f", "-"], 2, "no standin.yaml"),
        (&["render", "--overlay", "staging", "-f", ".", "-f", "hosts"], 2, "one project"),
        (&["render", "--overlay", "staging", "-f", "hosts/hosts.yaml"], 2, "no standin.yaml"),
        (&["render", "-f", "missing.yaml"], 2, "missing.yaml"),
        (&["render", "-f", "bare"], 1, "nothing is rendered"),
        (&["render", "-o", "toml"], 2, "toml"),
        (&["validate", "-f", "schemas"], 2, "no manifest found in schemas"),
        (&["init"], 2, "--template"),
        (&["init", "x", "--template", "mial"], 2, "mail"),
        (&["init", "--template", "web", "--ci", "jenkins"], 2, "github"),
        (&["init", "--template", "web"], 6, "standin.yaml"),
        (&["explain", "scenario.spec.spol"], 1, "standin explain scenario.spec.primary.spool"),
        (&["explain", "potato"], 1, "standin explain scenario"),
        (&["explain", "DR9999"], 1, "DR9999"),
        (&["schema", "--kind", "potato"], 2, "potato"),
        (&["schema", "--all"], 2, "--out"),
        (&["schema", "--out", "x"], 2, "--all"),
    ];
    for (arguments, code, words) in expectations {
        let said = run(dir.path(), arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}\n{}{}", said.out, said.err);
        assert!(said.err.contains(words), "{arguments:?} does not say {words}:\n{}", said.err);
        assert_eq!(said.out, "", "{arguments:?}");
    }
    assert!(!dir.path().join("scenarios/web.yaml").exists(), "a refused init writes nothing");
}

#[test]
fn fields_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    let page = |args: &[&str]| {
        let said = run(dir.path(), args);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{args:?}");
        said.out
    };
    insta::assert_snapshot!(page(&["explain", "scenario.spec.spool.maxSize"]), @r"
    scenario.spec.primary.spool.maxSize
    scenario.spec.replicas[].spool.maxSize
      Most bytes the spool may hold.

      type     size
      unit     KiB, MiB, GiB, TiB, PiB (powers of 1024), kB, MB, GB, TB, PB (of 1000) or B
      default  10GiB
      example  maxSize: 40GiB
    ");
    insta::assert_snapshot!(page(&["explain", "primary.onFull"]), @r"
    scenario.spec.primary.spool.onFull
      What happens when the spool is full. The application is never blocked.

      type     word
      default  resync
      allowed  resync: Keep the set of what changed and copy that once the target can take it.
               stop: Keep what is spooled and the set of what changed, and wait for `standin sync`.
      example  onFull: resync
    ");
    insta::assert_snapshot!(page(&["explain", "Host.spec"]), @r"
    host.spec
      One server with an agent.

      type     object
      default  none, it must be written
      example  spec: {replicationAddress: 10.20.0.10}

      fields
        replicationAddress  Address, or address and port, at which other agents reach this one. Never moved by a redirection.
    ");
    assert_eq!(page(&["explain", "spec.replicas[dublin].host"]), page(&["explain", "scenario.spec.replicas[].host"]));
    assert!(page(&["explain", "host", "--recursive"]).lines().count() > 5);
    let json: serde_json::Value = serde_json::from_str(&page(&["explain", "tcp.port", "-o", "json"])).unwrap();
    let field = &json["items"][0];
    assert_eq!((&field["unit"], &field["required"]), (&"port number".into(), &true.into()), "{json}");
    assert!(page(&["explain", "dr0703"]).starts_with("# DR0703"));
    let all: serde_json::Value = serde_json::from_str(&page(&["explain", "-o", "json", "-q"])).unwrap();
    assert!(all["items"].as_array().unwrap().len() > 30);
}

#[test]
fn schemas_are_written_as_they_are_published() {
    let dir = tempfile::tempdir().unwrap();
    let written = run(dir.path(), &["schema", "--all", "--out", "new/schemas"]);
    assert_eq!(written.code, Some(0), "{}", written.err);
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/v1alpha1");
    for file in written.out.lines() {
        let name = Path::new(file).file_name().unwrap();
        assert_eq!(fs::read(dir.path().join(file)).unwrap(), fs::read(published.join(name)).unwrap(), "{file}");
    }
    let project: serde_json::Value =
        serde_json::from_str(&run(dir.path(), &["schema", "--kind", "project"]).out).unwrap();
    assert_eq!(project["title"], "Standin Project");
}

#[test]
fn a_failed_init_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    // A file where a directory is needed, so that the third file cannot be written.
    fs::write(dir.path().join("scenarios"), "").unwrap();
    let failed = run(dir.path(), &["init", "--template", "files"]);
    assert_eq!(failed.code, Some(5), "{}", failed.err);
    assert!(!dir.path().join("standin.yaml").exists() && !dir.path().join("hosts/hosts.yaml").exists());
}

fn git(directory: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command.current_dir(directory).args(["-c", "user.name=anna", "-c", "user.email=anna@corp.example"]).args(args);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    let done = command.output().unwrap();
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A project in a directory of a repository, with everything committed.
fn committed(project: &Path) {
    git(project, &["init", "--quiet", "--initial-branch=main"]);
    commit(project);
}

fn commit(at: &Path) {
    git(at, &["add", "--all"]);
    git(at, &["commit", "--quiet", "--message", "change"]);
}

#[test]
fn two_git_states_are_compared_as_an_overlay_makes_them() {
    let dir = project();
    committed(dir.path());
    let overlay = dir.path().join("overlays/staging/mail.yaml");
    fs::write(&overlay, OVERLAY.replace("2GiB", "3GiB")).unwrap();
    let with = ["diff", "--base", "main", "--overlay", "staging"];
    let plain = run(dir.path(), &["diff", "--base", "main"]);
    assert_eq!(plain.code, Some(0), "without the overlay nothing changes: {}", plain.out);
    let shown = run(dir.path(), &with);
    assert_eq!((shown.code, shown.err.as_str()), (Some(1), ""));
    assert!(shown.out.contains("spec.primary.spool.maxSize") && shown.out.contains("2GiB -> 3GiB"), "{}", shown.out);
    assert!(!shown.out.contains("imap"), "what the overlay takes away is in neither: {}", shown.out);
    for (below, directory) in [("overlays", ".."), ("scenarios", dir.path().to_str().unwrap())] {
        let found = run(&dir.path().join(below), &[&with[..], &["-f", directory]].concat());
        assert!(found.code == Some(1) && found.out.contains("2GiB -> 3GiB"), "{below}: {}{}", found.out, found.err);
    }
    git(dir.path(), &["switch", "--quiet", "--create", "change"]);
    commit(dir.path());
    let heads = run(dir.path(), &[&with[..], &["--head", "change", "--format", "md"]].concat());
    assert!(heads.code == Some(1) && heads.out.contains("spec.primary.spool.maxSize"), "{}{}", heads.out, heads.err);
    let same = run(dir.path(), &[&with[..], &["--head", "main"]].concat());
    assert_eq!(same.code, Some(0), "{}{}", same.out, same.err);
}

#[test]
fn an_overlay_that_is_new_is_compared_with_what_was_there_without_it() {
    let dir = project();
    let (file, overlays) = (dir.path().join("standin.yaml"), dir.path().join("overlays"));
    let with = fs::read_to_string(&file).unwrap();
    fs::write(&file, with.replace("  overlays:", "  # overlays:")).unwrap();
    let aside = tempfile::tempdir().unwrap();
    fs::rename(&overlays, aside.path().join("overlays")).unwrap();
    committed(dir.path());
    fs::write(&file, with).unwrap();
    fs::rename(aside.path().join("overlays"), &overlays).unwrap();
    let shown = run(dir.path(), &["diff", "--base", "main", "--overlay", "staging"]);
    assert_eq!(shown.code, Some(1), "{}", shown.err);
    assert!(shown.out.contains("spec.primary.spool.maxSize") && shown.out.contains("imap"), "{}", shown.out);
    assert!(shown.err.contains("has no overlay staging") && !shown.err.contains("/tmp"), "{}", shown.err);
    // The other way round there is nothing to show it with.
    commit(dir.path());
    let gone = run(dir.path(), &["diff", "--base", "main", "--head", "HEAD~1", "--overlay", "staging"]);
    assert_eq!(gone.code, Some(2), "{}", gone.out);
    assert!(gone.err.contains("staging") && !gone.err.contains("/tmp"), "{}", gone.err);
}

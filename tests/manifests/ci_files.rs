//! The CI files that are shipped, and those that `init` writes: their commands are taken out and run, in a repository
//! with a pull request, with the real program.

use crate::corpus::{TEMPLATES, repository};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A repository with a branch that changes a manifest, as CI would have checked it out.
struct Checkout {
    directory: tempfile::TempDir,
}

impl Checkout {
    /// `project` is where the manifests lie in it.
    fn new(project: &str, flags: &[&str]) -> Self {
        let checkout = Self { directory: tempfile::tempdir().unwrap() };
        fs::create_dir_all(checkout.repository()).unwrap();
        checkout.git(&["init", "--quiet", "--initial-branch", "main"]);
        let mut init = vec!["init", project, "--template", "web"];
        init.extend(flags);
        let said = checkout.standin(&init);
        assert!(said.status.success(), "{said:?}");
        checkout.commit("base");
        checkout.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
        checkout.git(&["checkout", "--quiet", "-b", "change"]);
        let scenario = checkout.repository().join(project).join("scenarios/web.yaml");
        let text = fs::read_to_string(&scenario).unwrap();
        assert!(text.contains("maxLag: 10s"));
        fs::write(&scenario, text.replace("maxLag: 10s", "maxLag: 20s")).unwrap();
        checkout.commit("change");
        checkout
    }

    fn repository(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=ci", "-c", "user.email=ci@example.invalid"];
        let output =
            Command::new("git").args(identity).args(arguments).current_dir(self.repository()).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    fn standin(&self, arguments: &[&str]) -> Output {
        Command::new(testkit::standin().unwrap()).args(arguments).current_dir(self.repository()).output().unwrap()
    }

    /// Runs a script as the CI's shell would. `standin` is only found if the script itself installs it.
    fn run(&self, script: &str, environment: &[(&str, String)]) -> Output {
        let mut command = Command::new("bash");
        command.args(["-e", "-o", "pipefail", "-c", script]).current_dir(self.repository()).env_clear();
        command.env("HOME", self.directory.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.envs(environment.iter().map(|(name, value)| (*name, value)));
        command.output().unwrap()
    }

    /// Where the program can be downloaded from, and its checksum.
    fn download(&self) -> [(&'static str, String); 2] {
        let program = testkit::standin().unwrap();
        let link = self.directory.path().join("download");
        if !link.exists() {
            symlink(program, &link).unwrap();
        }
        let sum = Command::new("sha256sum").arg(program).output().unwrap();
        let sum = String::from_utf8(sum.stdout).unwrap().split(' ').next().unwrap().to_owned();
        [("STANDIN_URL", format!("file://{}", link.display())), ("STANDIN_SHA256", sum)]
    }
}

fn said(output: &Output) -> String {
    format!(
        "exit {:?}\n{}{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The text after `run:` of a named step, without its indentation.
fn step(workflow: &str, name: &str) -> String {
    let from = workflow.split(&format!("- name: {name}\n")).nth(1).unwrap_or_else(|| panic!("no step {name}"));
    let step = from.split("\n      - ").next().unwrap();
    block(step.split("run:").nth(1).unwrap_or_else(|| panic!("step {name} runs nothing")))
}

/// A scalar after its key: on the same line, or as a block after `|`.
fn block(text: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    match first.trim() {
        "|" => rest.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"),
        line => line.to_owned(),
    }
}

/// The items of a list below a key of a GitLab job.
fn items(job: &str, key: &str) -> String {
    let list = job.split(&format!("  {key}:\n")).nth(1).unwrap_or_else(|| panic!("no {key}"));
    let lines = list.lines().take_while(|line| line.starts_with("    "));
    let items = lines.filter_map(|line| line.trim().strip_prefix("- "));
    items.collect::<Vec<_>>().join("\n")
}

fn github(checkout: &Checkout, workflow: &str) {
    let temporary = checkout.directory.path().join("runner");
    fs::create_dir_all(&temporary).unwrap();
    let file = |name: &str| temporary.join(name).display().to_string();
    let mut environment = vec![
        ("RUNNER_TEMP", temporary.display().to_string()),
        ("GITHUB_PATH", file("path")),
        ("GITHUB_STEP_SUMMARY", file("summary.md")),
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("BASE", "origin/main".to_owned()),
    ];
    environment.extend(checkout.download());
    assert!(workflow.contains("BASE: origin/${{ github.base_ref }}"));
    let installed = checkout.run(&step(workflow, "install standin"), &environment);
    assert!(installed.status.success(), "{}", said(&installed));
    let path = fs::read_to_string(file("path")).unwrap();
    environment.push(("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", path.trim())));
    let validated = checkout.run(&step(workflow, "validate"), &environment);
    assert!(validated.status.success(), "{}", said(&validated));
    let compared = checkout.run(&step(workflow, "effects"), &environment);
    assert!(compared.status.success(), "{}", said(&compared));
    let summary = fs::read_to_string(file("summary.md")).unwrap();
    assert!(summary.contains("maxLag") && summary.contains("20s"), "{summary}");
}

fn run_job(checkout: &Checkout, job: &str) -> Output {
    let mut environment = vec![
        ("CI_BUILDS_DIR", checkout.directory.path().join("builds").display().to_string()),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", checkout.git(&["rev-parse", "origin/main"])),
        ("GITLAB_CI", "true".to_owned()),
    ];
    environment.extend(checkout.download());
    let script = format!("{}\n{}", items(job, "before_script"), items(job, "script"));
    checkout.run(&script, &environment)
}

fn code_quality(checkout: &Checkout) -> serde_json::Value {
    let report = fs::read_to_string(checkout.repository().join("gl-code-quality-report.json")).unwrap();
    serde_json::from_str(&report).unwrap()
}

fn gitlab(checkout: &Checkout, job: &str) {
    let output = run_job(checkout, job);
    assert!(output.status.success(), "{}", said(&output));
    let report = code_quality(checkout);
    assert!(report.as_array().is_some_and(Vec::is_empty), "{report}");
    let effects = fs::read_to_string(checkout.repository().join("effects.md")).unwrap();
    assert!(effects.contains("maxLag") && effects.contains("20s"), "{effects}");
}

fn example(name: &str) -> String {
    fs::read_to_string(repository().join("examples/ci").join(name)).unwrap()
}

#[test]
fn the_github_workflow_checks_a_pull_request() {
    github(&Checkout::new(".", &[]), &example("github.yml"));
}

#[test]
fn the_gitlab_job_checks_a_merge_request() {
    gitlab(&Checkout::new(".", &[]), &example("gitlab.yml"));
}

#[test]
fn the_gitlab_job_fails_on_a_mistake_and_reports_it() {
    let checkout = Checkout::new(".", &[]);
    let scenario = checkout.repository().join("scenarios/web.yaml");
    let text = fs::read_to_string(&scenario).unwrap();
    fs::write(&scenario, text.replace("maxLag: 20s", "maxLag: twenty")).unwrap();
    let output = run_job(&checkout, &example("gitlab.yml"));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let report = code_quality(&checkout);
    assert_eq!(report[0]["check_name"], "DR0104", "{report}");
}

#[test]
fn init_writes_ci_files_that_work_for_a_project_below_the_repository() {
    let checkout = Checkout::new("dr/mail", &["--ci", "github", "--pre-commit"]);
    let workflow = fs::read_to_string(checkout.repository().join(".github/workflows/standin.yml")).unwrap();
    github(&checkout, &workflow);
    let checkout = Checkout::new("dr", &["--ci", "gitlab"]);
    let job = fs::read_to_string(checkout.repository().join(".gitlab-ci.yml")).unwrap();
    gitlab(&checkout, &job);
}

/// The `entry` of a hook.
fn entry(hooks: &str) -> String {
    block(hooks.split("entry:").nth(1).unwrap())
}

#[test]
fn the_pre_commit_hooks_find_a_mistake() {
    for project in [".", "dr"] {
        let checkout = Checkout::new(project, &["--pre-commit"]);
        let own = fs::read_to_string(checkout.repository().join(".pre-commit-config.yaml")).unwrap();
        let shipped = fs::read_to_string(repository().join(".pre-commit-hooks.yaml")).unwrap();
        let directory = testkit::standin().unwrap().parent().unwrap().display().to_string();
        let path = [("PATH", format!("{directory}:/usr/bin:/bin"))];
        let scenario = checkout.repository().join(project).join("scenarios/web.yaml");
        let right = fs::read_to_string(&scenario).unwrap();
        for hook in [entry(&own), entry(&shipped)] {
            let clean = checkout.run(&hook, &path);
            assert!(clean.status.success(), "{hook}: {}", said(&clean));
            fs::write(&scenario, right.replace("maxSize: 8GiB", "maxSize: 8Gb")).unwrap();
            let broken = checkout.run(&hook, &path);
            assert_eq!(broken.status.code(), Some(1), "{hook}: {}", said(&broken));
            let expected = Path::new(project).join("scenarios/web.yaml");
            let expected = expected.strip_prefix("./").unwrap_or(&expected).display().to_string();
            assert!(String::from_utf8_lossy(&broken.stdout).contains(&format!("{expected}:")), "{}", said(&broken));
            fs::write(&scenario, &right).unwrap();
        }
    }
}

#[test]
fn what_init_writes_validates_clean() {
    let directory = tempfile::tempdir().unwrap();
    for template in TEMPLATES {
        let project = directory.path().join(template);
        let standin = |arguments: &[&str]| {
            Command::new(testkit::standin().unwrap()).args(arguments).arg(&project).output().unwrap()
        };
        let written = standin(&["init", "--template", template]);
        assert!(written.status.success(), "{}", said(&written));
        let validated = standin(&["validate", "--strict", "-f"]);
        assert!(validated.status.success(), "{}", said(&validated));
        let again = standin(&["init", "--template", template]);
        assert_eq!(again.status.code(), Some(6), "{}", said(&again));
        assert!(String::from_utf8_lossy(&again.stderr).contains("standin.yaml"), "{}", said(&again));
    }
}

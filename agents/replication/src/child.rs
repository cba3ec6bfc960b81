//! Tests that run in a child process: as another user, or with mounts of their own.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// Tells a child which test it is to run for real.
pub const CHILD: &str = "STANDIN_TEST_CHILD";

#[expect(clippy::disallowed_methods, reason = "how a test tells its child process what to do")]
pub fn is_child(what: &str) -> bool {
    std::env::var(CHILD).is_ok_and(|wanted| wanted == what)
}

/// The command that runs the test at `path` for real: a copy of this binary in `dir`, where another user can reach it
/// and a build does not replace it.
pub fn child(dir: &tempfile::TempDir, path: &str) -> (PathBuf, [String; 3]) {
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let copy = dir.path().join("tests");
    std::fs::copy("/proc/self/exe", &copy).unwrap();
    (copy, ["--exact".to_owned(), path.to_owned(), "--nocapture".to_owned()])
}

pub fn ran(command: &mut Command) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Runs the test at `path`, in which `what` is told to be the child, as root with mounts of its own. Where the mount
/// that `trial` makes is not allowed or not known, as in some containers, the test says so and ends.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
pub fn with_mounts(path: &str, what: &str, trial: &str) {
    let dir = tempfile::tempdir().unwrap();
    let root = rustix::process::geteuid().is_root();
    let unshare = || {
        let mut command = Command::new("unshare");
        command.arg("--mount").args(if root { &[][..] } else { &["--user", "--map-root-user"] });
        command
    };
    let tried = dir.path().join("tried");
    std::fs::create_dir(&tried).unwrap();
    let script = format!("cd {} && {trial}", dir.path().display());
    if !unshare().args(["sh", "-ec", &script]).output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped {what}: `{trial}` cannot be done here");
        return;
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let (binary, arguments) = child(&elsewhere, path);
    ran(unshare().arg(binary).args(arguments).env(CHILD, what).env("TMPDIR", dir.path()));
}

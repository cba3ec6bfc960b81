//! Tests that this machine cannot run.

use std::{fs::OpenOptions, io::Write, path::PathBuf, process::Command, thread};

/// Read by `cargo xtask test`, which knows the same name.
const FILE: &str = "skipped-tests.txt";

/// Announces that the test this is called from does not run here; the caller then returns.
///
/// The name is the test's own, as its thread bears it. It has to stand in `tests/expected-skips.txt`.
pub fn skip(reason: &str) {
    let thread = thread::current();
    let line = format!("SKIPPED {}: {reason}\n", thread.name().unwrap_or("unknown"));
    print!("{line}");
    if let Some(directory) = target_directory() {
        // When it cannot be written the test counts as passed, and the line above still says so.
        let file = OpenOptions::new().create(true).append(true).open(directory.join(FILE));
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

/// Tells whether a program is on the path.
pub fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// `target`, found from `target/PROFILE/deps/TEST`.
pub(crate) fn target_directory() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let deps = program.ancestors().find(|path| path.file_name().is_some_and(|name| name == "deps"))?;
    Some(deps.parent()?.parent()?.to_owned())
}

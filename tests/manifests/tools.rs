//! Programs of others, installed below the target directory by their own package managers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where one version of a tool lies; installed first if it does not. Says why it cannot be had.
pub fn ensure(name: &str, install: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools");
    let wanted = tools.join(name);
    let marker = wanted.join("complete");
    if marker.exists() {
        return Ok(wanted);
    }
    // What an interrupted installation has left is of no use, and programs of a venv know their own path.
    let _ = fs::remove_dir_all(&wanted);
    fs::create_dir_all(&wanted).map_err(|error| format!("{}: {error}", wanted.display()))?;
    install(&wanted)?;
    fs::write(&marker, "").map_err(|error| format!("{}: {error}", marker.display()))?;
    Ok(wanted)
}

/// Runs a command to its end; what it said is the error.
pub fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(format!("{program}: {}", said.lines().last().unwrap_or("failed")))
        }
    }
}

//! The program under test.

use crate::skip::target_directory;
use anyhow::{Context, Result, bail};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The `standin` binary beside this test program, built once if need be.
///
/// `STANDIN_BINARY` names another one; `cargo xtask test` sets it after building, so that tests do not build again.
pub fn standin() -> Result<&'static Path> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| find().map_err(|error| format!("{error:#}")));
    found.as_deref().map_err(|error| anyhow::anyhow!("{error}"))
}

fn find() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("STANDIN_BINARY") {
        return Ok(path.into());
    }
    let release = std::env::current_exe()?.iter().any(|part| part == "release");
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "-p", "standin"]).args(release.then_some("--release"));
    let output = build.current_dir(env!("CARGO_MANIFEST_DIR")).output().context("cannot run cargo build")?;
    if !output.status.success() {
        bail!("standin does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let profile = if release { "release" } else { "debug" };
    Ok(target_directory().context("no target directory")?.join(profile).join("standin"))
}

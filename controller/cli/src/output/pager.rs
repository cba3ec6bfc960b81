//! Shows a long text with the person's own pager.

use super::stream::terminal_size;
use std::{
    io::Write,
    process::{Command, Stdio},
};

/// Shows `lines` with `$PAGER`, or else `less`, when they do not fit on the terminal. Answers whether that was done.
pub fn show(lines: &[String]) -> bool {
    let (_, rows) = terminal_size();
    if lines.iter().map(|line| line.lines().count().max(1)).sum::<usize>() < rows {
        return false;
    }
    let pager = std::env::var("PAGER").unwrap_or_else(|_| "less".to_owned());
    let mut words = pager.split_whitespace();
    let Some(program) = words.next().filter(|program| *program != "cat") else { return false };
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // As git does: colours as they are, nothing cleared at the end, no pager for what fits.
        command.env("LESS", "FRX");
    }
    let Ok(mut child) = command.spawn() else { return false };
    if let Some(mut stdin) = child.stdin.take() {
        // Who leaves before the end does not want the rest.
        let _ = stdin.write_all(format!("{}\n", lines.join("\n")).as_bytes());
    }
    child.wait().is_ok()
}

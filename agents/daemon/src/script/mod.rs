//! Scripts: the only programs an agent starts.
//!
//! A spec names a script, never a path. `locate` looks the name up in the agent's own scripts directory and refuses
//! what others could have written; `copy` keeps a private copy that is checked by its hash, so that a script which is
//! replaced while it runs keeps running as it was; `run` starts it without a shell, with a clean environment, a
//! deadline and a cap on its output.

mod copy;
mod locate;
mod run;

pub use locate::ScriptError;
pub use run::{Ended, Leftovers, Order, Outcome};

use std::path::{Path, PathBuf};
use tokio::sync::Semaphore;

/// Most scripts that run at the same time on one host; further ones wait.
pub const SCRIPTS_AT_ONCE_MAX: usize = 32;

/// Where scripts come from and where their copies are kept.
#[derive(Debug)]
pub struct Scripts {
    directory: PathBuf,
    copies: PathBuf,
    turns: Semaphore,
    killed: run::Killed,
}

impl Scripts {
    pub fn new(directory: &Path, copies: &Path) -> Self {
        let turns = Semaphore::new(SCRIPTS_AT_ONCE_MAX);
        Self { directory: directory.to_owned(), copies: copies.to_owned(), turns, killed: run::Killed::default() }
    }

    /// Runs one script to its end or its deadline.
    ///
    /// **Errors** only when it was refused or could not be started; how it ended is in the outcome.
    pub async fn run(&self, order: &Order) -> Result<Outcome, ScriptError> {
        let Ok(_turn) = self.turns.acquire().await else {
            return Err(ScriptError::Start("the agent is shutting down".to_owned()));
        };
        let (name, arguments) = order.command.split_first().ok_or(ScriptError::NoName)?;
        let (directory, copies, name) = (self.directory.clone(), self.copies.clone(), name.clone());
        let prepare = move || {
            let script = locate::locate(&directory, &name)?;
            copy::copy(&copies, &name, &script)
        };
        let copy = tokio::task::spawn_blocking(prepare).await.map_err(|e| ScriptError::Start(e.to_string()))??;
        run::run(&copy, arguments, order, &self.killed).await
    }

    /// Waits until nothing is left of scripts whose run was given up half-way.
    pub async fn ended(&self) {
        self.killed.gone().await;
    }
}

#[cfg(test)]
mod tests;

//! What every command gets: the controller's socket, the streams, the clock and the person.

use crate::{
    client::Client,
    contexts::Asked,
    follow::Progress,
    output::{Clock, Out, Style, pager, stream::say},
};
use std::time::Duration;

/// One call of the program.
pub struct Context {
    pub client: Client,
    /// What names the controller; for the commands that change what is named.
    pub asked: Asked,
    pub out: Out,
    /// Of stdout.
    pub style: Style,
    /// Of stderr, which may be a terminal where stdout is none.
    pub talk: Style,
    pub clock: Clock,
    /// Whether progress and hints are left out.
    pub quiet: bool,
    /// How much is told of what goes on.
    pub progress: Progress,
    /// How often `-v` was given.
    pub verbose: u8,
    /// Whether a long text may be shown with a pager.
    pub pages: bool,
    /// Whether there is a person who can answer a question.
    pub asks: bool,
    /// The command as it was typed, ready to paste.
    pub typed: String,
    /// Time between two progress lines where nothing can be rewritten.
    pub progress_every: Duration,
}

impl Context {
    /// Says something that helps and is no error: progress, what comes next, that a list is empty.
    pub fn hint(&self, text: &str) {
        if !self.quiet {
            say(text);
        }
    }

    /// Says how far something is.
    pub fn tell(&self, text: &str) {
        match self.progress {
            Progress::None => {}
            Progress::Jsonl => say(&serde_json::json!({ "progress": text.trim() }).to_string()),
            Progress::Auto | Progress::Live | Progress::Lines => self.hint(text),
        }
    }

    /// Shows a text that may be long: a page at a time where somebody can turn it.
    pub fn page(&mut self, lines: &[String]) {
        if !(self.pages && self.out.terminal() && pager::show(lines)) {
            self.out.lines(lines);
        }
    }
}

/// Joins arguments so that a shell reads them as the same ones.
pub fn command_line(args: impl IntoIterator<Item = String>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    let quoted = |arg: String| {
        let needs_no_quotes = !arg.is_empty() && arg.chars().all(plain);
        if needs_no_quotes { arg } else { format!("'{}'", arg.replace('\'', r"'\''")) }
    };
    args.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_it_back() {
        let args = ["standin", "run", "abort", "--reason", "it's late"].map(str::to_owned);
        assert_eq!(command_line(args), r"standin run abort --reason 'it'\''s late'");
    }
}

//! Colour and shapes. Whatever a colour or a mark says, a word says too.

use std::io::IsTerminal;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum When {
    #[default]
    Auto,
    Always,
    Never,
}

/// What may be written to one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
    /// Only ASCII marks.
    pub ascii: bool,
}

/// What a text means; its colour follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Good,
    Warn,
    Bad,
    Faint,
    Strong,
}

impl Style {
    /// Reads what the person and the environment ask for.
    pub fn detect(when: When, ascii: bool, stream: &dyn Terminal) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let color = match when {
            When::Always => true,
            When::Never => false,
            When::Auto if set("NO_COLOR") || dumb => false,
            When::Auto => set("FORCE_COLOR") || stream.terminal(),
        };
        Self { color, ascii: ascii || !locale_is_utf8() }
    }

    /// Colours `text`, if colours are wanted.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
            Tone::Strong => "1",
        };
        if self.color && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// `unicode` where the locale can show it.
    pub fn mark(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { unicode }
    }
}

/// The locale as the C library decides: the first of these that is set.
fn locale_is_utf8() -> bool {
    let values = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    values.into_iter().find(|value| !value.is_empty()).is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

/// A stream that may be a terminal.
pub trait Terminal {
    fn terminal(&self) -> bool;
}

impl<T: IsTerminal> Terminal for T {
    fn terminal(&self) -> bool {
        self.is_terminal()
    }
}

/// The tone in which a health word is shown.
pub fn tone_of_health(health: model::view::Health) -> Tone {
    use model::view::Health;
    match health {
        Health::Ok => Tone::Good,
        Health::Suspended => Tone::Faint,
        Health::Degraded | Health::Unknown => Tone::Warn,
        Health::Failed => Tone::Bad,
    }
}

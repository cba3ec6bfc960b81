//! Follows a run to its end. The run belongs to the controller: this terminal only looks on.

use crate::{
    client::{Change, Feed, escape, query},
    context::Context,
    exit::{Exit, Failure, Outcome},
    output::{machine, stream::say, stream::terminal_width},
    show,
};
use model::view::{RunState, RunView};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// How a run is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum RunOutput {
    #[default]
    Text,
    /// The final result.
    Json,
    /// A stream of objects.
    Jsonl,
}

/// How much is told of what goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Progress {
    /// Live on a terminal, lines elsewhere.
    #[default]
    Auto,
    /// Rewritten in place.
    Live,
    Lines,
    /// Objects on stderr.
    Jsonl,
    None,
}

/// Time between two looks at a run from which nothing is heard.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Time between two drawings of a live list.
const DRAW_EVERY: Duration = Duration::from_millis(500);
/// Longest wait anybody can mean; more would overflow the clock.
const WAIT_MAX: Duration = Duration::from_secs(365 * 86_400);

/// Follows `run` until it is over or waits for a person; what is true then decides the exit code.
pub async fn follow(cx: &mut Context, run: RunView, output: RunOutput, limit: Option<Duration>) -> Outcome {
    let mut screen = Screen::new(cx, output);
    let last = look_on(cx, &mut screen, run, limit).await?;
    end(cx, &last.run, output)?;
    match last.why {
        End::Over if last.run.state == RunState::Done => Ok(Exit::Done),
        // Nothing has failed, and nothing is over.
        End::Over if last.run.question.is_some() => Ok(Exit::Pending),
        End::Over => Ok(Exit::Failed),
        // The end of a run that nobody looks at is not known here.
        End::Detached | End::NobodyReads => {
            left(cx, &last.run);
            Ok(Exit::Pending)
        }
        End::TimedOut => {
            say("The time given with --timeout is over.");
            left(cx, &last.run);
            Ok(Exit::Pending)
        }
    }
}

/// That the run goes on is the reason for the exit code and is always said.
fn left(cx: &Context, run: &RunView) {
    if let Some((goes_on, ways)) = show::run::detached(run).split_first() {
        say(goes_on);
        cx.hint(&ways.join("\n"));
    }
}

/// Follows a run without showing it; for verbs that show its outcome themselves.
pub async fn quietly(cx: &mut Context, run: RunView, limit: Option<Duration>) -> Outcome<RunView> {
    let mut screen = Screen::Nothing;
    let last = look_on(cx, &mut screen, run, limit).await?;
    if matches!(last.why, End::Over) {
        return Ok(last.run);
    }
    let said = show::run::detached(&last.run);
    Err(Failure::new(Exit::Pending, "no answer yet").fact(said.join("\n  ")))
}

/// The run as it is now, when the controller answers soon.
async fn current(cx: &Context, path: &str) -> Option<RunView> {
    tokio::time::timeout(LOOK_EVERY, cx.client.get(path)).await.ok()?.ok()
}

/// Presses of Ctrl-C from now on.
pub fn interrupts() -> Outcome<Signal> {
    signal(SignalKind::interrupt())
        .map_err(|error| Failure::new(Exit::Failed, format!("Ctrl-C cannot be listened for: {error}")))
}

enum End {
    Over,
    Detached,
    TimedOut,
    NobodyReads,
}

struct Last {
    run: RunView,
    why: End,
}

async fn look_on(cx: &mut Context, screen: &mut Screen, mut run: RunView, limit: Option<Duration>) -> Outcome<Last> {
    let deadline = Instant::now() + limit.unwrap_or(WAIT_MAX).min(WAIT_MAX);
    let path = format!("/v1/runs/{}", escape(run.id.as_str()));
    let mut feed = Feed::new(&cx.client, query(&[("kind", Some("run")), ("name", Some(run.id.as_str()))]));
    let mut interrupts = interrupts()?;
    let mut look = interval(LOOK_EVERY);
    let mut draw = interval(DRAW_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    draw.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look.reset();
    loop {
        screen.show(cx, &run)?;
        if run.state != RunState::Running {
            return Ok(Last { run, why: End::Over });
        }
        if cx.out.closed() {
            return Ok(Last { run, why: End::NobodyReads });
        }
        let fresh = tokio::select! {
            change = feed.next() => match change {
                Change::Event(event) => event.run.filter(|seen| seen.id == run.id),
                Change::Connected => current(cx, &path).await,
                Change::Lost(failure) => {
                    if !cx.quiet {
                        screen.interrupt(cx);
                    }
                    cx.hint(&format!("{}; the run goes on once it is back, waiting", failure.obstacles[0].message));
                    None
                }
                Change::Ended(failure) => return Err(failure),
            },
            _ = interrupts.recv() => return Ok(Last { run, why: End::Detached }),
            () = sleep_until(deadline) => return Ok(Last { run, why: End::TimedOut }),
            _ = look.tick() => current(cx, &path).await,
            _ = draw.tick(), if screen.is_live() => None,
        };
        run = fresh.unwrap_or(run);
    }
}

/// How the run looks here.
enum Screen {
    /// Rewritten in place; holds how many lines are there to be rewritten.
    Live {
        drawn: usize,
        headed: bool,
    },
    Lines(show::stream::Tracker),
    Objects {
        tracker: show::stream::Tracker,
        begun: bool,
        /// With `false` on stderr.
        data: bool,
    },
    /// Only the result, at the end, or what the verb makes of it.
    Nothing,
}

impl Screen {
    fn new(cx: &Context, output: RunOutput) -> Self {
        let tracker = show::stream::Tracker::default();
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let live = Self::Live { drawn: 0, headed: false };
        match (output, cx.progress) {
            (RunOutput::Jsonl, _) => Self::Objects { tracker, begun: false, data: true },
            (_, Progress::Jsonl) => Self::Objects { tracker, begun: false, data: false },
            (RunOutput::Json, _) => Self::Nothing,
            (RunOutput::Text, Progress::None) => Self::Nothing,
            (RunOutput::Text, Progress::Live) => live,
            (RunOutput::Text, Progress::Auto) if cx.out.terminal() && !dumb => live,
            (RunOutput::Text, Progress::Auto | Progress::Lines) => Self::Lines(tracker),
        }
    }

    fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. })
    }

    fn show(&mut self, cx: &mut Context, run: &RunView) -> Outcome<()> {
        match self {
            Self::Live { drawn, headed } => {
                if !std::mem::replace(headed, true) {
                    cx.out.line(&format!("\n{}", show::run::heading(run, &cx.clock, cx.style)));
                }
                let mut lines = show::run::steps(run, &cx.clock, cx.style);
                if run.state == RunState::Running {
                    lines.push(show::run::footer(run, &cx.clock, cx.style));
                }
                cx.out.text(&redraw(*drawn, &lines, terminal_width()));
                *drawn = lines.len();
            }
            Self::Lines(tracker) => {
                for told in tracker.changes(run) {
                    if let Some(line) = show::stream::line(run, &told, cx.clock.now()) {
                        cx.out.line(&line);
                    }
                }
            }
            Self::Objects { tracker, begun, data } => {
                let first = (!std::mem::replace(begun, true)).then(show::stream::first_object);
                let told = tracker.changes(run).into_iter().map(|told| show::stream::object(run, &told));
                for object in first.into_iter().chain(told) {
                    match data {
                        true => machine::json_line(&mut cx.out, &object)?,
                        false => say(&machine::value(&object)?.to_string()),
                    }
                }
            }
            Self::Nothing => {}
        }
        Ok(())
    }

    /// Lets something else be said without being overwritten.
    fn interrupt(&mut self, cx: &mut Context) {
        if let Self::Live { drawn, .. } = self {
            cx.out.line("");
            *drawn = 0;
        }
    }
}

/// What is said once nobody looks on any more.
fn end(cx: &mut Context, run: &RunView, output: RunOutput) -> Outcome<()> {
    let over = run.state != RunState::Running;
    match output {
        RunOutput::Json => {
            let mut result = machine::value(run)?;
            if let Some(fields) = result.as_object_mut() {
                fields.insert("schema".to_owned(), wire::api::RUN_SCHEMA.into());
            }
            machine::json(&mut cx.out, &result)?;
        }
        RunOutput::Text if over && run.state == RunState::Done => {
            cx.out.lines(&show::run::conclusion(run, cx.style));
        }
        RunOutput::Text if over => say(&show::run::conclusion(run, cx.talk).join("\n")),
        RunOutput::Text | RunOutput::Jsonl => {}
    }
    Ok(())
}

/// Writes `lines` over the `drawn` lines above the cursor; lines are cut so that none takes two rows.
fn redraw(drawn: usize, lines: &[String], width: usize) -> String {
    let mut text = if drawn > 0 { format!("\u{1b}[{drawn}A") } else { String::new() };
    for line in lines {
        text.push_str(&format!("\r{}\u{1b}[K\n", cut(line, width)));
    }
    text.push_str("\u{1b}[J");
    text
}

/// At most `width` visible characters; colours are kept and closed.
fn cut(line: &str, width: usize) -> String {
    let (mut text, mut visible, mut chars) = (String::new(), 0, line.chars());
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            text.push(c);
            for c in chars.by_ref() {
                text.push(c);
                if c == 'm' {
                    break;
                }
            }
            continue;
        }
        if visible == width {
            text.push_str("\u{1b}[0m");
            break;
        }
        visible += 1;
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_takes_one_row() {
        assert_eq!(cut("abcdef", 4), "abcd\u{1b}[0m");
        assert_eq!(cut("\u{1b}[32mab\u{1b}[0mcd", 4), "\u{1b}[32mab\u{1b}[0mcd");
        assert_eq!(cut("\u{1b}[32mab\u{1b}[0mcde", 3), "\u{1b}[32mab\u{1b}[0mc\u{1b}[0m");
    }

    #[test]
    fn lines_are_written_over_the_old_ones() {
        assert_eq!(redraw(0, &["a".into()], 80), "\ra\u{1b}[K\n\u{1b}[J");
        assert_eq!(redraw(2, &["a".into()], 80), "\u{1b}[2A\ra\u{1b}[K\n\u{1b}[J");
    }
}

//! The command line: verbs, and the flags that all of them take.

use crate::{
    client::Client,
    commands::{
        adopt_root, agent, apply, approve, config, context, controller, delete, describe, diff, events, explain,
        failover, follow, get, init, plan, render, resume, run, schema, status, suspend, switchback, switchover, sync,
        token, validate, version,
    },
    context::{Context, command_line},
    contexts::Asked,
    demo,
    exit::{Exit, Failure, Outcome},
    follow::Progress,
    log,
    output::{
        Clock, Out, Style,
        style::{Terminal, When},
    },
};
use std::{io, path::PathBuf, time::Duration};

/// Keeps a second server ready, and moves work there and back.
#[derive(Debug, clap::Parser)]
#[command(name = "standin", version = version::OWN, max_term_width = 100, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 done or yes, 1 a truthful no, 2 malformed, 3 no answer, 4 conflict, 5 a run failed,
6 refused, 7 no final answer yet, 130 interrupted before anything was sent. See also docs/guide/cli.md."
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, clap::Args)]
struct Global {
    /// The controller's socket; else STANDIN_SOCKET
    #[arg(long, global = true, value_name = "PATH", help_heading = "Everywhere")]
    socket: Option<PathBuf>,
    /// A controller by its name, see `standin context`; else STANDIN_CONTEXT, else the one in use
    #[arg(long, global = true, value_name = "NAME", help_heading = "Everywhere")]
    context: Option<String>,
    /// auto, always or never; NO_COLOR, FORCE_COLOR and TERM=dumb are respected
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    #[arg(hide_default_value = true, help_heading = "Everywhere")]
    color: When,
    /// Only ASCII marks, as outside a UTF-8 locale
    #[arg(long, global = true, help_heading = "Everywhere")]
    ascii: bool,
    /// No progress and no hints on stderr; errors, warnings and questions stay
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    quiet: bool,
    /// auto, live, lines, jsonl (objects on stderr) or none
    #[arg(long, global = true, value_enum, value_name = "HOW", default_value = "auto", hide_possible_values = true)]
    #[arg(hide_default_value = true, help_heading = "Everywhere")]
    progress: Progress,
    /// Tell on stderr what is asked of whom, twice: all there is
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    verbose: u8,
    /// Never show a long text with $PAGER on a terminal
    #[arg(long, global = true, help_heading = "Everywhere")]
    no_pager: bool,
    /// Never ask; what needs an answer is refused and names the flag
    #[arg(long, global = true, help_heading = "Everywhere")]
    no_input: bool,
}

/// Every verb.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    #[command(flatten)]
    Asks(Asks),
    #[command(flatten)]
    Here(Here),
}

/// Verbs that ask the controller.
#[derive(Debug, clap::Subcommand)]
pub enum Asks {
    Status(status::Status),
    Get(get::Get),
    Describe(describe::Describe),
    Events(events::Events),
    Diff(diff::Diff),
    Apply(apply::Apply),
    Follow(follow::Follow),
    Delete(delete::Delete),
    Plan(plan::Plan),
    Switchover(switchover::Switchover),
    Failover(failover::Failover),
    Switchback(switchback::Switchback),
    Run(run::Run),
    Sync(sync::Sync),
    Suspend(suspend::Suspend),
    Resume(resume::Resume),
    AdoptRoot(adopt_root::AdoptRoot),
    Approve(approve::Approve),
    Token(token::Token),
    Context(context::ContextArgs),
    Version(version::Version),
}

/// Verbs that need no controller, and the daemons.
#[derive(Debug, clap::Subcommand)]
pub enum Here {
    Init(init::Init),
    Validate(validate::Validate),
    Render(render::Render),
    Explain(explain::Explain),
    Schema(schema::Schema),
    Config(config::Config),
    Agent(agent::Agent),
    Controller(controller::Controller),
    Demo(demo::Demo),
}

/// Time between two progress lines in a log, and on a terminal.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
const PROGRESS_EVERY_LIVE: Duration = Duration::from_secs(2);

impl Cli {
    /// What every command gets, from flags and environment.
    pub fn context(&self) -> Outcome<Context> {
        if self.global.progress == Progress::Live && !io::stdout().terminal() {
            return Err(Failure::new(Exit::Malformed, "--progress live needs a terminal; --progress lines does not"));
        }
        let stderr = io::stderr().terminal();
        let asked = std::env::var("STANDIN_PROGRESS_INTERVAL").ok();
        let asked = asked.and_then(|text| text.parse::<model::units::Period>().ok()).map(|period| period.0);
        let usual = if stderr { PROGRESS_EVERY_LIVE } else { PROGRESS_EVERY };
        let name = std::iter::once("standin".to_owned());
        let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
        let named = self.named();
        Ok(Context {
            client: Client::new(named.choose()),
            asked: named,
            out: Out::stdout(),
            style: Style::detect(self.global.color, self.global.ascii, &io::stdout()),
            talk: Style::detect(self.global.color, self.global.ascii, &io::stderr()),
            clock: Clock::system(),
            quiet: self.global.quiet,
            progress: self.global.progress,
            verbose: self.global.verbose,
            pages: !self.global.no_pager,
            asks: stderr && io::stdin().terminal() && !self.global.no_input,
            typed: command_line(name.chain(args)),
            progress_every: asked.filter(|period| !period.is_zero()).unwrap_or(usual),
        })
    }
}

impl Cli {
    /// What the project says about the controller that an overlay belongs to.
    fn project_context(&self) -> Option<(String, PathBuf)> {
        match &self.command {
            Command::Asks(Asks::Diff(args)) => args.sources.context(),
            Command::Asks(Asks::Apply(args)) => args.sources.context(),
            _ => None,
        }
    }

    /// What names a controller, from the nearest to the farthest.
    fn named(&self) -> Asked {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = set("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = home.or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".config")));
        Asked {
            socket_flag: self.global.socket.clone(),
            context_flag: self.global.context.clone(),
            socket_variable: set("STANDIN_SOCKET").map(PathBuf::from),
            context_variable: set("STANDIN_CONTEXT").map(|name| name.to_string_lossy().into_owned()),
            project: self.project_context(),
            user: home.map(|home| home.join("standin/config.yaml")),
            system: "/etc/standin/config.yaml".into(),
        }
    }
}

/// Carries out a command. The daemons bring a runtime of their own.
pub fn carry_out(cx: &mut Context, command: Command) -> Outcome {
    let asks = match command {
        Command::Here(here) => return here.run(cx),
        Command::Asks(asks) => asks,
    };
    log::start(cx.verbose)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Failed, format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(asks.run(cx));
    // A thread that still reads an answer from the terminal is left behind.
    runtime.shutdown_background();
    outcome
}

impl Here {
    fn run(self, cx: &mut Context) -> Outcome {
        match self {
            Here::Init(args) => init::run(cx, &args),
            Here::Validate(args) => validate::run(cx, &args),
            Here::Render(args) => render::run(cx, &args),
            Here::Explain(args) => explain::run(cx, &args),
            Here::Schema(args) => schema::run(cx, &args),
            Here::Config(args) => config::run(cx, &args),
            Here::Agent(args) => agent::run(cx, args),
            Here::Controller(args) => controller::run(cx, &args),
            Here::Demo(args) => Ok(match demo::run(args) {
                0 => Exit::Done,
                code => Exit::from_code(code).unwrap_or(Exit::Failed),
            }),
        }
    }
}

impl Asks {
    async fn run(self, cx: &mut Context) -> Outcome {
        match self {
            Asks::Status(args) => status::run(cx, args).await,
            Asks::Get(args) => get::run(cx, args).await,
            Asks::Describe(args) => describe::run(cx, args).await,
            Asks::Events(args) => events::run(cx, args).await,
            Asks::Diff(args) => diff::run(cx, &args).await,
            Asks::Apply(args) => apply::run(cx, args).await,
            Asks::Follow(args) => follow::run(cx, args).await,
            Asks::Delete(args) => delete::run(cx, args).await,
            Asks::Plan(args) => plan::run(cx, args).await,
            Asks::Switchover(args) => switchover::run(cx, args).await,
            Asks::Failover(args) => failover::run(cx, args).await,
            Asks::Switchback(args) => switchback::run(cx, args).await,
            Asks::Run(args) => run::run(cx, args).await,
            Asks::Sync(args) => sync::run(cx, args).await,
            Asks::Suspend(args) => suspend::run(cx, args).await,
            Asks::Resume(args) => resume::run(cx, args).await,
            Asks::AdoptRoot(args) => adopt_root::run(cx, args).await,
            Asks::Approve(args) => approve::run(cx, args).await,
            Asks::Token(args) => token::run(cx, args).await,
            Asks::Context(args) => context::run(cx, args).await,
            Asks::Version(args) => version::run(cx, args).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn short_help_fits_a_screen_and_begins_with_examples() {
        let mut cli = Cli::command();
        cli.build();
        for command in cli.get_subcommands_mut() {
            let (name, help) = (command.get_name().to_owned(), command.render_help().to_string());
            assert!(help.lines().count() <= 50, "{name}:\n{help}");
        }
    }
}

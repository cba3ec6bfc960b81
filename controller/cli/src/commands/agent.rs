//! `standin agent`: the daemon on each host, and how it joins.

use super::version;
use crate::{
    config,
    context::Context,
    daemon,
    exit::{Exit, Failure, Outcome},
    log::LogFormat,
};
use model::HostName;
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};
use wire::{
    tls::{ApiDistrust, TlsError},
    token::Token,
};

/// Run the agent of this host, or let it join a controller
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(before_help = "Examples:
  standin agent join ctl.example:25002 --host mx1 --token-file token
  standin agent --config /etc/standin/agent.yaml
  standin agent --check-config

STANDIN_LOG=debug makes the log say more. `ready replication=ADDRESS` on stdout means that it runs.")]
pub struct Agent {
    #[command(subcommand)]
    action: Option<Action>,
    /// Configuration
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    /// Only read the configuration and say whether it is right
    #[arg(long)]
    check_config: bool,
    /// Form of the log on stderr: text or json
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    log_format: LogFormat,
}

const CONFIG: &str = "/etc/standin/agent.yaml";

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Get a certificate for this host with a token made by `standin token create`
    Join(Join),
}

#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin agent join ctl.example:25002 --host mx1 --token-file token
  echo TOKEN | standin agent join ctl.example:25002 --host mx1 --token-file -")]
struct Join {
    /// ADDRESS:PORT of the controller, as `standin token create` prints it
    address: String,
    /// Name of the Host that this machine is
    #[arg(long)]
    host: String,
    /// File with the token, or - for standard input
    #[arg(long, value_name = "FILE")]
    token_file: String,
    /// The agent's configuration, which names its state directory
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Join anew although this host has a certificate already
    #[arg(long)]
    replace: bool,
}

pub fn run(cx: &mut Context, args: Agent) -> Outcome {
    if let Some(Action::Join(join)) = args.action {
        return self::join(cx, join);
    }
    let spec = config::agent(&args.config)?;
    if args.check_config {
        return daemon::checked(cx, &args.config);
    }
    let config = agent::Config {
        host: HostName(spec.host),
        controller: spec.controller,
        state: spec.state_directory,
        scripts: spec.scripts_directory,
        listen: spec.listen,
        version: version::OWN.to_owned(),
        boot_id: daemon::boot_id()?,
    };
    let out = &mut cx.out;
    daemon::run(args.log_format, cx.verbose, |stop| {
        agent::serve(config, stop, |ready| out.line(&format!("ready replication={}", ready.listen_addr)))
    })
}

fn join(cx: &Context, args: Join) -> Outcome {
    let state = state_directory(&args)?;
    let start = match args.config.as_deref().filter(|path| *path != Path::new(CONFIG)) {
        Some(path) => format!("standin agent --config {}", path.display()),
        None => "standin agent".to_owned(),
    };
    let request = agent::JoinRequest {
        controller: args.address,
        token: token(&args.token_file)?,
        host: HostName(args.host),
        state,
        replace: args.replace,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| daemon::failed(&error))?;
    let joined = runtime.block_on(agent::join(request)).map_err(|error| not_joined(&error))?;
    cx.hint(&format!("{} has joined; its key is {}", joined.host, joined.key));
    cx.hint(&format!("next  {start}"));
    Ok(Exit::Done)
}

fn not_joined(error: &agent::JoinError) -> Failure {
    use agent::JoinError;
    let failure = daemon::failed(error);
    match error {
        JoinError::Exists { .. } => Failure { exit: Exit::Refused, ..failure }.help("--replace joins anew"),
        JoinError::Refused { .. } => Failure { exit: Exit::No, ..failure }
            .help("a token is used once, within its time, for its host: standin token create --host HOST"),
        JoinError::Connect { source, .. } if source.kind() == io::ErrorKind::InvalidInput => {
            Failure { exit: Exit::Malformed, ..failure }.help("an address is HOST:PORT, as `token create` prints it")
        }
        JoinError::Tls(error) => Failure { exit: Exit::NoAnswer, ..failure }.help(distrusted(error)),
        JoinError::Connect { .. } | JoinError::Silent | JoinError::Control(_) => {
            Failure { exit: Exit::NoAnswer, ..failure }
        }
        _ => failure,
    }
}

fn distrusted(error: &TlsError) -> &'static str {
    match ApiDistrust::of(error) {
        Some(ApiDistrust::Authority(_) | ApiDistrust::Unknown) => {
            "whoever answers is not the controller that made the token; the token was not sent"
        }
        Some(ApiDistrust::NoTls) => "what answers does not speak TLS: is it the controller's port for agents?",
        _ => "the token was not sent; is this the address that `token create` printed?",
    }
}

fn state_directory(args: &Join) -> Outcome<PathBuf> {
    let path = match &args.config {
        Some(path) => path,
        None if Path::new(CONFIG).exists() => Path::new(CONFIG),
        None => return Ok(config::agent_state()),
    };
    let spec = config::agent(path)?;
    if spec.host != args.host {
        let message =
            format!("--host {} and {} do not agree: that file is for {}", args.host, path.display(), spec.host);
        return Err(Failure::new(Exit::Malformed, message));
    }
    Ok(spec.state_directory)
}

/// Longest text that may be a token.
const TOKEN_BYTES_MAX: u64 = 4096;

/// The token is a secret: an error never shows it.
fn token(file: &str) -> Outcome<Token> {
    let mut text = String::new();
    let read = match file {
        "-" => io::stdin().lock().take(TOKEN_BYTES_MAX).read_to_string(&mut text),
        path => fs::File::open(path).and_then(|file| file.take(TOKEN_BYTES_MAX).read_to_string(&mut text)),
    };
    read.map_err(|error| Failure::new(Exit::Malformed, format!("the token cannot be read from {file}: {error}")))?;
    let parsed = text.trim().parse::<Token>();
    let place = if file == "-" { "standard input" } else { file };
    parsed.map_err(|_| {
        Failure::new(Exit::Malformed, format!("{place} does not hold a token"))
            .help("standin token create --host HOST  prints one")
    })
}

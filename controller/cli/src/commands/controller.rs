//! `standin controller`: the daemon that decides.

use super::version;
use crate::{config, context::Context, daemon, exit::Outcome, log::LogFormat};
use std::path::PathBuf;

/// Run the controller
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin controller --config /etc/standin/controller.yaml
  standin controller --check-config

STANDIN_LOG=debug makes the log say more. `ready agents=ADDRESS` on stdout means that it serves.")]
pub struct Controller {
    /// Configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/standin/controller.yaml")]
    config: PathBuf,
    /// Only read the configuration and say whether it is right
    #[arg(long)]
    check_config: bool,
    /// Form of the log on stderr: text or json
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    log_format: LogFormat,
}

pub fn run(cx: &mut Context, args: &Controller) -> Outcome {
    let spec = config::controller(&args.config)?;
    if args.check_config {
        return daemon::checked(cx, &args.config);
    }
    let config = controller::Config {
        state: spec.state_directory,
        socket: spec.socket,
        agent_listen: spec.agent_listen,
        advertise: spec.advertise,
        follow: spec.follow.map(config::follow::Follow::settings),
        version: version::OWN.to_owned(),
    };
    let out = &mut cx.out;
    daemon::run(args.log_format, cx.verbose, |stop| {
        controller::serve(config, stop, |ready| out.line(&format!("ready agents={}", ready.agent_addr)))
    })
}

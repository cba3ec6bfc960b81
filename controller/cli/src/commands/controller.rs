//! `standin controller`: the daemon that decides.

use super::version;
use crate::{
    config::{self, ApiSpec},
    context::Context,
    daemon,
    exit::Outcome,
    log::LogFormat,
};
use std::path::PathBuf;

/// Run the controller
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin controller --config /etc/standin/controller.yaml
  standin controller --check-config

STANDIN_LOG=debug makes the log say more. `ready agents=ADDRESS api=ADDRESS` on stdout means that it serves.")]
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
        certificate_lifetime: wire::identity::LEAF_LIFETIME,
        agent_listen: spec.agent_listen,
        api: api(&spec.api, spec.advertise.as_deref()),
        advertise: spec.advertise,
        follow: spec.follow.map(config::follow::Follow::settings),
        version: version::OWN.to_owned(),
    };
    let out = &mut cx.out;
    daemon::run(args.log_format, cx.verbose, |stop| {
        controller::serve(config, stop, |ready| {
            let api = ready.api_addr.map_or(String::new(), |address| format!(" api={address}"));
            out.line(&format!("ready agents={}{api}", ready.agent_addr));
        })
    })
}

/// Where no names are given, the one that agents are told and the one of this machine have to do.
fn api(spec: &ApiSpec, advertise: Option<&str>) -> Option<controller::ApiConfig> {
    let mut names = spec.names.clone();
    if names.is_empty() {
        let told =
            advertise.and_then(|address| address.rsplit_once(':')).map(|(host, _)| host.trim_matches(['[', ']']));
        names.extend(told.map(str::to_owned));
        let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        names.extend(Some(own.trim().to_owned()).filter(|own| !own.is_empty()));
    }
    let certificate = spec.certificate_file.clone().zip(spec.key_file.clone());
    let certificate = certificate.map(|(certificate, key)| controller::ApiCertificate { certificate, key });
    let config = controller::ApiConfig { listen: spec.listen, names, tls: spec.tls, certificate };
    spec.enabled.then_some(config)
}

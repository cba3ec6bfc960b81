//! `standin token create`: lets one host join, once.

use super::TextOrJson;
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    order::{change, period},
    output::machine,
};
use model::{HostName, units::Period};
use std::net::SocketAddr;
use wire::api::{Token as Made, TokenRequest};

/// Tokens with which agents join
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Token {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a token for one host: used once, within its time
    #[command(before_help = "Examples:
  standin token create --host mx1            prints the line to run on mx1
  standin token create --host mx1 --ttl 10m -o json

The token is a secret until it is used. It names the controller's certificate, so that the agent
joins this controller and no other.")]
    Create(Create),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// Host that may join
    #[arg(long)]
    host: String,
    /// How long the token lives, at most 1h
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = period)]
    ttl: Period,
    /// text (the line to run on the host) or json
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    output: TextOrJson,
}

/// Longest life of a token.
const TTL_SECONDS_MAX: u64 = 3600;

pub async fn run(cx: &mut Context, args: Token) -> Outcome {
    let Action::Create(args) = args.action;
    let ttl_seconds = args.ttl.0.as_secs();
    if !(1..=TTL_SECONDS_MAX).contains(&ttl_seconds) {
        return Err(Failure::new(Exit::Malformed, format!("--ttl {} is not between 1s and 1h", args.ttl)));
    }
    let request = TokenRequest { host: HostName(args.host.clone()), ttl_seconds };
    let mut made: Made = change(cx, "/v1/tokens", &request).await?;
    made.address = reachable(&made.address);
    match args.output {
        TextOrJson::Json => machine::json(&mut cx.out, &made)?,
        TextOrJson::Text => {
            let (address, host) = (&made.address, &args.host);
            cx.hint(&format!("Run this on {host} as root, until {}:", cx.clock.full(made.expires)));
            cx.out.line(&format!("echo {} | standin agent join {address} --host {host} --token-file -", made.token));
        }
    }
    Ok(Exit::Done)
}

/// A controller that listens on every address cannot tell which one is reached: this machine's name stands in, since
/// its socket is asked here.
fn reachable(address: &str) -> String {
    let everywhere = address.parse::<SocketAddr>().ok().filter(|address| address.ip().is_unspecified());
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    match (everywhere, name) {
        (Some(everywhere), Some(name)) => format!("{}:{}", name.trim(), everywhere.port()),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn an_address_that_says_everywhere_gets_a_name() {
        assert_eq!(reachable("ctl.example:25002"), "ctl.example:25002");
        assert_eq!(reachable("10.0.0.1:25002"), "10.0.0.1:25002");
        assert!(!reachable("0.0.0.0:25002").starts_with("0.0.0.0") && reachable("[::]:7").ends_with(":7"));
    }
}

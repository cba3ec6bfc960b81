//! `standin token`: who may ask over the network, and which hosts may join.

use super::TextOrJson;
use crate::{
    client::escape,
    context::Context,
    exit::{Exit, Failure, Outcome},
    order::{change, period, settled},
    output::{Cell, Table, Tone, machine},
};
use model::{HostName, units::Period};
use std::{net::SocketAddr, time::Duration};
use wire::{
    access::Role,
    api::{List, Token as Made, TokenRequest},
    people::{NewPerson, PersonRequest, PersonView},
};

/// Tokens for people and their jobs, and for hosts that join
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Token {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a token: for a person or a job with --role, for a host that joins with --host
    #[command(before_help = "Examples:
  standin token create --role viewer --name ci           prints the token, this once
  standin token create --role admin --name deploy --ttl 30d -o json
  standin token create --host mx1                        prints the line to run on mx1

A viewer reads, compares and plans; an operator also starts and aborts runs; an admin also
applies, adopts roots, approves removals and makes tokens. A host's token is used once and names the controller's
certificate, so that the agent joins this controller and no other.")]
    Create(Create),
    /// List the tokens of people and jobs, never their secrets
    List {
        /// text or json
        #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
        output: TextOrJson,
    },
    /// End a token at once, and what goes on with it
    #[command(before_help = "Example:
  standin token revoke ci")]
    Revoke {
        /// Name of the token, as `standin token list` shows it
        name: String,
    },
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("whom").required(true).args(["host", "role"])))]
struct Create {
    /// Host that may join
    #[arg(long)]
    host: Option<String>,
    /// What whoever has the token may do: viewer, operator or admin
    #[arg(long, value_enum, hide_possible_values = true)]
    role: Option<RoleName>,
    /// What events and runs call whoever has it
    #[arg(long, conflicts_with = "host")]
    name: Option<String>,
    /// How long the token lives: at most 1h for a host (and that if left out), 366d for people (90d)
    #[arg(long, value_name = "TIME", value_parser = period)]
    ttl: Option<Period>,
    /// text (the token, or the line to run on the host) or json
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    output: TextOrJson,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum RoleName {
    Viewer,
    Operator,
    Admin,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Role::Viewer,
            RoleName::Operator => Role::Operator,
            RoleName::Admin => Role::Admin,
        }
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest life of a token with which a host joins.
const HOST_TTL_MAX: Duration = HOUR;

/// Life of a person's token where none is given, and the longest.
const PERSON_TTL: Duration = Duration::from_secs(90 * DAY.as_secs());
const PERSON_TTL_MAX: Duration = Duration::from_secs(366 * DAY.as_secs());

pub async fn run(cx: &mut Context, args: Token) -> Outcome {
    match args.action {
        Action::Create(Create { role: Some(role), name, ttl, output, .. }) => {
            let ttl_seconds = seconds(ttl, PERSON_TTL, PERSON_TTL_MAX, "366d")?;
            create_person(cx, PersonRequest { name, role: role.into(), ttl_seconds }, output).await
        }
        Action::Create(Create { host, ttl, output, .. }) => {
            let ttl_seconds = seconds(ttl, HOST_TTL_MAX, HOST_TTL_MAX, "1h")?;
            create_host(cx, &host.unwrap_or_default(), ttl_seconds, output).await
        }
        Action::List { output } => list(cx, output).await,
        Action::Revoke { name } => revoke(cx, &name).await,
    }
}

fn seconds(asked: Option<Period>, usual: Duration, max: Duration, max_text: &str) -> Outcome<u64> {
    let ttl = asked.as_ref().map_or(usual, |period| period.0);
    if ttl.as_secs() >= 1 && ttl <= max {
        return Ok(ttl.as_secs());
    }
    let asked = asked.map_or(String::new(), |period| period.to_string());
    Err(Failure::new(Exit::Malformed, format!("--ttl {asked} is not between 1s and {max_text}")))
}

async fn create_person(cx: &mut Context, request: PersonRequest, output: TextOrJson) -> Outcome {
    let made: NewPerson = change(cx, "/v1/people", &request).await?;
    if output == TextOrJson::Json {
        machine::json(&mut cx.out, &made)?;
        return Ok(Exit::Done);
    }
    let until = cx.clock.full(made.expires);
    cx.hint(&format!("The token {} ({}), until {until}. It is shown this once:", made.name, made.role));
    cx.out.line(&made.token);
    match (&made.url, &made.ca_fingerprint) {
        (None, _) => {
            cx.hint("This controller does not listen on the network; see `api` in /etc/standin/controller.yaml.");
        }
        (Some(url), pin) => {
            let trust = match pin {
                Some(pin) => format!(" --ca-fingerprint {pin}"),
                None if url.starts_with("https") => " --ca-file AUTHORITIES.pem".to_owned(),
                None => String::new(),
            };
            cx.hint("Where it is used, this reads it from standard input:");
            cx.hint(&format!("  standin context add NAME --url {url}{trust} --token-file -"));
        }
    }
    Ok(Exit::Done)
}

async fn create_host(cx: &mut Context, host: &str, ttl_seconds: u64, output: TextOrJson) -> Outcome {
    let request = TokenRequest { host: HostName(host.to_owned()), ttl_seconds };
    let mut made: Made = change(cx, "/v1/tokens", &request).await?;
    made.address = reachable(&made.address);
    match output {
        TextOrJson::Json => machine::json(&mut cx.out, &made)?,
        TextOrJson::Text => {
            let address = &made.address;
            cx.hint(&format!("Run this on {host} as root, until {}:", cx.clock.full(made.expires)));
            cx.out.line(&format!("echo {} | standin agent join {address} --host {host} --token-file -", made.token));
        }
    }
    Ok(Exit::Done)
}

async fn list(cx: &mut Context, output: TextOrJson) -> Outcome {
    let list: List<PersonView> = cx.client.get("/v1/people").await?;
    if output == TextOrJson::Json {
        machine::json(&mut cx.out, &list)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["NAME", "ROLE", "CREATED", "BY", "EXPIRES", "LAST USED"]);
    for person in &list.items {
        let expires = match person.expired {
            true => Cell::toned(Tone::Warn, format!("expired {}", cx.clock.when(person.expires))),
            false => cx.clock.when(person.expires).into(),
        };
        table.row(vec![
            person.name.clone().into(),
            person.role.as_str().into(),
            cx.clock.when(person.created_at).into(),
            person.created_by.clone().into(),
            expires,
            person.last_used.map_or_else(|| "never".into(), |at| cx.clock.when(at).into()),
        ]);
    }
    if table.is_empty() {
        cx.hint("There are no tokens; standin token create --role viewer --name NAME makes one.");
    } else {
        cx.out.lines(&table.render(cx.style));
    }
    Ok(Exit::Done)
}

async fn revoke(cx: &mut Context, name: &str) -> Outcome {
    let path = format!("/v1/people/{}", escape(name));
    settled(cx.client.delete::<()>(&path)).await?;
    cx.hint(&format!("The token {name} is revoked; watches that were opened with it have ended."));
    Ok(Exit::Done)
}

/// A controller that listens on every address cannot tell which one is reached: where its socket is asked, this
/// machine's name stands in.
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

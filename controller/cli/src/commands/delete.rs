//! `standin delete`: the controller forgets an object. Replicated data stays on every disk.

use super::TextOrJson;
use crate::{
    client::escape,
    context::Context,
    exit::Outcome,
    order::change,
    output::{machine, stream::say},
    prompt,
};
use model::Role;
use wire::api::{DeleteRequest, Deleted, StoredHost, StoredScenario};

/// Delete a scenario or a host; replicated data stays where it is
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin delete scenario mail
  standin delete host mx3 --confirm mx3

A scenario: its agents stop replicating and forget their orders; data and running services stay. Applied again, it has
its roles as they were, and everything is compared first. A host: its certificate is not good any more.")]
pub struct Delete {
    /// scenario (sc) or host
    #[arg(value_enum, hide_possible_values = true)]
    kind: Kind,
    name: String,
    /// The name once more, instead of typing it
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// text or json
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    output: TextOrJson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    #[value(aliases = ["scenarios", "sc"])]
    Scenario,
    #[value(alias = "hosts")]
    Host,
}

pub async fn run(cx: &mut Context, args: Delete) -> Outcome {
    let name = escape(&args.name);
    let (kind, word, version, about) = match args.kind {
        Kind::Scenario => {
            let item: StoredScenario = cx.client.get(&format!("/v1/scenarios/{name}")).await?;
            (model::Kind::Scenario, "scenario", item.metadata.resource_version.clone(), about_scenario(&item))
        }
        Kind::Host => {
            let item: StoredHost = cx.client.get(&format!("/v1/hosts/{name}")).await?;
            (model::Kind::Host, "host", item.metadata.resource_version.clone(), about_host(&item))
        }
    };
    say(&about.join("\n"));
    prompt::type_name_of(cx, word, args.confirm.as_deref(), &args.name, "delete it").await?;
    let request = DeleteRequest { kind, name: args.name.clone(), expect: version };
    let done: Deleted = change(cx, "/v1/delete", &request).await?;
    match args.output {
        TextOrJson::Text => {
            cx.out.line(&format!("- {}/{}   deleted, generation {}", done.kind, done.name, done.generation))
        }
        TextOrJson::Json => machine::json(&mut cx.out, &done)?,
    }
    Ok(crate::exit::Exit::Done)
}

fn about_scenario(item: &StoredScenario) -> Vec<String> {
    let mut lines = vec![format!("scenario {}", item.metadata.name)];
    for (member, host) in item.spec.members() {
        let role = match item.ledger.role(&member) {
            Role::Active => "active",
            Role::Standby => "standby",
            Role::Fenced => "fenced",
        };
        let roots: Vec<String> = item.spec.roots_of(&member).into_iter().map(|root| root.path).collect();
        lines.push(format!("  {member} on {host}, {role}: {} stays", roots.join(", ")));
    }
    let services: Vec<&str> = item.spec.services.commands.iter().map(|service| service.name.as_str()).collect();
    if !services.is_empty() {
        lines
            .push(format!("  {} stays as it is, and nobody starts, stops or watches it any more", services.join(", ")));
    }
    lines.push("  nothing is replicated any more, and no switchover is possible".to_owned());
    lines
}

fn about_host(item: &StoredHost) -> Vec<String> {
    let mut lines = vec![format!("host {}", item.metadata.name)];
    if item.status.joined {
        lines.push("  its certificate is not good any more; to come back it has to join again".to_owned());
    }
    lines
}

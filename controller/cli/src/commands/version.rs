//! `standin version`: client, controller and agents, and whether they can talk.

use super::TextOrJson;
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::machine,
};
use serde_json::json;
use wire::api::Version as OfController;

/// Show the versions of client, controller and agents
#[derive(Debug, clap::Args)]
pub struct Version {
    /// text or json
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    output: TextOrJson,
}

/// Version of this program.
pub const OWN: &str = env!("CARGO_PKG_VERSION");

pub async fn run(cx: &mut Context, args: Version) -> Outcome {
    let controller: Result<OfController, _> = cx.client.get("/v1/version").await;
    if args.output == TextOrJson::Json {
        let controller = controller.ok();
        machine::json(&mut cx.out, &json!({ "client": OWN, "controller": controller }))?;
        return Ok(Exit::Done);
    }
    cx.out.line(&format!("client       {OWN}"));
    match controller {
        Ok(controller) => {
            cx.out.line(&format!("controller   {}", controller.version));
            cx.out.line(&format!("authority    {}", controller.authority));
            for (host, version) in &controller.agents {
                cx.out.line(&format!("agent {host}   {version}"));
            }
        }
        Err(failure) => cx.out.line(&format!("controller   ? ({})", failure.obstacles[0].message)),
    }
    Ok(Exit::Done)
}

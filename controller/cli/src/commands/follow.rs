//! `standin follow`: how what the controller follows, a directory or a git repository, stands.

use super::TextOrJson;
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    order::change,
    output::machine,
    show,
};
use wire::api::{FollowState, FollowView};

/// Show what the controller takes manifests from, and whether that is in force; exit 1 if it is not
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin follow
  standin follow --now                       look at once, as a hook of the git server would
  standin follow -o json")]
pub struct Follow {
    /// Look at it now, and wait for what that finds
    #[arg(long)]
    now: bool,
    /// text or json
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    output: TextOrJson,
}

pub async fn run(cx: &mut Context, args: Follow) -> Outcome {
    let view: FollowView = match args.now {
        true => change(cx, "/v1/follow", &serde_json::json!({})).await?,
        false => cx.client.get("/v1/follow").await?,
    };
    match args.output {
        TextOrJson::Json => machine::json(&mut cx.out, &view)?,
        TextOrJson::Text => cx.out.lines(&show::follow::lines(&view, &cx.clock, cx.style)),
    }
    Ok(if view.state == FollowState::Current { Exit::Done } else { Exit::No })
}

//! `standin schema`: the JSON Schema of manifests, for editors and other tools.

use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::machine,
};
use model::Kind;

/// Print the JSON Schema (draft-07) of manifests
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin schema > standin.json              all kinds
  standin schema --kind scenario")]
pub struct Schema {
    /// Only this kind: scenario, host or plan
    #[arg(long, value_enum, value_name = "KIND", hide_possible_values = true)]
    kind: Option<Which>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Which {
    Scenario,
    Host,
    #[value(alias = "recoveryplan")]
    Plan,
}

pub fn run(cx: &mut Context, args: &Schema) -> Outcome {
    let schema = match args.kind {
        None => manifest::schema::combined(),
        Some(Which::Scenario) => manifest::schema::schema(Kind::Scenario),
        Some(Which::Host) => manifest::schema::schema(Kind::Host),
        Some(Which::Plan) => manifest::schema::schema(Kind::RecoveryPlan),
    };
    machine::json(&mut cx.out, &schema)?;
    Ok(Exit::Done)
}

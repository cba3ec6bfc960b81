//! `standin schema`: the JSON Schema of manifests, for editors and other tools.

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    output::machine,
};
use manifest::schema;
use model::Kind;
use std::path::PathBuf;

/// Print the JSON Schema (draft-07) of manifests
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin schema > schemas/manifest.json     all kinds in one, for the modeline of an editor
  standin schema --kind scenario
  standin schema --all --out schemas/        a file for each kind, and one for all")]
pub struct Schema {
    /// Only this kind: scenario, host, plan or project
    #[arg(long, value_enum, value_name = "KIND", hide_possible_values = true)]
    kind: Option<Which>,
    /// Every schema, written into the directory of --out
    #[arg(long, requires = "out", conflicts_with = "kind")]
    all: bool,
    /// Directory for --all; it is made if it is missing
    #[arg(long, value_name = "DIR", requires = "all")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Which {
    Scenario,
    Host,
    #[value(alias = "recoveryplan")]
    Plan,
    Project,
}

pub fn run(cx: &mut Context, args: &Schema) -> Outcome {
    if let Some(directory) = &args.out {
        let failed = |error| Failure::new(Exit::Failed, format!("{}: {error}", directory.display()));
        schema::write_schemas(directory).map_err(failed)?;
        for (name, _) in schema::files() {
            cx.out.line(&directory.join(name).display().to_string());
        }
        return Ok(Exit::Done);
    }
    let schema = match args.kind {
        None => schema::combined(),
        Some(Which::Scenario) => schema::schema(Kind::Scenario),
        Some(Which::Host) => schema::schema(Kind::Host),
        Some(Which::Plan) => schema::schema(Kind::RecoveryPlan),
        Some(Which::Project) => schema::project(),
    };
    machine::json(&mut cx.out, &schema)?;
    Ok(Exit::Done)
}

//! `standin config view`: what is set, and by what.

use super::TextOrJson;
use crate::{
    context::Context,
    contexts::{Chosen, Credential, Settings},
    exit::{Exit, Failure, Outcome},
    output::{Table, machine},
};
use serde::Serialize;
use wire::api::List;

/// Show the settings of this command line, and which file or variable set each
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(before_help = "Examples:
  standin config view
  standin config view --origin

The nearest wins: a flag, STANDIN_*, the project's standin.yaml, $XDG_CONFIG_HOME/standin/config.yaml,
/etc/standin/config.yaml. Tokens are never shown.")]
pub struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show every setting
    View {
        /// Show what set it too
        #[arg(long)]
        origin: bool,
        /// text or json (with origins)
        #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
        output: TextOrJson,
    },
}

#[derive(Serialize)]
struct Setting {
    name: String,
    value: String,
    origin: String,
}

pub fn run(cx: &mut Context, args: &Config) -> Outcome {
    let Action::View { origin, output } = &args.action;
    let chosen = cx.asked.choose();
    let settings = settings(cx, chosen.as_ref().ok())?;
    if *output == TextOrJson::Json {
        machine::json(&mut cx.out, &List::new(settings))?;
    } else {
        let header: &[&str] = if *origin { &["SETTING", "VALUE", "SET BY"] } else { &["SETTING", "VALUE"] };
        let mut table = Table::new(header);
        for setting in settings {
            let mut row = vec![setting.name.into(), setting.value.into()];
            row.extend(origin.then(|| setting.origin.into()));
            table.row(row);
        }
        cx.out.lines(&table.render(cx.style));
    }
    // What is set is shown even where it does not work.
    chosen.map(|_| Exit::Done).map_err(|failure| Failure { exit: Exit::No, ..failure })
}

fn settings(cx: &Context, chosen: Option<&Chosen>) -> Outcome<Vec<Setting>> {
    let setting = |name: &str, value: String, origin: String| Setting { name: name.to_owned(), value, origin };
    let mut all = Vec::new();
    if let Some(chosen) = chosen {
        let origin = chosen.origin.to_string();
        all.push(setting("context", chosen.label(), origin.clone()));
        all.push(setting("controller", chosen.place.to_string(), origin.clone()));
        if let Credential::File(path) = &chosen.credential {
            all.push(setting("token file", path.display().to_string(), origin));
        }
    }
    for (entry, file) in Settings::read(&cx.asked)?.contexts() {
        all.push(setting(&format!("contexts.{}", entry.name), entry.url.clone(), file.path.display().to_string()));
    }
    Ok(all)
}

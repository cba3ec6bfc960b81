//! `standin explain`: the page of a finding's code, or what a field is.

use super::TextOrJson;
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    output::machine,
    show,
};
use manifest::{
    codes,
    fields::{self, Field, Lookup},
};
use serde_json::json;

/// Explain the code of a finding, or a field of a manifest
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin explain scenario.spec.primary.spool.maxSize
  standin explain spool.maxSize                           parts of the path may be left out
  standin explain host --recursive
  standin explain DR0214")]
pub struct Explain {
    /// A field such as scenario.spec.primary, a kind, or a code such as DR0214; without one, all codes are listed
    #[arg(value_name = "PATH|CODE")]
    topic: Option<String>,
    /// All fields below it, a line each
    #[arg(long, short)]
    recursive: bool,
    /// text or json
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    output: TextOrJson,
}

pub fn run(cx: &mut Context, args: &Explain) -> Outcome {
    match args.topic.as_deref() {
        None => listed(cx, args),
        Some(topic) if is_code(topic) => code(cx, args, topic),
        Some(topic) => field(cx, args, topic),
    }
}

/// `DR0214`; a field's name is not written so.
fn is_code(topic: &str) -> bool {
    let head = topic.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("dr"));
    head && topic.len() > 2 && topic[2..].bytes().all(|b| b.is_ascii_digit())
}

fn listed(cx: &mut Context, args: &Explain) -> Outcome {
    if args.output == TextOrJson::Json {
        let all: Vec<_> = codes::ALL.iter().map(|(code, title, _)| json!({"code": code, "title": title})).collect();
        machine::json(&mut cx.out, &json!({"schema": "standin.list/v1", "items": all}))?;
        return Ok(Exit::Done);
    }
    let lines: Vec<String> = codes::ALL.iter().map(|(code, title, _)| format!("{code}  {title}")).collect();
    cx.page(&lines);
    Ok(Exit::Done)
}

fn code(cx: &mut Context, args: &Explain, code: &str) -> Outcome {
    let Some((known, title, page)) = codes::ALL.iter().find(|(known, ..)| known.eq_ignore_ascii_case(code)) else {
        let failure = Failure::new(Exit::No, format!("there is no code {}", code.escape_debug()));
        return Err(failure.help("standin explain  lists all of them"));
    };
    match args.output {
        TextOrJson::Json => machine::json(&mut cx.out, &json!({"code": known, "title": title, "page": page}))?,
        TextOrJson::Text => cx.page(&[page.trim_end().to_owned()]),
    }
    Ok(Exit::Done)
}

fn field(cx: &mut Context, args: &Explain, path: &str) -> Outcome {
    let found = match fields::find(path) {
        Lookup::Found(found) => found,
        Lookup::Unknown { known } => {
            let failure = Failure::new(Exit::No, format!("there is no field `{}`", path.escape_debug()));
            return Err(known.iter().fold(failure, |failure, path| failure.help(format!("standin explain {path}"))));
        }
    };
    let found: Vec<Field> = match args.recursive {
        true => found.iter().flat_map(fields::recursive).collect(),
        false => found,
    };
    match (args.output, args.recursive) {
        (TextOrJson::Json, _) => {
            let items: Vec<_> = found.iter().map(Field::json).collect();
            machine::json(&mut cx.out, &json!({"schema": "standin.list/v1", "items": items}))?;
        }
        (TextOrJson::Text, true) => cx.page(&show::field::lines_of_many(&found)),
        (TextOrJson::Text, false) => cx.page(&show::field::pages(&found)),
    }
    Ok(Exit::Done)
}

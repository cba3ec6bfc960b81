//! `standin render`: the manifests as they are meant, with overlay and defaults.

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    files::{Sources, look, pairs},
    output::{machine, stream::say},
};
use manifest::{
    Located, Surroundings,
    canonical::{self, Origin, Part},
    render, write_document,
};
use serde_json::{Value, json};

/// Print the manifests merged, in one order and with one way to write each value
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin render --overlay production
  standin render --overlay production --defaults --origin    where every value comes from
  standin render | standin apply -f -                        the same as applying the files")]
pub struct Render {
    #[command(flatten)]
    sources: Sources,
    /// Say behind every value which file and line it comes from
    #[arg(long)]
    origin: bool,
    /// Fill every default in
    #[arg(long)]
    defaults: bool,
    /// yaml or json
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "yaml", hide_possible_values = true)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Yaml,
    Json,
}

pub fn run(cx: &mut Context, args: &Render) -> Outcome {
    let loaded = args.sources.load()?;
    let set = look(&loaded, &Surroundings::default());
    let files = pairs(&loaded);
    if !set.findings.is_empty() {
        say(render::render_full(&set.findings, files, cx.talk.color, cx.talk.ascii).trim_end());
    }
    if set.has_errors() {
        let failure = Failure::new(Exit::No, "the manifests have errors, nothing is rendered");
        return Err(failure.fact(render::summary(&set).lines().next().unwrap_or_default()));
    }
    let places = render::Places::new(files);
    let part = |located| canonical::parts(located, &places, args.defaults);
    let parts: Vec<(&Located, Part)> = set.objects.iter().map(|located| (located, part(located))).collect();
    match args.output {
        Format::Yaml => {
            let documents: Vec<String> = parts.iter().map(|(_, part)| write_document(part, args.origin)).collect();
            cx.out.text(&documents.join("---\n"));
        }
        Format::Json => machine::json(&mut cx.out, &list(&parts, args.origin))?,
    }
    Ok(Exit::Done)
}

fn list(parts: &[(&Located, Part)], origin: bool) -> Value {
    let items: Vec<Value> = parts.iter().map(|(_, part)| part.value()).collect();
    let mut list = json!({"schema": "standin.list/v1", "items": items});
    if let Some(fields) = list.as_object_mut().filter(|_| origin) {
        fields.insert("origins".to_owned(), parts.iter().flat_map(|(located, part)| origins(located, part)).collect());
    }
    list
}

fn origins(located: &Located, part: &Part) -> Vec<Value> {
    let (kind, name) = (located.object.kind().as_str(), located.object.name());
    let one = |(path, origin): (String, &Origin)| match origin {
        Origin::Line(file, line) => json!({"kind": kind, "name": name, "path": path, "file": file, "line": line}),
        Origin::Default => json!({"kind": kind, "name": name, "path": path, "default": true}),
    };
    part.origins().into_iter().map(one).collect()
}

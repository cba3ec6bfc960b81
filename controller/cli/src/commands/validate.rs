//! `standin validate`: finds what is wrong with manifests, without a controller.

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    files::{Sources, pairs},
};
use manifest::{Loaded, Set, Severity, Surroundings, read_loaded, render};
use std::{fs, path::Path};

/// Find every mistake in manifests; needs no controller
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin validate                            the project of this directory, or all *.yaml and *.yml below it
  standin validate --overlay production
  standin validate -f scenarios/ -f hosts.yaml
  standin validate --strict --format concise
  cat mail.yaml | standin validate -f -")]
pub struct Validate {
    #[command(flatten)]
    sources: Sources,
    /// Warnings fail too
    #[arg(long)]
    strict: bool,
    /// full, concise (a line each) or json (an object each, standin.diag/v1)
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "full", hide_possible_values = true)]
    format: Format,
    /// Make the changes that are certainly meant, then look again
    #[arg(long)]
    fix: bool,
    /// Exit 0 where the answer is no; other failures stay failures
    #[arg(long)]
    exit_zero: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Full,
    Concise,
    Json,
}

pub fn run(cx: &mut Context, args: &Validate) -> Outcome {
    let mut loaded = args.sources.load()?;
    let mut set = read_loaded(&loaded, &Surroundings::default());
    if args.fix && fix(cx, &mut loaded, &set)? {
        set = read_loaded(&loaded, &Surroundings::default());
    }
    let (named, style) = (pairs(&loaded), cx.style);
    match args.format {
        Format::Full => cx.out.text(&render::render_full(&set.findings, named, style.color, style.ascii)),
        Format::Concise => cx.out.text(&render::concise(&set.findings, named)),
        Format::Json => cx.out.text(&render::json_lines(&set.findings, named)),
    }
    match args.format {
        Format::Json => cx.hint(render::summary(&set).trim_end()),
        _ => cx.out.text(&render::summary(&set)),
    }
    let bad = set.has_errors() || (args.strict && set.count(Severity::Warning) > 0);
    Ok(if bad && !args.exit_zero { Exit::No } else { Exit::Done })
}

/// Makes every safe change; tells whether there was one.
fn fix(cx: &Context, loaded: &mut Loaded, set: &Set) -> Outcome<bool> {
    let mut any = false;
    for (at, (path, text)) in loaded.files.iter_mut().enumerate() {
        let Some(better) = render::fixed(&set.findings, at, text) else {
            continue;
        };
        if path == "-" {
            return Err(Failure::new(Exit::Malformed, "standard input cannot be changed; --fix needs files"));
        }
        replace(Path::new(path), &better)
            .map_err(|error| Failure::new(Exit::Failed, format!("{path} cannot be changed: {error}")))?;
        cx.hint(&format!("fixed {path}"));
        *text = better;
        any = true;
    }
    Ok(any)
}

/// Replaces a file as a whole, so that a crash leaves the old one or the new one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = fs::canonicalize(path)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    std::io::Write::write_all(&mut new, text.as_bytes())?;
    new.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
    new.as_file().sync_all()?;
    new.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

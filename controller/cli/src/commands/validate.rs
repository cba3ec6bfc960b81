//! `standin validate`: finds what is wrong with manifests, without a controller.

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    files::{Sources, look},
};
use manifest::{
    Loaded, Set, Severity, Surroundings, codes,
    render::{self, Report},
};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, fchown},
    path::{Component, Path, PathBuf},
};

/// Find every mistake in manifests; needs no controller
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin validate                            the project of this directory, or all *.yaml and *.yml below it
  standin validate --overlay production
  standin validate -f scenarios/ -f hosts.yaml
  standin validate --strict --format concise
  standin validate --format sarif > standin.sarif
  standin validate --select DR02,DR0501       only these, or those that begin so
  cat mail.yaml | standin validate -f -")]
pub struct Validate {
    #[command(flatten)]
    sources: Sources,
    /// Warnings fail too
    #[arg(long)]
    strict: bool,
    /// full, concise, json, github, gitlab, sarif, junit or md
    #[arg(long, value_name = "FORMAT", default_value = "full", hide_possible_values = true, value_parser = format_names())]
    format: String,
    /// Only findings of these codes; DR02 stands for all that begin so
    #[arg(long, value_name = "CODE,..", value_delimiter = ',', value_parser = code)]
    select: Vec<Codes>,
    /// No findings of these codes
    #[arg(long, value_name = "CODE,..", value_delimiter = ',', value_parser = code)]
    ignore: Vec<Codes>,
    /// Make the changes that are certainly meant, then look again
    #[arg(long)]
    fix: bool,
    /// Exit 0 where the answer is no; other failures stay failures
    #[arg(long)]
    exit_zero: bool,
}

/// The codes that one word stands for.
#[derive(Clone, Debug)]
struct Codes(Vec<&'static str>);

fn format_names() -> clap::builder::PossibleValuesParser {
    let value = |format: &render::Format| clap::builder::PossibleValue::new(format.name).help(format.about);
    clap::builder::PossibleValuesParser::new(render::FORMATS.iter().map(value))
}

fn code(word: &str) -> Result<Codes, String> {
    codes::matching(word.trim()).map(Codes).map_err(|closest| match closest {
        Some(closest) => format!("there is no such code; did you mean {closest}?"),
        None => "there is no such code; standin explain lists all of them".to_owned(),
    })
}

/// How often fixes are made in turn: one may bring another to light.
const FIX_ROUNDS: usize = 5;

pub fn run(cx: &mut Context, args: &Validate) -> Outcome {
    let mut loaded = args.sources.load()?;
    // Said before any other file is written.
    if args.fix && loaded.files.iter().any(|(path, _)| path == "-") {
        return Err(Failure::new(Exit::Malformed, "standard input cannot be changed; --fix needs files"));
    }
    let mut set = args.look(&loaded);
    for _ in 0..FIX_ROUNDS {
        if !args.fix || !fix(cx, &mut loaded, &set)? {
            break;
        }
        set = args.look(&loaded);
    }
    let strict = args.strict || loaded.lint().fail_on == Severity::Warning;
    show(cx, args, strict, &loaded.files, &set)?;
    let bad = set.has_errors() || (strict && set.count(Severity::Warning) > 0);
    // The program ends: to give a large set back piece by piece would take a tenth of the whole time.
    std::mem::forget((set, loaded));
    Ok(if bad && !args.exit_zero { Exit::No } else { Exit::Done })
}

impl Validate {
    /// Reads the files, and leaves out what was not asked for.
    fn look(&self, loaded: &Loaded) -> Set {
        let mut set = look(loaded, &Surroundings::default());
        let named = |codes: &[Codes], code| codes.iter().any(|codes| codes.0.contains(&code));
        set.findings.retain(|finding| {
            (self.select.is_empty() || named(&self.select, finding.code)) && !named(&self.ignore, finding.code)
        });
        set
    }
}

fn show(cx: &mut Context, args: &Validate, strict: bool, files: &[(String, String)], set: &Set) -> Outcome<()> {
    let Some(format) = render::format(&args.format) else {
        return Err(Failure::new(Exit::Malformed, format!("there is no format {}", args.format)));
    };
    let here = std::env::current_dir().unwrap_or_default();
    let paths: Vec<String> = files.iter().map(|(path, _)| relative(path, &here)).collect();
    let named: Vec<(&str, &str)> =
        paths.iter().zip(files).map(|(path, (_, text))| (path.as_str(), text.as_str())).collect();
    let report = Report { strict, color: cx.style.color, ascii: cx.style.ascii, ..Report::new(set, &named) };
    cx.out.text(&(format.write)(&report));
    let left_out = match (args.select.is_empty(), args.ignore.is_empty()) {
        (true, true) => "",
        _ => "Only what --select and --ignore leave was looked at.\n",
    };
    let summary = render::summary(set) + left_out;
    match format.for_people {
        true => cx.out.text(&summary),
        false => cx.hint(summary.trim_end()),
    }
    if format.name == "github" {
        summary_of_the_job(&report)?;
    }
    Ok(())
}

/// GitHub shows only a few annotations; the summary of the job has room for all.
fn summary_of_the_job(report: &Report<'_>) -> Outcome<()> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else { return Ok(()) };
    let Some(markdown) = render::format("md") else { return Ok(()) };
    let text = (markdown.write)(report);
    let opened = fs::OpenOptions::new().append(true).create(true).open(&path);
    opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let path = Path::new(&path).display();
        Failure::new(Exit::Failed, format!("the summary of the job, {path}, cannot be written: {error}"))
    })
}

/// A path as it is seen from the working directory, where tools look for it; another one stays absolute.
fn relative(path: &str, here: &Path) -> String {
    if path == "-" {
        return path.to_owned();
    }
    let mut plain = PathBuf::new();
    for part in here.join(path).components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    match plain.strip_prefix(here) {
        Ok(below) if !below.as_os_str().is_empty() => below.display().to_string(),
        _ => path.to_owned(),
    }
}

/// Makes every safe change; tells whether there was one.
fn fix(cx: &Context, loaded: &mut Loaded, set: &Set) -> Outcome<bool> {
    let mut any = false;
    for (at, (path, text)) in loaded.files.iter_mut().enumerate() {
        let Some(better) = render::fixed(&set.findings, at, text) else {
            continue;
        };
        replace(Path::new(path), &better)
            .map_err(|error| Failure::new(Exit::Failed, format!("{path} cannot be changed: {error}")))?;
        cx.hint(&format!("fixed {path}"));
        *text = better;
        any = true;
    }
    Ok(any)
}

/// Replaces a file as a whole, so that a crash leaves the old one or the new one. Where the new one could not be
/// what the old one is to others, the old one is written over.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let old = fs::File::open(&path)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    if !becomes_like(new.as_file(), &old)? {
        return write_over(&path, text);
    }
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// Gives a new file the owner and mode of an old one; whether it has all that the old one has.
fn becomes_like(new: &fs::File, old: &fs::File) -> io::Result<bool> {
    let about = old.metadata()?;
    // Only root may give a file away: what it has afterwards is looked at.
    let _ = fchown(new, Some(about.uid()), Some(about.gid()));
    new.set_permissions(about.permissions())?;
    let now = new.metadata()?;
    let same_owner = (now.uid(), now.gid(), now.mode()) == (about.uid(), about.gid(), about.mode());
    Ok(same_owner && about.nlink() == 1 && attributes(new)? == attributes(old)?)
}

/// Access lists and other extended attributes; a file system without them has none.
fn attributes(file: &fs::File) -> io::Result<Vec<(String, Vec<u8>)>> {
    /// The kernel's limit for the names, and for each value.
    const BYTES_MAX: usize = 64 << 10;
    let mut names = vec![0; BYTES_MAX];
    let length = match rustix::fs::flistxattr(file, &mut names[..]) {
        Err(rustix::io::Errno::NOTSUP) => 0,
        found => found?,
    };
    let mut found = Vec::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; BYTES_MAX];
        let length = rustix::fs::fgetxattr(file, name, &mut value[..])?;
        value.truncate(length);
        found.push((String::from_utf8_lossy(name).into_owned(), value));
    }
    found.sort();
    Ok(found)
}

fn write_over(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_working_directory() {
        let here = Path::new("/srv/repo");
        for (path, seen) in [
            ("a.yaml", "a.yaml"),
            ("./b/../a.yaml", "a.yaml"),
            ("/srv/repo/hosts/a.yaml", "hosts/a.yaml"),
            ("../other/a.yaml", "../other/a.yaml"),
            ("/etc/a.yaml", "/etc/a.yaml"),
            ("-", "-"),
        ] {
            assert_eq!(relative(path, here), seen, "{path}");
        }
    }
}

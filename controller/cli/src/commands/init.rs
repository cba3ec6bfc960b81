//! `standin init`: a project to begin with.

use crate::{
    context::{Context, command_line},
    exit::{Exit, Failure, Outcome},
    starter::{Ci, Plan, Template},
};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

/// Write the first files of a project; never overwrites anything
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin init dr --template mail
  standin init --template web --ci github --pre-commit

Then change the host names, addresses and paths to yours, and look again with standin validate.")]
pub struct Init {
    /// Directory of the project; it is made if it is missing
    #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
    directory: PathBuf,
    /// What is protected: mail, web, files or database
    #[arg(long, value_enum, value_name = "WHAT", hide_possible_values = true)]
    template: Template,
    /// Checks in CI too: github or gitlab
    #[arg(long, value_enum, value_name = "WHERE", hide_possible_values = true)]
    ci: Option<Ci>,
    /// Checks before each commit too
    #[arg(long)]
    pre_commit: bool,
}

pub fn run(cx: &mut Context, args: &Init) -> Outcome {
    let plan = Plan::new(&args.directory, repository(&args.directory));
    let mut files = plan.project(args.template);
    files.extend(args.ci.map(|ci| plan.ci(ci)));
    files.extend(args.pre_commit.then(|| plan.pre_commit()));
    let taken: Vec<&PathBuf> =
        files.iter().map(|(path, _)| path).filter(|path| path.symlink_metadata().is_ok()).collect();
    if !taken.is_empty() {
        let failure = Failure::new(Exit::Refused, "refused, these files exist already; nothing was written");
        let failure = taken.iter().fold(failure, |failure, path| failure.fact(path.display().to_string()));
        return Err(failure.help("move them away, or name another directory: standin init DIR"));
    }
    write_all(&files)?;
    files.iter().for_each(|(path, _)| cx.out.line(&path.display().to_string()));
    next(cx, args);
    Ok(Exit::Done)
}

fn next(cx: &Context, args: &Init) {
    let at = match args.directory == Path::new(".") {
        true => String::new(),
        false => format!(" {}", command_line(["-f".to_owned(), args.directory.display().to_string()])),
    };
    cx.hint("");
    cx.hint("next: put your hosts, addresses and paths in, then");
    cx.hint(&format!("  standin validate{at}"));
    cx.hint(&format!("  standin diff{at}"));
    cx.hint(&format!("  standin apply{at} --wait"));
    if args.ci.is_some() {
        cx.hint("in CI, STANDIN_URL and STANDIN_SHA256 are variables that say where `standin` is downloaded from");
    }
    if args.pre_commit {
        cx.hint("for the hook, once: pre-commit install");
    }
}

/// The top of the git repository that a directory is, or will be, in.
fn repository(directory: &Path) -> Option<PathBuf> {
    let existing = directory.ancestors().find(|path| path.is_dir());
    let existing = existing.map_or_else(|| Path::new(".").canonicalize(), Path::canonicalize).ok()?;
    existing.ancestors().find(|path| path.join(".git").exists()).map(Path::to_owned)
}

/// Writes all files, or leaves none of them behind.
fn write_all(files: &[(PathBuf, String)]) -> Outcome<()> {
    let mut written: Vec<&Path> = Vec::new();
    for (path, text) in files {
        if let Err(error) = write(path, text, &mut written) {
            for path in written {
                let _ = fs::remove_file(path); // what is left is named by the next attempt
            }
            let failure = Failure::new(Exit::Failed, format!("{} cannot be written: {error}", path.display()));
            return Err(failure.fact("nothing was left behind"));
        }
    }
    Ok(())
}

fn write<'a>(path: &'a Path, text: &str, written: &mut Vec<&'a Path>) -> std::io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    // Only a new file: one that appeared a moment ago belongs to somebody else.
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    written.push(path);
    file.write_all(text.as_bytes())
}

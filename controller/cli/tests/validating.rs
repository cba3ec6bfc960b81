//! `standin validate` as people and CI call it.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
    process::Command,
};
use support::{Said, said, standin};

const HOST: &str = "apiVersion: standin/v1alpha1
kind: Host
metadata:
  name: mx1
  labels: {critical: yes}              # a remark that stays
spec: {replicationAdress: 10.0.0.1}
";

/// A directory with one file, which has an error and a warning.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("hosts")).unwrap();
    fs::write(dir.path().join("hosts/mx1.yaml"), HOST).unwrap();
    dir
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = standin(Path::new("/nonexistent"), args);
    command.current_dir(dir);
    command
}

fn validate(dir: &Path, args: &[&str]) -> Said {
    said(command(dir, &[&["validate"], args].concat()))
}

/// A verb that is given this text on its standard input.
fn piped(dir: &Path, args: &[&str], text: &str) -> Said {
    let input = dir.join("input.txt");
    fs::write(&input, text).unwrap();
    let mut command = command(dir, args);
    command.stdin(fs::File::open(&input).unwrap());
    said(command)
}

#[test]
fn codes_can_be_chosen_and_left_out() {
    let dir = project();
    for (args, code, met) in [
        (&["--format", "concise"][..], 1, vec!["DR0011", "DR0101"]),
        (&["--select", "DR0011", "--format", "concise"], 0, vec!["DR0011"]),
        (&["--select", "dr00", "--strict", "--format", "concise"], 1, vec!["DR0011"]),
        (&["--ignore", "DR0101,DR0011", "--format", "concise"], 0, vec![]),
        (&["--select", "DR01", "--ignore", "DR0101", "--format", "concise"], 0, vec![]),
        (&["--exit-zero", "--format", "concise"], 0, vec!["DR0011", "DR0101"]),
    ] {
        let said = validate(dir.path(), args);
        assert_eq!(said.code, Some(code), "{args:?}: {}", said.out);
        let found: Vec<&str> = said.out.lines().filter_map(|l| l.split_once('[')?.1.get(..6)).collect();
        assert_eq!(found, met, "{args:?}");
        let partly = args.iter().any(|arg| ["--select", "--ignore"].contains(arg));
        assert_eq!(said.out.contains("Only what --select and --ignore leave"), partly, "{}", said.out);
    }
}

#[test]
fn a_code_or_format_that_is_none_is_malformed() {
    let dir = project();
    for (args, help) in [
        (["--select", "DR0299"], "did you mean DR0219?"),
        (["--ignore", "0101"], "did you mean DR0101?"),
        (["--select", "x"], "standin explain lists all of them"),
        (["--format", "sarf"], "sarif"),
    ] {
        let said = validate(dir.path(), &args);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(said.err.contains(help), "{}", said.err);
    }
}

#[test]
fn machine_formats_hold_nothing_else_and_name_files_from_here() {
    let dir = project();
    let whole = dir.path().join("hosts/mx1.yaml");
    let whole = whole.to_str().unwrap();
    for format in ["json", "github", "gitlab", "sarif", "junit"] {
        let said = validate(dir.path(), &["--format", format, "-f", whole]);
        assert_eq!(said.code, Some(1), "{format}");
        assert!(said.out.contains("hosts/mx1.yaml") && !said.out.contains(whole), "{format}: {}", said.out);
        assert!(said.err.starts_with("Checked 1 object in 1 file: 1 error, 1 warning."), "{format}: {}", said.err);
        assert!(!said.out.contains("Checked"), "{format}");
        let quiet = validate(dir.path(), &["-q", "--format", format]);
        assert_eq!((quiet.out, quiet.err), (said.out, String::new()), "{format}");
    }
    let sarif: serde_json::Value = serde_json::from_str(&validate(dir.path(), &["--format", "sarif"]).out).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
}

#[test]
fn the_summary_of_a_github_job_gets_all_findings() {
    let dir = project();
    let summary = dir.path().join("summary.md");
    fs::write(&summary, "# before\n").unwrap();
    let run = |format: &str| {
        let mut command = command(dir.path(), &["validate", "--format", format]);
        command.env("GITHUB_STEP_SUMMARY", &summary);
        said(command)
    };
    assert!(run("github").out.starts_with("::error file=hosts/mx1.yaml,line=6,"));
    let text = fs::read_to_string(&summary).unwrap();
    assert!(text.starts_with("# before\n### standin validate\n") && text.contains("| error DR0101 |"), "{text}");
    run("full");
    assert_eq!(fs::read_to_string(&summary).unwrap(), text, "only where annotations are asked for");
}

#[test]
fn fixes_keep_remarks_and_layout() {
    let dir = project();
    let path = dir.path().join("hosts/mx1.yaml");
    fs::write(&path, HOST.replace("replicationAdress", "REPLICATIONADDRESS")).unwrap();
    let said = validate(dir.path(), &["--fix"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), "fixed hosts/mx1.yaml\n"), "{}", said.out);
    let fixed = HOST.replace("replicationAdress", "replicationAddress").replace("yes", "\"yes\"");
    assert_eq!(fs::read_to_string(&path).unwrap(), fixed);
    let latin = [fixed.replace("\"yes\"", "yes").as_bytes(), b"# caf\xe9\n"].concat();
    fs::write(&path, &latin).unwrap();
    let said = validate(dir.path(), &["--fix"]);
    assert_eq!((said.code, said.err.as_str()), (Some(1), ""), "what is not UTF-8 is not written anew");
    assert_eq!(fs::read(&path).unwrap(), latin);
}

#[test]
fn fixes_leave_a_file_whose_it_is() {
    let dir = project();
    let path = dir.path().join("hosts/mx1.yaml");
    let link = dir.path().join("link.txt");
    for linked in [false, true] {
        fs::write(&path, HOST).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(4242), Some(2424)).unwrap();
        }
        if linked {
            fs::hard_link(&path, &link).unwrap();
        }
        let about = |path: &Path| fs::metadata(path).map(|m| (m.uid(), m.gid(), m.mode(), m.nlink())).unwrap();
        let before = about(&path);
        assert_eq!(validate(dir.path(), &["--fix"]).err, "fixed hosts/mx1.yaml\n");
        assert_eq!(about(&path), before);
        assert!(fs::read_to_string(&path).unwrap().contains("\"yes\""));
    }
    assert_eq!(fs::read(&link).unwrap(), fs::read(&path).unwrap(), "the other name still is the same file");
}

#[test]
fn standard_input_is_refused_before_a_file_is_fixed() {
    let dir = project();
    let path = dir.path().join("hosts/mx1.yaml");
    let said = piped(dir.path(), &["validate", "--fix", "-f", "hosts/mx1.yaml", "-f", "-"], HOST);
    assert_eq!(said.code, Some(2));
    assert_eq!(fs::read_to_string(&path).unwrap(), HOST);
}

#[test]
fn an_empty_input_is_no_success() {
    let dir = tempfile::tempdir().unwrap();
    for verb in ["validate", "render", "diff", "apply"] {
        let said = piped(dir.path(), &[verb, "-f", "-"], "# nothing\n");
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{verb}");
        assert!(said.err.starts_with("error: no manifest found in standard input\n"), "{verb}: {}", said.err);
    }
}

#[test]
fn what_is_no_manifest_is_one_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("empty.yaml"), "").unwrap();
    fs::create_dir(at("dir.yaml")).unwrap();
    symlink("nowhere.yaml", at("dangling.yaml")).unwrap();
    symlink("loop.yaml", at("loop.yaml")).unwrap();
    symlink("empty.yaml", at("link.yaml")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("fifo.yaml"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    symlink("fifo.yaml", at("to-fifo.yaml")).unwrap();
    fs::write(at("large.yaml"), "#".repeat(9 << 20)).unwrap();
    for (file, code, words) in [
        ("dangling.yaml", 2, "dangling.yaml: No such file"),
        ("loop.yaml", 2, "loop.yaml: Too many levels of symbolic links"),
        ("fifo.yaml", 2, "fifo.yaml: not a regular file"),
        ("to-fifo.yaml", 2, "to-fifo.yaml: not a regular file"),
        ("dir.yaml", 2, "no manifest found in dir.yaml"),
        ("large.yaml", 2, "large.yaml: larger than 8 MiB"),
        ("/dev/zero", 2, "/dev/zero: not a regular file"),
    ] {
        let said = validate(dir.path(), &["-f", file]);
        assert_eq!((said.code, said.out.as_str()), (Some(code), ""), "{file}: {}", said.err);
        assert!(said.err.contains(words) && said.err.lines().count() <= 2, "{file}: {}", said.err);
    }
    for file in ["empty.yaml", "link.yaml"] {
        let said = validate(dir.path(), &["-f", file, "--format", "concise"]);
        assert!(said.out.starts_with(&format!("{file}:1:1: warning[DR0010]")), "{}", said.out);
    }
}

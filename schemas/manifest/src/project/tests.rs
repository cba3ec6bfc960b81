use super::*;
use crate::{
    read::{Set, Surroundings},
    render::concise,
};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

const HOST: &str =
    "apiVersion: standin/v1alpha1\nkind: Host\nmetadata: {name: NAME}\nspec: {replicationAddress: NAME.example}\n";

fn project(spec: &str) -> String {
    format!("apiVersion: standin/v1alpha1\nkind: Project\nspec:\n{spec}")
}

/// A directory with these files; a text of one word is a host of that name.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let is_name = text.bytes().all(|b| b.is_ascii_alphanumeric());
        fs::write(path, if is_name { HOST.replace("NAME", text) } else { (*text).to_owned() }).unwrap();
    }
    dir
}

fn names(dir: &Path, loaded: &Loaded) -> Vec<String> {
    let relative = |path: &String| Path::new(path).strip_prefix(dir).unwrap().display().to_string();
    loaded.files.iter().map(|(path, _)| relative(path)).collect()
}

fn found(dir: &Path, overlay: Option<&str>) -> (Vec<String>, Vec<String>, Set) {
    let loaded = load(dir, overlay).unwrap();
    let set = read_loaded(&loaded, &Surroundings::default());
    let said = concise(&set.findings, &loaded.files).replace(&format!("{}/", dir.display()), "");
    (names(dir, &loaded), said.lines().map(str::to_owned).collect(), set)
}

#[test]
fn includes_are_read_in_their_order_each_file_once() {
    let dir = directory(&[
        ("standin.yaml", &project("  include: [z/*.yaml, \"**/*.yml\", \"*/*.yaml\"]\n  overlays: {prod: over}\n")),
        ("z/b.yaml", "b"),
        ("z/a.yaml", "a"),
        ("z/not.txt", "text"),
        ("z/.hidden.yaml", "text"),
        ("y/c.yaml", "c"),
        ("x/deep/d.yml", "d"),
        ("x/deep/e.yaml", "e"),
        ("over/f.yaml", "a"),
        ("other/standin.yaml", &project("  include: []\n")),
        ("other/g.yaml", "g"),
    ]);
    let (files, said, set) = found(dir.path(), None);
    assert_eq!(said, Vec::<String>::new());
    assert_eq!(files, ["standin.yaml", "z/a.yaml", "z/b.yaml", "x/deep/d.yml", "y/c.yaml"]);
    assert_eq!(set.objects.len(), 4);
}

#[test]
fn without_includes_everything_below_is_read_but_overlays() {
    let dir = directory(&[
        ("standin.yaml", &project("  overlays: {prod: over}\n")),
        ("a.yaml", "a"),
        ("b/c.yml", "c"),
        (
            "over/a.yaml",
            "apiVersion: standin/v1alpha1\nkind: Host\nmetadata: {name: a}\nspec: {replicationAddress: 10.9.9.9}\n",
        ),
    ]);
    assert_eq!(found(dir.path(), None).0, ["standin.yaml", "a.yaml", "b/c.yml"]);
    let (files, said, set) = found(dir.path(), Some("prod"));
    assert_eq!((files.last().unwrap().as_str(), said.len()), ("over/a.yaml", 0));
    let loaded = load(dir.path(), Some("prod")).unwrap();
    assert_eq!(loaded.overlay_from, 3);
    let sent = composed(&loaded, &set);
    assert_eq!(sent.len(), 3);
    assert!(sent[1].0.ends_with("a.yaml (overlay prod)") && sent[1].1.contains("10.9.9.9"), "{sent:?}");
    assert_eq!(sent[2].1, loaded.files[2].1, "untouched files are sent as they are");
}

#[test]
fn what_is_wrong_with_the_project_is_said_with_its_place() {
    for (spec, expected) in [
        (
            "  include: [hosts/*.yaml, host/*.yaml]\n",
            "standin.yaml:4:27: warning[DR0701] `host/*.yaml` matches no manifest: nothing is read for this",
        ),
        (
            "  include: [hosts/*.yaml, ../*.yaml]\n",
            "standin.yaml:4:27: error[DR0704] `../*.yaml` is not read: leads out of the project",
        ),
        (
            "  include: [hosts/*.yaml, /etc/*.yaml]\n",
            "standin.yaml:4:27: error[DR0704] `/etc/*.yaml` is not read: leads out of the project",
        ),
        (
            "  include: [hosts/*.yaml, \"[x\"]\n",
            "standin.yaml:4:27: error[DR0217] `[x` is not a pattern: unclosed character class; missing ']'",
        ),
        (
            "  inclde: [hosts/*.yaml]\n",
            "standin.yaml:4:3: error[DR0101] unknown field `inclde`: did you mean `include`?",
        ),
        (
            "  overlays: {prod: ov}\n",
            "standin.yaml:4:20: error[DR0705] `ov` is no directory of the project: an overlay is a directory of its own",
        ),
        (
            "  overlays: {prod: .}\n",
            "standin.yaml:4:20: error[DR0705] `.` is no directory of the project: an overlay is a directory of its own",
        ),
        ("  overlays: {prod: ../x}\n", "standin.yaml:4:20: error[DR0704] `../x` is not read: leads out of the project"),
        (
            "  overlays: {prod: over}\n  context: {prd: ctl}\n",
            "standin.yaml:5:13: error[DR0705] no overlay named `prd`: did you mean `prod`?",
        ),
        (
            "  lint: {failOn: warnings}\n",
            "standin.yaml:4:18: error[DR0105] `warnings` is not a value of `failOn`: did you mean `warning`?",
        ),
        (
            "  lint: {ignore: [{code: DR0214}]}\n",
            "standin.yaml:4:20: error[DR0102] `reason` is missing in `spec.lint.ignore[0]`: needs `reason`",
        ),
        (
            "  lint: {ignore: [{code: DR0010, reason: x, until: \"2027-02-31\"}]}\n",
            "standin.yaml:4:52: error[DR0105] there is no day `2027-02-31`: year, month and day, as in \"2027-03-01\"",
        ),
    ] {
        let dir = directory(&[("standin.yaml", &project(spec)), ("hosts/a.yaml", "a"), ("over/b.txt", "b")]);
        let (_, said, _) = found(dir.path(), None);
        assert_eq!(said, [expected], "{spec}");
    }
    let two = format!("{}---\n{}", project("  include: [hosts/*.yaml]\n"), HOST.replace("NAME", "x"));
    let dir = directory(&[("standin.yaml", &two), ("hosts/a.yaml", "a")]);
    let (_, said, _) = found(dir.path(), None);
    assert_eq!(
        said,
        ["standin.yaml:7:7: error[DR0706] standin.yaml holds the Project and nothing else: this is something else"]
    );
}

#[test]
fn a_broken_project_file_is_shown_and_nothing_else_is_read() {
    for (text, code) in [("spec: [\n", "DR0001"), ("kind: Projet\n", "DR0106"), ("# nothing\n", "DR0010")] {
        let dir = directory(&[("standin.yaml", text), ("hosts/a.yaml", "a")]);
        let (files, said, _) = found(dir.path(), None);
        assert_eq!(files, ["standin.yaml"]);
        assert!(said.iter().any(|line| line.contains(code)), "{said:?}");
    }
}

#[test]
fn nothing_outside_is_read_and_nothing_is_waited_for() {
    let outside = directory(&[("secret.yaml", "secret")]);
    let dir = directory(&[
        ("standin.yaml", &project("  include: [hosts/*.yaml, links/*.yaml]\n")),
        ("hosts/a.yaml", "a"),
        ("real/b.yaml", "b"),
    ]);
    let at = |name: &str| dir.path().join(name);
    symlink("a.yaml", at("hosts/again.yaml")).unwrap();
    symlink("../real/b.yaml", at("hosts/b.yaml")).unwrap();
    symlink(outside.path().join("secret.yaml"), at("hosts/secret.yaml")).unwrap();
    symlink(outside.path(), at("links")).unwrap();
    let fifo = at("hosts/fifo.yaml");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let (files, said, _) = found(dir.path(), None);
    assert_eq!(files, ["standin.yaml", "hosts/a.yaml", "hosts/b.yaml"], "a link to a file that is read is read once");
    assert_eq!(
        said,
        [
            "standin.yaml:4:13: error[DR0704] `hosts/fifo.yaml` is not read: it is not a regular file",
            "standin.yaml:4:13: error[DR0704] `hosts/secret.yaml` is not read: leads out of the project",
            "standin.yaml:4:27: error[DR0704] `links` is not read: leads out of the project",
        ]
    );
}

#[test]
fn projects_below_a_directory_are_read_as_such() {
    let dir = directory(&[
        ("a.yaml", "a"),
        ("dr/standin.yaml", &project("  include: [in/*.yaml]\n")),
        ("dr/in/b.yaml", "b"),
        ("dr/out/c.yaml", "c"),
    ]);
    let (files, said, _) = found(dir.path(), None);
    assert_eq!((files, said.len()), (vec!["a.yaml".into(), "dr/standin.yaml".into(), "dr/in/b.yaml".into()], 0));
    let by_file = load(&dir.path().join("dr/standin.yaml"), None).unwrap();
    assert_eq!(by_file.files.len(), 2);
}

#[test]
fn what_cannot_be_read_is_an_error_with_a_way_on() {
    let dir = directory(&[
        ("standin.yaml", &project("  overlays: {production: over}\n")),
        ("over/a.yaml", "a"),
        ("a.yaml", "a"),
    ]);
    let error = |path: PathBuf, overlay: Option<&str>| {
        let error = load(&path, overlay).unwrap_err();
        (error.to_string().replace(&format!("{}/", dir.path().display()), ""), error.help().unwrap_or_default())
    };
    let at = |name: &str| dir.path().join(name);
    assert_eq!(
        error(dir.path().to_owned(), Some("prodution")),
        ("standin.yaml has no overlay prodution".into(), "did you mean --overlay production?".into())
    );
    assert_eq!(error(at("over"), Some("production")).0, "over: there is no standin.yaml, so there are no overlays");
    assert!(error(at("missing.yaml"), None).0.starts_with("missing.yaml: No such file"));
    assert!(matches!(load(&at("over/a.yaml"), Some("x")), Err(LoadError::NoProject(_))));
}

#[test]
fn the_project_is_found_upward_within_the_repository() {
    let dir = directory(&[
        ("standin.yaml", "x"),
        ("repo/.git/config", "x"),
        ("repo/deep/er/a.yaml", "a"),
        ("b/c/d.yaml", "d"),
    ]);
    assert_eq!(find_project(&dir.path().join("b/c")).as_deref(), Some(dir.path()));
    assert_eq!(find_project(&dir.path().join("repo/deep/er")), None, "not above the repository");
    fs::write(dir.path().join("repo/standin.yaml"), "x").unwrap();
    assert_eq!(find_project(&dir.path().join("repo/deep/er")), Some(dir.path().join("repo")));
}

#[test]
fn the_project_says_what_is_accepted_and_what_fails() {
    use crate::{finding::Severity, lint_settings::Date};
    let lint = "  lint: {failOn: warning, ignore: [{code: DR0010, reason: filled later, until: \"2027-03-01\"}]}\n";
    let dir = directory(&[("standin.yaml", &project(lint)), ("a.yaml", "a"), ("empty.yaml", "# nothing yet\n")]);
    let loaded = load(dir.path(), None).unwrap();
    let settings = loaded.lint();
    assert_eq!((settings.fail_on, settings.accepted[0].until), (Severity::Warning, Some(Date::constant(2027, 3, 1))));
    let look = |day| {
        let mut set = read_loaded(&loaded, &Surroundings::default());
        settings.apply(&mut set, day);
        (settings.fails(&set), set.accepted.len())
    };
    assert_eq!(look(Date::constant(2027, 3, 1)), (false, 1));
    assert_eq!(look(Date::constant(2027, 3, 2)), (true, 0));
    assert!(!Loaded::default().lint().fails(&read_loaded(&loaded, &Surroundings::default())));
}

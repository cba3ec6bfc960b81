//! The published schemas in the validators that people have: right manifests pass, broken ones do not.

use crate::{
    corpus::{broken, documents, good, repository, schema},
    language_server::LanguageServer,
    tools::{ensure, run},
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use testkit::skip;

const CHECK_JSONSCHEMA: &str = "0.39.0";
const LANGUAGE_SERVER: &str = "1.25.0";

/// Examples of texts about which readers of YAML disagree: the one of check-jsonschema takes them for what is wanted.
const READ_DIFFERENTLY: [&str; 1] = ["port_underscore"];

fn check_jsonschema() -> Result<PathBuf, String> {
    let directory = ensure(&format!("check-jsonschema-{CHECK_JSONSCHEMA}"), |directory| {
        run(Command::new("python3").args(["-m", "venv"]).arg(directory))?;
        let package = format!("check-jsonschema=={CHECK_JSONSCHEMA}");
        run(Command::new(directory.join("bin/pip")).args(["install", "--quiet", &package]))
    })?;
    Ok(directory.join("bin/check-jsonschema"))
}

fn language_server() -> Result<PathBuf, String> {
    let directory = ensure(&format!("yaml-language-server-{LANGUAGE_SERVER}"), |directory| {
        let package = format!("yaml-language-server@{LANGUAGE_SERVER}");
        let options = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"];
        run(Command::new("npm").args(options).arg(directory).arg(&package))
    })?;
    Ok(directory.join("node_modules/.bin/yaml-language-server"))
}

/// Writes each document of each file into a file of its own: check-jsonschema reads only one a file.
fn split(files: &[PathBuf], into: &Path) -> Vec<PathBuf> {
    let mut written = Vec::new();
    for (number, file) in files.iter().enumerate() {
        for (part, text) in documents(file).into_iter().enumerate() {
            let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
            let path = into.join(format!("{number}-{stem}-{part}.yaml"));
            fs::write(&path, text).unwrap();
            written.push(path);
        }
    }
    written
}

#[test]
fn check_jsonschema_agrees() {
    let program = match check_jsonschema() {
        Ok(program) => program,
        Err(why) => return skip(&format!("check-jsonschema cannot be installed: {why}")),
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let path = directory.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    };
    let schemas = fs::read_dir(repository().join("schemas/v1alpha1")).unwrap().map(|entry| entry.unwrap().path());
    run(Command::new(&program).arg("--check-metaschema").args(schemas)).unwrap();
    let check = |files: &[PathBuf]| {
        let mut command = Command::new(&program);
        command.args(["--output-format", "json", "--schemafile"]).arg(schema()).args(files);
        let output = command.output().unwrap();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let list = |key: &str| said[key].as_array().cloned().unwrap_or_default();
        let errors: Vec<Value> = list("errors").into_iter().chain(list("parse_errors")).collect();
        (output.status.success(), errors)
    };

    let right = split(&good(&at("projects")), &at("right"));
    let (passed, errors) = check(&right);
    assert!(passed && right.len() >= 20, "{} documents: {errors:#?}", right.len());

    let (_, errors) = check(&split(&broken(), &at("wrong")));
    let name = |error: &Value| {
        let path = PathBuf::from(error["filename"].as_str().unwrap());
        path.file_name().unwrap().to_string_lossy().into_owned()
    };
    let found: BTreeSet<String> = errors.iter().map(name).collect();
    let missed: Vec<PathBuf> = broken()
        .into_iter()
        .enumerate()
        .filter(|(_, path)| !path.file_stem().is_some_and(|stem| READ_DIFFERENTLY.iter().any(|name| stem == *name)))
        .filter(|(number, _)| !found.iter().any(|name| name.starts_with(&format!("{number}-"))))
        .map(|(_, path)| path)
        .collect();
    assert!(missed.is_empty(), "not found to be wrong: {missed:#?}");
}

#[test]
fn yaml_language_server_agrees() {
    let program = match language_server() {
        Ok(program) => program,
        Err(why) => return skip(&format!("yaml-language-server cannot be installed: {why}")),
    };
    let directory = tempfile::tempdir().unwrap();
    // Broken examples have no modelines and are found by their path, as settings of an editor do it.
    let mut server = LanguageServer::start(&program, &schema(), "**/examples/broken/*.yaml");
    let right = good(directory.path());
    let twins: Vec<(PathBuf, String)> = right.iter().map(|path| (twin(path), spoilt(path))).collect();
    let wrong = broken();
    for path in right.iter().chain(&wrong) {
        server.open(path, &fs::read_to_string(path).unwrap());
    }
    for (path, text) in &twins {
        server.open(path, text);
    }
    let paths = |files: &[PathBuf]| files.iter().map(PathBuf::clone).collect::<Vec<_>>();
    let twin_paths: Vec<PathBuf> = twins.iter().map(|(path, _)| path.clone()).collect();

    // An unknown field in every document is found in every document: each has a modeline that works.
    let expected = |path: &Path| {
        let text = &twins.iter().find(|(twin, _)| twin == path).unwrap().1;
        text.lines().filter(|line| *line == UNKNOWN).count()
    };
    let said = server.wait(&refs(&twin_paths), |path, said| said.len() == expected(path));
    for (path, said) in twin_paths.iter().zip(said) {
        assert_eq!(said.len(), expected(path), "{}: {said:#?}", path.display());
    }
    let said = server.wait(&refs(&wrong), |_, said| !said.is_empty());
    let missed: Vec<PathBuf> =
        paths(&wrong).into_iter().zip(said).filter(|(_, said)| said.is_empty()).map(|(path, _)| path).collect();
    assert!(missed.is_empty(), "not found to be wrong: {missed:#?}");
    let said = server.wait(&refs(&right), |_, _| true);
    for (path, said) in right.iter().zip(said) {
        assert!(said.is_empty(), "{}: {said:#?}", path.display());
    }
}

/// A field that no object has.
const UNKNOWN: &str = "notAField: 1";

/// A text beside the file, so that its modelines lead to the same schema.
fn twin(path: &Path) -> PathBuf {
    path.with_file_name(format!("{}-twin.yaml", path.file_stem().unwrap().to_string_lossy()))
}

fn spoilt(path: &Path) -> String {
    documents(path).into_iter().map(|document| format!("{document}{UNKNOWN}\n")).collect::<Vec<_>>().join("---\n")
}

fn refs(paths: &[PathBuf]) -> Vec<&Path> {
    paths.iter().map(PathBuf::as_path).collect()
}

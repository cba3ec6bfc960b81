//! The files a project begins with.

use crate::context::command_line;
use std::path::{Path, PathBuf};

/// What a project protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Template {
    Mail,
    Web,
    Files,
    Database,
}

/// Where manifests are checked before they are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Ci {
    Github,
    Gitlab,
}

const PROJECT: &str = include_str!("../templates/standin.yaml");
const HOSTS: &str = include_str!("../templates/hosts.yaml");
const PRE_COMMIT: &str = include_str!("../templates/pre-commit.yaml");
const GITHUB: &str = include_str!("../../../examples/ci/github.yml");
const GITLAB: &str = include_str!("../../../examples/ci/gitlab.yml");

impl Template {
    /// Name of the scenario, its text, and the names of the two hosts.
    fn parts(self) -> (&'static str, &'static str, [&'static str; 2]) {
        match self {
            Template::Mail => ("mail", include_str!("../templates/mail.yaml"), ["mx1", "mx2"]),
            Template::Web => ("web", include_str!("../templates/web.yaml"), ["web1", "web2"]),
            Template::Files => ("files", include_str!("../templates/files.yaml"), ["fs1", "fs2"]),
            Template::Database => ("database", include_str!("../templates/database.yaml"), ["db1", "db2"]),
        }
    }
}

/// Where files go.
pub struct Plan {
    project: PathBuf,
    /// Where tools look for their own files: the top of the repository.
    top: PathBuf,
    /// The project as seen from there, when it is not the same.
    below: Option<String>,
}

impl Plan {
    pub fn new(project: &Path, repository: Option<PathBuf>) -> Self {
        let absolute = std::path::absolute(project).unwrap_or_else(|_| project.to_owned());
        let real = absolute.canonicalize().unwrap_or(absolute);
        let below = repository.as_ref().and_then(|top| real.strip_prefix(top).ok()).map(Path::to_owned);
        match (repository, below.filter(|below| !below.as_os_str().is_empty())) {
            (Some(top), Some(below)) => {
                Self { project: project.to_owned(), top, below: Some(below.display().to_string()) }
            }
            _ => Self { project: project.to_owned(), top: project.to_owned(), below: None },
        }
    }

    /// The project file, the schema for editors, the hosts and the scenario.
    pub fn project(&self, template: Template) -> Vec<(PathBuf, String)> {
        let (name, scenario, [first, second]) = template.parts();
        let hosts = HOSTS.replace("HOST1", first).replace("HOST2", second);
        let schema = format!("{:#}\n", manifest::schema::combined());
        [
            ("standin.yaml".to_owned(), PROJECT.to_owned()),
            ("hosts/hosts.yaml".to_owned(), hosts),
            (format!("scenarios/{name}.yaml"), scenario.to_owned()),
            ("schemas/manifest.json".to_owned(), schema),
        ]
        .map(|(file, text)| (within(&self.project, &file), text))
        .into()
    }

    pub fn ci(&self, ci: Ci) -> (PathBuf, String) {
        let (file, text) = match ci {
            Ci::Github => (".github/workflows/standin.yml", GITHUB),
            Ci::Gitlab => (".gitlab-ci.yml", GITLAB),
        };
        (within(&self.top, file), self.pointed(text))
    }

    pub fn pre_commit(&self) -> (PathBuf, String) {
        (within(&self.top, ".pre-commit-config.yaml"), self.pointed(PRE_COMMIT))
    }

    /// Commands that run at the top of the repository name the project below it.
    fn pointed(&self, text: &str) -> String {
        let Some(below) = &self.below else { return text.to_owned() };
        let flag = command_line(["-f".to_owned(), below.clone()]);
        ["validate", "diff"].iter().fold(text.to_owned(), |text, verb| {
            text.replace(&format!("standin {verb} -"), &format!("standin {verb} {flag} -"))
        })
    }
}

/// `./a` is written as `a`.
fn within(directory: &Path, file: &str) -> PathBuf {
    if directory == Path::new(".") { PathBuf::from(file) } else { directory.join(file) }
}

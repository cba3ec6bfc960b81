//! Which controller is asked: what is nearer to the person wins.

use super::{
    Credential, LOCAL,
    file::{ConfigFile, Entry},
};
use crate::{
    client::Place,
    exit::{Exit, Failure, Outcome},
};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Where the socket is, unless said otherwise.
pub const SOCKET: &str = "/run/standin/controller.sock";

/// What the command line, the environment and the project say, and where the files are.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub socket_flag: Option<PathBuf>,
    pub context_flag: Option<String>,
    pub socket_variable: Option<PathBuf>,
    pub context_variable: Option<String>,
    /// The context of the project's `standin.yaml`, and where that file is.
    pub project: Option<(String, PathBuf)>,
    /// `config.yaml` of the person; `None` where there is no home.
    pub user: Option<PathBuf>,
    /// `config.yaml` of the machine.
    pub system: PathBuf,
}

/// What set something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Flag(&'static str),
    Variable(&'static str),
    File(PathBuf),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) | Origin::Variable(name) => f.write_str(name),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// The controller that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// `None` for a socket that was named by its path.
    pub name: Option<String>,
    pub place: Place,
    pub credential: Credential,
    pub origin: Origin,
}

impl Chosen {
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.place.to_string())
    }

    fn socket(name: Option<&str>, path: PathBuf, origin: Origin) -> Self {
        let (name, place) = (name.map(str::to_owned), Place::Socket(path));
        Self { name, place, credential: Credential::NotNeeded, origin }
    }
}

/// The files, read.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The nearest first.
    pub files: Vec<ConfigFile>,
}

impl Settings {
    pub fn read(asked: &Asked) -> Outcome<Self> {
        let mut files = Vec::new();
        for path in asked.user.iter().chain([&asked.system]) {
            files.extend(ConfigFile::read(path)?);
        }
        Ok(Self { files })
    }

    /// Every context with the file it stands in; the nearer of two with one name.
    pub fn contexts(&self) -> Vec<(&Entry, &ConfigFile)> {
        let mut all: Vec<(&Entry, &ConfigFile)> = Vec::new();
        for file in &self.files {
            for entry in &file.spec.contexts {
                if !all.iter().any(|(known, _)| known.name == entry.name) {
                    all.push((entry, file));
                }
            }
        }
        all.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        all
    }

    fn named(&self, name: &str, origin: Origin) -> Outcome<Chosen> {
        if name == LOCAL {
            return Ok(Chosen::socket(Some(LOCAL), SOCKET.into(), origin));
        }
        let found = self.files.iter().find_map(|file| Some((file.entry(name)?, file)));
        let Some((entry, file)) = found else {
            let failure = Failure::new(Exit::Malformed, format!("there is no context {}", name.escape_debug()));
            let failure = match origin {
                Origin::Default => failure,
                origin => failure.fact(format!("named by {origin}")),
            };
            return Err(failure.help("standin context list  shows them;  standin context add NAME --url URL  adds one"));
        };
        let place = entry.place(|path: &Path| file.resolve(path))?;
        let credential = Credential::File(file.resolve(&entry.token_file));
        Ok(Chosen { name: Some(name.to_owned()), place, credential, origin })
    }
}

impl Asked {
    /// Finds the controller. Files are read only when nothing nearer names a socket.
    pub fn choose(&self) -> Outcome<Chosen> {
        match (&self.socket_flag, &self.context_flag) {
            (Some(_), Some(_)) => return Err(both("--socket", "--context")),
            (Some(path), None) => return Ok(by_path(path, Origin::Flag("--socket"))),
            (None, Some(name)) => return Settings::read(self)?.named(name, Origin::Flag("--context")),
            (None, None) => {}
        }
        match (&self.socket_variable, &self.context_variable) {
            (Some(_), Some(_)) => return Err(both("STANDIN_SOCKET", "STANDIN_CONTEXT")),
            (Some(path), None) => return Ok(by_path(path, Origin::Variable("STANDIN_SOCKET"))),
            (None, Some(name)) => return Settings::read(self)?.named(name, Origin::Variable("STANDIN_CONTEXT")),
            (None, None) => {}
        }
        let settings = Settings::read(self)?;
        if let Some((name, path)) = &self.project {
            return settings.named(name, Origin::File(path.clone()));
        }
        let set = settings.files.iter().find_map(|file| Some((file.spec.context.clone()?, file.path.clone())));
        match set {
            Some((name, path)) => settings.named(&name, Origin::File(path)),
            None => settings.named(LOCAL, Origin::Default),
        }
    }
}

fn by_path(path: &Path, origin: Origin) -> Chosen {
    let name = (path == Path::new(SOCKET)).then_some(LOCAL);
    Chosen::socket(name, path.to_owned(), origin)
}

fn both(one: &str, other: &str) -> Failure {
    Failure::new(Exit::Malformed, format!("{one} and {other} both name a controller"))
        .help("one of them says which is meant")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn file(dir: &Path, name: &str, current: &str, contexts: &[&str]) -> PathBuf {
        let path = dir.join(name);
        let entry = |name: &&str| format!("    - {{name: {name}, url: 'http://localhost:1', tokenFile: t/{name}}}\n");
        let contexts: String = contexts.iter().map(entry).collect();
        let head = "apiVersion: standin/v1alpha1\nkind: ClientConfig\nspec:\n";
        fs::write(&path, format!("{head}  context: {current}\n  contexts:\n{contexts}")).unwrap();
        path
    }

    #[test]
    fn what_is_nearer_wins() {
        let dir = tempfile::tempdir().unwrap();
        let system = file(dir.path(), "system.yaml", "shared", &["shared", "far"]);
        let user = file(dir.path(), "user.yaml", "own", &["own", "shared", "project", "variable", "flag"]);
        let mut asked = Asked { system: system.clone(), ..Asked::default() };
        let name = |asked: &Asked| asked.choose().unwrap().label();
        assert_eq!(name(&Asked { system: dir.path().join("none"), ..Asked::default() }), LOCAL);
        assert_eq!(name(&asked), "shared");
        asked.user = Some(user.clone());
        assert_eq!(name(&asked), "own");
        asked.project = Some(("project".into(), "standin.yaml".into()));
        assert_eq!(name(&asked), "project");
        asked.context_variable = Some("variable".into());
        assert_eq!(name(&asked), "variable");
        asked.context_flag = Some("flag".into());
        assert_eq!(name(&asked), "flag");
        asked.context_flag = Some("far".into());
        assert_eq!(asked.choose().unwrap().credential, Credential::File(dir.path().join("t/far")));
        let both = Settings::read(&asked).unwrap();
        let shared = both.contexts().into_iter().find(|(entry, _)| entry.name == "shared").unwrap();
        assert_eq!(shared.1.path, user);
    }

    #[test]
    fn a_socket_is_a_controller_too_and_two_of_a_kind_are_refused() {
        let none = || PathBuf::from("/none/config.yaml");
        let socket = Asked { socket_variable: Some("/x".into()), system: none(), ..Asked::default() };
        assert_eq!(socket.choose().unwrap().label(), "/x");
        let flag = Asked { context_flag: Some(LOCAL.into()), ..socket.clone() };
        assert_eq!(flag.choose().unwrap().label(), LOCAL, "a flag is nearer than the environment");
        for two in [
            Asked { context_variable: Some(LOCAL.into()), ..socket.clone() },
            Asked { socket_flag: Some("/y".into()), context_flag: Some(LOCAL.into()), ..socket.clone() },
        ] {
            assert_eq!(two.choose().unwrap_err().exit, Exit::Malformed);
        }
        let unknown = Asked { context_flag: Some("nobody".into()), ..socket }.choose().unwrap_err();
        assert_eq!(unknown.obstacles[0].facts, ["named by --context"]);
    }
}

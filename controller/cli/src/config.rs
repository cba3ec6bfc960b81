//! The configuration of the daemons: YAML of the same shape as manifests.

pub mod follow;

use crate::exit::{Exit, Failure, Outcome};
use model::object::API_VERSION;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

/// Largest configuration that is read.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Port of the API.
const API_PORT: u16 = crate::client::PORT;

/// Settings of a controller.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ControllerSpec {
    /// Private directory with the store and the keys.
    pub state_directory: PathBuf,
    pub socket: PathBuf,
    /// Where agents connect; port 0 takes any free one.
    pub agent_listen: SocketAddr,
    /// Address that tokens name, where agents cannot use the one above.
    pub advertise: Option<String>,
    /// Where manifests are taken from without anybody applying them.
    pub follow: Option<follow::Follow>,
    pub api: ApiSpec,
}

/// The API over the network, for people with tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ApiSpec {
    /// Whether it is there at all; the socket always is.
    pub enabled: bool,
    /// Where it listens; port 0 takes any free one. On loopback it speaks plain HTTP, elsewhere TLS 1.3 only.
    pub listen: SocketAddr,
    /// Names and addresses it is reached by: the certificate is for them, and requests for others are refused.
    pub names: Vec<String>,
    /// TLS on loopback too.
    pub tls: bool,
    /// A certificate of your own authority in PEM, instead of one of the embedded authority. With it there is TLS on
    /// loopback too.
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

impl Default for ApiSpec {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: SocketAddr::from(([127, 0, 0, 1], API_PORT)),
            names: Vec::new(),
            tls: false,
            certificate_file: None,
            key_file: None,
        }
    }
}

impl Default for ControllerSpec {
    fn default() -> Self {
        Self {
            state_directory: "/var/lib/standin/controller".into(),
            socket: "/run/standin/controller.sock".into(),
            agent_listen: SocketAddr::from(([0, 0, 0, 0], 25002)),
            advertise: None,
            follow: None,
            api: ApiSpec::default(),
        }
    }
}

/// Settings of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentSpec {
    /// Name of the Host that this machine is.
    pub host: String,
    /// Address and port of the controller.
    pub controller: String,
    #[serde(default = "agent_state")]
    pub state_directory: PathBuf,
    /// The only place scripts are taken from.
    #[serde(default = "agent_scripts")]
    pub scripts_directory: PathBuf,
    /// Where other agents connect; port 0 takes any free one.
    #[serde(default = "agent_listen")]
    pub listen: SocketAddr,
}

pub fn agent_state() -> PathBuf {
    "/var/lib/standin/agent".into()
}

fn agent_scripts() -> PathBuf {
    "/etc/standin/scripts".into()
}

fn agent_listen() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], model::scenario::REPLICATION_PORT))
}

/// What tells one kind of file from another; read first, so that a wrong file is not taken for many mistakes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: String,
    kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<T> {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    spec: T,
}

pub fn controller(path: &Path) -> Outcome<ControllerSpec> {
    let spec: ControllerSpec = read(path, "ControllerConfig")?;
    absolute(path, "stateDirectory", &spec.state_directory)?;
    absolute(path, "socket", &spec.socket)?;
    spec.advertise.iter().try_for_each(|address| dialled(path, "advertise", address))?;
    spec.follow.iter().try_for_each(|follow| follow.check(path))?;
    check_api(path, &spec.api)?;
    Ok(spec)
}

fn check_api(path: &Path, api: &ApiSpec) -> Outcome<()> {
    for (field, file) in [("api.certificateFile", &api.certificate_file), ("api.keyFile", &api.key_file)] {
        file.as_ref().map_or(Ok(()), |file| absolute(path, field, file))?;
    }
    if api.certificate_file.is_some() != api.key_file.is_some() {
        return Err(wrong(path, "spec.api: certificateFile and keyFile belong together; one of them is missing"));
    }
    match api.names.iter().find(|name| name.parse::<IpAddr>().is_err() && !is_dns_name(name)) {
        Some(name) => {
            Err(wrong(path, format!("spec.api.names: `{}` is not a DNS name or an address", name.escape_debug())))
        }
        None => Ok(()),
    }
}

fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !label.is_empty();
    name.split('.').all(label)
}

/// Refuses an address that nobody can connect to.
fn dialled(path: &Path, field: &str, text: &str) -> Outcome<()> {
    let right = match text.parse::<SocketAddr>() {
        Ok(address) => !address.ip().is_unspecified() && address.port() != 0,
        Err(_) => text.rsplit_once(':').is_some_and(|(host, port)| {
            // Names that no certificate has are looked up all the same.
            is_dns_name(&host.trim_end_matches('.').replace('_', "-"))
                && port.parse::<u16>().is_ok_and(|port| port != 0)
        }),
    };
    match right {
        true => Ok(()),
        false => Err(wrong(path, format!("spec.{field}: `{}` is not ADDRESS:PORT", text.escape_debug()))),
    }
}

pub fn agent(path: &Path) -> Outcome<AgentSpec> {
    let spec: AgentSpec = read(path, "AgentConfig")?;
    absolute(path, "stateDirectory", &spec.state_directory)?;
    absolute(path, "scriptsDirectory", &spec.scripts_directory)?;
    if !model::names::is_name(&spec.host) {
        return Err(wrong(path, format!("spec.host: `{}` is not a name of a host", spec.host.escape_debug())));
    }
    dialled(path, "controller", &spec.controller)?;
    Ok(spec)
}

fn wrong(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Malformed, format!("{}: {why}", path.display()))
}

fn absolute(path: &Path, field: &str, value: &Path) -> Outcome<()> {
    if value.is_absolute() {
        return Ok(());
    }
    Err(wrong(path, format!("spec.{field}: `{}` is not an absolute path", value.display())))
}

fn read<T: DeserializeOwned>(path: &Path, kind: &str) -> Outcome<T> {
    let about = fs::metadata(path).map_err(|error| wrong(path, error))?;
    if !about.is_file() || about.len() > CONFIG_BYTES_MAX {
        return Err(wrong(path, "not a regular file of at most 1 MiB"));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(path, error))?;
    let head: Head = parse(path, &text)?;
    if head.api_version != API_VERSION || head.kind != kind {
        return Err(wrong(path, format!("this has to be `apiVersion: {API_VERSION}` and `kind: {kind}`")));
    }
    Ok(parse::<Envelope<T>>(path, &text)?.spec)
}

/// Reads the text of a file; what is wrong with it is said once, with the place in the file.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Outcome<T> {
    serde_yaml::from_str(text).map_err(|error: serde_yaml::Error| {
        let said = error.without_snippet().render();
        let Some(place) = error.location() else { return wrong(path, said) };
        let (line, column) = (place.line(), place.column());
        let why = said.strip_suffix(&format!(" at line {line}, column {column}")).unwrap_or(&said);
        Failure::new(Exit::Malformed, format!("{}:{line}:{column}: {why}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        file
    }

    fn agent_config(spec: &str) -> tempfile::NamedTempFile {
        file(&format!("apiVersion: standin/v1alpha1\nkind: AgentConfig\nspec:\n{spec}"))
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let config = agent_config("  host: mx1\n  controller: ctl:25002\n");
        let spec = agent(config.path()).unwrap();
        assert_eq!(spec.listen.port(), 25001);
        assert_eq!(spec.state_directory, agent_state());
        let config = file("apiVersion: standin/v1alpha1\nkind: ControllerConfig\nspec: {}\n");
        assert_eq!(controller(config.path()).unwrap(), ControllerSpec::default());
    }

    #[test]
    fn an_address_that_nobody_can_connect_to_is_refused() {
        let config = |advertise: &str| {
            let text =
                format!("apiVersion: standin/v1alpha1\nkind: ControllerConfig\nspec: {{advertise: '{advertise}'}}\n");
            controller(file(&text).path()).map(|spec| spec.advertise)
        };
        for good in ["ctl.example:25002", "ctl:1", "10.0.0.1:25002", "[2001:db8::1]:25002"] {
            assert_eq!(config(good).unwrap().as_deref(), Some(good));
        }
        let bad =
            ["", "ctl.example", ":25002", "ctl:0", "ctl:x", "https://ctl:25002", "0.0.0.0:25002", "::1:25002", "a b:1"];
        for bad in bad {
            let failure = config(bad).unwrap_err();
            assert!(failure.obstacles[0].message.contains("spec.advertise"), "{bad}: {failure:?}");
        }
    }

    #[test]
    fn what_is_followed_is_one_thing() {
        let config = |follow: &str| {
            let file =
                file(&format!("apiVersion: standin/v1alpha1\nkind: ControllerConfig\nspec:\n  follow: {follow}\n"));
            controller(file.path()).map(|spec| spec.follow.unwrap().settings())
        };
        let git = config("{git: {repository: /srv/dr.git}, overlay: production, interval: 5s}").unwrap();
        assert_eq!((git.overlay.as_deref(), git.interval.as_secs()), (Some("production"), 5));
        assert_eq!(git.from.name(), "git /srv/dr.git main");
        assert_eq!(config("{directory: {path: /srv/dr}}").unwrap().from.name(), "directory /srv/dr");
        for (follow, words) in [
            ("{}", "exactly one of"),
            ("{directory: {path: /a}, git: {repository: /b}}", "exactly one of"),
            ("{directory: {path: dr}}", "not an absolute path"),
            ("{directory: {path: /a}, interval: 10ms}", "at least 1s"),
            ("{git: {repository: --upload-pack=touch}}", "a URL or a path"),
            ("{git: {repository: 'ext::sh -c id'}}", "a URL or a path"),
            ("{git: {repository: /a, branch: 'a..b'}}", "a branch's name"),
            ("{git: {repository: /a, path: ../b}}", "within the repository"),
            ("{git: {repository: /a, prune: true}}", "prune"),
            ("{git: {repository: 'https://bot:hunter2@git.example/dr.git'}}", "a password or a token"),
            ("{git: {repository: 'https://hunter2@git.example/dr.git'}}", "a password or a token"),
            ("{git: {repository: 'ssh://bot:hunter2@git.example/dr.git'}}", "a password or a token"),
            ("{git: {repository: 'https://git.example/dr.git', credentialFile: token}}", "not an absolute path"),
            ("{git: {repository: 'http://git.example/dr.git', credentialFile: /t}}", "behind https://"),
            ("{git: {repository: 'git@git.example:dr.git', credentialFile: /t}}", "behind https://"),
        ] {
            let failure = config(follow).unwrap_err();
            let said = format!("{} {:?}", failure.obstacles[0].message, failure.obstacles[0]);
            assert!(said.contains(words), "{follow}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        for repository in ["ssh://git@git.example/dr.git", "git@git.example:dr.git", "https://git.example/a@b/dr.git"] {
            config(&format!("{{git: {{repository: '{repository}'}}}}")).unwrap();
        }
        for repository in ["https://git.example/dr.git", "http://127.0.0.1:3000/dr.git", "http://[::1]:80/dr.git"] {
            config(&format!("{{git: {{repository: '{repository}', credentialFile: /etc/standin/git}}}}")).unwrap();
        }
    }

    #[test]
    fn a_mistake_is_said_once_with_its_place_in_the_file() {
        let config = |kind: &str, spec: &str| {
            let file = file(&format!("apiVersion: standin/v1alpha1\nkind: {kind}\nspec:\n{spec}"));
            let name = file.path().display().to_string();
            let read =
                if kind == "AgentConfig" { agent(file.path()).map(drop) } else { controller(file.path()).map(drop) };
            (name, read.unwrap_err().obstacles.remove(0))
        };
        for (kind, spec, words) in [
            ("ControllerConfig", "  nothing: 1\n", ":4:3: unknown field `nothing`, expected one of"),
            ("ControllerConfig", "  api:\n    enabled: perhaps\n", ":5:14: "),
            ("ControllerConfig", "  api: [\n", ":4:8: "),
            ("AgentConfig", "  nothing: 1\n", ":4:3: unknown field `nothing`, expected one of"),
        ] {
            let (name, said) = config(kind, spec);
            assert!(said.message.starts_with(&format!("{name}{words}")) && said.facts.is_empty(), "{said:?}");
            assert!(!said.message.contains(" at line ") && !said.message.contains("<input>"), "{said:?}");
        }
    }

    #[test]
    fn mistakes_are_refused_with_their_place() {
        let message = |file: &tempfile::NamedTempFile| agent(file.path()).unwrap_err().obstacles[0].message.clone();
        let unknown = message(&agent_config("  host: mx1\n  controller: ctl:25002\n  listn: 127.0.0.1:0\n"));
        assert!(unknown.contains(":6:3: unknown field `listn`, expected one of"), "{unknown}");
        assert!(message(&agent_config("  controller: ctl:25002\n")).contains("host"));
        assert!(message(&agent_config("  host: mx1\n  controller: ctl\n")).contains("not ADDRESS:PORT"));
        assert!(message(&agent_config("  host: MX\n  controller: ctl:1\n")).contains("not a name"));
        let relative = agent_config("  host: mx1\n  controller: ctl:1\n  stateDirectory: here\n");
        assert!(message(&relative).contains("not an absolute path"));
        let other = file("apiVersion: standin/v1alpha1\nkind: ControllerConfig\nspec: {host: a, controller: 'b:1'}\n");
        assert!(message(&other).contains("kind: AgentConfig"));
    }
}

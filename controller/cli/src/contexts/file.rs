//! `config.yaml` as people write it.

use super::LOCAL;
use crate::{
    client::{Address, Place},
    exit::{Exit, Failure, Outcome},
};
use model::object::API_VERSION;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use wire::tls::ApiTrust;

/// Largest configuration or file of authorities that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub const KIND: &str = "ClientConfig";

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClientSpec {
    /// The one that is used when nothing nearer names one.
    pub context: Option<String>,
    pub contexts: Vec<Entry>,
}

/// One named controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    pub name: String,
    pub url: String,
    /// SHA-256 of the authority's public key, as `standin version` shows it there.
    #[serde(default)]
    pub ca_fingerprint: Option<String>,
    /// Authorities in PEM, where the controller shows a certificate of its administrator's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    pub token_file: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Envelope {
    api_version: String,
    kind: String,
    #[serde(default)]
    spec: Option<ClientSpec>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    pub path: PathBuf,
    pub spec: ClientSpec,
}

impl ConfigFile {
    /// Reads a file; `None` when there is none.
    pub fn read(path: &Path) -> Outcome<Option<Self>> {
        let text = match fs::metadata(path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(wrong(path, error)),
            Ok(about) if !about.is_file() || about.len() > FILE_BYTES_MAX => {
                return Err(wrong(path, "not a regular file of at most 1 MiB"));
            }
            Ok(_) => fs::read_to_string(path).map_err(|error| wrong(path, error))?,
        };
        Ok(Some(Self { path: path.to_owned(), spec: parse(path, &text)? }))
    }

    /// A path in this file: relative ones begin at its directory.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("/")).join(path)
    }

    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.spec.contexts.iter().find(|entry| entry.name == name)
    }
}

pub fn wrong(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Malformed, format!("{}: {why}", path.display()))
}

/// Reads the text of a file and checks every entry.
pub fn parse(path: &Path, text: &str) -> Outcome<ClientSpec> {
    let envelope: Envelope = crate::config::parse(path, text)?;
    if envelope.api_version != API_VERSION || envelope.kind != KIND {
        return Err(wrong(path, format!("this has to be `apiVersion: {API_VERSION}` and `kind: {KIND}`")));
    }
    let spec = envelope.spec.unwrap_or_default();
    for (at, entry) in spec.contexts.iter().enumerate() {
        let place = |why: String| wrong(path, format!("spec.contexts[{at}]: {why}"));
        if spec.contexts[..at].iter().any(|other| other.name == entry.name) {
            return Err(place(format!("there are two contexts {}", entry.name.escape_debug())));
        }
        entry.check().map_err(|failure| {
            let said = failure.obstacles.first().map_or(String::new(), |obstacle| obstacle.message.clone());
            place(said)
        })?;
    }
    Ok(spec)
}

impl Entry {
    /// Refuses what cannot be used, before anything is sent anywhere.
    pub fn check(&self) -> Outcome<()> {
        let wrong = |why: String| Failure::new(Exit::Malformed, why);
        if !model::names::is_name(&self.name) {
            return Err(wrong(format!(
                "`{}` is not a name of a context: letters a to z, digits and hyphens",
                self.name.escape_debug()
            )));
        }
        if self.name == LOCAL {
            return Err(wrong(format!("{LOCAL} is the socket on this machine; another name is needed")));
        }
        let address = Address::parse(&self.url)?;
        match (address.tls, &self.ca_fingerprint, &self.ca_file) {
            (true, Some(pin), None) => fingerprint(pin).map(drop),
            (true, None, Some(_)) | (false, None, None) => Ok(()),
            (true, None, None) => Err(wrong(format!("whom to trust at {address} is not said"))
                .help("--ca-fingerprint SHA: on the controller's machine  standin version  shows it as `authority`")
                .help("--ca-file FILE where the controller has a certificate of your own authority")),
            (true, Some(_), Some(_)) => {
                Err(wrong("a fingerprint and a file of authorities were given; one of them says whom to trust".into()))
            }
            (false, ..) => Err(wrong(format!("{address} has no TLS, so there is no authority to trust"))),
        }
    }

    /// Where and whom to ask; files are read now.
    pub fn place(&self, resolve: impl Fn(&Path) -> PathBuf) -> Outcome<Place> {
        self.check()?;
        let address = Address::parse(&self.url)?;
        let trust = match (&self.ca_fingerprint, &self.ca_file) {
            (Some(pin), _) => Some(ApiTrust::Pin(fingerprint(pin)?)),
            (None, Some(file)) => Some(ApiTrust::Authorities(authorities(&resolve(file))?)),
            (None, None) => None,
        };
        Ok(Place::Network { address, trust })
    }
}

/// Reads a fingerprint as people paste it: with a prefix, with colons, in capitals.
pub fn fingerprint(text: &str) -> Outcome<String> {
    const DIGITS: usize = 64;
    let bare = text.trim().to_ascii_lowercase();
    let bare = bare.strip_prefix("sha256:").unwrap_or(&bare).replace(':', "");
    if bare.len() == DIGITS && bare.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(bare);
    }
    let message = format!("`{}` is not a fingerprint: {DIGITS} hexadecimal digits", text.escape_debug());
    Err(Failure::new(Exit::Malformed, message).help("on the controller's machine  standin version  shows it"))
}

fn authorities(path: &Path) -> Outcome<String> {
    let about = fs::metadata(path).map_err(|error| wrong(path, error))?;
    if !about.is_file() || about.len() > FILE_BYTES_MAX {
        return Err(wrong(path, "not a regular file of at most 1 MiB"));
    }
    fs::read_to_string(path).map_err(|error| wrong(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            name: "prod".into(),
            url: "https://ctl.example".into(),
            ca_fingerprint: Some("ab".repeat(32)),
            ca_file: None,
            token_file: "tokens/prod".into(),
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        entry().check().unwrap();
        let wrong = [
            (Entry { name: "local".into(), ..entry() }, "socket on this machine"),
            (Entry { name: "../x".into(), ..entry() }, "not a name"),
            (Entry { url: "http://ctl.example".into(), ..entry() }, "not encrypted"),
            (Entry { ca_fingerprint: None, ..entry() }, "whom to trust"),
            (Entry { ca_fingerprint: Some("ab".into()), ..entry() }, "not a fingerprint"),
            (Entry { ca_file: Some("ca.pem".into()), ..entry() }, "one of them"),
            (Entry { url: "http://127.0.0.1".into(), ..entry() }, "no TLS"),
        ];
        for (entry, words) in wrong {
            let failure = entry.check().unwrap_err();
            assert!(failure.obstacles[0].message.contains(words), "{entry:?}: {failure:?}");
        }
    }

    #[test]
    fn a_mistake_is_said_once_with_its_place_in_the_file() {
        let failure =
            parse(Path::new("/etc/x.yaml"), "apiVersion: standin/v1alpha1\nkind: ClientConfig\nspec:\n  contxt: a\n");
        let said = failure.unwrap_err().obstacles.remove(0);
        assert!(said.message.starts_with("/etc/x.yaml:4:3: unknown field `contxt`, expected"), "{said:?}");
        assert!(said.facts.is_empty(), "{said:?}");
    }

    #[test]
    fn a_fingerprint_may_be_pasted_from_other_tools() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        for text in [plain.clone(), colons.clone(), format!("sha256:{plain}"), format!("SHA256:{colons}\n")] {
            assert_eq!(fingerprint(&text).unwrap(), plain, "{text}");
        }
    }
}

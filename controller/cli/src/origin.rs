//! Where manifests come from: repository, commit and path, as far as git knows.

use crate::{files::Sources, git::Git};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use wire::api::{ManifestFile, Origin};

/// What git says of these files. Outside of a repository nothing but the project that was named.
pub fn of(sources: &Sources, files: &[ManifestFile], project: Option<&str>) -> Option<Origin> {
    let named = project.map(|project| Origin { project: Some(project.to_owned()), ..Origin::default() });
    let Some(found) = in_repository(sources, files) else { return named };
    Some(Origin { project: project.map(str::to_owned).or(found.project.clone()), ..found })
}

fn in_repository(sources: &Sources, files: &[ManifestFile]) -> Option<Origin> {
    let first = files.iter().find(|file| file.path != "-").map(|file| PathBuf::from(&file.path));
    let given = sources.given().iter().find(|given| *given != "-").map(PathBuf::from);
    let place = first.or(given)?;
    let directory = if place.is_dir() { place } else { parent(&place) };
    let git = Git::at(&directory);
    let top = git.top().ok()??;
    let below = |path: &str| Some(real(Path::new(path))?.strip_prefix(&top).ok()?.to_owned());
    let paths: BTreeMap<String, String> =
        files.iter().filter_map(|file| Some((file.path.clone(), below(&file.path)?.to_str()?.to_owned()))).collect();
    let asked: Vec<PathBuf> = sources.given().iter().filter_map(|given| real(Path::new(given))).collect();
    let commit = git.commit("HEAD").ok();
    let changed = git.changed(&asked).unwrap_or_default();
    let is_manifest = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let repository = address(&git).unwrap_or_else(|| top.display().to_string());
    Some(Origin {
        local_changes: commit.is_some() && changed.iter().any(is_manifest),
        commit,
        project: project(sources, &repository, &top),
        repository: Some(repository),
        paths,
    })
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Only the directory is resolved: a manifest that is a link is where the link is.
fn real(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return path.canonicalize().ok();
    }
    Some(parent(path).canonicalize().ok()?.join(path.file_name()?))
}

/// The address of `origin` or, without one of that name, of the first remote.
fn address(git: &Git) -> Option<String> {
    let remotes = git.remotes();
    let remote = remotes.iter().find(|name| *name == "origin").or(remotes.first())?;
    git.config(&format!("remote.{remote}.url")).map(|url| without_credentials(&url))
}

/// A whole directory is a project, a single file is a part of one.
fn project(sources: &Sources, repository: &str, top: &Path) -> Option<String> {
    let [only] = &sources.given()[..] else { return None };
    let directory = Path::new(only).is_dir().then(|| Path::new(only).canonicalize().ok()).flatten()?;
    let below = directory.strip_prefix(top).ok()?.to_str()?.to_owned();
    let repository = plain(repository);
    Some(if below.is_empty() { repository } else { format!("{repository}//{below}") })
}

/// An address without user, password and query. `git@host:path` names no secret and stays.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
}

/// The same for whatever way a repository is reached: `git.example/dr/manifests`.
fn plain(address: &str) -> String {
    let without_scheme = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (host, path) = match without_scheme.split_once(':') {
        // `host:path`, as of ssh; a port has only digits before the next slash.
        Some((host, path)) if !address.contains("://") => (host, path.to_owned()),
        Some((host, path)) if path.split('/').next().is_some_and(|port| port.parse::<u16>().is_ok()) => {
            (host, path.split_once('/').map(|(_, path)| path.to_owned()).unwrap_or_default())
        }
        _ => ("", without_scheme.to_owned()),
    };
    let host = host.rsplit('@').next().unwrap_or(host);
    let joined = if host.is_empty() { path } else { format!("{host}/{}", path.trim_start_matches('/')) };
    joined.trim_end_matches('/').trim_end_matches(".git").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_leaves_the_machine() {
        assert_eq!(without_credentials("https://bot:s3cr3t@git.example/dr.git?token=x"), "https://git.example/dr.git");
        assert_eq!(without_credentials("https://s3cr3t@git.example/dr"), "https://git.example/dr");
        assert_eq!(without_credentials("git@git.example:dr.git"), "git@git.example:dr.git");
        assert_eq!(without_credentials("/srv/git/dr"), "/srv/git/dr");
    }

    #[test]
    fn a_project_is_the_same_however_it_is_cloned() {
        for url in [
            "https://git.example/dr/m.git",
            "git@git.example:dr/m.git",
            "ssh://git.example:22/dr/m",
            "https://git.example:8443/dr/m/",
        ] {
            assert_eq!(plain(url), "git.example/dr/m", "{url}");
        }
        assert_eq!(plain("/srv/git/dr"), "/srv/git/dr");
    }
}

//! A path that is not absolute and plain, or a place that must not be replicated.

use super::{Item, Lint, World, world::members};
use crate::{
    escape::{escape, quoted},
    finding::Finding,
    tree::{child, written},
};
use model::elements::roots::RESERVED_DIRECTORY;

pub const LINT: Lint = Lint { code: "DR0213", check };

/// Longest path the kernel takes.
const PATH_LENGTH_MAX: usize = 4095;

/// File systems that are views of the kernel, not files.
const NOT_FILES: [&str; 3] = ["/proc", "/sys", "/dev"];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for root in world.roots() {
        findings.extend(path(root.item, root.pointer.clone(), root.path));
    }
    for (item, spec) in world.scenarios() {
        let spools = std::iter::once(&spec.primary.spool).chain(spec.replicas.iter().map(|replica| &replica.spool));
        for ((_, _, at), spool) in members(spec).into_iter().zip(spools) {
            let pointer = child(&child(&at, "spool"), "directory");
            findings.extend(spool.directory.iter().filter_map(|text| path(item, pointer.clone(), text)));
        }
    }
}

fn path(item: &Item, pointer: String, text: &str) -> Option<Finding> {
    let place = item.place(pointer);
    let (why, help) = wrong(text)?;
    let finding =
        place.error(LINT.code, format!("{} is not a path for a directory", quoted(text)))?.label(escape(&why));
    let finding = help.into_iter().fold(finding, Finding::help);
    let plain = plain(text);
    match (wrong(&plain), place.span()) {
        (None, Some(span)) => {
            let written = written(&plain);
            Some(finding.help(format!("write {written}")).fix(true, span, written))
        }
        _ => Some(finding),
    }
}

/// The same directory without `//`, `/./` and a slash at the end.
fn plain(text: &str) -> String {
    let parts = text.split('/').filter(|part| !part.is_empty() && *part != ".");
    let joined = parts.fold(String::new(), |path, part| path + "/" + part);
    if text.starts_with('/') { joined } else { text.to_owned() }
}

/// Why a path is refused, and what to do.
fn wrong(text: &str) -> Option<(String, Option<String>)> {
    let refuse = |why: &str| Some((why.to_owned(), None));
    if text.is_empty() {
        return refuse("it is empty");
    }
    if text.starts_with('~') {
        return Some(("`~` has no meaning here".to_owned(), Some("write the path out from `/`".to_owned())));
    }
    if !text.starts_with('/') {
        return Some((
            "it must begin with `/`".to_owned(),
            Some("there is no working directory to start from".to_owned()),
        ));
    }
    if text.chars().any(char::is_control) {
        return refuse("it holds a control character");
    }
    if text.len() > PATH_LENGTH_MAX {
        return refuse("it is longer than 4095 bytes");
    }
    if text == "/" {
        return Some((
            "the whole system cannot be a root".to_owned(),
            Some("name the directories with data".to_owned()),
        ));
    }
    if text.ends_with('/') {
        return refuse("it must not end with `/`");
    }
    let parts = || text.split('/').skip(1);
    if parts().any(|part| part == "." || part == "..") {
        return refuse("it must not hold `.` or `..`");
    }
    if parts().any(str::is_empty) {
        return refuse("it must not hold `//`");
    }
    if parts().any(|part| part == RESERVED_DIRECTORY) {
        return refuse("`.standin` is reserved");
    }
    let system = NOT_FILES.into_iter().find(|system| super::world::lies_in(text, system))?;
    Some((format!("{system} holds no files that can be copied"), None))
}

#[cfg(test)]
mod tests {
    use super::{plain, wrong};

    #[test]
    fn detours_are_left_out() {
        assert_eq!(plain("/srv//www/./x/"), "/srv/www/x");
        assert_eq!(plain("srv/"), "srv/", "not absolute");
        assert_eq!(plain("/srv/../x"), "/srv/../x", "another directory, perhaps");
    }

    #[test]
    fn only_absolute_plain_paths_pass() {
        for good in ["/srv", "/srv/www data", "/devices", "/srv/a..b", "/srv/...", "/srv/ü"] {
            assert_eq!(wrong(good), None, "{good}");
        }
        for bad in [
            "",
            "srv",
            "./srv",
            "~/x",
            "/",
            "/srv/",
            "/srv/../x",
            "/srv/./x",
            "/srv//x",
            "/proc",
            "/sys/fs",
            "/dev/shm",
            "/a\0b",
            "/a\n",
            "/x/.standin/y",
        ] {
            assert!(wrong(bad).is_some(), "{bad}");
        }
    }
}

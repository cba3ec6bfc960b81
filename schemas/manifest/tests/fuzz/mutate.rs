//! Changes of a plant, and of the bytes it becomes.

use crate::{chance::Chance, plant::Plant};

/// Scalars that have broken readers, or might.
const SCALARS: &[&str] = &[
    "~",
    "null",
    "true",
    "yes",
    "n",
    "0755",
    "0o17",
    "0x1F",
    "1_000",
    "+1",
    "-0",
    ".5",
    "1e999",
    "1e3",
    "25.0",
    "-1",
    "18446744073709551616",
    "9223372036854775808",
    "65536",
    "22:30",
    "2026-11-20",
    ".inf",
    "<<",
    "=",
    "\"\"",
    "''",
    "\"\\0\"",
    "\"\\u202e\"",
    "\"\\uFFFF\"",
    "\"a\\nb\"",
    "é",
    "🦀",
    "a\u{301}",
    "10GiB",
    "10 GiB",
    "10Gb",
    "10G",
    "0",
    "99999999PiB",
    "30s",
    "5 min",
    "1w",
    "1h30m",
    "99999999999d",
    "5m1h",
    "/",
    "/srv",
    "/srv/",
    "/srv//x/./y",
    "/srv/../x",
    "/var/lib",
    "/proc/self",
    "~/x",
    "/a/.standin/b",
    "\"/srv/a, b/\"",
    "mx1",
    "mx2",
    "web1",
    "primary",
    "active",
    "mail",
    "mailboxes",
    "10.0.0.1",
    "10.0.0.1:0",
    "[::1]:9",
    "::",
    "tcp://x",
    "a..b",
    "standin/v1alpha1",
    "standin/v1",
    "Host",
    "host",
    "Scenario",
    "resync",
    "Resync",
    "manual",
    "**/*",
    "[a-",
    "{a,{b",
    "!",
    "!keep",
    "../x",
    "*.log",
    "https://u:p@h/x",
    "ghp_0123456789abcdefghijABCDEFGHIJ0123",
    "\"-----BEGIN RSA PRIVATE KEY-----\"",
    "|\n x\n y\n",
    ">-\n  folded\n\n  text",
    "\"DR0011: a reason\"",
    "DR0011",
    "DR0214:",
    "# not a value",
    "- x",
    "? x",
    "a: b",
    "[",
    "}",
    "\"open",
    "&a",
    "*a",
    "!t x",
    "!!str 1",
    "%",
    "@x",
    "`x`",
    "\u{FEFF}",
    "\t",
    "\u{7f}",
    "\u{2028}",
];

const KEYS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "labels",
    "annotations",
    "standin/allow",
    "spec",
    "status",
    "ledger",
    "uid",
    "generation",
    "resourceVersion",
    "primary",
    "replicas",
    "host",
    "roots",
    "path",
    "exclude",
    "spool",
    "directory",
    "maxSize",
    "maxsize",
    "MAXSIZE",
    "minDiskFree",
    "onFull",
    "monitoring",
    "interval",
    "timeout",
    "checks",
    "tcp",
    "port",
    "expect",
    "exec",
    "command",
    "services",
    "commands",
    "start",
    "stop",
    "check",
    "redirection",
    "script",
    "switchover",
    "trigger",
    "guards",
    "maxLag",
    "requireDrain",
    "synchronization",
    "orphans",
    "skipUnchanged",
    "replicationAddress",
    "description",
    "<<",
    "\"<<\"",
    "yes",
    "1",
    "~",
    "[x]",
    "{a: b}",
    "\"\"",
    "password",
    "a/b~c",
    "\"a\\u200bb\"",
    "é",
];

/// Changes a plant once. `others` is what can be grafted on it.
pub fn plant(plant: &mut Plant, others: &[Plant], chance: &mut Chance) {
    let anchor = format!("a{}", chance.below(4));
    let whole = plant.clone();
    let part = plant.any_part(chance);
    match chance.below(12) {
        0 => *part = Plant::Leaf((*chance.one_of(SCALARS)).to_owned()),
        1 => drop_one(part, chance),
        2 => double_one(part, chance),
        3 => swap_two(part, chance),
        4 => nest(part, chance),
        5 => {
            let mut other = chance.one_of(others).clone();
            *part = other.any_part(chance).clone();
        }
        6 => *part = Plant::Marked(format!("&{anchor} "), Box::new(part.clone())),
        7 => *part = Plant::Leaf(format!("*{anchor}")),
        8 => rename_one(part, chance),
        9 => letters(part, chance),
        10 => add_one(part, others, chance),
        _ if whole.size() < 500 => *part = whole,
        _ => {}
    }
}

fn drop_one(part: &mut Plant, chance: &mut Chance) {
    match part {
        Plant::List(items) if !items.is_empty() => drop(items.remove(chance.below(items.len()))),
        Plant::Map(entries) if !entries.is_empty() => drop(entries.remove(chance.below(entries.len()))),
        other => *other = Plant::Leaf(String::new()),
    }
}

/// Most values that one change makes.
const MADE_MAX: usize = 20_000;

fn double_one(part: &mut Plant, chance: &mut Chance) {
    let times = chance.some(2_000);
    let fits = |size: usize| times.min(MADE_MAX / size).max(1);
    match part {
        Plant::List(items) if !items.is_empty() => {
            let item = chance.one_of(items).clone();
            items.extend(std::iter::repeat_n(item.clone(), fits(item.size())));
        }
        Plant::Map(entries) if !entries.is_empty() => {
            let (key, below) = chance.one_of(entries).clone();
            let same = chance.once_in(2);
            let name = |n: usize| if same { key.clone() } else { format!("{}{n}", key.trim_matches('"')) };
            entries.extend((0..fits(below.size())).map(|n| (name(n), below.clone())));
        }
        Plant::Leaf(text) if text.len() < 1_000 => *text = text.repeat(times),
        _ => {}
    }
}

fn swap_two(part: &mut Plant, chance: &mut Chance) {
    match part {
        Plant::List(items) if items.len() > 1 => {
            let (a, b) = (chance.below(items.len()), chance.below(items.len()));
            items.swap(a, b);
        }
        Plant::Map(entries) if entries.len() > 1 => {
            let (a, b) = (chance.below(entries.len()), chance.below(entries.len()));
            let (first, second) = (entries[a].1.clone(), entries[b].1.clone());
            (entries[a].1, entries[b].1) = (second, first);
        }
        _ => {}
    }
}

fn nest(part: &mut Plant, chance: &mut Chance) {
    for _ in 0..chance.some(80) {
        let inner = std::mem::replace(part, Plant::Leaf(String::new()));
        *part = match chance.below(3) {
            0 => Plant::Map(vec![((*chance.one_of(KEYS)).to_owned(), inner)]),
            _ => Plant::List(vec![inner]),
        };
    }
}

fn rename_one(part: &mut Plant, chance: &mut Chance) {
    let Plant::Map(entries) = part else { return letters(part, chance) };
    if entries.is_empty() {
        return;
    }
    let at = chance.below(entries.len());
    match chance.below(3) {
        0 => entries[at].0 = typo(&entries[at].0, chance),
        1 => entries[at].0 = entries[at].0.to_ascii_uppercase(),
        _ => entries[at].0 = (*chance.one_of(KEYS)).to_owned(),
    }
}

fn letters(part: &mut Plant, chance: &mut Chance) {
    if let Plant::Leaf(text) = part {
        *text = typo(text, chance);
    }
}

fn add_one(part: &mut Plant, others: &[Plant], chance: &mut Chance) {
    let mut other = chance.one_of(others).clone();
    let graft = match chance.once_in(2) {
        true => other.any_part(chance).clone(),
        false => Plant::Leaf((*chance.one_of(SCALARS)).to_owned()),
    };
    match part {
        Plant::List(items) => items.push(graft),
        Plant::Map(entries) => entries.push(((*chance.one_of(KEYS)).to_owned(), graft)),
        _ => *part = graft,
    }
}

fn typo(text: &str, chance: &mut Chance) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = chance.below(letters.len() + 1);
    match chance.below(4) {
        0 if at < letters.len() => drop(letters.remove(at)),
        1 if at + 1 < letters.len() => letters.swap(at, at + 1),
        2 => letters
            .insert(at, *chance.one_of(&['x', ' ', ':', '#', '"', '\'', '_', '0', '/', '\u{200b}', 'é', '\n', '*'])),
        _ => letters.insert(at, *chance.one_of(&['s', '-', ',', '[', '{', '&', '%', '\\', '\t', '\r', '\0'])),
    }
    letters.into_iter().collect()
}

const BYTES: &[&[u8]] = &[
    b"\xEF\xBB\xBF",
    b"\xFF\xFE",
    b"\xE9",
    b"\xC0\x80",
    b"\0",
    b"\r",
    b"\r\n",
    b"\t",
    b"\x1b[31m",
    b"\xE2\x80\xAE",
    b"\n---\n",
    b"\n...\n",
    b"%YAML 1.1\n",
    b"---",
    b"#",
    b"\"",
    b"'",
    b"[",
    b"]",
    b"{",
    b"}",
    b": ",
    b"- ",
    b"? ",
    b"&a ",
    b"*a ",
    b"|\n",
    b">\n",
    b"\xF0\x9F\xA6\x80",
    b" ",
    b"\n",
    b"\n\n",
    b"\xC2\x85",
    b"\\",
    b"!!",
    b"<<: ",
];

/// Changes the bytes of a file once.
pub fn bytes(text: &mut Vec<u8>, chance: &mut Chance) {
    let at = chance.below(text.len() + 1);
    let end = (at + chance.some(200)).min(text.len());
    match chance.below(7) {
        0 | 1 => drop(text.splice(at..at, chance.one_of(BYTES).iter().copied())),
        2 => drop(text.drain(at..end)),
        3 => text.truncate(at),
        4 => {
            let piece = text[at..end].to_vec();
            let times = chance.some(300);
            text.splice(at..at, piece.repeat(times));
        }
        5 if at < text.len() => text[at] = chance.below(256) as u8,
        _ => {
            let crlf = String::from_utf8_lossy(text).replace('\n', "\r\n");
            *text = crlf.into_bytes();
        }
    }
}

//! What looks like a secret, wherever it stands: it is warned of, and never shown.
//!
//! Only patterns that are hardly ever anything else; a comment is not looked at.

use crate::{
    escape::{escape, quoted},
    finding::{Finding, Span},
    tree::{self, Node, child, walk},
};

/// Longest text that is looked at; a key file is shorter.
const LOOKED_AT_MAX: usize = 20_000;
/// Shortest token whose shape alone gives it away.
const TOKEN_MIN: usize = 20;
/// Shortest secret.
const SECRET_MIN: usize = 4;

/// What stands for a secret in what is shown.
pub const HIDDEN: &str = "(secret)";

/// A text that looks like a secret, and where it stands in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    pub span: Span,
    text: String,
}

/// Visits every value of a tree that looks like a secret, with its pointer.
pub fn each<'a>(root: &'a Node, visit: &mut impl FnMut(&str, &'a Node, Look)) {
    walk(root, &mut |pointer, node| {
        for entry in node.map() {
            if let Some(what) = entry.node.text().and_then(|text| looks_like(Some(&entry.key), text)) {
                visit(&child(pointer, &entry.key), &entry.node, what);
            }
        }
        let mut before = None;
        for (n, item) in node.list().iter().enumerate() {
            if let Some(what) = item.text().and_then(|text| looks_like(before, text)) {
                visit(&child(pointer, n), item, what);
            }
            before = item.text().and_then(name_of_the_next);
        }
    });
}

/// `--password`, `geheim`: the name of the second is the first.
pub fn name_of_the_next(word: &str) -> Option<&str> {
    word.strip_prefix("--")
}

/// Every secret in a tree, in the order of the text.
pub fn secrets(root: &Node) -> Vec<Secret> {
    let mut found = Vec::new();
    each(root, &mut |_, node, _| {
        found.push(Secret { span: node.span.clone(), text: node.text().unwrap_or_default().to_owned() });
    });
    found.sort_by_key(|secret| secret.span.start);
    found
}

/// Where the secrets of a text stand that may not be YAML at all.
pub fn spans(text: &str) -> Vec<Span> {
    let mut findings = Vec::new();
    let documents = tree::documents(0, text, &mut findings);
    let mut found: Vec<Span> = documents.into_iter().flat_map(|d| d.secrets).map(|secret| secret.span).collect();
    // A document that was given up has no tree.
    if findings.iter().any(|finding| matches!(finding.code, "DR0001" | "DR0009")) {
        found.extend(in_lines(text));
    }
    found
}

/// What looks like a secret line by line, each of which may hold several keys between brackets.
fn in_lines(text: &str) -> impl Iterator<Item = Span> + '_ {
    let place = move |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
    let pieces = text.split(['\n', '\r', '{', '}', '[', ']', ',']);
    pieces.filter_map(move |piece| {
        let piece = piece.trim().trim_start_matches("- ");
        let (key, value) = piece.split_once(':').map_or((None, piece), |(key, value)| (Some(key.trim()), value.trim()));
        let bare = value.trim_matches(['"', '\'']);
        let hit = [(key, bare), (None, piece)].into_iter().find(|(key, text)| looks_like(*key, text).is_some())?.1;
        Some(place(hit)..place(hit) + hit.len())
    })
}

/// Takes the secrets of a file out of what is said about them; what would write one is no proposal to be shown.
///
/// **Assumes** that the secrets stand in the order of the text.
pub fn mask(finding: &mut Finding, secrets: &[Secret]) {
    let Span { start, end } = finding.span.clone();
    let until = secrets.partition_point(|secret| secret.span.start < end);
    for secret in secrets[..until].iter().rev().take_while(|secret| start < secret.span.end) {
        finding.fix = None;
        let cut = quoted(&secret.text);
        let (escaped, in_quotes) = (escape(&secret.text), tree::quoted(&secret.text));
        let forms = [&secret.text, escaped.as_ref(), cut.trim_matches(['`', '…']), in_quotes.trim_matches('"')];
        let texts = [&mut finding.message, &mut finding.label].into_iter();
        for text in texts.chain(&mut finding.notes).chain(&mut finding.helps) {
            *text = forms.iter().fold(std::mem::take(text), |text, form| text.replace(form, HIDDEN));
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub name: &'static str,
    /// It cannot be anything else.
    pub certain: bool,
}

/// What a text is, under the key that it has.
pub fn looks_like(key: Option<&str>, text: &str) -> Option<Look> {
    let look = |name, certain| Some(Look { name, certain });
    if text.len() > LOOKED_AT_MAX || text.len() < SECRET_MIN {
        return None;
    }
    let long = text.len() >= TOKEN_MIN;
    if long && text.contains("-----BEGIN ") && text.contains(concat!("PRIVATE", " KEY-----")) {
        return look("a private key", true);
    }
    if long && text.split_whitespace().any(known_token) {
        return look("an access token", false);
    }
    if text.contains("://") && text.split_whitespace().any(url_with_password) {
        return look("a password in a URL", false);
    }
    if key.is_some_and(names_a_secret) && is_a_value(text) {
        return look("a password", false);
    }
    let assignment = text.split_once(['=', ':']).filter(|(name, _)| !name.contains(char::is_whitespace));
    if assignment.is_some_and(|(name, value)| names_a_secret(name) && is_a_value(value.trim())) {
        return look("a password", false);
    }
    if long && text.split_whitespace().any(random_token) {
        return look("a key or token", false);
    }
    None
}

/// Words that name the secret itself, and not a place where it lies.
fn names_a_secret(key: &str) -> bool {
    const WORDS: [&str; 9] =
        ["password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey", "credential"];
    let letters = || key.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_lowercase());
    WORDS.iter().any(|word| {
        let mut letters = letters();
        word.bytes().rev().all(|b| letters.next() == Some(b))
    })
}

/// Not empty, not a path, not a stand-in for a value that comes from elsewhere.
fn is_a_value(text: &str) -> bool {
    const NO_VALUES: [&str; 10] =
        ["none", "true", "false", "yes", "no", "null", "unset", "redacted", "changeme", "required"];
    let elsewhere = text.starts_with(['/', '$', '<', '{', '%', '@', '*', '.', '-']);
    text.len() >= SECRET_MIN
        && !elsewhere
        && !text.contains(char::is_whitespace)
        && !NO_VALUES.contains(&text.to_ascii_lowercase().as_str())
        && !text.chars().all(|c| c == 'x' || c == 'X')
}

/// The shapes that large services give their tokens.
fn known_token(word: &str) -> bool {
    let word = word.trim_matches(['"', '\'', ',', ';']);
    let word = word.rsplit_once('=').map_or(word, |(_, value)| value);
    let body = |rest: &str, least: usize| {
        rest.len() >= least && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    const HEADS: [(&str, usize); 14] = [
        ("ghp_", 30),
        ("gho_", 30),
        ("ghu_", 30),
        ("ghs_", 30),
        ("github_pat_", 30),
        ("glpat-", 20),
        ("xoxb-", 20),
        ("xoxp-", 20),
        ("sk_live_", 16),
        ("rk_live_", 16),
        ("npm_", 30),
        ("pypi-", 50),
        ("hvs.", 24),
        ("dckr_pat_", 20),
    ];
    let aws = |rest: &str| rest.len() == 16 && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    HEADS.iter().any(|(head, least)| word.strip_prefix(head).is_some_and(|rest| body(rest, *least)))
        || ["AKIA", "ASIA"].iter().any(|head| word.strip_prefix(head).is_some_and(aws))
        || is_jwt(word)
}

/// Three parts of base64, the first of which begins with `{"`.
fn is_jwt(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let base64 = |part: &&str| part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'='));
    word.starts_with("eyJ") && parts.len() == 3 && word.len() >= 40 && parts.iter().all(base64)
}

fn url_with_password(word: &str) -> bool {
    let Some((_, rest)) = word.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    match user.split_once(':') {
        Some((_, password)) => {
            !password.is_empty() && !password.starts_with(['$', '<', '{', '%', '*']) && !password.contains('$')
        }
        None => user.len() >= TOKEN_MIN && (known_token(user) || random_token(user)),
    }
}

/// A long word of base64 that no language has: capitals, small letters and digits in no order.
fn random_token(word: &str) -> bool {
    const LEAST: usize = 40;
    let word = word.trim_matches(['"', '\'', ',', ';']);
    let word = word.split_once('=').filter(|(_, value)| value.len() >= LEAST).map_or(word, |(_, value)| value);
    let body = word.trim_end_matches('=');
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    if body.len() < LEAST || word.starts_with(['/', '-']) || !body.bytes().all(base64) {
        return false;
    }
    let count = |wanted: fn(&u8) -> bool| body.bytes().filter(wanted).count();
    let (upper, lower) = (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    let (digits, all) = (count(u8::is_ascii_digit), body.len());
    // Words joined by `-`, `_` or `/`, and paths, change their class seldom; random ones at every other letter.
    let class = |b: u8| (b.is_ascii_uppercase(), b.is_ascii_lowercase(), b.is_ascii_digit());
    let changes = body.as_bytes().windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count();
    upper.min(lower) * 4 >= all && digits * 20 >= all && changes * 5 >= all * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(key: Option<&str>, text: &str) -> Option<&'static str> {
        looks_like(key, text).map(|look| look.name)
    }

    #[test]
    fn secrets_are_seen() {
        let key = format!("-----BEGIN {} PRIVATE{}-----\nMIIB\n", "RSA", " KEY");
        assert_eq!(looks_like(None, &key), Some(Look { name: "a private key", certain: true }));
        let long = "Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZkdISUpLTE1OT1BRUlNUVVZXWFla";
        for (key, text) in [
            (Some("password"), "hunter2!"),
            (Some("apiKey"), "abcd1234"),
            (Some("db-password"), "correcthorse"),
            (None, "--password=hunter2!"),
            (None, "TOKEN=abcdef"),
            (None, "https://anna:geheim@alerts.example/x"),
            (None, "https://ghp_0123456789abcdefghijABCDEFGHIJ0123@git.example/x"),
            (None, "see postgres://u:p4ss@db/x for it"),
            (None, "ghp_0123456789abcdefghijABCDEFGHIJ0123"),
            (None, "AKIAIOSFODNN7EXAMPLE"),
            (None, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbU"),
            (None, "Bearer b3JkZXJsaW5lc3NPZk1BTlk5c2VjcmV0cw8Xq2Lk7Tz"),
            (None, long),
        ] {
            assert!(looks_like(key, text).is_some_and(|look| !look.certain), "{key:?} {text}");
        }
    }

    #[test]
    fn everything_else_is_left_alone() {
        for (key, text) in [
            (Some("password"), ""),
            (Some("password"), "$PASSWORD"),
            (Some("passwordFile"), "hunter2!"),
            (Some("password-file"), "/etc/standin/secrets/db"),
            (Some("token"), "/etc/standin/secrets/token"),
            (Some("secret"), "none"),
            (Some("owner"), "postmaster"),
            (None, "the token is kept on the host"),
            (None, "https://alerts.example/v1/standin"),
            (None, "https://alerts.example:8443/v1/standin@x"),
            (None, "postgres://u:$PW@db/x"),
            (None, "/srv/customers/ABCDEFGHIJKLmnopqrstuvwxyz0123456789/mail"),
            (None, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (None, "a-very-long-name-of-a-thing-that-somebody-calls-so-2026"),
            (None, "ThisIsALongCamelCaseWordThatSomebodyWroteIn2026"),
        ] {
            assert_eq!(name(key, text), None, "{key:?} {text}");
        }
    }
}

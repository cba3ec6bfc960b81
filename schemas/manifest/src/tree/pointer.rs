//! JSON pointers, and how people read them.

use super::Node;
use std::fmt::Write as _;

/// The parts of a pointer, unescaped.
pub fn tokens(pointer: &str) -> impl Iterator<Item = String> + '_ {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"))
}

/// A key as it stands in a pointer.
pub fn escaped_token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The pointer of `key` below `pointer`.
pub fn child(pointer: &str, key: impl std::fmt::Display) -> String {
    format!("{pointer}/{}", escaped_token(&key.to_string()))
}

/// `/spec/replicas/0/roots` as `spec.replicas[dublin].roots`; an item without a name keeps its number.
pub fn readable(root: &Node, pointer: &str) -> String {
    let (mut text, mut node) = (String::new(), Some(root));
    for token in tokens(pointer) {
        let index = token.parse::<usize>().ok().filter(|_| node.is_none_or(|n| n.map().is_empty()));
        match index {
            Some(index) => {
                node = node.and_then(|n| n.list().get(index));
                let name = node.and_then(|n| n.get("name")).and_then(Node::string).map(str::to_owned);
                let _ = write!(text, "[{}]", name.unwrap_or(token));
            }
            None => {
                let dot = if text.is_empty() { "" } else { "." };
                let _ = write!(text, "{dot}{token}");
                node = node.and_then(|n| n.get(&token));
            }
        }
    }
    text
}

//! JSON pointers, and how people read them.

use super::Node;
use std::fmt::Write as _;

/// The parts of a pointer, unescaped.
pub fn tokens(pointer: &str) -> impl Iterator<Item = String> + '_ {
    let plain = |token: &str| match token.contains('~') {
        true => token.replace("~1", "/").replace("~0", "~"),
        false => token.to_owned(),
    };
    pointer.split('/').skip(1).map(plain)
}

/// A key as it stands in a pointer.
pub fn escaped_token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The pointer of `key` below `pointer`.
pub fn child(pointer: &str, key: impl std::fmt::Display) -> String {
    let mut longer = String::with_capacity(pointer.len() + 24);
    longer.push_str(pointer);
    push(&mut longer, key);
    longer
}

/// Makes a pointer that of `key` below it.
pub fn push(pointer: &mut String, key: impl std::fmt::Display) {
    pointer.push('/');
    let start = pointer.len();
    // Writing to memory has no way to fail.
    let _ = write!(pointer, "{key}");
    if pointer[start..].contains(['~', '/']) {
        let escaped = escaped_token(&pointer[start..]);
        pointer.replace_range(start.., &escaped);
    }
}

/// Shows every value with its pointer, what holds others before what it holds.
pub fn walk<'a>(root: &'a Node, visit: &mut impl FnMut(&str, &'a Node)) {
    below(root, &mut String::new(), visit);
}

fn below<'a>(node: &'a Node, pointer: &mut String, visit: &mut impl FnMut(&str, &'a Node)) {
    visit(pointer, node);
    let end = pointer.len();
    for entry in node.map() {
        push(pointer, &entry.key);
        below(&entry.node, pointer, visit);
        pointer.truncate(end);
    }
    for (index, item) in node.list().iter().enumerate() {
        push(pointer, index);
        below(item, pointer, visit);
        pointer.truncate(end);
    }
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

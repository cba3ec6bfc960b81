//! Asks the controller, on its Unix socket or over the network: single requests, and watches that survive a restart of
//! the controller.

mod connection;
mod feed;
mod place;
mod trouble;
mod watch;

pub use connection::Client;
pub use feed::{Change, Feed};
pub use place::{Address, PORT, Place};

/// A text as one component of a path or value of a query.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// `?a=b&c=d` of what is set; empty when nothing is.
pub fn query(pairs: &[(&str, Option<&str>)]) -> String {
    let set = pairs.iter().filter_map(|(name, value)| Some(format!("{name}={}", escape((*value)?))));
    let joined = set.collect::<Vec<_>>().join("&");
    if joined.is_empty() { joined } else { format!("?{joined}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes_its_place() {
        assert_eq!(escape("mail"), "mail");
        assert_eq!(escape("../x?y=ä"), "..%2Fx%3Fy%3D%C3%A4");
        assert_eq!(query(&[("run", Some("r-1")), ("since", None), ("name", Some("a b"))]), "?run=r-1&name=a%20b");
        assert_eq!(query(&[("run", None)]), "");
    }
}

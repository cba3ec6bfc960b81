//! An address at which nobody can be reached.

use super::{Lint, World};
use crate::{escape::quoted, finding::Finding};
use model::HostSpec;
use std::net::SocketAddr;

pub const LINT: Lint = Lint { code: "DR0219", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for (item, spec) in world.hosts() {
        let Some(why) = wrong(spec) else { continue };
        let text = quoted(&spec.replication_address);
        let finding = item.place("/spec/replicationAddress").error(LINT.code, format!("{text} is not an address"));
        let help = "write a name or an IP address, with `:PORT` when the port is not 25001";
        findings.extend(finding.map(|finding| finding.label(why).help(help)));
    }
}

fn wrong(spec: &HostSpec) -> Option<&'static str> {
    let text = spec.replication_address.as_str();
    if text.is_empty() {
        return Some("it is empty");
    }
    if text.contains("://") || text.contains('/') {
        return Some("a name or an IP address, not a URL");
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("holds a space");
    }
    let endpoint = spec.replication_endpoint();
    if let Ok(address) = endpoint.parse::<SocketAddr>() {
        let nowhere = address.ip().is_unspecified();
        return if nowhere { Some("means every address, so nobody can dial it") } else { port(address.port()) };
    }
    let (host, number) = endpoint.rsplit_once(':')?;
    match number.parse::<u16>() {
        Ok(number) if name(host) => port(number),
        _ => Some("neither a name nor an IP address"),
    }
}

fn port(number: u16) -> Option<&'static str> {
    (number == 0).then_some("port 0 cannot be dialled")
}

fn name(host: &str) -> bool {
    let letters = |label: &str| label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let label = |label: &str| !label.is_empty() && label.len() <= 63 && letters(label);
    // A name of digits alone is an address with a slip in it.
    let numeric = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    host.len() <= 253 && !numeric && host.trim_end_matches('.').split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_can_be_dialled() {
        let spec = |text: &str| HostSpec { replication_address: text.to_owned() };
        for good in
            ["10.0.0.1", "10.0.0.1:7", "mx1", "mx1.example:25001", "2001:db8::1", "[2001:db8::1]:9", "127.0.0.1:1"]
        {
            assert_eq!(wrong(&spec(good)), None, "{good}");
        }
        for bad in [
            "",
            "http://mx1",
            "mx 1",
            "10.0.0",
            "10.0.0.300",
            "mx1:99999",
            "mx1:0",
            "0.0.0.0",
            "[::]:1",
            "a..b",
            "mx1:x",
        ] {
            assert!(wrong(&spec(bad)).is_some(), "{bad}");
        }
    }
}

//! Under which names the API answers. A web page can have its own name resolve to this machine and so reach what
//! listens here with the rights of whoever looks at it; that name is not among these.
//!
//! Nothing is decided by `Origin`, on purpose: there are no cookies, and a page cannot send a token it does not have.

use axum::http::{Request, header::HOST};
use std::{net::IpAddr, sync::Arc};

/// Names that are answered, without ports: a forwarded port is another one at its near end.
#[derive(Clone, Debug)]
pub struct Hosts(Arc<[String]>);

impl Hosts {
    /// `names` besides `localhost` and every address written in digits: those need no resolving.
    pub fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Whether a request names this controller, in its header and, where it stands there too, in its target.
    pub fn admit<B>(&self, request: &Request<B>) -> bool {
        let mut all = request.headers().get_all(HOST).iter();
        let (Some(only), None) = (all.next(), all.next()) else { return false };
        let stated = only.to_str().ok();
        let target = request.uri().authority().map(|authority| authority.as_str());
        stated.is_some_and(|host| self.knows(host)) && target.is_none_or(|host| self.knows(host))
    }

    fn knows(&self, host: &str) -> bool {
        let name = without_port(host);
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&name);
        bare.parse::<IpAddr>().is_ok() || name == "localhost" || self.0.contains(&name)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_and_addresses_are_answered_and_no_others() {
        let hosts = Hosts::new(&["Ctl.Example".to_owned()]);
        let admits = |host: &str| hosts.admit(&Request::builder().header(HOST, host).body(()).unwrap());
        for own in ["localhost", "LOCALHOST:25000", "127.0.0.1:8080", "[::1]:25000", "::1", "10.0.0.5", "ctl.example:1"]
        {
            assert!(admits(own), "{own}");
        }
        for other in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:25000",
            "",
            ":25000",
            "ctl",
            "a@localhost",
        ] {
            assert!(!admits(other), "{other}");
        }
    }

    #[test]
    fn one_host_and_one_only_is_stated() {
        let hosts = Hosts::new(&[]);
        assert!(!hosts.admit(&Request::builder().body(()).unwrap()));
        let twice = Request::builder().header(HOST, "localhost").header(HOST, "localhost").body(()).unwrap();
        assert!(!hosts.admit(&twice));
        let target =
            Request::builder().uri("http://evil.example/v1/version").header(HOST, "localhost").body(()).unwrap();
        assert!(!hosts.admit(&target));
    }
}

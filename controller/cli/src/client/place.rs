//! Where a controller is asked, and how a connection to it is made and trusted.

use super::trouble::{self, Missed};
use crate::exit::{Exit, Failure, Outcome};
use std::{
    fmt, io,
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use wire::tls::{ApiTrust, api_client_config, connect_api};

/// Port of the API, where an address names none.
pub const PORT: u16 = 25000;

/// Time in which a controller on this machine accepts a connection.
const SOCKET_WITHIN: Duration = Duration::from_secs(5);
/// Time in which one over the network does, and again for the handshake.
const NETWORK_WITHIN: Duration = Duration::from_secs(10);

/// Where a controller is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Socket(PathBuf),
    /// Over the network; without `trust` there is no TLS, which is for loopback only.
    Network {
        address: Address,
        trust: Option<ApiTrust>,
    },
}

/// `https://HOST:PORT` in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub tls: bool,
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Socket(path) => write!(f, "{}", path.display()),
            Place::Network { address, .. } => address.fmt(f),
        }
    }
}

impl Address {
    /// Reads an address; plain HTTP is for this machine only, as a token would travel readable.
    pub fn parse(text: &str) -> Outcome<Self> {
        let wrong = || {
            Failure::new(Exit::Malformed, format!("`{}` is not an address of a controller", text.escape_debug()))
                .help(format!("such as https://ctl.example:{PORT}"))
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(wrong()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split_port(rest).ok_or_else(wrong)?;
        let is_name = |host: &str| host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        if host.is_empty() || !(host.parse::<IpAddr>().is_ok() || is_name(host)) {
            return Err(wrong());
        }
        let address = Self { tls, host: host.to_ascii_lowercase(), port };
        if !tls && !address.is_here() {
            return Err(Failure::new(
                Exit::Malformed,
                format!("{address} is another machine, and http is not encrypted"),
            )
            .fact("a token sent there could be read on the way")
            .help(format!("use https://{}", address.authority()))
            .help(format!("or a tunnel:  ssh -L {PORT}:127.0.0.1:{PORT} {host}  and http://127.0.0.1:{PORT}")));
        }
        Ok(address)
    }

    fn is_here(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// `HOST:PORT` as it stands in a request.
    pub fn authority(&self) -> String {
        match self.host.parse::<Ipv6Addr>() {
            Ok(host) => format!("[{host}]:{}", self.port),
            Err(_) => format!("{}:{}", self.host, self.port),
        }
    }
}

fn split_port(text: &str) -> Option<(&str, u16)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return match port {
            "" => Some((host, PORT)),
            port => Some((host, port.strip_prefix(':')?.parse().ok()?)),
        };
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((text, PORT)),
    }
}

/// Both ends of whatever kind of connection.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Place {
    /// What a request names as its host.
    pub fn host(&self) -> String {
        match self {
            Place::Socket(_) => "standin".to_owned(),
            Place::Network { address, .. } => address.authority(),
        }
    }

    /// Connects. Nothing of the request, and no token, is sent before the other end is trusted.
    pub async fn connect(&self) -> Result<Box<dyn Stream>, Missed> {
        let (address, trust) = match self {
            Place::Socket(path) => {
                let connected = timeout(SOCKET_WITHIN, UnixStream::connect(path)).await;
                let stream = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
                return match stream {
                    Ok(stream) => Ok(Box::new(stream)),
                    Err(error) => Err(Missed::Again(trouble::unreachable(self, &error))),
                };
            }
            Place::Network { address, trust } => (address, trust),
        };
        let connected = timeout(NETWORK_WITHIN, TcpStream::connect((address.host.as_str(), address.port))).await;
        let stream = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stream = stream.map_err(|error| Missed::Again(trouble::unreachable(self, &error)))?;
        let _ = stream.set_nodelay(true);
        let Some(trust) = trust else { return Ok(Box::new(stream)) };
        let config = api_client_config(trust).map_err(|error| Missed::Never(trouble::trust(&error)))?;
        match timeout(NETWORK_WITHIN, connect_api(&config, stream, &address.host)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(trouble::handshake(address, &error)),
            Err(_) => Err(Missed::Again(trouble::unreachable(self, &io::ErrorKind::TimedOut.into()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form() {
        let read = |text: &str| Address::parse(text).map(|address| address.to_string());
        for (text, expected) in [
            ("https://ctl.example", "https://ctl.example:25000"),
            ("https://Ctl.Example:443/", "https://ctl.example:443"),
            ("https://10.0.0.1", "https://10.0.0.1:25000"),
            ("https://[2001:db8::1]:7", "https://[2001:db8::1]:7"),
            ("http://127.0.0.1:25000", "http://127.0.0.1:25000"),
            ("http://[::1]", "http://[::1]:25000"),
            ("http://localhost", "http://localhost:25000"),
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        for text in [
            "",
            "ctl.example",
            "ftp://ctl.example",
            "https://",
            "https://:25000",
            "https://ctl.example:99999",
            "https://ctl.example/v1",
            "https://user:secret@ctl.example",
            "https://ctl.example?x",
            "https://[ctl]",
            "https://a b",
            "http://ctl.example",
            "http://localhost.evil.example",
        ] {
            assert_eq!(read(text).unwrap_err().exit, Exit::Malformed, "{text}");
        }
    }
}

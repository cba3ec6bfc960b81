//! Why a controller could not be asked, and what to do about it.

use super::place::{Address, Place};
use crate::exit::{Exit, Failure};
use std::io;
use wire::tls::{ApiDistrust, TlsError};

/// A question that got no answer.
#[derive(Debug)]
pub enum Missed {
    /// The controller may be back in a moment.
    Again(Failure),
    /// Asking again would bring the same.
    Never(Failure),
}

impl From<Missed> for Failure {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Again(failure) | Missed::Never(failure) => failure,
        }
    }
}

pub fn unreachable(place: &Place, error: &io::Error) -> Failure {
    let why = match (place, error.kind()) {
        (Place::Socket(_), io::ErrorKind::NotFound) => "there is no such socket",
        (Place::Socket(_), io::ErrorKind::PermissionDenied) => {
            "this user may not use the socket; root and group `standin` may"
        }
        (Place::Socket(_), io::ErrorKind::ConnectionRefused) => {
            "the socket is there and nobody listens: the controller has stopped"
        }
        (Place::Network { .. }, io::ErrorKind::ConnectionRefused) => {
            "nobody listens there: the controller has stopped, or its api.listen is another address"
        }
        (_, io::ErrorKind::TimedOut) => "the controller does not accept connections",
        _ => return about_unreachable(place, &error.to_string()),
    };
    about_unreachable(place, why)
}

pub fn about_unreachable(place: &Place, why: &str) -> Failure {
    let failure = Failure::new(Exit::NoAnswer, format!("no controller answers at {place}"))
        .fact(why)
        .fact("nothing was asked or changed; agents go on replicating without a controller");
    match place {
        Place::Socket(_) => failure
            .help("start it with  standin controller --config /etc/standin/controller.yaml")
            .help("or name its socket with --socket PATH or STANDIN_SOCKET")
            .help("or one on another machine with --context NAME; standin context list  shows them"),
        Place::Network { .. } => failure
            .help("on its machine:  systemctl status standin-controller")
            .help("standin context list  shows where else there are controllers"),
    }
}

/// A trust that cannot be begun with, such as a file of authorities with none in it.
pub fn trust(error: &TlsError) -> Failure {
    let why = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    Failure::new(Exit::Malformed, format!("the authorities of this context are not usable: {why}"))
        .help("standin context list  shows where they are read from")
}

/// The other end is there and not the one that is meant.
pub fn handshake(address: &Address, error: &TlsError) -> Missed {
    let refused =
        |message: String| Failure::new(Exit::NoAnswer, message).fact("nothing was sent to it, the token neither");
    let host = &address.host;
    Missed::Never(match ApiDistrust::of(error) {
        None => {
            let why = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
            let place = Place::Network { address: address.clone(), trust: None };
            return Missed::Again(about_unreachable(&place, &format!("the connection broke: {why}")));
        }
        Some(ApiDistrust::Authority(wrong)) => {
            refused(format!("whoever answers at {address} is not the controller this context is for"))
                .fact(format!("seen: its authority has the fingerprint {}", wrong.seen))
                .fact(format!("expected:                            {}", wrong.pinned))
                .help("on the controller's machine  standin version  shows the right one")
                .help("if that is the one seen:  standin context add NAME --replace --ca-fingerprint FINGERPRINT")
        }
        Some(ApiDistrust::Name(names)) => {
            let failure = refused(format!("the controller at {address} has no certificate for the name {host}"));
            let failure = match names.is_empty() {
                true => failure,
                false => failure.fact(format!("it has one for {}", shown(&names).join(", "))),
            };
            failure.help(format!("in its /etc/standin/controller.yaml:  spec: {{api: {{names: [{host}]}}}}"))
        }
        Some(ApiDistrust::Unknown) => {
            refused(format!("whoever answers at {address} has no certificate of an authority this context trusts"))
                .help("on the controller's machine  standin version  shows the fingerprint for --ca-fingerprint")
        }
        Some(ApiDistrust::NoTls) => refused(format!("whoever answers at {address} does not speak TLS"))
            .help("on loopback, where there is no TLS unless it is asked for, the address begins with http://"),
        Some(ApiDistrust::Other(why)) => refused(format!("the connection to {address} is not trusted: {why}")),
    })
}

/// Names as a certificate writes them: `DnsName("a")` is `a`; the one that all our certificates have is left out.
fn shown(names: &[String]) -> Vec<String> {
    let inner = |name: &String| match name.split_once('(') {
        Some((_, rest)) => rest.trim_end_matches(')').trim_matches('"').to_owned(),
        None => name.clone(),
    };
    names.iter().map(inner).filter(|name| name != "standin").collect()
}

/// A change was asked for, and what became of it is not known.
pub fn lost(error: &str) -> Failure {
    Failure::new(Exit::Pending, "the controller was asked and its answer was lost")
        .fact(error.to_owned())
        .fact("it is unknown whether the change was taken; what was taken goes on")
        .help("look first:  standin status,  standin run list")
}

//! Monitoring: is the active host well?

use crate::{
    clock,
    script::{Leftovers, Order, Scripts},
    text,
};
use model::{
    Timestamp,
    agent_status::CheckStatus,
    elements::monitoring::{Check, ExecCheck, Monitoring, TcpCheck},
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{io::AsyncReadExt, net::TcpStream, sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

/// Shortest time between two rounds, whatever the manifest says.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Most of a server's greeting that is read.
const GREETING_BYTES_MAX: usize = 4096;

/// What is to be checked now; `None`: nothing, because this host is not active.
pub type Watched = Option<(Monitoring, Vec<(&'static str, String)>)>;

/// What the last round found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckReport {
    pub checks: Vec<CheckStatus>,
    /// Since when every round has failed.
    pub failing_since: Option<Timestamp>,
}

/// Runs a round every interval while there is something to watch.
pub async fn monitor(
    scripts: Arc<Scripts>,
    mut watched: watch::Receiver<Watched>,
    reports: watch::Sender<CheckReport>,
    stop: CancellationToken,
) {
    loop {
        let now = watched.borrow_and_update().clone();
        let pause = match now {
            Some((monitoring, environment)) if !monitoring.checks.is_empty() => {
                let checks = round(&scripts, &monitoring.checks, &environment).await;
                reports.send_modify(|report| *report = judge(report, checks));
                monitoring.interval.0.max(INTERVAL_MIN)
            }
            _ => {
                reports.send_modify(|report| *report = CheckReport::default());
                Duration::from_secs(3600)
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            changed = watched.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Runs every check once, one after the other.
pub async fn round(scripts: &Scripts, checks: &[Check], environment: &[(&'static str, String)]) -> Vec<CheckStatus> {
    let mut statuses = Vec::with_capacity(checks.len());
    for check in checks {
        let result = match (&check.exec, &check.tcp) {
            (Some(exec), None) => run(scripts, exec, environment).await,
            (None, Some(tcp)) => connect(tcp).await,
            _ => Err("it must be exactly one of exec and tcp".to_owned()),
        };
        let (passed, message) = result.map_or_else(|e| (false, e), |text| (true, text));
        statuses.push(CheckStatus { name: check.name.clone(), passed: Some(passed), message, at: Some(clock::now()) });
    }
    statuses
}

fn judge(before: &CheckReport, checks: Vec<CheckStatus>) -> CheckReport {
    let failed = checks.iter().any(|check| check.passed == Some(false));
    let failing_since = failed.then(|| before.failing_since.unwrap_or_else(clock::now));
    CheckReport { checks, failing_since }
}

async fn run(scripts: &Scripts, exec: &ExecCheck, environment: &[(&'static str, String)]) -> Result<String, String> {
    let order = Order {
        command: exec.command.clone(),
        environment: environment.to_vec(),
        timeout: exec.timeout.0,
        leftovers: Leftovers::Kill,
    };
    let outcome = scripts.run(&order).await.map_err(|e| text::chain(&e))?;
    if outcome.success() { Ok(outcome.summary()) } else { Err(outcome.summary()) }
}

async fn connect(check: &TcpCheck) -> Result<String, String> {
    let asked = timeout(check.timeout.0, ask(check)).await;
    asked.unwrap_or_else(|_| Err(format!("port {} did not answer within {}", check.port, check.timeout)))
}

async fn ask(check: &TcpCheck) -> Result<String, String> {
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let addresses = loopback.map(|address| SocketAddr::new(address, check.port));
    let mut stream = TcpStream::connect(&addresses[..]).await.map_err(|e| format!("port {}: {e}", check.port))?;
    let Some(expected) = check.expect.as_deref().filter(|text| !text.is_empty()) else {
        return Ok(format!("port {} accepts connections", check.port));
    };
    let mut greeting = vec![0u8; expected.len().min(GREETING_BYTES_MAX)];
    stream.read_exact(&mut greeting).await.map_err(|e| format!("port {}: {e}", check.port))?;
    if greeting == expected.as_bytes() {
        Ok(format!("port {} answers as expected", check.port))
    } else {
        Err(format!("port {} sends {:?}", check.port, String::from_utf8_lossy(&greeting)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::units::Period;
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    async fn greeter(greeting: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(greeting).await;
                held.push(stream);
            }
        });
        port
    }

    fn check(port: u16, expect: Option<&str>) -> TcpCheck {
        TcpCheck { port, expect: expect.map(str::to_owned), timeout: Period::from_millis(400) }
    }

    #[tokio::test]
    async fn a_port_must_answer_as_expected_and_in_time() {
        let smtp = greeter(b"220 mx1 ESMTP\r\n").await;
        let silent = greeter(b"").await;
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap().port()
        };
        assert!(connect(&check(smtp, Some("220 "))).await.is_ok());
        assert!(connect(&check(smtp, Some("554 "))).await.is_err());
        assert!(connect(&check(silent, None)).await.is_ok());
        assert!(connect(&check(silent, Some("220 "))).await.unwrap_err().contains("within"));
        assert!(connect(&check(closed, None)).await.is_err());
    }

    #[test]
    fn failing_since_is_kept_while_rounds_fail_and_forgotten_by_one_that_passes() {
        let status = |passed| vec![CheckStatus { passed: Some(passed), ..CheckStatus::default() }];
        let first = CheckReport { failing_since: Some(Timestamp(5)), ..CheckReport::default() };
        assert_eq!(judge(&first, status(false)).failing_since, Some(Timestamp(5)));
        assert_eq!(judge(&first, status(true)).failing_since, None);
        assert!(judge(&CheckReport::default(), status(false)).failing_since.is_some());
    }
}

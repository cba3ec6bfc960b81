//! Connections that notice when the other side has gone.

use std::{io, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// Unacknowledged data for so long ends a connection for short messages, also when no reset ever comes.
pub const MESSAGES_UNTAKEN_MAX: Duration = Duration::from_secs(15);
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(10);

/// Connects to `address:port` within `deadline`.
pub async fn connect(address: &str, deadline: Duration, untaken_max: Duration) -> io::Result<TcpStream> {
    let stream = timeout(deadline, TcpStream::connect(address)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    tune(&stream, untaken_max)?;
    Ok(stream)
}

/// Small frames at once, dead peers noticed: the system ends a connection whose peer has taken nothing for
/// `untaken_max`, and a peer that is alive and busy counts as well.
pub fn tune(stream: &TcpStream, untaken_max: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    rustix::net::sockopt::set_tcp_keepidle(stream, KEEP_ALIVE_AFTER)?;
    rustix::net::sockopt::set_tcp_keepintvl(stream, Duration::from_secs(2))?;
    rustix::net::sockopt::set_tcp_keepcnt(stream, 3)?;
    let millis = u32::try_from(untaken_max.as_millis()).unwrap_or(u32::MAX);
    Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, millis)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::pump::UNTAKEN_MAX;

    #[tokio::test]
    async fn a_stream_may_be_untaken_for_as_long_as_its_link_allows() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        for wanted in [MESSAGES_UNTAKEN_MAX, UNTAKEN_MAX] {
            let stream = connect(&address, Duration::from_secs(10), wanted).await.unwrap();
            let millis = rustix::net::sockopt::tcp_user_timeout(&stream).unwrap();
            assert_eq!(u128::from(millis), wanted.as_millis());
        }
        assert!(UNTAKEN_MAX >= Duration::from_secs(300), "a target may sync a large batch for minutes");
    }
}

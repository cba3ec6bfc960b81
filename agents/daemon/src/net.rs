//! Connections that notice when the other side has gone.

use std::{io, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// Unacknowledged data for so long ends a connection, also when no reset ever comes.
const USER_TIMEOUT_MS: u32 = 15_000;
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(10);

/// Connects to `address:port` within `deadline`.
pub async fn connect(address: &str, deadline: Duration) -> io::Result<TcpStream> {
    let stream = timeout(deadline, TcpStream::connect(address)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    tune(&stream)?;
    Ok(stream)
}

/// Small frames at once, dead peers noticed.
pub fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    rustix::net::sockopt::set_tcp_keepidle(stream, KEEP_ALIVE_AFTER)?;
    rustix::net::sockopt::set_tcp_keepintvl(stream, Duration::from_secs(2))?;
    rustix::net::sockopt::set_tcp_keepcnt(stream, 3)?;
    Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, USER_TIMEOUT_MS)?)
}

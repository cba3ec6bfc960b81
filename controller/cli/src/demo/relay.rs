//! A TCP relay on the loopback address that can be cut and mended, and asks for each connection where it should go.

use std::{
    io,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// How long a connection to the far side may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

type Resolve = dyn Fn() -> Option<SocketAddr> + Send + Sync;

/// Relays every connection to where `resolve` points at that moment.
pub struct Relay {
    address: SocketAddr,
    wire: Arc<Wire>,
}

struct Wire {
    whole: AtomicBool,
    sockets: Mutex<Vec<TcpStream>>,
    resolve: Box<Resolve>,
}

impl Relay {
    pub fn start(resolve: impl Fn() -> Option<SocketAddr> + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let wire = Arc::new(Wire {
            whole: AtomicBool::new(true),
            sockets: Mutex::new(Vec::new()),
            resolve: Box::new(resolve),
        });
        let accepting = Arc::clone(&wire);
        thread::Builder::new().name("relay".to_owned()).spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let wire = Arc::clone(&accepting);
                thread::spawn(move || wire.carry(client));
            }
        })?;
        Ok(Self { address, wire })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every connection and refuses new ones.
    pub fn cut(&self) {
        self.wire.whole.store(false, SeqCst);
        for socket in self.wire.sockets.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // A socket that is already closed is just as cut.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    pub fn mend(&self) {
        self.wire.whole.store(true, SeqCst);
    }
}

impl Wire {
    fn carry(&self, client: TcpStream) {
        if !self.whole.load(SeqCst) {
            return;
        }
        let Some(server) = (self.resolve)().and_then(|to| TcpStream::connect_timeout(&to, CONNECT_TIMEOUT).ok()) else {
            return;
        };
        let (Ok(client_out), Ok(server_out)) = (client.try_clone(), server.try_clone()) else { return };
        self.remember(&client, &server);
        let back = thread::spawn(move || pour(server, client_out));
        pour(client, server_out);
        // A panic of the copying thread would only mean that the connection is over, which it is.
        let _ = back.join();
    }

    fn remember(&self, client: &TcpStream, server: &TcpStream) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.retain(|socket| socket.peer_addr().is_ok());
        sockets.extend([client.try_clone(), server.try_clone()].into_iter().flatten());
    }
}

fn pour(mut from: TcpStream, mut to: TcpStream) {
    // Whatever ends a connection ends it for both sides; the ends see it as a closed connection.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

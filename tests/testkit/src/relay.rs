//! A TCP connection that can be cut and mended.

use anyhow::{Context, Result};
use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Large, so that who measures through it does not measure it.
const PIECE_BYTES: usize = 256 << 10;

/// Passes connections on to `to` until it is cut.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    cut: AtomicBool,
    over: AtomicBool,
    passed: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// Listens at `at`; port 0 chooses one.
    pub fn start(at: SocketAddr, to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(at).with_context(|| format!("cannot listen at {at}"))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            cut: AtomicBool::new(false),
            over: AtomicBool::new(false),
            passed: AtomicU64::new(0),
            open: Mutex::default(),
        });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for incoming in listener.incoming() {
                if ours.over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(incoming) = incoming else { continue };
                let ours = Arc::clone(&ours);
                thread::spawn(move || ours.pass(incoming, to));
            }
        });
        Ok(Self { address, shared })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every connection, and every new one at once, until mended.
    pub fn cut(&self) {
        self.shared.cut.store(true, Ordering::SeqCst);
        self.shared.end_all();
    }

    pub fn mend(&self) {
        self.shared.cut.store(false, Ordering::SeqCst);
    }

    /// Bytes that went through in both directions.
    pub fn passed_bytes(&self) -> u64 {
        self.shared.passed.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.cut();
        let _ = TcpStream::connect_timeout(&self.address, CONNECT_WITHIN); // wakes the listener, which then ends
    }
}

impl Shared {
    fn pass(self: Arc<Self>, near: TcpStream, to: SocketAddr) {
        let Ok(far) = TcpStream::connect_timeout(&to, CONNECT_WITHIN) else { return };
        let _ = near.set_nodelay(true).and_then(|()| far.set_nodelay(true));
        let (Ok(near_again), Ok(far_again)) = (near.try_clone(), far.try_clone()) else { return };
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.retain(|stream| stream.peer_addr().is_ok());
            open.extend([&near, &far].into_iter().filter_map(|stream| stream.try_clone().ok()));
        }
        if self.cut.load(Ordering::SeqCst) {
            self.end_all();
        }
        let ours = Arc::clone(&self);
        let back = thread::spawn(move || ours.copy(far_again, near_again));
        self.copy(near, far);
        let _ = back.join();
    }

    fn copy(&self, mut from: TcpStream, to: TcpStream) {
        let _ = self.pass_all(&mut from, &to); // either end may close whenever it likes
        let _ = to.shutdown(Shutdown::Write);
    }

    fn pass_all(&self, from: &mut TcpStream, mut to: &TcpStream) -> io::Result<()> {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let got = from.read(&mut piece)?;
            if got == 0 {
                return Ok(());
            }
            to.write_all(&piece[..got])?;
            self.passed.fetch_add(got as u64, Ordering::Relaxed);
        }
    }

    fn end_all(&self) {
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both); // it may have ended by itself
        }
    }
}

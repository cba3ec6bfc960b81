//! Places numbered orders at the shop, one after the other, and remembers which were confirmed.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_millis(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Buys until it is told to stop. An order that was not confirmed is placed again under the same number and token.
pub struct Buyer {
    book: Arc<Book>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Book {
    stop: AtomicBool,
    confirmed: AtomicU64,
    longest_gap_millis: AtomicU64,
    orders: Mutex<Vec<(u64, String)>>,
}

impl Buyer {
    pub fn start(shop: SocketAddr) -> io::Result<Self> {
        let book = Arc::new(Book::default());
        let writing = Arc::clone(&book);
        let thread = thread::Builder::new().name("buyer".to_owned()).spawn(move || writing.buy(shop))?;
        Ok(Self { book, thread: Some(thread) })
    }

    /// How many orders were confirmed so far.
    pub fn confirmed(&self) -> u64 {
        self.book.confirmed.load(SeqCst)
    }

    /// The longest time between two confirmed orders since this was last asked.
    pub fn take_longest_gap(&self) -> Duration {
        Duration::from_millis(self.book.longest_gap_millis.swap(0, SeqCst))
    }

    /// Number and token of every confirmed order.
    pub fn orders(&self) -> Vec<(u64, String)> {
        self.book.orders.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops after the order that is under way.
    pub fn stop(&mut self) {
        self.book.stop.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            // The buyer has no panics of its own to report.
            let _ = thread.join();
        }
    }
}

impl Drop for Buyer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Book {
    fn buy(&self, shop: SocketAddr) {
        let mut last = Instant::now();
        for number in 1.. {
            let token = uuid::Uuid::now_v7().simple().to_string();
            while !self.stop.load(SeqCst) && !place(shop, number, &token).unwrap_or(false) {
                thread::sleep(PAUSE);
            }
            if self.stop.load(SeqCst) {
                return;
            }
            let gap = u64::try_from(last.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.longest_gap_millis.fetch_max(gap, SeqCst);
            last = Instant::now();
            self.orders.lock().unwrap_or_else(PoisonError::into_inner).push((number, token));
            self.confirmed.store(number, SeqCst);
            thread::sleep(PAUSE);
        }
    }
}

fn place(shop: SocketAddr, number: u64, token: &str) -> io::Result<bool> {
    let mut connection = TcpStream::connect_timeout(&shop, ANSWER_WITHIN)?;
    connection.set_read_timeout(Some(ANSWER_WITHIN))?;
    write!(connection, "POST /orders/{number}/{token} HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 201 "))
}

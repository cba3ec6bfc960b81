//! The shop: an HTTP server that keeps each order as a file, and the small programs its service script calls.

use clap::Subcommand;
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Orders in one directory of the shop; enough directories come up to show that trees are followed.
const ORDERS_PER_SHELF: u64 = 100;
const START_WITHIN: Duration = Duration::from_secs(10);
const STOP_WITHIN: Duration = Duration::from_secs(5);
const REQUEST_WITHIN: Duration = Duration::from_secs(5);

/// What the demo's scripts call.
#[derive(Debug, Subcommand)]
pub enum Part {
    /// Starts the shop in the background and waits until it answers.
    #[command(name = "shop-start")]
    Start { home: PathBuf },
    /// Stops it and waits until it is gone.
    #[command(name = "shop-stop")]
    Stop { home: PathBuf },
    /// Exits 0 when it runs and 1 when it does not.
    #[command(name = "shop-check")]
    Check { home: PathBuf },
    /// The shop itself.
    #[command(name = "shop-serve")]
    Serve { home: PathBuf },
    /// Removes a demo's directory when the demo is gone.
    #[command(name = "sweep")]
    Sweep { town: PathBuf },
}

/// Runs a part and returns its exit code.
pub fn run(part: Part) -> u8 {
    let outcome = match part {
        Part::Start { home } => start(&home),
        Part::Stop { home } => stop(&home),
        Part::Check { home } => return u8::from(!answers(&home)),
        Part::Serve { home } => serve(&home),
        Part::Sweep { town } => {
            super::town::sweep(&town);
            Ok(())
        }
    };
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(io::stderr(), "shop: {error}");
            2
        }
    }
}

/// The shop's port on the host whose directory is `home`, if a shop was started there.
pub fn port(home: &Path) -> Option<u16> {
    fs::read_to_string(home.join("shop.port")).ok()?.trim().parse().ok()
}

/// Where order `number` is kept.
pub fn order_path(orders: &Path, number: u64) -> PathBuf {
    orders.join(format!("{:05}", number / ORDERS_PER_SHELF)).join(format!("{number:08}"))
}

/// Kills the shop of a host at once, as a power cut would.
pub fn kill(home: &Path) {
    if let Some(pid) = process_id(home) {
        // It may be gone already.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

fn process_id(home: &Path) -> Option<rustix::process::Pid> {
    let pid: i32 = fs::read_to_string(home.join("shop.pid")).ok()?.trim().parse().ok()?;
    rustix::process::Pid::from_raw(pid)
}

fn answers(home: &Path) -> bool {
    let probe = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
    process_id(home).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok()) && port(home).is_some_and(probe)
}

fn start(home: &Path) -> io::Result<()> {
    if answers(home) {
        return Ok(());
    }
    let log = File::create(home.join("shop.log"))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["demo", "part", "shop-serve"]).arg(home).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.process_group(0).spawn()?;
    wait(START_WITHIN, || answers(home)).ok_or_else(|| io::Error::other("the shop did not start in time"))
}

fn stop(home: &Path) -> io::Result<()> {
    let Some(pid) = process_id(home) else { return Ok(()) };
    let gone = || rustix::process::test_kill_process(pid).is_err() || is_zombie(pid);
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    if wait(STOP_WITHIN, gone).is_none() {
        kill(home);
        wait(STOP_WITHIN, gone).ok_or_else(|| io::Error::other("the shop does not stop"))?;
    }
    fs::remove_file(home.join("shop.pid"))
}

fn is_zombie(pid: rustix::process::Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

fn wait(within: Duration, done: impl Fn() -> bool) -> Option<()> {
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        if done() {
            return Some(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    None
}

/// Serves `GET /` and `POST /orders/NUMBER/TOKEN` until the demo that owns `home` is gone.
fn serve(home: &Path) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    replace(&home.join("shop.port"), &listener.local_addr()?.port().to_string())?;
    replace(&home.join("shop.pid"), &std::process::id().to_string())?;
    let town = home.parent().unwrap_or(home).to_owned();
    thread::spawn(move || super::town::exit_with_the_demo(&town));
    let orders = home.join("orders");
    for client in listener.incoming().map_while(Result::ok) {
        if let Err(error) = answer(client, &orders) {
            let _ = writeln!(io::stderr(), "request failed: {error}");
        }
    }
    Ok(())
}

fn answer(mut client: TcpStream, orders: &Path) -> io::Result<()> {
    client.set_read_timeout(Some(REQUEST_WITHIN))?;
    let mut request = String::new();
    let mut lines = BufReader::new(client.try_clone()?);
    if lines.read_line(&mut request)? == 0 {
        return Ok(()); // a check that the shop answers
    }
    let mut header = String::new();
    while lines.read_line(&mut header)? > 2 {
        header.clear();
    }
    let mut words = request.split_whitespace();
    let (status, body) = match (words.next(), words.next().unwrap_or_default()) {
        (Some("POST"), path) => match parse_order(path) {
            Some((number, token)) => match place(orders, number, token) {
                Ok(()) => ("201 Created", format!("order {number}\n")),
                Err(error) => ("500 Internal Server Error", format!("{error}\n")),
            },
            None => ("400 Bad Request", "an order is POST /orders/NUMBER/TOKEN\n".to_owned()),
        },
        (Some("GET"), _) => ("200 OK", front_page(orders)),
        _ => ("405 Method Not Allowed", String::new()),
    };
    write!(client, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn front_page(orders: &Path) -> String {
    let entries =
        |path: &Path| fs::read_dir(path).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let last =
        entries(orders).filter(|shelf| !shelf.ends_with(".standin")).max().and_then(|shelf| entries(&shelf).max());
    let number = last.and_then(|path| path.file_name()?.to_str()?.parse::<u64>().ok());
    number.map_or("no order yet\n".to_owned(), |number| format!("last order {number}\n"))
}

fn parse_order(path: &str) -> Option<(u64, &str)> {
    let (number, token) = path.strip_prefix("/orders/")?.split_once('/')?;
    let plain = !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric());
    Some((number.parse().ok()?, token)).filter(|_| plain)
}

/// Keeps an order durably: the buyer is told only after it is on disk.
fn place(orders: &Path, number: u64, token: &str) -> io::Result<()> {
    let path = order_path(orders, number);
    if let Some(shelf) = path.parent() {
        fs::create_dir_all(shelf)?;
    }
    let draft = path.with_extension("new");
    let mut file = File::create(&draft)?;
    writeln!(file, "{number} {token}")?;
    file.sync_all()?;
    fs::rename(&draft, &path)
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("new");
    fs::write(&draft, text)?;
    fs::rename(&draft, path)
}

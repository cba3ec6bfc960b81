//! Lets another terminal break and mend things in a running demo.

use super::{
    manifests::HOSTS,
    town::{self, Town},
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Thing {
    /// The connection between the two agents.
    Link,
    /// The host mx1: its agent and its shop are killed.
    Primary,
}

/// What another terminal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Break(Thing),
    Heal(Thing),
}

impl Order {
    fn word(self) -> &'static str {
        match self {
            Order::Break(Thing::Link) => "break link",
            Order::Break(Thing::Primary) => "break primary",
            Order::Heal(Thing::Link) => "heal link",
            Order::Heal(Thing::Primary) => "heal primary",
        }
    }

    const ALL: [Order; 4] = [
        Order::Break(Thing::Link),
        Order::Break(Thing::Primary),
        Order::Heal(Thing::Link),
        Order::Heal(Thing::Primary),
    ];

    /// Does it, and says what is true now. Doing it twice is doing it once.
    pub fn carry_out(self, town: &mut Town) -> Result<&'static str> {
        let primary = HOSTS[0];
        Ok(match self {
            Order::Break(Thing::Link) => {
                town.cut_links();
                "the link between mx1 and mx2 is cut"
            }
            Order::Heal(Thing::Link) => {
                town.mend_links();
                "the link between mx1 and mx2 is whole"
            }
            Order::Break(Thing::Primary) => {
                town.kill_host(primary)?;
                "mx1 is dead: its agent and its shop were killed"
            }
            Order::Heal(Thing::Primary) => {
                if !town.host_is_up(primary) {
                    town.start_agent(primary)?;
                }
                "the agent of mx1 runs"
            }
        })
    }
}

/// Answers orders of other terminals for as long as the demo runs.
pub fn listen(town: &Arc<Mutex<Town>>) -> Result<()> {
    let path = town.lock().unwrap_or_else(PoisonError::into_inner).directory().join("demo.sock");
    let listener = UnixListener::bind(path)?;
    let town = Arc::downgrade(town);
    thread::Builder::new().name("remote".to_owned()).spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let Some(town) = town.upgrade() else { return };
            // The one who asked sees a closed connection when the answer cannot be written.
            let _ = answer(connection, &mut town.lock().unwrap_or_else(PoisonError::into_inner));
        }
    })?;
    Ok(())
}

fn answer(mut connection: UnixStream, town: &mut Town) -> Result<()> {
    let mut line = String::new();
    BufReader::new(connection.try_clone()?).read_line(&mut line)?;
    let order = Order::ALL.into_iter().find(|order| order.word() == line.trim());
    let reply = match order.context("unknown order").and_then(|order| order.carry_out(town)) {
        Ok(text) => text.to_owned(),
        Err(error) => format!("error: {error:#}"),
    };
    Ok(writeln!(connection, "{reply}")?)
}

/// Sends an order to the running demo and prints its answer.
pub fn ask(order: Order) -> Result<()> {
    let mut connection = UnixStream::connect(running_demo()?.join("demo.sock"))?;
    writeln!(connection, "{}", order.word())?;
    let mut reply = String::new();
    BufReader::new(connection).read_line(&mut reply)?;
    match reply.trim().strip_prefix("error: ") {
        Some(error) => bail!("{error}"),
        None => Ok(write!(std::io::stdout(), "{reply}")?),
    }
}

/// Prints shell lines that make `standin` talk to the running demo.
pub fn print_environment() -> Result<()> {
    let socket = running_demo()?.join("controller.sock");
    Ok(writeln!(std::io::stdout(), "export STANDIN_SOCKET='{}'", socket.display())?)
}

/// The newest demo that runs.
fn running_demo() -> Result<PathBuf> {
    let entries = fs::read_dir(super::temporary_directory())?.filter_map(Result::ok);
    let mut demos: Vec<_> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("standin-demo-"))
        .filter(|entry| town::is_alive(&entry.path()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    demos.sort();
    demos.pop().map(|(_, path)| path).context("no demo is running; start one with `standin demo` in another terminal")
}

//! Lets another terminal break and mend things in a running demo.

use super::{
    manifests::HOSTS,
    town::{self, Town},
};
use crate::context::command_line;
use anyhow::{Context, Result, bail};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{
        fs::MetadataExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
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
    Ok(writeln!(std::io::stdout(), "{}", environment_of(&running_demo()?))?)
}

/// What a shell evaluates: the path is one word in it, whatever it holds.
fn environment_of(demo: &Path) -> String {
    let socket = demo.join("controller.sock").display().to_string();
    format!("export STANDIN_SOCKET={}", command_line([socket]))
}

fn running_demo() -> Result<PathBuf> {
    let found = newest_demo(&super::temporary_directory())?;
    found.context("no demo is running; start one with `standin demo` in another terminal")
}

/// The newest demo of this user that runs.
fn newest_demo(directory: &Path) -> Result<Option<PathBuf>> {
    let entries = fs::read_dir(directory)?.filter_map(Result::ok);
    let mut demos: Vec<_> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("standin-demo-"))
        .filter(|entry| entry.metadata().is_ok_and(|about| is_own(&about)))
        .filter(|entry| town::is_alive(&entry.path()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    demos.sort();
    Ok(demos.pop().map(|(_, path)| path))
}

/// Whether nobody else can have made or changed it: everybody may put things into the temporary directory.
fn is_own(about: &fs::Metadata) -> bool {
    about.is_dir() && about.uid() == rustix::process::geteuid().as_raw() && about.mode() & 0o777 == 0o700
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::{File, Permissions},
        os::unix::fs::{PermissionsExt, symlink},
    };

    /// The directory of a demo that runs for as long as the file is held.
    fn demo(within: &Path, name: &str, mode: u32) -> (PathBuf, File) {
        let path = within.join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let alive = File::create(path.join("alive")).unwrap();
        rustix::fs::flock(&alive, rustix::fs::FlockOperation::LockExclusive).unwrap();
        (path, alive)
    }

    #[test]
    fn only_a_demo_that_nobody_else_can_have_made_is_found() {
        let (temporary, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (_open, _held) = demo(temporary.path(), "standin-demo-open", 0o755);
        let (behind_a_link, _held) = demo(elsewhere.path(), "standin-demo-real", 0o700);
        symlink(behind_a_link, temporary.path().join("standin-demo-link")).unwrap();
        assert_eq!(newest_demo(temporary.path()).unwrap(), None);
        let (own, held) = demo(temporary.path(), "standin-demo-own", 0o700);
        assert_eq!(newest_demo(temporary.path()).unwrap(), Some(own));
        drop(held);
        assert_eq!(newest_demo(temporary.path()).unwrap(), None, "it has ended");
    }

    #[test]
    fn a_directory_whose_name_is_a_command_is_one_word() {
        let line = environment_of(Path::new("/tmp/standin-demo-';touch x;'"));
        assert_eq!(line, r"export STANDIN_SOCKET='/tmp/standin-demo-'\'';touch x;'\''/controller.sock'");
    }
}

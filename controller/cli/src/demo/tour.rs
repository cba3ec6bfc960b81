//! The tour: what a person sees stop by stop, and the claims that `--script` checks.

use super::{
    accounts::Accounts,
    buyer::Buyer,
    manifests::{HOSTS, REPLICA, SCENARIO},
    remote::{self, Order, Thing},
    town::{self, Town, wait_for},
};
use anyhow::{Result, bail, ensure};
use std::{
    fs,
    io::{self, BufRead, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

const SOON: Duration = Duration::from_secs(30);
/// Orders that are placed while something is broken, before the tour goes on.
const A_FEW: u64 = 20;

struct Stop {
    title: &'static str,
    run: fn(&mut Tour) -> Result<()>,
}

/// In the order in which they are visited. Each leaves the scenario protected again, but for the one that breaks mx1.
const STOPS: [Stop; 7] = [
    Stop { title: "A typo is found before it does harm", run: Tour::typo },
    Stop { title: "diff tells the effect, apply changes only that", run: Tour::diff_and_apply },
    Stop { title: "The link is cut, and heals", run: Tour::link },
    Stop { title: "Switchover to mx2, nothing lost", run: Tour::switchover },
    Stop { title: "Switchback to mx1, nothing lost", run: Tour::switchback },
    Stop { title: "mx1 dies: switchover is refused, failover states the loss", run: Tour::failover },
    Stop { title: "mx1 returns: what only it had is set aside, and home again", run: Tour::return_home },
];

/// Plays the tour. Everything it started is gone when it returns.
pub fn play(script: bool, keep: bool) -> Result<()> {
    say("Starting a controller, two agents and a small shop ...")?;
    let town = Arc::new(Mutex::new(Town::found(keep)?));
    remote::listen(&town)?;
    let mut tour = Tour::open(town, script)?;
    let end = tour.visit();
    tour.buyer.stop();
    let accounts = tour.accounts();
    say(&format!("\n{}", accounts.line()))?;
    end?;
    if script {
        ensure!(accounts.lost.is_empty() && accounts.doubled.is_empty(), "orders are lost or doubled: {accounts:?}");
        say("every claim was checked")?;
    }
    Ok(())
}

struct Tour {
    town: Arc<Mutex<Town>>,
    buyer: Buyer,
    script: bool,
    active: &'static str,
    /// What only the dead primary had, by number.
    missing: Vec<u64>,
    quit: bool,
}

impl Tour {
    fn open(town: Arc<Mutex<Town>>, script: bool) -> Result<Self> {
        let locked = town.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = locked.directory().display().to_string();
        say(&format!("$ standin apply -f {directory}/dr --yes --wait"))?;
        let status =
            locked.command(&["apply", "-f", &locked.manifests(""), "--yes", "--wait", "--timeout", "1m"]).status()?;
        ensure!(status.success(), "apply --wait ended with {status}");
        let front = locked.front.address();
        let buyer = Buyer::start(front)?;
        drop(locked);
        say(&format!(
            "Everything runs in {directory}.
  shop       http://{front}
  manifests  {directory}/dr        in another terminal:  eval \"$(standin demo env)\""
        ))?;
        let tour = Self { town, buyer, script, active: HOSTS[0], missing: Vec::new(), quit: false };
        tour.orders_go_on(A_FEW)?;
        Ok(tour)
    }

    fn visit(&mut self) -> Result<()> {
        if !self.script {
            say(&format!("The tour has {} stops; Enter goes on, q leaves and cleans up.", STOPS.len()))?;
        }
        for (index, stop) in STOPS.iter().enumerate() {
            self.pause()?;
            if self.quit {
                return Ok(());
            }
            say(&format!("\n--- {} of {}  {}", index + 1, STOPS.len(), stop.title))?;
            (stop.run)(self)?;
        }
        self.pause()
    }

    fn typo(&mut self) -> Result<()> {
        let file = self.town().manifests("shop.yaml");
        let good = fs::read_to_string(&file)?;
        fs::write(&file, good.replacen("2GiB", "2Gb", 1))?;
        let hosts = self.town().manifests("hosts.yaml");
        let outcome = self.show(&["validate", "-f", &file, "-f", &hosts], 1);
        fs::write(&file, good)?;
        outcome
    }

    fn diff_and_apply(&mut self) -> Result<()> {
        let directory = self.town().manifests("");
        let file = self.town().manifests("shop.yaml");
        let text = fs::read_to_string(&file)?;
        fs::write(&file, text.replacen("maxSize: 2GiB", "maxSize: 3GiB", 1))?;
        self.show(&["diff", "-f", &directory], 1)?;
        self.show(&["apply", "-f", &directory, "--yes", "--wait"], 0)?;
        self.show(&["diff", "-f", &directory], 0)?;
        self.orders_go_on(A_FEW)
    }

    fn link(&mut self) -> Result<()> {
        let lineage = town::scenario(&self.town())?.ledger.lineage;
        say(&format!("* {}", Order::Break(Thing::Link).carry_out(&mut self.town())?))?;
        self.orders_go_on(5 * A_FEW)?;
        self.wait_until("the cut shows", |town| Ok(!follows(town, HOSTS[1])?))?;
        self.show(&["get", "scenarios", "-o", "wide"], 0)?;
        say(&format!("* {}", Order::Heal(Thing::Link).carry_out(&mut self.town())?))?;
        let took = self.wait_until("mx2 catches up", |town| follows(town, HOSTS[1]))?;
        say(&format!("mx2 caught up {:.1}s after the link was whole; the shop never stopped", took.as_secs_f64()))?;
        ensure!(town::scenario(&self.town())?.ledger.lineage == lineage, "a cut link changed who was active");
        self.show(&["get", "scenarios"], 0)
    }

    fn switchover(&mut self) -> Result<()> {
        self.buyer.take_longest_gap();
        self.show(&["switchover", SCENARIO, "--confirm", SCENARIO], 0)?;
        self.active = HOSTS[1];
        self.orders_go_on(A_FEW)?;
        self.nothing_missing()
    }

    fn switchback(&mut self) -> Result<()> {
        self.show(&["resume", SCENARIO, "--reverse", "--yes"], 0)?;
        self.buyer.take_longest_gap();
        self.show(&["switchback", SCENARIO, "--confirm", SCENARIO], 0)?;
        self.active = HOSTS[0];
        self.orders_go_on(A_FEW)?;
        self.nothing_missing()?;
        self.wait_until("mx2 follows again", |town| follows(town, HOSTS[1])).map(drop)
    }

    fn failover(&mut self) -> Result<()> {
        say("The link fails first, so that some orders exist on mx1 only; then mx1 dies.")?;
        say(&format!("* {}", Order::Break(Thing::Link).carry_out(&mut self.town())?))?;
        self.orders_go_on(A_FEW)?;
        say(&format!("* {}", Order::Break(Thing::Primary).carry_out(&mut self.town())?))?;
        self.wait_until("the controller notices", |town| {
            Ok(town::member(&town::scenario(town)?, HOSTS[0]).is_some_and(|member| !member.connected))
        })?;
        self.show(&["switchover", SCENARIO, "--confirm", SCENARIO], 6)?;
        say("Nobody but you can know that mx1 is off. Here it is: its processes were killed.")?;
        let accept = ["--allow-data-loss", "--no-fence", "--confirm", SCENARIO];
        self.buyer.take_longest_gap();
        self.show(&[&["failover", SCENARIO, "--to", REPLICA], &accept[..]].concat(), 0)?;
        self.active = HOSTS[1];
        self.orders_go_on(A_FEW)?;
        self.missing = self.not_in_the_shop();
        say(&format!("orders that only mx1 has: {}", numbers(&self.missing)))?;
        ensure!(!self.script || !self.missing.is_empty(), "the cut link should have left orders on mx1 only");
        Ok(())
    }

    fn return_home(&mut self) -> Result<()> {
        say(&format!("* {}", Order::Heal(Thing::Link).carry_out(&mut self.town())?))?;
        say(&format!("* {}", Order::Heal(Thing::Primary).carry_out(&mut self.town())?))?;
        self.wait_until("mx1 reports", |town| {
            Ok(town::member(&town::scenario(town)?, HOSTS[0]).is_some_and(|member| member.connected))
        })?;
        self.show(&["switchback", SCENARIO, "--confirm", SCENARIO], 6)?;
        self.show(&["switchback", SCENARIO, "--discard", "home", "--confirm", SCENARIO], 0)?;
        self.active = HOSTS[0];
        self.orders_go_on(A_FEW)?;
        let accounts = self.accounts();
        say(&format!("set aside on mx1: {}", numbers(&accounts.set_aside)))?;
        ensure!(
            !self.script || accounts.set_aside == self.missing,
            "set aside {:?}, missing {:?}",
            accounts.set_aside,
            self.missing
        );
        self.wait_until("mx2 follows again", |town| follows(town, HOSTS[1]))?;
        self.show(&["status"], 0)
    }

    fn town(&self) -> MutexGuard<'_, Town> {
        self.town.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a command before the person's eyes and insists on its exit code.
    fn show(&self, arguments: &[&str], exit: i32) -> Result<()> {
        let short: Vec<String> =
            arguments.iter().map(|word| word.replace(&self.town().directory().display().to_string(), ".")).collect();
        say(&format!("$ standin {}", short.join(" ")))?;
        let mut command = self.town().command(arguments);
        let status = command.status()?;
        ensure!(status.code() == Some(exit), "expected exit {exit}, got {status}");
        Ok(())
    }

    fn orders_go_on(&self, more: u64) -> Result<()> {
        let goal = self.buyer.confirmed() + more;
        let last = || Ok(self.buyer.confirmed() >= goal);
        wait_for(&format!("{more} more orders"), SOON, last)?;
        Ok(())
    }

    fn wait_until(&self, what: &str, done: impl Fn(&Town) -> Result<bool>) -> Result<Duration> {
        wait_for(what, SOON, || done(&self.town()))
    }

    fn accounts(&self) -> Accounts {
        let town = self.town();
        Accounts::of(&self.buyer.orders(), &town.orders(self.active), &HOSTS.map(|host| town.orders(host)))
    }

    fn not_in_the_shop(&self) -> Vec<u64> {
        let accounts = self.accounts();
        let mut numbers = [accounts.lost, accounts.set_aside].concat();
        numbers.sort_unstable();
        numbers
    }

    fn nothing_missing(&self) -> Result<()> {
        let gap = self.buyer.take_longest_gap();
        let missing = self.not_in_the_shop();
        say(&format!(
            "all {} orders are there; the longest wait of a buyer was {:.1}s",
            self.buyer.confirmed(),
            gap.as_secs_f64()
        ))?;
        if missing.is_empty() { Ok(()) } else { bail!("missing orders: {}", numbers(&missing)) }
    }

    fn pause(&mut self) -> Result<()> {
        if self.script || self.quit {
            return Ok(());
        }
        write!(io::stdout(), "Enter goes on, q leaves: ")?;
        io::stdout().flush()?;
        let mut line = String::new();
        self.quit = io::stdin().lock().read_line(&mut line)? == 0 || line.trim().eq_ignore_ascii_case("q");
        Ok(())
    }
}

/// Whether the scenario is protected and `host` follows with a known lag.
fn follows(town: &Town, host: &str) -> Result<bool> {
    let scenario = town::scenario(town)?;
    Ok(town::member(&scenario, host).is_some_and(|member| member.connected && member.lag.is_some()))
}

fn numbers(list: &[u64]) -> String {
    match list {
        [] => "none".to_owned(),
        [one] => one.to_string(),
        [first, .., last] => format!("{} from {first} to {last}", list.len()),
    }
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

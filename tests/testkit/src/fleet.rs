//! A controller and its agents, as on real servers but on one machine.

use crate::{
    Daemon, Relay, Said,
    address::Net,
    binary,
    home::{Home, end_processes_of},
    wait_until,
};
use anyhow::{Context, Result};
use model::view::RunView;
use std::{
    collections::BTreeMap,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use wire::api::{List, StoredScenario, Token};

/// Longest time any one command may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(300);

/// Describes a fleet before it is started.
#[derive(Default)]
pub struct Builder {
    hosts: Vec<String>,
    relayed: bool,
    directory: Option<PathBuf>,
    api: Option<String>,
}

impl Builder {
    /// The first host is the primary of `Fleet::scenario_manifest`, the others its replicas.
    #[must_use]
    pub fn hosts(mut self, hosts: &[&str]) -> Self {
        self.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        self
    }

    /// Lets agents reach each other through relays that can be cut.
    #[must_use]
    pub fn relayed(mut self) -> Self {
        self.relayed = true;
        self
    }

    /// Makes the fleet's directory inside this one, for a file system of its own.
    #[must_use]
    pub fn inside(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }

    /// Serves the API over the network with these settings of `spec.api`, such as `{listen: '127.0.0.1:0'}`.
    #[must_use]
    pub fn api(mut self, settings: &str) -> Self {
        self.api = Some(settings.to_owned());
        self
    }

    /// Starts the controller, joins every host and starts its agent.
    pub fn start(self) -> Result<Fleet> {
        Fleet::found(self)
    }
}

/// Everything that runs for one test. All of it ends when this is dropped.
pub struct Fleet {
    pub controller: Daemon,
    agents: BTreeMap<String, Daemon>,
    relays: BTreeMap<String, Relay>,
    hosts: Vec<String>,
    net: Net,
    home: Home,
    _directory: tempfile::TempDir,
}

impl Fleet {
    pub fn builder() -> Builder {
        Builder { hosts: vec!["mx1".to_owned(), "mx2".to_owned()], ..Builder::default() }
    }

    fn found(builder: Builder) -> Result<Self> {
        let mut prefix = tempfile::Builder::new();
        prefix.prefix("standin-fleet-");
        let directory = match &builder.directory {
            Some(inside) => prefix.tempdir_in(inside)?,
            None => prefix.tempdir()?,
        };
        let net = Net::take()?;
        let home = Home { directory: directory.path().to_owned() };
        let config = home.write_controller(net.controller(), builder.api.as_deref().unwrap_or("{enabled: false}"))?;
        let controller = daemon("controller", &config)?;
        let (agents, relays) = (BTreeMap::new(), BTreeMap::new());
        let mut fleet = Self { controller, agents, relays, hosts: builder.hosts, net, home, _directory: directory };
        fleet.settle(builder.relayed)?;
        Ok(fleet)
    }

    fn settle(&mut self, relayed: bool) -> Result<()> {
        self.controller.start()?;
        let mut addresses = Vec::new();
        for (index, host) in self.hosts.iter().enumerate() {
            let agent = self.net.agent(index);
            let reached = if relayed {
                let relay = Relay::start(self.net.relay(index), agent)?;
                let address = relay.address();
                self.relays.insert(host.clone(), relay);
                address
            } else {
                agent
            };
            addresses.push((host.clone(), reached));
        }
        let hosts = self.home.write_hosts(&addresses)?;
        self.run(&["apply", "--yes", "-f", &hosts.display().to_string()])?;
        for host in self.hosts.clone() {
            self.join(&host)?;
            self.agent(&host)?.start()?;
        }
        Ok(())
    }

    /// Lets a host in with a token, as its administrator would.
    fn join(&mut self, host: &str) -> Result<()> {
        let index = self.index(host)?;
        let config = self.home.write_agent(host, self.net.controller(), self.net.agent(index))?;
        let token: Token = self.run(&["token", "create", "--host", host, "-o", "json"])?.json()?;
        let file = self.home.write(&format!("{host}/token"), &token.token)?;
        let (address, file, path) = (self.net.controller().to_string(), text(&file), text(&config));
        self.run(&["agent", "join", &address, "--host", host, "--token-file", &file, "--config", &path])?;
        self.agents.insert(host.to_owned(), daemon("agent", &config)?);
        Ok(())
    }

    fn index(&self, host: &str) -> Result<usize> {
        self.hosts.iter().position(|known| known == host).with_context(|| format!("no host {host}"))
    }

    pub fn agent(&mut self, host: &str) -> Result<&mut Daemon> {
        self.agents.get_mut(host).with_context(|| format!("no agent on {host}"))
    }

    /// The relay through which others reach this host.
    pub fn relay(&self, host: &str) -> Result<&Relay> {
        self.relays.get(host).with_context(|| format!("{host} is not relayed"))
    }

    pub fn cut_links(&self) {
        self.relays.values().for_each(Relay::cut);
    }

    pub fn mend_links(&self) {
        self.relays.values().for_each(Relay::mend);
    }

    pub fn directory(&self) -> &Path {
        &self.home.directory
    }

    /// Everything of one host: `agent.yaml`, `state`, `scripts`, `roots`, `spool`.
    pub fn home(&self, host: &str) -> PathBuf {
        self.home.host(host)
    }

    /// A root of a host, by its name in the manifest.
    pub fn root(&self, host: &str, root: &str) -> PathBuf {
        self.home.host(host).join("roots").join(root)
    }

    /// The manifests that `apply` reads.
    pub fn manifests(&self) -> PathBuf {
        self.home.manifests()
    }

    /// A loopback address of its own for the services of a host.
    pub fn service_address(&self, host: &str) -> Result<Ipv4Addr> {
        Ok(self.net.service(self.index(host)?))
    }

    pub fn write_script(&self, host: &str, name: &str, text: &str) -> Result<PathBuf> {
        self.home.write_script(host, name, text)
    }

    pub fn write_manifest(&self, file: &str, text: &str) -> Result<PathBuf> {
        self.home.write(&format!("dr/{file}"), text)
    }

    /// A scenario from the first host to all others, whose replicas are named as their hosts. `more` is put at the
    /// end of `spec`, indented by two spaces. The primary's roots are made when they are missing.
    pub fn scenario_manifest(&self, name: &str, roots: &[&str], more: &str) -> Result<String> {
        let (primary, replicas) = self.hosts.split_first().context("a fleet without hosts")?;
        let side = |host: &String, indent: &str| {
            let root =
                |root: &&str| format!("{indent}  - {{name: {root}, path: {}}}\n", self.root(host, root).display());
            let roots: String = roots.iter().map(root).collect();
            format!(
                "{indent}roots:\n{roots}{indent}spool: {{directory: {}, maxSize: 256MiB, minDiskFree: 1MiB}}\n",
                self.home(host).join("spool").display()
            )
        };
        for root in roots {
            fs::create_dir_all(self.root(primary, root))?;
        }
        let replica = |host: &String| format!("    - name: {host}\n      host: {host}\n{}", side(host, "      "));
        Ok(format!(
            "apiVersion: standin/v1alpha1\nkind: Scenario\nmetadata:\n  name: {name}\nspec:\n  primary:\n    host: {primary}\n{}  replicas:\n{}{more}",
            side(primary, "    "),
            replicas.iter().map(replica).collect::<String>()
        ))
    }

    /// `standin` with these arguments, against this controller.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary::standin()?);
        command.args(arguments).env("STANDIN_SOCKET", self.home.socket()).current_dir(self.directory());
        Ok(command)
    }

    /// Runs `standin` to its end, however it ends.
    pub fn standin(&self, arguments: &[&str]) -> Result<Said> {
        Said::by(&mut self.command(arguments)?, COMMAND_WITHIN)
    }

    /// Runs `standin`, which must exit 0.
    pub fn run(&self, arguments: &[&str]) -> Result<Said> {
        self.standin(arguments)?.ok()
    }

    /// Applies all manifests and waits until they are in force.
    pub fn apply(&self) -> Result<Said> {
        self.run(&["apply", "--yes", "--wait", "-f", &text(&self.manifests())])
    }

    pub fn scenario(&self, name: &str) -> Result<StoredScenario> {
        let list: List<StoredScenario> = self.run(&["get", "scenario", name, "-o", "json"])?.json()?;
        list.items.into_iter().next().with_context(|| format!("no scenario {name}"))
    }

    /// The newest run comes first or last as the controller lists it; a test picks by verb or id.
    pub fn runs(&self) -> Result<Vec<RunView>> {
        let list: List<RunView> = self.run(&["run", "list", "-o", "json"])?.json()?;
        Ok(list.items)
    }

    /// Waits until the scenario looks as wanted; past the deadline the error shows how it looks.
    pub fn wait_for_scenario(
        &self,
        name: &str,
        deadline: Duration,
        what: &str,
        wanted: impl Fn(&StoredScenario) -> bool,
    ) -> Result<Duration> {
        let mut last = None;
        let waited = wait_until(deadline, what, || {
            let scenario = self.scenario(name)?;
            let is_wanted = wanted(&scenario);
            last = Some(scenario.status);
            Ok(is_wanted)
        });
        waited.with_context(|| format!("the scenario is {last:#?}"))
    }

    /// Waits until the condition `Synchronized` is true.
    pub fn wait_until_synchronized(&self, name: &str, deadline: Duration) -> Result<Duration> {
        self.wait_for_scenario(name, deadline, "synchronized", |scenario| {
            scenario.status.conditions.iter().any(|c| c.kind == "Synchronized" && c.status == "True")
        })
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for daemon in self.agents.values().chain([&self.controller]) {
                eprintln!("--- the log of {} ends with\n{}", daemon.name(), daemon.log_end());
            }
        }
        for daemon in self.agents.values_mut().chain([&mut self.controller]) {
            let _ = daemon.kill(); // it may have ended by itself
        }
        end_processes_of(&self.home.directory);
    }
}

fn daemon(role: &str, config: &Path) -> Result<Daemon> {
    let host = config.parent().and_then(Path::file_name).filter(|_| role == "agent");
    let name = host.map_or_else(|| role.to_owned(), |host| format!("{role} {}", host.to_string_lossy()));
    let arguments = [role, "--config", &text(config)].map(str::to_owned).to_vec();
    Ok(Daemon::new(&name, binary::standin()?, arguments, config.with_extension("log")))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

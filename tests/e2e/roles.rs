//! Moving the work and back, with nginx as the service and clients behind a forwarder.

use crate::story::{ROOT, SCENARIO, SOON, active_host, assert_equal, holds, protected, wait_until_protected};
use anyhow::{Context, Result, ensure};
use model::view::RunState;
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};
use testkit::{Fleet, wait_until};

const PORT: u16 = 8080;

const WEB: &str = "  monitoring: {interval: 1s, timeout: 10s, checks: [{name: web, exec: {command: [web, check]}}]}
  services: {commands: [{name: web, start: [web, start], stop: [web, stop], check: [web, check]}]}
  redirection: [{name: forwarder, script: {command: [forward], check: [forward, --check], timeout: 10s}}]
";

#[test]
fn nginx_moves_over_and_back_and_nothing_is_lost() -> Result<()> {
    let Some(fleet) = web_fleet()? else { return Ok(()) };
    let clients = Clients::start(&fleet)?;
    write_pages(&fleet, "mx1", 0..200)?;
    let said = fleet.run(&["switchover", SCENARIO, "--confirm", SCENARIO])?;
    ensure!((said.stdout.clone() + &said.stderr).contains("7"), "{said:?}");
    ensure!(active_host(&fleet)? == "mx2");
    ensure!(clients.get("/page199")?.contains("page 199"), "the last page before the switchover is not served");
    write_pages(&fleet, "mx2", 200..300)?;
    fleet.run(&["switchback", SCENARIO, "--confirm", SCENARIO])?;
    ensure!(active_host(&fleet)? == "mx1");
    ensure!(clients.get("/page299")?.contains("page 299"), "a page written at the stand-in is not served at home");
    ensure!(clients.answered() > 0, "no client was ever answered");
    assert_equal(&fleet)
}

#[test]
fn a_controller_killed_in_the_middle_goes_on_to_the_end() -> Result<()> {
    let Some(mut fleet) = web_fleet()? else { return Ok(()) };
    write_pages(&fleet, "mx1", 0..50)?;
    for (verb, expected) in [("switchover", "mx2"), ("switchback", "mx1")] {
        let said = fleet.run(&[verb, SCENARIO, "--confirm", SCENARIO, "--wait=false"])?;
        let run = said.stdout.trim().to_owned();
        let is_under_way =
            || Ok(fleet.runs()?.iter().any(|r| r.id.0 == run && r.steps.iter().any(|s| s.state != "untouched")));
        wait_until(SOON, "a step is asked for", is_under_way)?;
        fleet.controller.kill()?;
        fleet.controller.start()?;
        wait_until(SOON, "the run ends", || {
            Ok(fleet.runs()?.iter().any(|r| r.id.0 == run && r.state == RunState::Done))
        })
        .with_context(|| format!("{:#?}", fleet.runs()))?;
        ensure!(active_host(&fleet)? == expected, "{verb}");
    }
    wait_until_protected(&fleet)?;
    assert_equal(&fleet)
}

#[test]
fn a_dead_primary_is_failed_over_and_what_only_it_had_is_set_aside() -> Result<()> {
    let mut fleet = protected(true, "", |fleet| write_pages(fleet, "mx1", 0..20))?;
    fleet.cut_links();
    write_pages(&fleet, "mx1", 20..30)?;
    fs::write(fleet.root("mx1", ROOT).join("page0"), "changed at the end")?;
    fleet.agent("mx1")?.kill()?;
    fleet.wait_for_scenario(SCENARIO, SOON, "the silence shows", |s| !holds(s, "AgentsConnected"))?;
    let refused = fleet.standin(&["switchover", SCENARIO, "--confirm", SCENARIO])?.with_code(6)?;
    ensure!(refused.stderr.contains("standin failover"), "the way on is not shown:\n{}", refused.stderr);
    fleet.standin(&["failover", SCENARIO, "--to", "mx2", "--confirm", SCENARIO])?.with_code(6)?;
    let accept = ["--allow-data-loss", "--no-fence", "--confirm", SCENARIO];
    fleet.run(&[&["failover", SCENARIO, "--to", "mx2"], &accept[..]].concat())?;
    ensure!(active_host(&fleet)? == "mx2");
    write_pages(&fleet, "mx2", 100..110)?;
    fleet.mend_links();
    fleet.agent("mx1")?.start()?;
    fleet.wait_for_scenario(SCENARIO, SOON, "mx1 is back", |s| holds(s, "AgentsConnected"))?;
    fleet.standin(&["switchback", SCENARIO, "--confirm", SCENARIO])?.with_code(6)?;
    fleet.run(&["switchback", SCENARIO, "--discard", "home", "--confirm", SCENARIO])?;
    ensure!(active_host(&fleet)? == "mx1");
    let home = fleet.root("mx1", ROOT);
    let aside = fs::read_dir(home.join(".standin/quarantine"))?.next().context("no quarantine")??.path();
    for number in 20..30 {
        ensure!(aside.join(format!("page{number}")).exists(), "page{number} is not set aside");
        ensure!(!home.join(format!("page{number}")).exists(), "page{number} is still there");
    }
    ensure!(fs::read_to_string(aside.join("page0"))? == "changed at the end");
    ensure!(fs::read_to_string(aside.join("list.jsonl"))?.contains("page25"), "the list does not name it");
    ensure!(home.join("page105").exists(), "what the stand-in wrote is not home");
    assert_equal(&fleet)
}

/// A fleet whose service is nginx; `None`, with the reason said, where it cannot run.
fn web_fleet() -> Result<Option<Fleet>> {
    if !testkit::has("nginx") || !testkit::has("rsync") {
        testkit::skip("needs nginx and rsync");
        return Ok(None);
    }
    let fleet = protected(false, WEB, |fleet| {
        for host in ["mx1", "mx2"] {
            let address = fleet.service_address(host)?;
            let config = write_nginx_config(fleet, host, address)?;
            fleet.write_script(host, "web", &web_script(fleet, host, &config, address))?;
            fleet.write_script(host, "forward", &forward_script(fleet.directory()))?;
        }
        write_pages(fleet, "mx1", 0..1)
    })?;
    Ok(Some(fleet))
}

fn write_pages(fleet: &Fleet, host: &str, numbers: std::ops::Range<u32>) -> Result<()> {
    let root = fleet.root(host, ROOT);
    numbers.into_iter().try_for_each(|n| Ok(fs::write(root.join(format!("page{n}")), format!("page {n}\n"))?))
}

fn write_nginx_config(fleet: &Fleet, host: &str, address: Ipv4Addr) -> Result<PathBuf> {
    let home = fleet.home(host);
    let path = home.join("nginx.conf");
    let user = if testkit::is_root() { "user root;\n" } else { "" };
    let text = format!(
        "{user}worker_processes 1;
pid {0}/nginx.pid;
error_log {0}/nginx.error;
events {{}}
http {{
  access_log off;
  client_body_temp_path {0}/tmp; proxy_temp_path {0}/tmp; fastcgi_temp_path {0}/tmp; uwsgi_temp_path {0}/tmp; scgi_temp_path {0}/tmp;
  server {{ listen {address}:{PORT}; root {1}; add_header X-Host {host}; }}
}}
",
        home.display(),
        fleet.root(host, ROOT).display()
    );
    fs::write(&path, text)?;
    Ok(path)
}

fn web_script(fleet: &Fleet, host: &str, config: &Path, address: Ipv4Addr) -> String {
    let pid = fleet.home(host).join("nginx.pid");
    format!(
        "#!/bin/sh
running() {{ [ -s '{pid}' ] && kill -0 \"$(cat '{pid}')\" 2>/dev/null; }}
case \"$1\" in
  start) running || exec nginx -c '{config}' ;;
  stop) running || exit 0; kill \"$(cat '{pid}')\"; for i in 1 2 3 4 5 6 7 8 9 10; do running || exit 0; sleep 0.2; done; exit 1 ;;
  check) running ;; # at {address}
esac
",
        pid = pid.display(),
        config = config.display()
    )
}

fn forward_script(directory: &Path) -> String {
    format!(
        "#!/bin/sh
set -eu
file='{}/forward'
epoch=0 host=none
[ ! -e \"$file\" ] || read -r epoch host < \"$file\"
if [ \"${{1:-}}\" = --check ]; then [ \"$host\" = \"$STANDIN_ACTIVE_HOST\" ]; exit; fi
[ \"$STANDIN_EPOCH\" -ge \"$epoch\" ] || {{ echo \"old epoch\" >&2; exit 3; }}
echo \"$STANDIN_EPOCH $STANDIN_ACTIVE_HOST\" > \"$file.new\"
mv \"$file.new\" \"$file\"
",
        directory.display()
    )
}

/// Clients that ask for the first page all the time, through a forwarder that reads where to go for each connection.
struct Clients {
    forwarder: SocketAddr,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
}

impl Clients {
    fn start(fleet: &Fleet) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let forwarder = listener.local_addr()?;
        let file = fleet.directory().join("forward");
        let hosts = [("mx1", fleet.service_address("mx1")?), ("mx2", fleet.service_address("mx2")?)];
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let text = fs::read_to_string(&file).unwrap_or_default();
                let host = text.split_whitespace().nth(1).unwrap_or("mx1");
                let to = hosts.iter().find(|(name, _)| *name == host).map(|(_, address)| *address);
                if let Some(server) = to.and_then(|to| TcpStream::connect((to, PORT)).ok()) {
                    thread::spawn(move || carry(client, server));
                }
            }
        });
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopping, counting) = (Arc::clone(&stop), Arc::clone(&answered));
        thread::spawn(move || {
            while !stopping.load(SeqCst) {
                if get(forwarder, "/page0").is_ok() {
                    counting.fetch_add(1, SeqCst);
                }
                thread::yield_now();
            }
        });
        Ok(Self { forwarder, stop, answered })
    }

    fn get(&self, path: &str) -> Result<String> {
        get(self.forwarder, path)
    }

    fn answered(&self) -> u64 {
        self.answered.load(SeqCst)
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
    }
}

fn carry(mut client: TcpStream, mut server: TcpStream) {
    let mut request = [0; 4096];
    let Ok(length) = client.read(&mut request) else { return };
    if server.write_all(&request[..length]).is_ok() {
        let _ = std::io::copy(&mut server, &mut client); // the client notices an answer that is cut short
    }
}

fn get(at: SocketAddr, path: &str) -> Result<String> {
    let mut connection = TcpStream::connect(at)?;
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    // In one piece: the forwarder passes on what it reads first.
    connection.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer:?}");
    Ok(answer)
}

//! A job on another machine: it has the program, a token and the controller's fingerprint, and nothing else.

use anyhow::{Context, Result, ensure};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use testkit::{Fleet, Said, wait_until};
use wire::people::NewPerson;

const WITHIN: Duration = Duration::from_secs(120);

/// A machine of its own as far as the network goes: a name space with one cable to this one. Without root, or without
/// `ip`, it is loopback and only the directories are its own.
struct Far {
    name: Option<String>,
    /// Where this machine is reached from there.
    here: String,
}

impl Far {
    fn set_up() -> Self {
        let loopback = Self { name: None, here: "127.0.0.1".to_owned() };
        if !testkit::is_root() || !testkit::has("ip") {
            return loopback;
        }
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let id = (std::process::id() * 4 + TAKEN.fetch_add(1, Ordering::Relaxed)) % 16_000;
        // 198.18.0.0/15 is for tests between networks (RFC 2544).
        let (name, cable) = (format!("standin-far-{id}"), format!("sf{id}"));
        let (here, there) = pair(id);
        let far = Self { name: Some(name.clone()), here: here.clone() };
        let steps = [
            format!("ip netns add {name}"),
            format!("ip link add {cable} type veth peer name far0 netns {name}"),
            format!("ip address add {here}/30 dev {cable}"),
            format!("ip link set {cable} up"),
            format!("ip -n {name} address add {there}/30 dev far0"),
            format!("ip -n {name} link set far0 up"),
            format!("ip -n {name} link set lo up"),
        ];
        for step in steps {
            let mut words = step.split(' ');
            let done = words
                .next()
                .is_some_and(|program| Command::new(program).args(words).status().is_ok_and(|s| s.success()));
            if !done {
                println!("no network of its own: `{step}` failed");
                drop(far);
                return loopback;
            }
        }
        far
    }

    fn command(&self, program: &Path) -> Command {
        match &self.name {
            None => Command::new(program),
            Some(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(program);
                command
            }
        }
    }
}

fn pair(id: u32) -> (String, String) {
    let at = |host: u32| format!("198.{}.{}.{}", 18 + id / 64 / 256, id / 64 % 256, id % 64 * 4 + host);
    (at(1), at(2))
}

impl Drop for Far {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // The cable goes with its far end.
            let _ = Command::new("ip").args(["netns", "delete", name]).status();
        }
    }
}

struct Machine {
    far: Far,
    home: PathBuf,
}

impl Machine {
    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self.far.command(testkit::standin()?);
        command.args(arguments).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", &self.home);
        command.current_dir(&self.home);
        Ok(command)
    }

    fn standin(&self, arguments: &[&str]) -> Result<Said> {
        Said::by(&mut self.command(arguments)?, WITHIN)
    }

    /// Runs `standin` with a token on its standard input.
    fn with_token(&self, token: &str, arguments: &[&str]) -> Result<(Option<i32>, String)> {
        let mut command = self.command(arguments)?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().context("its input")?.write_all(token.as_bytes())?;
        let output = child.wait_with_output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
    }
}

fn token(fleet: &Fleet, role: &str, name: &str) -> Result<NewPerson> {
    fleet.run(&["token", "create", "--role", role, "--name", name, "-o", "json"])?.json()
}

fn start() -> Result<(Fleet, Machine, String)> {
    let far = Far::set_up();
    let settings = format!("{{listen: '{}:0', tls: true, names: [ctl.example, '{0}']}}", far.here);
    let fleet = Fleet::builder().api(&settings).start()?;
    let home = fleet.directory().join("far");
    fs::create_dir_all(home.join("dr"))?;
    fs::copy(fleet.manifests().join("hosts.yaml"), home.join("dr/hosts.yaml"))?;
    fs::write(home.join("dr/files.yaml"), fleet.scenario_manifest("files", &["data"], "")?)?;
    let url = format!("https://{}", fleet.controller.ready("api").context("the API's address")?);
    Ok((fleet, Machine { far, home }, url))
}

#[test]
fn a_job_on_another_machine_compares_applies_and_watches_until_its_token_is_revoked() -> Result<()> {
    let (fleet, machine, url) = start()?;
    let made = token(&fleet, "admin", "ci")?;
    let pin = made.ca_fingerprint.clone().context("a fingerprint")?;
    let add = ["context", "add", "prod", "--url", &url, "--ca-fingerprint", &pin, "--token-file", "-", "--use"];
    let (code, said) = machine.with_token(&made.token, &add)?;
    ensure!(code == Some(0) && said.contains("token ci (admin)"), "{said}");
    machine.standin(&["validate", "-f", "dr"])?.ok()?;
    let differences = machine.standin(&["diff", "-f", "dr"])?.with_code(1)?;
    ensure!(differences.stdout.contains("files"), "{differences:?}");
    let unconfirmed = machine.standin(&["apply", "-f", "dr"])?.with_code(6)?;
    let applied = machine.standin(&["apply", "-f", "dr", "--yes", "--wait"])?.ok()?;
    machine.standin(&["diff", "-f", "dr"])?.ok()?;
    let status = machine.standin(&["status"])?;
    ensure!(status.stdout.contains("files"), "{status:?}");
    let described = machine.standin(&["events", "files"])?.ok()?;
    ensure!(described.stdout.contains("token ci applied"), "{described:?}");
    let run = machine.standin(&["suspend", "files", "--yes"])?.ok()?;
    machine.standin(&["resume", "files", "--yes"])?.ok()?;

    let mut watch = machine.command(&["get", "scenarios", "-w"])?;
    let mut watch = watch.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(watch.stdout.take().context("its output")?);
    let mut seen = String::new();
    while !seen.contains("files") {
        ensure!(lines.read_line(&mut seen)? > 0, "the watch ended early: {seen}");
    }
    fleet.run(&["token", "revoke", "ci"])?;
    wait_until(Duration::from_secs(20), "the watch ends", || Ok(watch.try_wait()?.is_some()))?;
    let mut why = String::new();
    watch.stderr.take().context("its errors")?.read_to_string(&mut why)?;
    ensure!(watch.wait()?.code() == Some(3) && why.contains("was revoked"), "{why}");

    let after = machine.standin(&["status"])?.with_code(3)?;
    ensure!(after.stderr.contains("standin token create --role"), "{after:?}");
    ensure!(after.stderr.contains("standin context add prod --replace --token-file"), "{after:?}");
    let secret = made.token.rsplit_once('_').context("a secret")?.1;
    let everything = [&differences, &unconfirmed, &applied, &status, &described, &run, &after];
    let everything: String = everything.iter().map(|said| said.stdout.clone() + &said.stderr).collect();
    ensure!(!(everything + &said + &why + &fleet.controller.log()).contains(secret), "the token was shown");
    let other = token(&fleet, "admin", "ci")?;
    let (code, said) =
        machine.with_token(&other.token, &["context", "add", "prod", "--replace", "--token-file", "-"])?;
    ensure!(code == Some(0), "{said}");
    // Whether all is well at this moment is not the question here, but that it is answered.
    let again = machine.standin(&["status"])?;
    ensure!(again.stdout.contains("files"), "{again:?}");
    Ok(())
}

#[test]
fn a_job_is_refused_what_its_role_and_its_trust_do_not_cover() -> Result<()> {
    let (fleet, machine, url) = start()?;
    let made = token(&fleet, "viewer", "ci")?;
    let pin = made.ca_fingerprint.clone().context("a fingerprint")?;
    let add = |name: &str, url: &str, pin: &str| {
        machine.with_token(
            &made.token,
            &["context", "add", name, "--url", url, "--ca-fingerprint", pin, "--token-file", "-"],
        )
    };
    ensure!(add("prod", &url, &pin)?.0 == Some(0));
    machine.standin(&["--context", "prod", "diff", "-f", "dr"])?.with_code(1)?;
    let refused = machine.standin(&["apply", "-f", "dr", "--yes", "--context", "prod"])?.with_code(3)?;
    ensure!(refused.stderr.contains("needs admin") && refused.stderr.contains("nothing was changed"), "{refused:?}");
    machine.standin(&["get", "scenario", "files", "--context", "prod"])?.with_code(1)?;

    let (code, said) = add("wrong", &url, &"ab".repeat(32))?;
    ensure!(code == Some(3) && said.contains(&pin) && said.contains("not the controller"), "{said}");
    let port = url.rsplit_once(':').context("a port")?.1;
    let (code, said) = add("named", &format!("https://{}:{port}", unnamed(&machine.far)), &pin)?;
    ensure!(code == Some(3) && said.contains("no certificate for the name"), "{said}");
    let (code, said) = add("open", &format!("http://127.0.0.1:{port}"), &pin)?;
    ensure!(code == Some(2), "{said}");
    let listed = machine.standin(&["context", "list", "-o", "json"])?.ok()?;
    ensure!(!listed.stdout.contains("wrong") && listed.stdout.contains("prod"), "what did not work was not kept");
    // Without a context the socket of that machine is asked, and there is none.
    let local = machine.standin(&["--socket", "none.sock", "status"])?.with_code(3)?;
    ensure!(local.stderr.contains("no controller answers at none.sock"), "{local:?}");
    fleet.run(&["status"])?;
    Ok(())
}

/// Another way to write the address, for which no certificate is made.
fn unnamed(far: &Far) -> String {
    let octets: Vec<u8> = far.here.split('.').filter_map(|part| part.parse().ok()).collect();
    match octets[..] {
        [a, b, c, d] => format!("[::ffff:{a}.{b}.{c}.{d}]"),
        _ => far.here.clone(),
    }
}

use super::*;
use anyhow::Result;
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
    time::Duration,
};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn waiting_ends_at_the_condition_or_at_the_deadline() -> Result<()> {
    let mut looks = 0;
    wait_until(SOON, "third look", || {
        looks += 1;
        Ok(looks == 3)
    })?;
    assert_eq!(looks, 3);
    let error = wait_until(Duration::from_millis(1), "the moon", || Ok(false)).unwrap_err();
    assert!(error.to_string().contains("the moon"));
    assert!(wait_until(SOON, "x", || anyhow::bail!("broken")).is_err(), "an error ends the wait");
    Ok(())
}

#[test]
fn a_command_is_heard_to_its_end_and_killed_at_the_deadline() -> Result<()> {
    let said = Said::by(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]), SOON)?;
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (Some(3), "out\n", "err\n"));
    assert!(said.clone().with_code(3).is_ok() && said.ok().is_err());
    assert!(Said::by(Command::new("sleep").arg("1000"), Duration::from_millis(50)).is_err());
    Ok(())
}

#[test]
fn a_relay_passes_bytes_until_it_is_cut_and_again_when_mended() -> Result<()> {
    let echo = TcpListener::bind("127.0.0.1:0")?;
    let to = echo.local_addr()?;
    thread::spawn(move || {
        for stream in echo.incoming().flatten() {
            thread::spawn(move || {
                let mut back = stream.try_clone()?;
                std::io::copy(&mut &stream, &mut back)
            });
        }
    });
    let relay = Relay::start("127.0.0.1:0".parse()?, to)?;
    let say = || -> std::io::Result<u8> {
        let mut stream = TcpStream::connect(relay.address())?;
        stream.set_read_timeout(Some(SOON))?;
        stream.write_all(b"x")?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        Ok(answer[0])
    };
    assert_eq!(say()?, b'x');
    wait_until(SOON, "both bytes are counted", || Ok(relay.passed_bytes() == 2))?;
    let mut open = TcpStream::connect(relay.address())?;
    open.write_all(b"y")?;
    open.read_exact(&mut [0])?;
    relay.cut();
    assert!(matches!(open.read(&mut [0]), Ok(0) | Err(_)), "an open connection ends");
    assert!(say().is_err());
    relay.mend();
    assert_eq!(say()?, b'x');
    Ok(())
}

#[test]
fn a_writer_stops_by_itself_and_repeats_itself() -> Result<()> {
    let (first, second) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let limit = Limit { operations: 300, time: SOON, pause: Duration::ZERO };
    let a = Writer::start(first.path(), 7, limit).finish()?;
    let b = Writer::start(second.path(), 7, limit).finish()?;
    assert_eq!(a, b);
    assert_eq!(a.operations, 300);
    assert!(a.bytes > 100_000);
    let endless = Limit { operations: u64::MAX, time: Duration::from_secs(3600), pause: Duration::ZERO };
    assert!(Writer::start(first.path(), 8, endless).stop()?.operations < u64::MAX);
    Ok(())
}

/// The comparison must see each kind of difference, or nothing it calls equal is proved.
#[test]
fn rsync_sees_every_kind_of_difference() -> Result<()> {
    if !has("rsync") {
        skip("rsync is not installed");
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let (a, b) = (directory.path().join("a"), directory.path().join("b"));
    let refused: &[&str] = if is_root() { &[] } else { &["trusted attributes", "capabilities"] };
    assert_eq!(Tree::of_every_kind(&a)?, refused, "this file system cannot hold these");
    Said::by(Command::new("rsync").args(["-aHAX", "--modify-window=-1"]).arg(a.join("")).arg(b.join("")), SOON)?
        .ok()?;
    fs::create_dir_all(b.join(".standin"))?;
    fs::write(b.join(".standin/id"), "only here")?;
    Tree::at(&a)?.modified("", 1_000, 1)?;
    Tree::at(&b)?.modified("", 1_000, 1)?;
    assert_equal(&a, &b)?;

    let tree = Tree::at(&b)?;
    let breaks: [(&str, &dyn Fn() -> Result<()>); 8] = [
        ("content", &|| Ok(fs::write(tree.path("one-block"), [2; 4096])?)),
        ("mode", &|| tree.mode("mode-0644", 0o640)),
        ("time", &|| tree.modified("plain", 1_000_000_000, 123_456_780)),
        ("symlink", &|| {
            fs::remove_file(tree.path("symlink-to-nothing"))?;
            tree.symlink("symlink-to-nothing", "no/other/place").map(drop)
        }),
        ("hard link", &|| {
            fs::copy(tree.path("link-of-empty"), tree.path("copy"))?;
            fs::rename(tree.path("copy"), tree.path("link-of-empty"))?;
            tree.modified("link-of-empty", 0, 1)
        }),
        ("attribute", &|| tree.attribute("attributes", "user.empty", b"no longer").map(drop)),
        ("missing", &|| Ok(fs::remove_dir(tree.path("empty-directory"))?)),
        ("orphan", &|| tree.fifo("another-fifo").map(drop)),
    ];
    for (what, damage) in breaks {
        let before = rsync_equal(&a, &b)?.len();
        damage()?;
        assert!(rsync_equal(&a, &b)?.len() > before, "{what} was not seen");
    }
    Ok(())
}

#[test]
fn every_fleet_has_addresses_of_its_own() -> Result<()> {
    let (one, other) = (address::Net::take()?, address::Net::take()?);
    assert_ne!(one.controller().ip(), other.controller().ip());
    let listener = TcpListener::bind(one.agent(0))?;
    drop(listener);
    TcpListener::bind(one.agent(0))?;
    Ok(())
}

/// Nothing of a fleet may outlive its test, whatever that has killed, started again or left running.
#[test]
fn a_fleet_joins_survives_kills_and_leaves_nothing_behind() -> Result<()> {
    let mut fleet = Fleet::builder().start()?;
    let directory = fleet.directory().to_owned();
    let connected = |fleet: &Fleet| -> Result<bool> {
        let list: wire::api::List<wire::api::StoredHost> = fleet.run(&["get", "hosts", "-o", "json"])?.json()?;
        Ok(list.items.len() == 2 && list.items.iter().all(|host| host.status.joined && host.status.connected))
    };
    wait_until(SOON, "both agents are connected", || connected(&fleet))?;
    fleet.controller.kill()?;
    fleet.agent("mx1")?.kill()?;
    assert!(!fleet.controller.is_running() && fleet.agent("mx2")?.is_running());
    assert_eq!(fleet.standin(&["get", "hosts"])?.code, Some(3), "nobody answers");
    fleet.controller.start()?;
    fleet.agent("mx1")?.start()?;
    wait_until(2 * SOON, "both agents are connected again", || connected(&fleet))?;
    let pids = [fleet.controller.pid(), fleet.agent("mx1")?.pid(), fleet.agent("mx2")?.pid()];
    let mut left_behind = Command::new("sleep").arg("1000").current_dir(&directory).spawn()?;
    drop(fleet);
    left_behind.wait()?;
    for pid in pids {
        let process = format!("/proc/{}", pid.unwrap_or(0));
        assert!(!std::path::Path::new(&process).exists(), "{process} still runs");
    }
    assert!(!directory.exists());
    Ok(())
}

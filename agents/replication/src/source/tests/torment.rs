//! The same on each kind of file system, with an agent that is stopped, killed and begun again while everything happens,
//! and with a replica that follows.
//!
//! Two seconds of it are part of the tests. By hand, for an hour and on one file system alone:
//! `STANDIN_FUZZ_SECONDS=3600 STANDIN_FUZZ_FS=xfs STANDIN_FUZZ_SEED=7 cargo test -p replication torment -- --nocapture`.

#![expect(clippy::print_stdout, reason = "what was done in an hour is of interest")]

use super::{
    fuzz::keep,
    hammer::{Open, Random, hammered},
    lab::{Lab, PATIENCE, barrier, data_of, differences, real},
    stream::Pair,
};
use crate::source::{FollowOptions, Source};
use model::agent_status::Capture;
use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

const SECONDS: &str = "STANDIN_FUZZ_SECONDS";
const SEED: &str = "STANDIN_FUZZ_SEED";
const FILE_SYSTEM: &str = "STANDIN_FUZZ_FS";
/// Where the killed source finds its root, state and spool.
const DIRECTORY: &str = "STANDIN_FUZZ_DIRECTORY";

#[expect(clippy::disallowed_methods, reason = "nobody hands a test its settings down")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number(name: &str, default: u64) -> u64 {
    setting(name).map_or(default, |text| text.parse().unwrap())
}

fn lab(kind: &str, best: Capture) -> Option<Lab> {
    if setting(FILE_SYSTEM).is_some_and(|wanted| wanted != kind) {
        return None;
    }
    let mut lab = Lab::on(kind, best)?;
    lab.config.spool_bytes_max = 64 << 20;
    keep(&lab);
    Some(lab)
}

/// Two writers at once, while `meanwhile` does what it does.
fn torment(lab: &Lab, meanwhile: impl FnOnce(&AtomicBool)) -> (u64, Vec<Open>) {
    let (root, seed) = (lab.root(), number(SEED, 1));
    let time = Duration::from_secs(number(SECONDS, 2));
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers = [seed, seed + 1_000_000].map(|seed| {
            let root = &root;
            scope.spawn(move || hammered(root, seed, time))
        });
        let ends = scope.spawn(|| {
            let done = writers.map(|writer| writer.join());
            ended.store(true, Relaxed);
            done
        });
        meanwhile(&ended);
        let done = ends.join().unwrap().map(Result::unwrap);
        (done.iter().map(|(count, _)| count).sum(), done.into_iter().map(|(_, open)| open).collect())
    })
}

/// A process that captures until it is killed.
struct Agent(Child);

impl Agent {
    fn start(lab: &Lab) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "source::tests::torment::a_source_that_is_killed", "--ignored"]);
        Self(command.env(DIRECTORY, lab.dir.path()).stdout(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

/// Acknowledges everything, so that batches go to the spool, and out of it.
fn acknowledge(source: &Source) {
    let mut status = source.shared().lock();
    let last = status.last;
    status.acked.insert("replica".into(), last);
    status.acked_changed = true;
}

#[test]
#[ignore = "is started, and killed, by the tests below"]
fn a_source_that_is_killed() {
    let Some(directory) = setting(DIRECTORY) else { return };
    let mut config = Lab::config(&PathBuf::from(directory));
    config.spool_bytes_max = 64 << 20;
    let source = Source::open(config).unwrap();
    let parent = rustix::process::getppid();
    while rustix::process::getppid() == parent {
        acknowledge(&source);
        thread::park_timeout(Duration::from_millis(100));
    }
}

fn killed(kind: &str) {
    let Some(lab) = lab(kind, Capture::Fanotify) else { return };
    drop(lab.open_followed());
    let mut random = Random::new(number(SEED, 1));
    let (mut kills, mut stops) = (0, 0);
    let (count, open) = torment(&lab, |ended| {
        while !ended.load(Relaxed) {
            let agent = Agent::start(&lab);
            for _ in 0..random.next(6) {
                thread::park_timeout(Duration::from_millis(50 + random.next(400)));
                agent.signal(rustix::process::Signal::STOP);
                thread::park_timeout(Duration::from_millis(random.next(200)));
                agent.signal(rustix::process::Signal::CONT);
                stops += 1;
            }
            drop(agent);
            kills += 1;
        }
    });
    let source = lab.open();
    barrier(&source);
    acknowledge(&source);
    let (root, what) = (lab.root(), format!("{kind}: {count} operations, {kills} kills, {stops} stops"));
    let found = differences(&lab.indexed(), &real(&root), false);
    assert!(found.is_empty(), "{what}: {found:#?}");
    known(&lab, &what);
    println!("{what}, {} entries, nothing differs", lab.indexed().len());
    drop(open);
    barrier(&source);
    assert_eq!(differences(&lab.indexed(), &real(&root), true), Vec::<String>::new(), "{what}, and all closed");
}

/// Waits until the content of everything is known, and right. Files read while they were written are read once more.
fn known(lab: &Lab, what: &str) {
    let begin = Instant::now();
    while let Some(first) = differences(&lab.indexed(), &real(&lab.root()), true).first() {
        assert!(begin.elapsed() < PATIENCE, "{what}: {first}");
        thread::park_timeout(Duration::from_millis(50));
    }
}

fn followed(kind: &str, best: Capture) {
    let Some(lab) = lab(kind, best) else { return };
    let pair = Pair::new(lab);
    let source = pair.lab.open();
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        let (count, open) = torment(&pair.lab, |_| {});
        pair.caught_up(&source);
        pair.assert_equal(&source);
        let holes = holes_differ(&pair);
        assert!(holes.is_empty(), "{kind}: {holes:#?}");
        println!("{kind}, {best:?}: {count} operations, {} entries, the replica is equal", pair.lab.indexed().len());
        drop(open);
    });
}

/// Files whose holes are others at the replica. Where a file is full of data on one side, its system keeps no holes.
fn holes_differ(pair: &Pair) -> Vec<String> {
    let files = real(&pair.lab.root()).into_iter().filter(|(_, seen)| seen.hash.is_some());
    let differ = files.filter_map(|(path, _)| {
        let path = String::from_utf8(path).unwrap();
        let (here, there) = (data_of(&pair.lab.root().join(&path)), data_of(&pair.replica().join(&path)));
        (here != there).then(|| format!("{path}: {here:?} {there:?}"))
    });
    differ.collect()
}

macro_rules! on {
    ($($kind:ident)*) => { $(
        mod $kind {
            use super::*;

            #[test]
            fn an_agent_is_killed_and_begun_again_while_everything_happens() {
                killed(stringify!($kind));
            }

            #[test]
            fn a_replica_follows_everything() {
                followed(stringify!($kind), Capture::Fanotify);
            }

            #[test]
            fn a_replica_follows_everything_with_a_mark_for_each_directory() {
                followed(stringify!($kind), Capture::FanotifyDirs);
            }
        }
    )* };
}

on!(ext4 xfs btrfs tmpfs);

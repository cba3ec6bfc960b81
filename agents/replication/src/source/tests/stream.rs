//! Source and target together, over a connection within the process.

use super::{
    hammer::hammer,
    lab::{Lab, PATIENCE, barrier, differences, eventually, real},
};
use crate::{
    message::Message,
    peer::{LocalPeer, Peer, PeerError, pair},
    root::RootConfig,
    session::SessionError,
    source::{Follow, FollowOptions, Source, compare, follow},
    target::{Target, TargetConfig, serve},
};
use model::{
    Epoch,
    agent_status::{Capture, LinkState, SpoolState},
    elements::preserve::Loss,
    errand::Comparison,
};
use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

pub struct Pair {
    pub lab: Lab,
    /// Taken away before it is opened again, as by a process that ended.
    target: Option<Target>,
    /// Done before the source sends a message.
    pub meanwhile: Meanwhile,
    /// What the target may be without.
    pub lossy: Vec<BTreeSet<Loss>>,
}

type Meanwhile = Box<dyn Fn(&Message) + Send + Sync>;

impl Pair {
    pub fn new(lab: Lab) -> Self {
        Self::without(lab, BTreeSet::new())
    }

    /// With a target that may be without something.
    pub fn without(lab: Lab, lossy: BTreeSet<Loss>) -> Self {
        let target = Some(open_target(&lab, &lossy));
        Self { lab, target, meanwhile: Box::new(|_| {}), lossy: vec![lossy] }
    }

    /// What is left when the target has ended.
    pub fn into_lab(self) -> Lab {
        let Self { lab, target, .. } = self;
        drop(target);
        lab
    }

    pub fn target(&self) -> &Target {
        self.target.as_ref().unwrap()
    }

    pub fn replica(&self) -> PathBuf {
        self.lab.dir.path().join("replica")
    }

    /// Runs a session until `until` says so; returns how its source side ended.
    pub fn session(
        &self,
        source: &Source,
        options: &FollowOptions,
        cut_after: Option<u64>,
        until: impl FnOnce(),
    ) -> Result<(), SessionError> {
        let (ours, mut theirs) = pair(64);
        let mut ours =
            Cut { peer: ours, left: AtomicU64::new(cut_after.unwrap_or(u64::MAX)), meanwhile: &self.meanwhile };
        let stop = AtomicBool::new(false);
        let last: Mutex<Option<Follow>> = Mutex::new(None);
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| {
                let result = serve(self.target(), &mut theirs, &stop);
                drop(theirs);
                result
            });
            let following = scope.spawn(|| {
                let result = follow(
                    source,
                    "replica",
                    options,
                    &mut ours,
                    &|now: Follow| *last.lock().unwrap() = Some(now),
                    &stop,
                );
                drop(ours);
                result
            });
            let stopping = StopAtEnd(&stop);
            if cut_after.is_none() {
                eventually("following", || {
                    following.is_finished()
                        || last.lock().unwrap().as_ref().is_some_and(|now| now.state == LinkState::Following)
                });
                until();
            } else {
                let mark = barrier(source);
                eventually("the cut, or the end", || {
                    following.is_finished() || source.report().streams[0].synced.is_some_and(|synced| synced >= mark)
                });
            }
            drop(stopping);
            let result = following.join().unwrap();
            let served = serving.join().unwrap();
            if let (Err(SessionError::Protocol(why)), _) | (_, Err(SessionError::Protocol(why))) = (&result, &served) {
                panic!("protocol: {why}");
            }
            result
        })
    }

    pub fn caught_up(&self, source: &Source) {
        let mark = barrier(source);
        let begin = Instant::now();
        while source.report().streams[0].synced.is_none_or(|synced| synced < mark) {
            assert!(begin.elapsed() < PATIENCE, "{mark} of {:?} {:?}", source.report(), self.target().report());
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    pub fn compared(&self, source: &Source) -> Comparison {
        let (mut ours, mut theirs) = pair(64);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _ = serve(self.target(), &mut theirs, &stop);
                drop(theirs);
            });
            let stopping = StopAtEnd(&stop);
            let found = compare(source, "replica", None, &self.lossy, &mut ours, &stop);
            drop((ours, stopping));
            found.unwrap()
        })
    }

    pub fn assert_equal(&self, source: &Source) {
        let found = self.compared(source);
        let captured = differences(&self.lab.indexed(), &real(&self.lab.root()), false);
        let told = (found.differences, found.unreadable, captured.len());
        assert_eq!(told, (0, 0, 0), "{:#?}, and in the index {captured:#?}", found.listed);
        let (ours, theirs) = (real(&self.lab.root()), real(&self.replica()));
        assert_eq!(differences(&theirs, &ours, true), Vec::<String>::new());
    }
}

/// Stops a session also when an assertion fails while it runs.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn open_target(lab: &Lab, lossy: &BTreeSet<Loss>) -> Target {
    let path = |at: usize| match at {
        0 => lab.dir.path().join("replica"),
        at => lab.dir.path().join(format!("replica{at}")),
    };
    let root = |(at, original): (usize, &RootConfig)| RootConfig {
        name: original.name.clone(),
        path: path(at),
        exclude: vec![],
        preserve: lab.config.preserve.without_all(lossy),
    };
    Target::open(TargetConfig {
        scenario: "s".into(),
        member: "replica".into(),
        roots: lab.config.roots.iter().enumerate().map(root).collect(),
        state: lab.dir.path().join("target"),
    })
    .unwrap()
}

/// A connection that breaks after some messages.
struct Cut<'a> {
    peer: LocalPeer,
    left: AtomicU64,
    meanwhile: &'a Meanwhile,
}

impl Peer for Cut<'_> {
    fn send(&mut self, message: Message) -> Result<(), PeerError> {
        if self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err() {
            return Err(PeerError::Ended);
        }
        (self.meanwhile)(&message);
        self.peer.send(message)
    }

    fn receive(&mut self, wait: Duration) -> Result<Option<Message>, PeerError> {
        self.peer.receive(wait)
    }
}

fn plant(root: &std::path::Path, count: usize) {
    for at in 0..count {
        let dir = root.join(format!("p{}", at % 7));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(format!("f{at}")), vec![at as u8; at * 37 % 9000]).unwrap();
    }
    fs::hard_link(root.join("p0/f0"), root.join("p1/linked")).unwrap();
    std::os::unix::fs::symlink("p0/f0", root.join("symlink")).unwrap();
}

#[test]
fn mirrored_then_followed_and_equal() {
    mirrored_then_followed(Capture::Fanotify);
}

#[test]
fn mirrored_then_followed_and_equal_where_objects_are_opened_by_path() {
    mirrored_then_followed(Capture::FanotifyDirs);
    mirrored_then_followed(Capture::Inotify);
}

fn mirrored_then_followed(best: Capture) {
    let pair = Pair::new(Lab::new(best));
    plant(&pair.lab.root(), 100);
    let source = pair.lab.open();
    let root = pair.lab.root();
    pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        hammer(&root, 3, Duration::from_secs(2));
        fs::rename(root.join("p2"), root.join("p3/moved")).unwrap();
        pair.caught_up(&source);
        pair.assert_equal(&source);
    })
    .unwrap_err();
    // Goes on from where it was, without a comparison.
    fs::write(root.join("later"), "x").unwrap();
    let lineage = source.report().lineage;
    pair.session(&source, &FollowOptions::default(), None, || pair.caught_up(&source)).unwrap_err();
    assert_eq!(source.report().lineage, lineage);
    pair.assert_equal(&source);
}

#[test]
fn cut_anywhere_and_equal_afterwards() {
    let mut pair = Pair::new(Lab::new(Capture::Fanotify));
    plant(&pair.lab.root(), 60);
    let mut source = pair.lab.open();
    let root = pair.lab.root();
    for round in 0..24u64 {
        hammer(&root, round + 100, Duration::from_millis(50));
        let _ = pair.session(&source, &FollowOptions::default(), Some(round * round * 3 + 1), || {});
        if round % 6 == 5 {
            // Dropped without a word, both of them.
            drop(source);
            source = pair.lab.open();
            pair.target = None;
            pair.target = Some(open_target(&pair.lab, &pair.lossy[0]));
        }
    }
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
    });
    pair.assert_equal(&source);
}

#[test]
fn a_full_spool_is_made_good_from_what_changed() {
    made_good(Capture::Fanotify);
}

#[test]
fn a_full_spool_is_made_good_where_objects_are_opened_by_path() {
    made_good(Capture::FanotifyDirs);
    made_good(Capture::Inotify);
}

fn made_good(best: Capture) {
    let mut lab = Lab::new(best);
    lab.config.spool_bytes_max = 1 << 20;
    let pair = Pair::new(lab);
    let root = pair.lab.root();
    plant(&root, 100);
    let source = pair.lab.open();
    let _ = pair.session(&source, &FollowOptions::default(), None, || pair.caught_up(&source));
    for round in 0..4 {
        hammer(&root, round + 7, Duration::from_millis(300));
        for at in 0..40 {
            fs::write(root.join(format!("big{at}")), vec![(round + at) as u8; 60_000]).unwrap();
        }
        barrier(&source);
    }
    fs::rename(root.join("p4"), root.join("p5/p4")).unwrap();
    fs::rename(root.join("p5"), root.join("p4")).unwrap();
    fs::remove_dir_all(root.join("p6")).unwrap();
    fs::write(root.join("p6"), "a file now").unwrap();
    barrier(&source);
    assert_eq!(source.report().spool, SpoolState::Full);
    assert!(source.report().spool_bytes <= 1 << 20);
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        assert_eq!(source.report().spool, SpoolState::Normal);
        fs::write(root.join("after"), "x").unwrap();
        pair.caught_up(&source);
    });
    pair.assert_equal(&source);
}

#[test]
fn small_changes_arrive_soon() {
    let pair = Pair::new(Lab::new(Capture::Fanotify));
    plant(&pair.lab.root(), 10);
    let source = pair.lab.open();
    let mut times = Vec::new();
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        for at in 0..50 {
            let (from, to) = (pair.lab.root().join(format!("t{at}")), pair.replica().join(format!("t{at}")));
            let begin = Instant::now();
            fs::write(from, "small").unwrap();
            eventually("arrived", || to.exists());
            times.push(begin.elapsed());
        }
    });
    times.sort();
    assert!(times[times.len() / 2] < Duration::from_millis(100), "{times:?}");
}

#[test]
fn what_the_target_has_is_adopted_and_what_differs_is_set_aside() {
    let pair = Pair::new(Lab::new(Capture::Fanotify));
    plant(&pair.lab.root(), 20);
    let source = pair.lab.open();
    let _ = pair.session(&source, &FollowOptions::default(), None, || pair.caught_up(&source));
    fs::write(pair.replica().join("p0/f0"), "diverged").unwrap();
    fs::write(pair.replica().join("only-here"), "orphan").unwrap();
    let options = FollowOptions { set_aside: Some(Epoch(7)), force_mirror: true, ..FollowOptions::default() };
    let inode = |path: &str| std::os::unix::fs::MetadataExt::ino(&fs::metadata(pair.replica().join(path)).unwrap());
    let before = inode("p1/f1");
    let _ = pair.session(&source, &options, None, || pair.caught_up(&source));
    pair.assert_equal(&source);
    assert_eq!(inode("p1/f1"), before, "adopted, not copied");
    let aside = pair.target().report().set_aside.unwrap();
    assert!(aside.paths.contains(&"only-here".to_owned()) && aside.paths.contains(&"p0/f0".to_owned()), "{aside:?}");
}

#[test]
fn no_mark_is_told_of_a_synchronization_before_the_target_has_acknowledged_its_end() {
    let lab = Lab::new(Capture::Fanotify);
    plant(&lab.root(), 20);
    let source = lab.open();
    let (mut ours, mut target) = pair(64);
    let stop = AtomicBool::new(false);
    let told: Mutex<Vec<Follow>> = Mutex::default();
    let following = || told.lock().unwrap().iter().any(|now| now.state == LinkState::Following);
    std::thread::scope(|scope| {
        let stopping = StopAtEnd(&stop);
        scope.spawn(|| {
            let tell = |now: Follow| told.lock().unwrap().push(now);
            let _ = follow(&source, "replica", &FollowOptions::default(), &mut ours, &tell, &stop);
        });
        target.send(Message::Welcome { lineage: None, synced: None, dirty: false }).unwrap();
        let mut end = None;
        eventually("the end of the synchronization", || {
            match target.receive(Duration::from_millis(10)).unwrap() {
                Some(Message::Mirror { .. }) => target.send(Message::ListingEnd { unreadable: 0 }).unwrap(),
                // As a target that has placed a part and not the whole.
                Some(Message::BatchEnd { .. }) => {
                    target.send(Message::Ack { applied: None, synced: None, heartbeat: 0 }).unwrap()
                }
                Some(Message::MirrorEnd { mark, .. }) => end = Some(mark),
                _ => {}
            }
            end.is_some() && following()
        });
        assert!(told.lock().unwrap().iter().all(|now| now.synced.is_none()), "{told:?}");
        target.send(Message::Ack { applied: end, synced: end, heartbeat: 0 }).unwrap();
        let whole = || told.lock().unwrap().iter().any(|now| now.state == LinkState::Following && now.synced == end);
        eventually("the mark", whole);
        drop((stopping, target));
    });
}

/// A target whose disk is full: it says so and takes nothing any more.
#[derive(Default)]
struct Full {
    welcomed: bool,
    refused: bool,
}

impl Peer for Full {
    fn send(&mut self, _message: Message) -> Result<(), PeerError> {
        self.refused = true;
        Err(PeerError::Ended)
    }

    fn receive(&mut self, _wait: Duration) -> Result<Option<Message>, PeerError> {
        if !self.welcomed {
            self.welcomed = true;
            return Ok(Some(Message::Welcome { lineage: None, synced: None, dirty: false }));
        }
        match self.refused {
            true => Ok(Some(Message::Stalled { why: "the target's disk is full".into() })),
            false => Ok(None),
        }
    }
}

#[test]
fn why_a_target_stands_still_is_known_at_the_source() {
    let lab = Lab::new(Capture::Fanotify);
    let source = lab.open();
    let stop = AtomicBool::new(false);
    let ended = follow(&source, "replica", &FollowOptions::default(), &mut Full::default(), &|_| {}, &stop);
    assert!(matches!(&ended, Err(SessionError::Refused(why)) if why.contains("disk is full")), "{ended:?}");
}

//! Inputs that nobody would write: `cargo xtask fuzz` for minutes, a few seconds with every run of the tests.
//!
//! The mutator knows what a manifest is made of: it drops, doubles, swaps, renames, nests and grafts its parts, and
//! only then damages bytes. One seed gives one sequence of inputs, so that what fails can be made to fail again.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod chance;
mod examine;
mod mutate;
mod plant;

use chance::Chance;
use examine::examine;
use manifest::tree::documents;
use plant::Plant;
use std::{
    collections::BTreeSet,
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How long one call goes on, and what it takes for too long; `cargo xtask fuzz` says it in the environment.
struct Orders {
    seed: u64,
    time: Duration,
    /// Most processor time of one input. Without optimisation everything takes many times as long.
    longest: Duration,
}

impl Orders {
    #[expect(clippy::disallowed_methods, reason = "the program of a test is told by its environment alone")]
    fn read() -> Self {
        let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
        Self {
            seed: number("STANDIN_FUZZ_SEED").unwrap_or(1),
            time: Duration::from_secs(number("STANDIN_FUZZ_SECONDS").unwrap_or(10)),
            longest: Duration::from_millis(number("STANDIN_FUZZ_LONGEST_MS").unwrap_or(20_000)),
        }
    }
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let (mut files, mut directories) =
        (Vec::new(), vec![here().join("corpus"), here().join("tests/seeded"), here().join("../../examples")]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => directories.push(path),
                false if path.extension().is_some_and(|e| e == "yaml") => {
                    let bytes = fs::read(&path).unwrap();
                    files.push((path, bytes));
                }
                false => {}
            }
        }
    }
    files.sort();
    files
}

/// Processor time of this thread: a busy machine does not make an input slow.
fn used() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

/// Something that can be grafted: every document of the corpus that can be parsed.
fn plants(corpus: &[(PathBuf, Vec<u8>)]) -> Vec<Plant> {
    let all = corpus.iter().flat_map(|(_, bytes)| {
        let text = manifest::text(bytes);
        let found = documents(0, &text, &mut Vec::new());
        found.iter().map(|document| Plant::of(&document.root, &text)).collect::<Vec<_>>()
    });
    all.collect()
}

/// One input: a few files of a few documents.
fn input(plants: &[Plant], chance: &mut Chance) -> Vec<Vec<u8>> {
    let file = |chance: &mut Chance| {
        let mut text = String::new();
        for _ in 0..chance.some(40) {
            let mut plant = chance.one_of(plants).clone();
            for _ in 0..chance.below(6) {
                mutate::plant(&mut plant, plants, chance);
            }
            text.push_str("---");
            text.push_str(if chance.once_in(3) { " " } else { "\n" });
            plant.write(chance, &mut text);
        }
        let mut bytes = text.into_bytes();
        for _ in 0..chance.below(3) {
            mutate::bytes(&mut bytes, chance);
        }
        bytes
    };
    (0..1 + chance.below(2)).map(|_| file(chance)).collect()
}

/// Where inputs are kept: the one that is looked at, so that it is there when the program dies, and those that failed.
fn keep(files: &[Vec<u8>], name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    fs::create_dir_all(&directory).unwrap();
    for (n, file) in files.iter().enumerate() {
        fs::write(directory.join(format!("{name}-{n}.yaml")), file).unwrap();
    }
    directory.join(format!("{name}-0.yaml"))
}

/// Ends the program when one input has no end at all.
fn watch(done: &'static AtomicU64, kept: PathBuf) {
    const NO_END: Duration = Duration::from_secs(120);
    thread::spawn(move || {
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            thread::sleep(Duration::from_secs(1));
            let now = done.load(Ordering::Relaxed);
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            if since.elapsed() > NO_END {
                println!("no end after {NO_END:?}: {}", kept.display());
                std::process::abort();
            }
        }
    });
}

fn fails(files: &[Vec<u8>]) -> bool {
    catch_unwind(AssertUnwindSafe(|| examine(files))).is_err()
}

/// The same failure with as few lines as can be found in a short time.
fn smaller(mut files: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let start = Instant::now();
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for file in 0..files.len() {
        let mut lines: Vec<Vec<u8>> = files[file].split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        let mut size = lines.len().div_ceil(2);
        while size > 0 && start.elapsed() < Duration::from_secs(30) {
            let mut at = 0;
            while at < lines.len() {
                let end = (at + size).min(lines.len());
                let rest = [&lines[..at], &lines[end..]].concat();
                let mut trial = files.clone();
                trial[file] = rest.concat();
                if fails(&trial) { (lines, files) = (rest, trial) } else { at = end }
            }
            size /= 2;
        }
    }
    std::panic::set_hook(loud);
    files
}

#[test]
fn no_input_panics_or_takes_long() {
    static DONE: AtomicU64 = AtomicU64::new(0);
    let Orders { seed, time, longest } = Orders::read();
    println!("seed {seed}, {} s", time.as_secs());
    let plants = plants(&corpus());
    let mut chance = Chance::new(seed);
    watch(&DONE, keep(&[], &format!("now-{seed}")));
    let (start, mut slowest, mut met) = (Instant::now(), Duration::ZERO, BTreeSet::new());
    while start.elapsed() < time {
        let files = input(&plants, &mut chance);
        let now = keep(&files, &format!("now-{seed}"));
        let began = used();
        let codes = catch_unwind(AssertUnwindSafe(|| examine(&files)));
        let took = used() - began;
        let number = DONE.fetch_add(1, Ordering::Relaxed) + 1;
        let Ok(codes) = codes else {
            let kept = keep(&smaller(files), &format!("failed-{seed}-{number}"));
            panic!(
                "seed {seed}, input {number} fails; made smaller it is {}, as it was {}",
                kept.display(),
                now.display()
            );
        };
        if took > longest {
            let kept = keep(&files, &format!("slow-{seed}-{number}"));
            panic!("seed {seed}, input {number} took {took:?}: {}", kept.display());
        }
        met.extend(codes);
        slowest = slowest.max(took);
    }
    let number = DONE.load(Ordering::Relaxed);
    println!("{number} inputs, {} codes met, the slowest took {slowest:?}", met.len());
    let all = manifest::codes::ALL.len();
    assert!(met.len() * 3 > all * 2, "the inputs reach only {} of {all} codes: {met:?}", met.len());
}

#[test]
fn every_kept_input_holds() {
    for (path, bytes) in corpus() {
        let began = used();
        let outcome = catch_unwind(AssertUnwindSafe(|| examine(&[bytes])));
        assert!(outcome.is_ok(), "{}", path.display());
        assert!(used() - began < Orders::read().longest, "{}", path.display());
    }
}

#[test]
fn a_fix_breaks_nothing_when_it_makes_room_for_more_findings() {
    let text = format!("{}kind: Host\n", "- {1: a}\n".repeat(1_001));
    examine(&[text.into_bytes()]);
}

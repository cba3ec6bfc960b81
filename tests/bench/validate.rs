//! Reading manifests: many files, one large file, growth, and check-jsonschema on the same files.

use crate::{
    report::{Report, Row},
    size::Size,
};
use anyhow::{Context, Result, ensure};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The version the numbers of the guide were measured with.
const CHECK_JSONSCHEMA: &str = "check-jsonschema==0.39.0";
/// Each is measured so often, and the median counts.
const ROUNDS: usize = 5;
const HOSTS: [&str; 2] = ["a", "b"];

/// What one process took.
#[derive(Clone, Copy)]
struct Cost {
    took: Duration,
    cpu: Duration,
    memory_bytes: u64,
}

pub fn measure(size: &Size, report: &mut Report) -> Result<()> {
    let directory = tempfile::Builder::new().prefix("standin-bench-").tempdir()?;
    let at = |name: &str| directory.path().join(name);
    let count = size.manifests;
    let discipline = format!("validate {count} scenarios in {count} files");
    let files = in_files(&at("files"), count)?;
    report.add(row(&discipline, "Standin", standin(&at("files"), ROUNDS)?));
    match check_jsonschema()? {
        Some(program) => {
            let cost = check_all(&program, &files)?;
            report.add(row(&discipline, "check-jsonschema", cost));
        }
        None => eprintln!("  check-jsonschema cannot be installed: nothing to compare with"),
    }
    let discipline = format!("validate {count} scenarios in one file");
    in_one_file(&at("one"), count)?;
    report.add(row(&discipline, "Standin", standin(&at("one"), ROUNDS)?));
    for (name, factor) in [("tenth", 0.1), ("same", 1.0), ("tenfold", 10.0)] {
        let count = (count as f64 * factor) as u32;
        in_files(&at(name), count)?;
        report.add(row("validate, growth", &format!("{count} files"), standin(&at(name), ROUNDS)?));
    }
    Ok(())
}

fn row(discipline: &str, contestant: &str, cost: Cost) -> Row {
    let mut row = Row::new(discipline, contestant);
    row.took(cost.took);
    row.cpu(cost.cpu);
    row.note(&format!("{} MiB", cost.memory_bytes >> 20));
    row
}

/// A scenario as people write them: two roots, a check, a service.
fn scenario(n: u32) -> String {
    format!(
        "# yaml-language-server: $schema=manifest.json
apiVersion: standin/v1alpha1
kind: Scenario
metadata:
  name: s{n}
  labels: {{tier: gold, owner: platform}}
spec:
  description: Site number {n}
  primary:
    host: a
    roots:
      - {{name: sites, path: /srv/www/{n}, exclude: [\"**/.cache/**\"]}}
      - {{name: config, path: /etc/sites/{n}}}
    spool: {{maxSize: 8GiB, minDiskFree: 4GiB, onFull: resync}}
  replicas:
    - name: twin
      host: b
      roots:
        - {{name: sites, path: /srv/www/{n}}}
        - {{name: config, path: /etc/sites/{n}}}
  monitoring:
    interval: 10s
    timeout: 1m
    checks:
      - {{name: http, tcp: {{port: 80}}}}
  services:
    commands:
      - {{name: site, start: [site, start, \"{n}\"], stop: [site, stop, \"{n}\"], check: [site, check, \"{n}\"]}}
"
    )
}

fn host(name: &str) -> String {
    format!(
        "apiVersion: standin/v1alpha1\nkind: Host\nmetadata: {{name: {name}}}\nspec: {{replicationAddress: {name}.example}}\n"
    )
}

/// One document a file, since check-jsonschema reads no others.
fn in_files(directory: &Path, count: u32) -> Result<Vec<PathBuf>> {
    fs::create_dir(directory)?;
    let scenarios = (0..count).map(|n| (format!("s{n:05}.yaml"), scenario(n)));
    let hosts = HOSTS.iter().map(|name| (format!("host-{name}.yaml"), host(name)));
    let write = |(name, text): (String, String)| {
        let path = directory.join(name);
        fs::write(&path, text)?;
        Ok(path)
    };
    scenarios.chain(hosts).map(write).collect()
}

fn in_one_file(directory: &Path, count: u32) -> Result<()> {
    fs::create_dir(directory)?;
    let mut text = HOSTS.iter().map(|name| host(name) + "---\n").collect::<String>();
    for n in 0..count {
        let _ = writeln!(text, "{}---", scenario(n));
    }
    Ok(fs::write(directory.join("all.yaml"), text)?)
}

fn standin(directory: &Path, rounds: usize) -> Result<Cost> {
    let binary = std::env::var("STANDIN_BINARY").context("STANDIN_BINARY names no program")?;
    let mut command = Command::new(binary);
    median(command.args(["validate", "--strict", "-f"]).arg(directory), rounds)
}

/// It takes long, so once is enough.
fn check_all(program: &Path, files: &[PathBuf]) -> Result<Cost> {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/v1alpha1/manifest.json");
    median(Command::new(program).arg("--schemafile").arg(schema).args(files), 1)
}

/// The program in an environment of its own below the target directory, installed when missing.
fn check_jsonschema() -> Result<Option<PathBuf>> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/check-jsonschema");
    let program = home.join("bin/check-jsonschema");
    if !program.exists() {
        let succeeds =
            |command: &mut Command| command.stdout(Stdio::null()).status().is_ok_and(|status| status.success());
        let made = succeeds(Command::new("python3").args(["-m", "venv"]).arg(&home));
        let pip = home.join("bin/pip");
        if !made || !succeeds(Command::new(pip).args(["install", "--quiet", CHECK_JSONSCHEMA])) {
            return Ok(None);
        }
    }
    Ok(Some(program))
}

/// Runs a program that has to end well, several times.
fn median(command: &mut Command, rounds: usize) -> Result<Cost> {
    let mut costs = (0..rounds).map(|_| cost(command)).collect::<Result<Vec<_>>>()?;
    costs.sort_by_key(|cost| cost.took);
    costs.get(rounds / 2).copied().context("nothing was measured")
}

fn cost(command: &mut Command) -> Result<Cost> {
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let mut status = 0;
    // SAFETY: all-zero is a value of this plain structure of numbers.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values, and nobody else waits for this child.
    let ended = unsafe { libc::wait4(child.id() as i32, &raw mut status, 0, &raw mut used) };
    let took = start.elapsed();
    ensure!(ended == child.id() as i32 && status == 0, "{command:?} ended with {status}");
    let time = |t: libc::timeval| Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64);
    Ok(Cost { took, cpu: time(used.ru_utime) + time(used.ru_stime), memory_bytes: (used.ru_maxrss as u64) << 10 })
}

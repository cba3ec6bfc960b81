//! Reading manifests: many files, one large file, growth, and check-jsonschema on the same files, which knows only the
//! schema and not what manifests say of each other.

use crate::{
    contest::{Ground, Round, Side, Workload, scaled},
    measure::{CPU_TIME, MEMORY_SOURCE, Metric, Sample, TIME, Unit},
    place::Place,
    processes::{Cost, cost},
    sides::OURS,
};
use anyhow::Result;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The version the numbers of the table were measured with.
const CHECK_JSONSCHEMA: &str = "check-jsonschema==0.39.0";
const SCENARIOS: u64 = 1_000;
const HOSTS: [&str; 2] = ["a", "b"];
const ONE_FILE: Metric = Metric { name: "time, one file", unit: Unit::Seconds };
const TENFOLD: Metric = Metric { name: "time, ten times as many", unit: Unit::Seconds };

pub const WORKLOAD: Workload = Workload {
    name: "validate",
    title: |scale| format!("{} scenarios checked, one a file", scaled(SCENARIOS, scale)),
    targets: &[],
    run,
};

fn run(ground: &Ground<'_>) -> Result<Vec<Round>> {
    let count = ground.scaled(SCENARIOS) as u32;
    let mut sides = vec![Side::new(OURS, move |place| ours(place, count))];
    match check_jsonschema()? {
        Some(program) => {
            let measure = move |place: &Place| theirs(place, &program, count);
            sides.push(Side { name: "check-jsonschema", program: None, measure: Box::new(measure) });
        }
        None => eprintln!("  check-jsonschema cannot be installed: not compared"),
    }
    ground.contest(None, &sides)
}

fn ours(place: &Place, count: u32) -> Result<Sample> {
    let at = |name: &str| place.directory.join(name);
    in_files(&at("files"), count)?;
    in_one_file(&at("one"), count)?;
    in_files(&at("tenfold"), count * 10)?;
    let sample = of(standin(&at("files"))?);
    let sample = sample.with(ONE_FILE, standin(&at("one"))?.took.as_secs_f64());
    Ok(sample.with(TENFOLD, standin(&at("tenfold"))?.took.as_secs_f64()))
}

fn theirs(place: &Place, program: &Path, count: u32) -> Result<Sample> {
    let files = in_files(&place.directory.join("files"), count)?;
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/v1alpha1/manifest.json");
    Ok(of(cost(Command::new(program).arg("--schemafile").arg(schema).args(files))?))
}

fn of(cost: Cost) -> Sample {
    let sample = Sample::default().with(TIME, cost.took.as_secs_f64());
    sample.with(CPU_TIME, cost.cpu.as_secs_f64()).with(MEMORY_SOURCE, cost.memory_bytes as f64)
}

fn standin(directory: &Path) -> Result<Cost> {
    cost(Command::new(testkit::standin()?).args(["validate", "--strict", "-f"]).arg(directory))
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

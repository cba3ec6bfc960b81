//! Tables for people and JSON for machines.

use anyhow::Result;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, time::Duration};

/// One contestant in one discipline.
pub struct Row {
    discipline: String,
    contestant: String,
    /// Sorted; empty where only the whole was measured.
    times: Vec<Duration>,
    took: Duration,
    cpu: Duration,
    note: String,
}

impl Row {
    pub fn new(discipline: &str, contestant: &str) -> Self {
        let (discipline, contestant) = (discipline.to_owned(), contestant.to_owned());
        let zero = Duration::ZERO;
        Self { discipline, contestant, times: Vec::new(), took: zero, cpu: zero, note: String::new() }
    }

    pub fn times(&mut self, mut times: Vec<Duration>) {
        times.sort();
        self.times = times;
    }

    pub fn took(&mut self, took: Duration) {
        self.took = took;
    }

    pub fn cpu(&mut self, cpu: Duration) {
        self.cpu = cpu;
    }

    pub fn note(&mut self, note: &str) {
        note.clone_into(&mut self.note);
    }

    /// What contestants are compared by: the median, or the whole where there is no single change.
    fn score(&self) -> Duration {
        if self.times.is_empty() { self.took } else { percentile(&self.times, 50) }
    }

    fn json(&self) -> Value {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let times = |percent| (!self.times.is_empty()).then(|| milliseconds(percentile(&self.times, percent)));
        json!({
            "discipline": self.discipline, "contestant": self.contestant, "changes": self.times.len(),
            "p50_ms": times(50), "p90_ms": times(90), "p99_ms": times(99), "max_ms": times(100),
            "took_s": self.took.as_secs_f64(), "cpu_s": self.cpu.as_secs_f64(), "note": self.note,
        })
    }
}

/// The smallest time that so many percent do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// Everything that was measured in one run.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub fn add(&mut self, row: Row) {
        eprintln!("  {}", line(&row, row.score()));
        self.rows.push(row);
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        let cores = std::thread::available_parallelism()?.get();
        Ok(fs::write(path, serde_json::to_string_pretty(&json!({ "cores": cores, "rows": rows }))? + "\n")?)
    }

    /// One table of Markdown for each discipline; the first contestant of each is what the others are compared with.
    pub fn tables(&self) -> String {
        let mut order: Vec<&str> = Vec::new();
        let mut tables: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in &self.rows {
            let table = tables.entry(&row.discipline).or_default();
            if table.is_empty() {
                order.push(&row.discipline);
            }
            table.push(row);
        }
        let mut text = String::new();
        for discipline in order {
            let rows = &tables[discipline];
            let base = rows[0].score();
            let head = if rows[0].times.is_empty() { "took" } else { "p50 / p90 / p99 / max, changes" };
            let _ = writeln!(text, "{discipline}\n\n| | {head} | ratio | CPU | |\n| --- | --- | --- | --- | --- |");
            for row in rows {
                let _ = writeln!(text, "{}", line(row, base));
            }
            text.push('\n');
        }
        text
    }
}

fn line(row: &Row, base: Duration) -> String {
    let ratio = row.score().as_secs_f64() / base.as_secs_f64().max(1e-9);
    let times = if row.times.is_empty() {
        shown(row.took)
    } else {
        let times = [50, 90, 99, 100].map(|percent| shown(percentile(&row.times, percent)));
        format!("{}, {}", times.join(" / "), row.times.len())
    };
    let cpu = if row.times.is_empty() {
        shown(row.cpu)
    } else {
        format!("{} a change", shown(row.cpu / row.times.len() as u32))
    };
    format!("| {} | {times} | {ratio:.2} | {cpu} | {} |", row.contestant, row.note)
}

fn shown(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1e3;
    match milliseconds {
        ..10.0 => format!("{milliseconds:.1} ms"),
        ..1000.0 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.1} s", milliseconds / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        for (percent, expected) in [(50, 100), (90, 180), (99, 198), (100, 200)] {
            assert_eq!(percentile(&times, percent), Duration::from_millis(expected));
        }
        assert_eq!(percentile(&times[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }

    #[test]
    fn others_are_compared_with_the_first() {
        let mut report = Report::default();
        for (name, seconds) in [("a", 2), ("b", 5)] {
            let mut row = Row::new("copy", name);
            row.took(Duration::from_secs(seconds));
            report.add(row);
        }
        assert!(report.tables().contains("| b | 5.0 s | 2.50 | 0.0 ms |"), "{}", report.tables());
    }
}

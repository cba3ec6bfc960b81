//! Every workload that was measured: a table for people, JSON for machines.

use crate::{
    contest::{Round, Workload},
    machine::Facts,
    measure::{AtMost, Metric, Sample, Target, median},
    options::Options,
    sides::OURS,
    table::{markdown, shown},
};
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, fs, path::Path};

const HEAD: &[&str] = &["workload", "what", "ours", "beside", "theirs", "ratio", "target", "aim", ""];

/// Everything of one call.
pub struct Report {
    facts: Facts,
    scale: f64,
    runs: usize,
    rows: Vec<Row>,
    rounds: Vec<Value>,
    void: Vec<String>,
}

/// One metric of one workload, ours and a peer's.
struct Row {
    workload: &'static str,
    metric: Metric,
    ours: f64,
    peer: Option<(&'static str, f64)>,
    target: Option<AtMost>,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.peer.filter(|(_, theirs)| *theirs > 0.0).map(|(_, theirs)| self.ours / theirs)
    }

    /// What ours may be at most on this machine.
    fn aim(&self) -> Option<f64> {
        match (self.target?, self.peer) {
            (AtMost::TimesPeer(factor, _), Some((_, theirs))) => Some(factor * theirs),
            (AtMost::TimesPeer(..), None) => None,
            (AtMost::Value(value), _) => Some(value),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.aim() {
            None => "",
            Some(aim) if self.ours <= aim => "met",
            Some(_) => "missed",
        }
    }

    fn cells(&self) -> Vec<String> {
        let show = |value: f64| shown(value, self.metric.unit);
        let target = match self.target {
            None => String::new(),
            Some(AtMost::TimesPeer(factor, peer)) => format!("{factor} x {peer}"),
            Some(AtMost::Value(value)) => show(value),
        };
        vec![
            self.workload.to_owned(),
            self.metric.name.to_owned(),
            show(self.ours),
            self.peer.map_or("", |(name, _)| name).to_owned(),
            self.peer.map(|(_, value)| show(value)).unwrap_or_default(),
            self.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            target,
            self.aim().map(show).unwrap_or_default(),
            self.verdict().to_owned(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "workload": self.workload, "metric": self.metric.name, "unit": format!("{:?}", self.metric.unit),
            "ours": self.ours, "peer": self.peer.map(|(name, _)| name), "theirs": self.peer.map(|(_, value)| value),
            "ratio": self.ratio(), "aim": self.aim(), "verdict": self.verdict(),
        })
    }
}

impl Report {
    pub fn new(options: &Options, facts: Facts) -> Self {
        let (rows, rounds, void) = Default::default();
        Self { facts, scale: options.scale, runs: options.runs, rows, rounds, void }
    }

    pub fn add(&mut self, workload: &Workload, rounds: &[Round]) {
        self.rows.extend(rows(workload.name, workload.targets, rounds));
        for (number, round) in rounds.iter().enumerate() {
            for (side, result) in round {
                if let Err(why) = result {
                    self.void.push(format!("{}, run {}, {side}: {why}", workload.name, number + 1));
                }
            }
            let sides: Map<String, Value> =
                round.iter().map(|(side, result)| ((*side).to_owned(), sample_json(result))).collect();
            self.rounds.push(json!({ "workload": workload.name, "run": number + 1, "sides": sides }));
        }
    }

    /// Whether every run counts.
    pub fn is_whole(&self) -> bool {
        self.void.is_empty()
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        let value = json!({
            "machine": self.facts.json(), "scale": self.scale, "runs": self.runs,
            "rows": rows, "void": self.void, "rounds": self.rounds,
        });
        Ok(fs::write(path, serde_json::to_string_pretty(&value)? + "\n")?)
    }

    pub fn text(&self) -> String {
        let rows: Vec<Vec<String>> = self.rows.iter().map(Row::cells).collect();
        let mut text = format!("\n{}\n{}", self.facts.text(), markdown(HEAD, &rows));
        text += &format!("\nMedians of {} runs at scale {}; less is better in every line.\n", self.runs, self.scale);
        self.void.iter().for_each(|void| text += &format!("VOID {void}\n"));
        text
    }
}

fn sample_json(result: &Result<Sample, String>) -> Value {
    match result {
        Ok(sample) => sample.values().iter().map(|(metric, value)| (metric.name.to_owned(), json!(value))).collect(),
        Err(why) => json!({ "void": why }),
    }
}

/// Ours beside each peer, of the runs that count for both; what no peer has stands alone.
fn rows(workload: &'static str, targets: &[Target], rounds: &[Round]) -> Vec<Row> {
    let peers: BTreeSet<&'static str> =
        rounds.iter().flat_map(|round| round.keys().copied()).filter(|name| *name != OURS).collect();
    let mut rows = Vec::new();
    for metric in metrics(rounds) {
        let target = |peer: Option<&str>| {
            let mut of_metric = targets.iter().filter(|target| target.metric == metric).map(|target| target.at_most);
            of_metric.find(|at_most| match at_most {
                AtMost::TimesPeer(_, name) => peer == Some(*name),
                AtMost::Value(_) => true,
            })
        };
        let before = rows.len();
        for &peer in &peers {
            if let Some((ours, theirs)) = beside(rounds, metric, peer) {
                rows.push(Row { workload, metric, ours, peer: Some((peer, theirs)), target: target(Some(peer)) });
            }
        }
        if rows.len() == before
            && let Some(ours) = median(values(rounds, metric, OURS))
        {
            rows.push(Row { workload, metric, ours, peer: None, target: target(None) });
        }
    }
    rows
}

/// What our side measures, in its order.
fn metrics(rounds: &[Round]) -> Vec<Metric> {
    let ours = rounds.iter().find_map(|round| round.get(OURS)?.as_ref().ok());
    ours.map(|sample| sample.values().iter().map(|(metric, _)| *metric).collect()).unwrap_or_default()
}

fn value(round: &Round, metric: Metric, side: &str) -> Option<f64> {
    round.get(side)?.as_ref().ok()?.get(metric)
}

fn values(rounds: &[Round], metric: Metric, side: &str) -> Vec<f64> {
    rounds.iter().filter_map(|round| value(round, metric, side)).collect()
}

fn beside(rounds: &[Round], metric: Metric, peer: &str) -> Option<(f64, f64)> {
    let both = |round: &Round| Some((value(round, metric, OURS)?, value(round, metric, peer)?));
    let (ours, theirs): (Vec<f64>, Vec<f64>) = rounds.iter().filter_map(both).unzip();
    Some((median(ours)?, median(theirs)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{CPU, TIME, below, times};

    fn sample(time: f64) -> Result<Sample, String> {
        Ok(Sample::default().with(TIME, time).with(CPU, 0.1))
    }

    #[test]
    fn ours_is_compared_with_each_peer_over_the_runs_that_count_for_both() {
        let rounds: Vec<Round> = [(1.0, Ok(4.0)), (2.0, Ok(4.0)), (30.0, Err("differs".to_owned()))]
            .into_iter()
            .map(|(ours, theirs)| Round::from([(OURS, sample(ours)), ("rsync", theirs.and_then(sample))]))
            .collect();
        let targets = [times(TIME, 0.3, "rsync"), below(CPU, 0.05)];
        let rows = rows("copy", &targets, &rounds);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].ours, rows[0].peer, rows[0].ratio()), (1.5, Some(("rsync", 4.0)), Some(0.375)));
        assert_eq!((rows[0].verdict(), rows[1].verdict(), rows[1].aim()), ("missed", "missed", Some(0.05)));
        assert_eq!(rows[0].cells()[7], "1.2 s");
    }

    #[test]
    fn what_no_peer_measures_stands_alone_and_without_a_target_there_is_no_verdict() {
        let rounds = [Round::from([(OURS, sample(1.0)), ("cp", Err("no".to_owned()))])];
        let rows = rows("copy", &[], &rounds);
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row.peer.is_none() && row.verdict().is_empty()));
    }
}

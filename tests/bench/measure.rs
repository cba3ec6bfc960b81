//! What is measured, in which unit, and what it ought to be.

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Bytes,
    /// Parts of one processor.
    Cores,
    /// Times as much as without.
    Times,
}

/// One thing that is measured. Less is better in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub unit: Unit,
}

pub const TIME: Metric = Metric { name: "time", unit: Unit::Seconds };
pub const CPU_TIME: Metric = Metric { name: "processor time", unit: Unit::Seconds };
/// Bytes on the wire, both ways.
pub const WIRE: Metric = Metric { name: "wire", unit: Unit::Bytes };
pub const P50: Metric = Metric { name: "lag p50", unit: Unit::Seconds };
pub const P99: Metric = Metric { name: "lag p99", unit: Unit::Seconds };
pub const CPU: Metric = Metric { name: "processor", unit: Unit::Cores };
/// Highest resident memory of one process of the sending side.
pub const MEMORY_SOURCE: Metric = Metric { name: "memory, source", unit: Unit::Bytes };
pub const MEMORY_TARGET: Metric = Metric { name: "memory, target", unit: Unit::Bytes };
/// The program that changes the files, beside what it takes when nobody follows.
pub const SLOWDOWN: Metric = Metric { name: "slow-down", unit: Unit::Times };

/// What one side measured in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample(Vec<(Metric, f64)>);

impl Sample {
    #[must_use]
    pub fn with(mut self, metric: Metric, value: f64) -> Self {
        self.0.push((metric, value));
        self
    }

    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.0.iter().find(|(known, _)| *known == metric).map(|(_, value)| *value)
    }

    pub fn values(&self) -> &[(Metric, f64)] {
        &self.0
    }
}

/// The most that ours may be.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub metric: Metric,
    pub at_most: AtMost,
}

#[derive(Clone, Copy, Debug)]
pub enum AtMost {
    /// So many times what the peer of this name takes.
    TimesPeer(f64, &'static str),
    /// In the unit of the metric.
    Value(f64),
}

pub const fn times(metric: Metric, factor: f64, peer: &'static str) -> Target {
    Target { metric, at_most: AtMost::TimesPeer(factor, peer) }
}

pub const fn below(metric: Metric, value: f64) -> Target {
    Target { metric, at_most: AtMost::Value(value) }
}

/// The middle of an odd number of values, the mean of both middle ones otherwise.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// The smallest value that so many percent do not exceed.
pub fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_are_ranks() {
        assert_eq!((median(vec![]), median(vec![3.0, 1.0, 2.0]), median(vec![1.0, 2.0])), (None, Some(2.0), Some(1.5)));
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        for (percent, expected) in [(50, 100.0), (90, 180.0), (99, 198.0), (100, 200.0)] {
            assert_eq!(percentile(&values, percent), Some(expected));
        }
        assert_eq!((percentile(&[7.0], 99), percentile(&[], 50)), (Some(7.0), None));
    }
}

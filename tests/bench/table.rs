//! Numbers for people.

use crate::measure::{Sample, Unit};

/// One sample in one line.
pub fn line(sample: &Sample) -> String {
    let values = sample.values().iter();
    values
        .map(|(metric, value)| format!("{} {}", metric.name, shown(*value, metric.unit)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A value with its unit.
pub fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds => seconds(value),
        Unit::Bytes => bytes(value),
        Unit::Cores => format!("{:.1} %", value * 100.0),
        Unit::Times => format!("{value:.2}"),
    }
}

fn seconds(value: f64) -> String {
    match value * 1e3 {
        milliseconds @ ..10.0 => format!("{milliseconds:.1} ms"),
        milliseconds @ ..1000.0 => format!("{milliseconds:.0} ms"),
        milliseconds => format!("{:.1} s", milliseconds / 1e3),
    }
}

fn bytes(value: f64) -> String {
    match value {
        ..1024.0 => format!("{value:.0} B"),
        ..1_048_576.0 => format!("{:.0} KiB", value / 1024.0),
        ..1_073_741_824.0 => format!("{:.1} MiB", value / 1_048_576.0),
        _ => format!("{:.2} GiB", value / 1_073_741_824.0),
    }
}

/// A table of Markdown whose columns are as wide as they need to be.
pub fn markdown(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].chars().count(), 3]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let cells = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let mut text = line(&mut head.iter().map(|cell| (*cell).to_owned()));
    text += &line(&mut widths.iter().map(|width| "-".repeat(*width)));
    rows.iter().for_each(|row| text += &line(&mut row.iter().cloned()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_short() {
        let values = [(0.0042, Unit::Seconds), (0.5, Unit::Seconds), (12.34, Unit::Seconds), (0.125, Unit::Cores)];
        let texts: Vec<String> = values.iter().map(|(value, unit)| shown(*value, *unit)).collect();
        assert_eq!(texts, ["4.2 ms", "500 ms", "12.3 s", "12.5 %"]);
        assert_eq!(shown(3.0 * 1024.0 * 1024.0, Unit::Bytes), "3.0 MiB");
        assert_eq!(
            markdown(&["a", "long"], &[vec!["bbbb".into(), "c".into()]]).lines().next(),
            Some("| a    | long |")
        );
    }
}

//! Failures: what happened, the facts, what to do.

use crate::{
    exit::Failure,
    output::{Style, Tone},
};

pub fn lines(failure: &Failure, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for obstacle in &failure.obstacles {
        lines.push(format!("{} {}", style.paint(Tone::Bad, "error:"), obstacle.message));
        lines.extend(obstacle.facts.iter().map(|fact| format!("  {fact}")));
        for (at, help) in obstacle.help.iter().enumerate() {
            lines.push(format!("  {} {help}", if at == 0 { "help:" } else { "     " }));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_refusal() {
        let failure = Failure::new(Exit::Refused, "refused, mx1 does not answer, so nothing can be drained")
            .fact("mx1 silent for 2m 14s")
            .help("wait for mx1, or accept that loss")
            .help("standin failover mail --to dublin --allow-data-loss --confirm mail");
        let expected = [
            "error: refused, mx1 does not answer, so nothing can be drained",
            "  mx1 silent for 2m 14s",
            "  help: wait for mx1, or accept that loss",
            "        standin failover mail --to dublin --allow-data-loss --confirm mail",
        ];
        assert_eq!(lines(&failure, Style::default()), expected);
    }
}

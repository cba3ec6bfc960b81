//! Numbers by which tools know a finding again after lines have moved.

use super::report::Report;
use crate::finding::Finding;
use std::collections::HashMap;

/// One for each finding, in their order: made of code, file, object and field, never of a line.
///
/// Findings that agree in all of these are told apart by what they say, and by their order when that is the same too.
pub fn fingerprints(report: &Report<'_>) -> Vec<String> {
    let mut seen = HashMap::new();
    let one = |finding: &Finding| {
        let basis = basis(report, finding);
        let again: &mut usize = seen.entry(basis.clone()).or_default();
        *again += 1;
        hash(&format!("{basis}\0{again}"))
    };
    report.set.findings.iter().map(one).collect()
}

fn basis(report: &Report<'_>, finding: &Finding) -> String {
    let (kind, name) = finding.object.as_ref().map_or(("", ""), |(kind, name)| (kind, name));
    let field = if finding.readable.is_empty() { &finding.path } else { &finding.readable };
    [finding.code, report.path(finding), kind, name, field, &finding.message].join("\0")
}

/// FNV-1a of 128 bits: the same for ever and everywhere, and nobody's safety rests on it.
/// Source: <https://www.rfc-editor.org/rfc/rfc9923>.
fn hash(text: &str) -> String {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = text.bytes().fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    format!("{hash:032x}")
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn hashes_are_those_of_everybody() {
        assert_eq!(hash(""), "6c62272e07bb014262b821756295c58d");
        assert_eq!(hash("a"), "d228cb696f1a8caf78912b704e4a8964");
    }
}

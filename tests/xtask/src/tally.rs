//! Counting what `cargo test` says.

/// Sums over every test program of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    /// Tests marked `#[ignore]`, by name.
    pub ignored: Vec<String>,
}

impl Tally {
    /// Takes in one line of output.
    pub fn line(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += number_before(counts, " passed");
            self.failed += number_before(counts, " failed");
        } else if let Some(name) = line.strip_prefix("test ").and_then(ignored) {
            self.ignored.push(name.to_owned());
        }
    }
}

fn ignored(line: &str) -> Option<&str> {
    let (name, verdict) = line.split_once(" ... ")?;
    verdict.starts_with("ignored").then_some(name)
}

/// The number in front of a word: 3 in `ok. 3 passed; 0 failed`.
fn number_before(text: &str, word: &str) -> usize {
    let digits = text.find(word).map(|end| &text[..end]).and_then(|head| head.rsplit(' ').next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test a::b ... ok",
            "test a::c ... ignored, needs root",
            "test result: ok. 44 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.55s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s",
            "I read: test result: ok. 100 passed; 100 failed",
        ] {
            tally.line(line);
        }
        assert_eq!(tally, Tally { passed: 45, failed: 2, ignored: vec!["a::c".to_owned()] });
    }
}

//! The result of a suite, and how it is reported.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::count::Count;
use super::failures::Failure;

/// How much of a failed suite's log is shown, in lines.
const TAIL: usize = 80;

/// The result of a suite.
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) count: Count,
    pub(crate) elapsed: Duration,
    pub(crate) blocks: bool,
    /// Lines for the table: why a check failed or was skipped, what was measured.
    pub(crate) remarks: Vec<String>,
    /// The tests that failed, as far as their program names them.
    pub(crate) failures: Vec<Failure>,
    pub(super) log: Option<PathBuf>,
    /// What the tests printed that must be seen even if they pass.
    pub(super) notes: Vec<String>,
}

impl Outcome {
    /// Prints how the suite ended; after a failure, also what failed, or else the end of the log.
    pub(crate) fn announce(&self) {
        let seconds = self.elapsed.as_secs_f64();
        let Count { passed, failed, .. } = self.count;
        if failed == 0 {
            println!("ok      {} ({passed} passed, {seconds:.1} s)", self.name);
            for line in &self.notes {
                println!("        {line}");
            }
            return;
        }
        let remarks = self.remarks.join("; ");
        let mut text = format!("FAILED  {} ({seconds:.1} s) {remarks}\n", self.name);
        if let Some(log) = &self.log {
            let printed = fs::read(log).unwrap_or_default();
            let printed = String::from_utf8_lossy(&printed);
            let told = if self.failures.is_empty() {
                tail(&printed, TAIL)
            } else {
                self.failures.iter().flat_map(Failure::lines).collect()
            };
            for line in told {
                text.push_str("        ");
                text.push_str(line);
                text.push('\n');
            }
            text.push_str(&format!("        all of it: {}", log.display()));
        }
        println!("{text}");
    }
}

/// The lines in which the vector tests name a file and its number of cases: a test that passes
/// because its folder was empty, or the wrong one, must be seen.
pub(super) fn notes(text: &str) -> Vec<String> {
    let cases = |line: &&str| {
        line.split_once(".json: ")
            .is_some_and(|(_, rest)| rest.contains(" cases"))
    };
    text.lines()
        .map(str::trim)
        .filter(cases)
        .map(str::to_owned)
        .collect()
}

/// The last lines, without cargo's progress.
fn tail(text: &str, lines: usize) -> Vec<&str> {
    const PROGRESS: [&str; 4] = ["Checking ", "Compiling ", "Downloaded ", "Downloading "];
    let progress = |line: &&str| {
        PROGRESS
            .iter()
            .any(|word| line.trim_start().starts_with(word))
    };
    let told: Vec<&str> = text.lines().filter(|line| !progress(line)).collect();
    let skip = told.len().saturating_sub(lines);
    told.into_iter().skip(skip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_cases_are_notes() {
        let text = "running 1 test\naudit.json: 3 cases (1 valid, 2 invalid)\ncell.json: no\n    cell.json: 9 cases\n";
        assert_eq!(
            notes(text),
            [
                "audit.json: 3 cases (1 valid, 2 invalid)",
                "cell.json: 9 cases"
            ]
        );
    }

    #[test]
    fn the_tail_is_the_last_lines() {
        assert_eq!(tail("a\nb\nc", 2), ["b", "c"]);
        assert_eq!(tail("a", 2), ["a"]);
        assert_eq!(tail("a\nb\n   Compiling c v1\n", 2), ["a", "b"]);
    }
}

//! One suite: what it runs, how long it may take, how its tests are counted.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::count::Count;
use super::failures;
use super::outcome::{Outcome, notes};
use crate::process::{End, Group, describe};

/// What a check in this program found; the text goes into the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    Passed(String),
    /// It could not be made here, for this reason.
    Skipped(String),
}

type Check = Box<dyn FnOnce() -> Result<Checked> + Send>;

enum Step {
    /// Builds what other suites test; only its failure counts.
    Builds(Command),
    /// Installs a tool if it can; a later step says what could not be checked without it.
    Attempts(Command),
    /// Prints a summary of its tests, which is counted.
    Tests(Command),
    /// One test: the exit status.
    Passes(Command),
    /// One test: a check in this program.
    Check(Check),
}

/// A named list of steps, and the time limit for all of them together.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    /// It needs what the suites that block have built.
    pub(crate) needs_build: bool,
    /// If it fails, no suite that needs the build runs.
    pub(crate) blocks: bool,
    limit: Duration,
    steps: Vec<Step>,
}

impl Suite {
    /// An empty suite that usually takes `minutes` on two cores. It is ended after ten times that: the
    /// limit is for a suite that hangs, and must not fail a slow or busy machine.
    pub(crate) fn new(name: &'static str, minutes: u64) -> Self {
        let limit = Duration::from_secs(60 * minutes * 10);
        Self {
            name,
            needs_build: false,
            blocks: false,
            limit,
            steps: Vec::new(),
        }
    }

    /// A program that builds what other suites test.
    pub(crate) fn builds(mut self, command: Command) -> Self {
        self.steps.push(Step::Builds(command));
        self
    }

    /// A program that installs a tool of later steps, which report it if the tool is missing.
    pub(crate) fn attempts(mut self, command: Command) -> Self {
        self.steps.push(Step::Attempts(command));
        self
    }

    /// A program that prints how many tests passed.
    pub(crate) fn tests(mut self, command: Command) -> Self {
        self.steps.push(Step::Tests(command));
        self
    }

    /// A program whose exit status is the test.
    pub(crate) fn passes(mut self, command: Command) -> Self {
        self.steps.push(Step::Passes(command));
        self
    }

    /// A check in this program.
    pub(crate) fn check(
        mut self,
        check: impl FnOnce() -> Result<Checked> + Send + 'static,
    ) -> Self {
        self.steps.push(Step::Check(Box::new(check)));
        self
    }

    /// Runs only if the build succeeded.
    pub(crate) fn needs_build(mut self) -> Self {
        self.needs_build = true;
        self
    }

    /// Is part of the build.
    pub(crate) fn blocks(mut self) -> Self {
        self.blocks = true;
        self
    }

    /// Counts as one failure: a suite that did not run proves nothing.
    pub(crate) fn not_run(self, why: &str) -> Outcome {
        Outcome {
            name: self.name,
            count: Count::ONE_FAILED,
            elapsed: Duration::ZERO,
            blocks: false,
            remarks: vec![format!("not run: {why}")],
            failures: Vec::new(),
            log: None,
            notes: Vec::new(),
        }
    }

    /// Runs the steps in order; the first that fails ends the suite.
    pub(crate) fn run(self, logs: &Path) -> Outcome {
        let start = Instant::now();
        let log = logs.join(format!("{}.log", self.name));
        let mut outcome = Outcome {
            name: self.name,
            count: Count::default(),
            elapsed: Duration::ZERO,
            blocks: false,
            remarks: Vec::new(),
            failures: Vec::new(),
            log: Some(log.clone()),
            notes: Vec::new(),
        };
        if let Err(error) = File::create(&log) {
            return self.not_run(&format!("{}: {error}", log.display()));
        }
        for step in self.steps {
            let left = self.limit.saturating_sub(start.elapsed());
            let result = step.run(&log, left);
            let (count, remark) = match result {
                Ok(done) => done,
                Err(error) => (Count::ONE_FAILED, format!("{error:#}")),
            };
            outcome.count = outcome.count + count;
            if !remark.is_empty() {
                outcome.remarks.push(remark);
            }
            if count.failed > 0 {
                outcome.blocks = self.blocks;
                break;
            }
        }
        outcome.elapsed = start.elapsed();
        let printed = fs::read(&log).unwrap_or_default();
        let printed = String::from_utf8_lossy(&printed);
        outcome.notes = notes(&printed);
        if outcome.count.failed > 0 {
            outcome.failures = failures::read(&printed);
        }
        outcome
    }
}

impl Step {
    fn run(self, log: &Path, limit: Duration) -> Result<(Count, String)> {
        match self {
            Self::Check(check) => check().map(|checked| match checked {
                Checked::Passed(remark) => (Count::ONE_PASSED, remark),
                Checked::Skipped(reason) => (Count::ONE_SKIPPED, reason),
            }),
            Self::Attempts(command) => {
                run_logged(command, log, limit).map(|_| (Count::default(), String::new()))
            }
            Self::Builds(command) => {
                succeed(command, log, limit).map(|()| (Count::default(), String::new()))
            }
            Self::Passes(command) => {
                succeed(command, log, limit).map(|()| (Count::ONE_PASSED, String::new()))
            }
            Self::Tests(command) => {
                let (end, output) = run_logged(command, log, limit)?;
                Ok(judge(end, Count::read(&output)))
            }
        }
    }
}

fn succeed(command: Command, log: &Path, limit: Duration) -> Result<()> {
    let (end, _output) = run_logged(command, log, limit)?;
    ensure!(end.success(), "{end}");
    Ok(())
}

/// A failed program is a failure whatever it printed, and so is a suite in which no test ran.
fn judge(end: End, count: Count) -> (Count, String) {
    if !end.success() {
        let at_least_one = Count {
            failed: count.failed.max(1),
            ..count
        };
        return (at_least_one, end.to_string());
    }
    if count.passed == 0 && count.failed == 0 {
        return (Count::ONE_FAILED, "no test ran".into());
    }
    (count, String::new())
}

/// Appends the program's output to the log, and returns what it printed.
fn run_logged(mut command: Command, log: &Path, limit: Duration) -> Result<(End, String)> {
    let mut file = File::options().append(true).open(log).context("log")?;
    writeln!(file, "$ {}", describe(&command))?;
    let before = file.metadata()?.len();
    command.stdout(file.try_clone()?).stderr(file);
    let end = Group::spawn(&mut command)?.wait(limit)?;
    let bytes = fs::read(log).context("log")?;
    let printed = bytes.get(usize::try_from(before)?..).unwrap_or_default();
    Ok((end, String::from_utf8_lossy(printed).into_owned()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn run(suite: Suite) -> Outcome {
        let logs = tempfile::tempdir().expect("temporary directory");
        suite.run(logs.path())
    }

    const SUMMARY: &str = "echo 'test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured'";

    #[test]
    fn adds_up_its_steps() {
        let suite = Suite::new("sum", 1)
            .tests(shell(SUMMARY))
            .passes(shell("true"))
            .check(|| Ok(Checked::Passed("fine".into())))
            .check(|| Ok(Checked::Skipped("no network".into())));
        let outcome = run(suite);
        assert_eq!(
            outcome.count,
            Count {
                passed: 5,
                failed: 0,
                skipped: 2
            }
        );
        assert_eq!(outcome.remarks, ["fine", "no network"]);
    }

    #[test]
    fn an_earlier_steps_summary_counts_once() {
        let outcome = run(Suite::new("twice", 1)
            .tests(shell(SUMMARY))
            .tests(shell(SUMMARY)));
        assert_eq!(outcome.count.passed, 6);
    }

    #[test]
    fn a_bad_exit_is_a_failure_whatever_was_printed() {
        let outcome = run(Suite::new("exit", 1).tests(shell(&format!("{SUMMARY}; exit 1"))));
        assert_eq!(
            outcome.count,
            Count {
                passed: 3,
                failed: 1,
                skipped: 1
            }
        );
    }

    #[test]
    fn a_suite_without_a_test_fails() {
        let outcome = run(Suite::new("empty", 1).tests(shell("true")));
        assert_eq!(
            (outcome.count, outcome.remarks),
            (Count::ONE_FAILED, vec!["no test ran".to_owned()])
        );
    }

    #[test]
    fn a_failed_step_ends_the_suite_and_blocks() {
        let outcome = run(Suite::new("build", 1)
            .blocks()
            .builds(shell("true"))
            .builds(shell("false"))
            .passes(shell("true")));
        assert_eq!(outcome.count, Count::ONE_FAILED);
        assert!(outcome.blocks);
    }

    #[test]
    fn a_failed_attempt_does_not_end_the_suite() {
        let outcome = run(Suite::new("tool", 1)
            .attempts(shell("exit 1"))
            .check(|| Ok(Checked::Skipped("the tool is missing".into()))));
        assert_eq!(outcome.count, Count::ONE_SKIPPED);
    }

    #[test]
    fn a_check_that_fails_says_why() {
        let outcome = run(Suite::new("check", 1).check(|| anyhow::bail!("two versions of sha2")));
        assert_eq!(
            (outcome.count, outcome.remarks),
            (Count::ONE_FAILED, vec!["two versions of sha2".to_owned()])
        );
    }

    #[test]
    fn the_time_limit_is_over_all_steps() {
        let suite = Suite {
            limit: Duration::from_millis(300),
            ..Suite::new("slow", 1)
        };
        let outcome = run(suite.passes(shell("sleep 0.1")).passes(shell("sleep 30")));
        assert_eq!(
            outcome.count,
            Count {
                passed: 1,
                failed: 1,
                skipped: 0
            }
        );
        assert!(
            outcome.elapsed < Duration::from_secs(20),
            "{:?}",
            outcome.elapsed
        );
    }
}

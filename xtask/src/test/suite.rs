//! One suite: what it runs, how long it may take, how its tests are counted.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::count::Count;
use super::outcome::{Outcome, notes};
use crate::process::{End, Group, describe};

/// A check in this program; what it returns goes into the table.
type Check = Box<dyn FnOnce() -> Result<String> + Send>;

enum Step {
    /// Makes something, and is no test; only its failure counts.
    Builds(Command),
    /// Prints summaries, which are counted.
    Tests(Command),
    /// Succeeds or fails, and is one test.
    Passes(Command),
    /// One test as well.
    Check(Check),
}

/// A named list of steps with one time limit over all of them.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    /// It needs what the suites that block build.
    pub(crate) needs_build: bool,
    /// After its failure nothing that needs the build can run.
    pub(crate) blocks: bool,
    limit: Duration,
    steps: Vec<Step>,
}

impl Suite {
    /// An empty suite; `limit` in minutes.
    pub(crate) fn new(name: &'static str, limit: u64) -> Self {
        let limit = Duration::from_secs(60 * limit);
        Self {
            name,
            needs_build: false,
            blocks: false,
            limit,
            steps: Vec::new(),
        }
    }

    /// A program that makes what other suites test.
    pub(crate) fn builds(mut self, command: Command) -> Self {
        self.steps.push(Step::Builds(command));
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

    /// A check written here.
    pub(crate) fn check(mut self, check: impl FnOnce() -> Result<String> + Send + 'static) -> Self {
        self.steps.push(Step::Check(Box::new(check)));
        self
    }

    /// Runs only if the build succeeded.
    pub(crate) fn needs_build(mut self) -> Self {
        self.needs_build = true;
        self
    }

    /// Is the build, or a part of it.
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
            remark: format!("not run: {why}"),
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
            remark: String::new(),
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
                outcome.remark = remark;
            }
            if count.failed > 0 {
                outcome.blocks = self.blocks;
                break;
            }
        }
        outcome.elapsed = start.elapsed();
        outcome.notes = notes(&fs::read_to_string(&log).unwrap_or_default());
        outcome
    }
}

impl Step {
    fn run(self, log: &Path, limit: Duration) -> Result<(Count, String)> {
        match self {
            Self::Check(check) => check().map(|remark| (Count::ONE_PASSED, remark)),
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

/// A program's exit status and its count have to agree, and a suite without a test is a mistake.
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

/// Appends the program's output to the log, and gives what it printed.
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
            .check(|| Ok("fine".into()));
        let outcome = run(suite);
        assert_eq!(
            outcome.count,
            Count {
                passed: 5,
                failed: 0,
                skipped: 1
            }
        );
        assert_eq!(outcome.remark, "fine");
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
            (outcome.count, outcome.remark.as_str()),
            (Count::ONE_FAILED, "no test ran")
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
    fn a_check_that_fails_says_why() {
        let outcome = run(Suite::new("check", 1).check(|| anyhow::bail!("two versions of sha2")));
        assert_eq!(
            (outcome.count, outcome.remark.as_str()),
            (Count::ONE_FAILED, "two versions of sha2")
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

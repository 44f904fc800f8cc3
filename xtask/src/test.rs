//! `cargo xtask test`: runs the suites on two cores and prints the number of tests.

mod count;
mod dependencies;
mod failures;
mod outcome;
mod suite;
mod suites;
mod supply;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use self::count::Count;
use self::outcome::Outcome;
use self::suite::Suite;
use self::suites::Phase;
pub(crate) use self::suites::node_tests;
use crate::process;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these suites, and the builds that they need
    suites: Vec<String>,
    /// Print the names of the suites
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let start = Instant::now();
    let mut phases = suites::all(workspace)?;
    if options.list {
        phases
            .iter()
            .flat_map(Phase::names)
            .for_each(|name| println!("{name}"));
        return Ok(ExitCode::SUCCESS);
    }
    select(&mut phases, &options.suites)?;
    let logs = workspace.target("test-logs");
    fs::create_dir_all(&logs)?;

    let broken = AtomicBool::new(false);
    let outcomes: Vec<Outcome> = phases
        .into_iter()
        .flat_map(|phase| run_phase(phase, &logs, &broken))
        .collect();
    Ok(report(&outcomes, start.elapsed()))
}

/// Keeps the named suites, and the builds if one of them needs a build.
fn select(phases: &mut [Phase], names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let known: Vec<_> = phases.iter().flat_map(Phase::names).collect();
    for name in names {
        ensure!(
            known.contains(&name.as_str()),
            "no suite {name:?}; there are: {}",
            known.join(", ")
        );
    }
    let named = |suite: &Suite| names.iter().any(|name| name == suite.name);
    let needs_build = phases
        .iter()
        .flat_map(|phase| phase.lanes.iter().flatten())
        .any(|s| s.needs_build && named(s));
    for lane in phases.iter_mut().flat_map(|phase| &mut phase.lanes) {
        lane.retain(|suite| named(suite) || (suite.blocks && needs_build));
    }
    Ok(())
}

/// Runs the lanes of a phase in parallel, and the suites of each lane in order.
fn run_phase(phase: Phase, logs: &Path, broken: &AtomicBool) -> Vec<Outcome> {
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for lane in phase.lanes {
            scope.spawn(|| {
                for suite in lane {
                    let outcome = run_suite(suite, logs, broken);
                    outcome.announce();
                    broken.fetch_or(outcome.blocks, Ordering::SeqCst);
                    outcomes
                        .lock()
                        .unwrap_or_else(|poison| poison.into_inner())
                        .push(outcome);
                }
            });
        }
    });
    outcomes
        .into_inner()
        .unwrap_or_else(|poison| poison.into_inner())
}

fn run_suite(suite: Suite, logs: &Path, broken: &AtomicBool) -> Outcome {
    if process::interrupted() {
        return suite.not_run("interrupted");
    }
    if suite.needs_build && broken.load(Ordering::SeqCst) {
        return suite.not_run("the build failed");
    }
    suite.run(logs)
}

/// Prints the table, what failed and, last, the line that scripts read.
fn report(outcomes: &[Outcome], elapsed: Duration) -> ExitCode {
    println!(
        "\n{:<22} {:>7} {:>7} {:>8} {:>8}",
        "suite", "passed", "failed", "skipped", "seconds"
    );
    for outcome in outcomes {
        let Count {
            passed,
            failed,
            skipped,
        } = outcome.count;
        println!(
            "{:<22} {passed:>7} {failed:>7} {skipped:>8} {:>8.1}",
            outcome.name,
            outcome.elapsed.as_secs_f64(),
        );
        for remark in &outcome.remarks {
            println!("{:<22} {remark}", "");
        }
    }
    for outcome in outcomes {
        for failure in &outcome.failures {
            let told: Vec<&str> = failure.lines().collect();
            println!("\n{} failed: {}", outcome.name, told.join("\n    "));
        }
    }
    let total: Count = outcomes.iter().map(|outcome| outcome.count).sum();
    println!(
        "\nin {} min {:02} s",
        elapsed.as_secs() / 60,
        elapsed.as_secs() % 60
    );
    let Count {
        passed,
        failed,
        skipped,
    } = total;
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if total.failed == 0 && total.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

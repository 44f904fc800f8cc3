//! How many tests ran, read from what each kind of test program prints at its end.

use std::iter::Sum;
use std::ops::Add;

/// Tests by outcome. Skipped ones count neither way, but are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Count {
    pub(crate) const ONE_PASSED: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    pub(crate) const ONE_FAILED: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };
    pub(crate) const ONE_SKIPPED: Self = Self {
        passed: 0,
        failed: 0,
        skipped: 1,
    };

    /// Adds up every summary in `output`: of `cargo test` and of `node --test`.
    pub(crate) fn read(output: &str) -> Self {
        let lines: Vec<&str> = output.lines().collect();
        let rust: Self = lines.iter().filter_map(|line| rust_summary(line)).sum();
        let node: Self = (0..lines.len())
            .filter_map(|at| node_summary(lines.get(at..)?))
            .sum();
        // Node's summary leaves out what a skipped `describe` would have held.
        let skips = lines.iter().filter(|line| is_node_skip(line)).count();
        let skipped = node.skipped.max(skips);
        rust + Self { skipped, ..node }
    }
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.10s`
fn rust_summary(line: &str) -> Option<Count> {
    let (_verdict, fields) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let field = |name: &str| {
        fields
            .split("; ")
            .filter_map(|field| field.split_once(' '))
            .find(|(_, label)| *label == name)
            .and_then(|(number, _)| number.parse().ok())
    };
    Some(Count {
        passed: field("passed")?,
        failed: field("failed")?,
        skipped: field("ignored")?,
    })
}

/// The eight lines `tests`, `suites`, `pass`, `fail`, `cancelled`, `skipped`, `todo`, `duration_ms`,
/// each after `ℹ `. They count only all together, because what a test itself says is printed after
/// `ℹ ` as well. A cancelled test is a failed one.
fn node_summary(lines: &[&str]) -> Option<Count> {
    const LABELS: [&str; 7] = [
        "tests",
        "suites",
        "pass",
        "fail",
        "cancelled",
        "skipped",
        "todo",
    ];
    let mut numbers = [0_usize; LABELS.len()];
    let mut lines = lines.iter();
    for (label, number) in LABELS.iter().zip(&mut numbers) {
        *number = node_field(lines.next()?, label)?.parse().ok()?;
    }
    node_field(lines.next()?, "duration_ms")?;
    let [_tests, _suites, passed, failed, cancelled, skipped, todo] = numbers;
    Some(Count {
        passed,
        failed: failed + cancelled,
        skipped: skipped + todo,
    })
}

/// `﹣ name (0.3ms) # reason`, at any depth.
fn is_node_skip(line: &str) -> bool {
    line.trim_start().starts_with("﹣ ")
}

fn node_field<'a>(line: &'a str, label: &str) -> Option<&'a str> {
    line.strip_prefix("ℹ ")?
        .strip_prefix(label)?
        .strip_prefix(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(passed: usize, failed: usize, skipped: usize) -> Count {
        Count {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn adds_up_the_binaries_of_cargo_test() {
        let output = "
running 3 tests
test a ... ok
test b ... ignored
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

     Running tests/vectors.rs (target/debug/deps/vectors-1)
test result: FAILED. 10 passed; 4 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.20s

   Doc-tests tessera
test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s; merged doctests compilation took 0.4s
";
        assert_eq!(Count::read(output), count(12, 4, 1));
    }

    #[test]
    fn adds_up_what_node_prints() {
        let output = "✔ a (1ms)\nℹ tests 9\nℹ suites 2\nℹ pass 5\nℹ fail 1\nℹ cancelled 1\nℹ skipped 1\nℹ todo 1\nℹ duration_ms 49.2\n";
        assert_eq!(Count::read(output), count(5, 2, 2));
        assert_eq!(Count::read(&output.repeat(2)), count(10, 4, 4));
    }

    #[test]
    fn a_skipped_describe_is_seen() {
        let summary = "ℹ tests 1\nℹ suites 2\nℹ pass 1\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0\nℹ duration_ms 4\n";
        let output = format!("✔ runs (1ms)\n  ﹣ forges (0.3ms) # not built\n{summary}");
        assert_eq!(Count::read(&output), count(1, 0, 1));
    }

    #[test]
    fn what_a_test_prints_is_no_summary() {
        assert_eq!(
            Count::read("ℹ pass 5\nℹ fail 0\nℹ tests 5\n"),
            Count::default()
        );
        assert_eq!(
            Count::read("ok: test result: ok. 5 passed; 0 failed; 0 ignored\n"),
            Count::default()
        );
        assert_eq!(
            Count::read("test result: pending\n5 passed, 0 failed\n"),
            Count::default()
        );
        assert_eq!(Count::read(""), Count::default());
    }

    #[test]
    fn a_cut_summary_is_none() {
        assert_eq!(
            Count::read("test result: ok. 2 passed; 0 fai"),
            Count::default()
        );
        assert_eq!(
            Count::read("ℹ tests 1\nℹ suites 0\nℹ pass 1\nℹ fail 0\nℹ cancelled 0\n"),
            Count::default()
        );
        assert_eq!(
            Count::read("test result: ok. many passed; 0 failed; 0 ignored"),
            Count::default()
        );
    }
}

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

    /// Adds up every summary in `output`: of `cargo test` and wasm-bindgen-test, and of `node --test`.
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
///
/// wasm-bindgen-test prints the same without `measured`.
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
/// each after `# ` (TAP) or `ℹ ` (spec). They count only all together, because TAP prints what a test
/// itself wrote after `# ` as well. A cancelled test is a failed one.
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

/// `ok 2 - name # SKIP reason` (TAP) or `﹣ name (0.3ms) # reason` (spec), at any depth.
fn is_node_skip(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("﹣ ") || (line.starts_with("ok ") && line.contains(" # SKIP"))
}

fn node_field<'a>(line: &'a str, label: &str) -> Option<&'a str> {
    let line = line
        .strip_prefix("# ")
        .or_else(|| line.strip_prefix("ℹ "))?;
    line.strip_prefix(label)?.strip_prefix(' ')
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
    fn reads_wasm_bindgen_test() {
        let output = "Running headless tests in Chrome on `http://127.0.0.1:1/`\n\
                      test web::vectors ... ok\n\n\
                      test result: ok. 18 passed; 0 failed; 2 ignored; 0 filtered out; finished in 4.10s\n";
        assert_eq!(Count::read(output), count(18, 0, 2));
    }

    #[test]
    fn reads_node_in_both_forms() {
        let tap = "1..2\n# tests 9\n# suites 2\n# pass 5\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 1\n# duration_ms 49.2\n";
        assert_eq!(Count::read(tap), count(5, 2, 2));
        let spec = tap.replace("# ", "ℹ ");
        assert_eq!(Count::read(&spec), count(5, 2, 2));
        assert_eq!(Count::read(&format!("{tap}{spec}")), count(10, 4, 4));
    }

    #[test]
    fn a_skipped_describe_is_seen() {
        let summary = "# tests 1\n# suites 2\n# pass 1\n# fail 0\n# cancelled 0\n# skipped 0\n# todo 0\n# duration_ms 4\n";
        let tap = format!("ok 1 - runs\nok 2 - forges # SKIP not built\n{summary}");
        assert_eq!(Count::read(&tap), count(1, 0, 1));
        let spec = format!("✔ runs (1ms)\n﹣ forges (0.3ms) # not built\n{summary}");
        assert_eq!(Count::read(&spec), count(1, 0, 1));
    }

    #[test]
    fn what_a_test_prints_is_no_summary() {
        assert_eq!(
            Count::read("# pass 5\n# fail 0\n# tests 5\n"),
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
            Count::read("# tests 1\n# suites 0\n# pass 1\n# fail 0\n# cancelled 0\n"),
            Count::default()
        );
        assert_eq!(
            Count::read("test result: ok. many passed; 0 failed; 0 ignored"),
            Count::default()
        );
    }
}

//! The tests that failed and what each says of it, read from what `cargo test` and `node --test` print.

use std::collections::HashSet;

/// How much of what a failed test says is shown, in lines.
const LINES: usize = 16;

/// A failed test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    name: String,
    /// The first lines of what it says.
    reason: Vec<String>,
}

impl Failure {
    fn new<'a>(name: &str, said: impl Iterator<Item = &'a str>) -> Self {
        let told = said.map(str::trim_end).filter(|line| !line.is_empty());
        let reason = told.take(LINES).map(str::to_owned).collect();
        Self {
            name: name.to_owned(),
            reason,
        }
    }

    /// The name, then the reason.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name)
            .chain(&self.reason)
            .map(String::as_str)
    }
}

/// The failed tests of `output`, in its order.
pub(crate) fn read(output: &str) -> Vec<Failure> {
    let lines: Vec<&str> = output.lines().collect();
    let failed: HashSet<&str> = lines.iter().filter_map(|line| rust_name(line)).collect();
    (0..lines.len())
        .filter_map(|at| lines.get(at..)?.split_first())
        .filter_map(|(line, after)| {
            rust_failure(line, after, &failed).or_else(|| node_failure(line, after))
        })
        .collect()
}

/// `test name ... FAILED`
fn rust_name(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// `---- name stdout ----`, then what the test printed. Tests that passed may be shown like this too.
fn rust_failure(line: &str, after: &[&str], failed: &HashSet<&str>) -> Option<Failure> {
    let name = line.strip_prefix("---- ")?.strip_suffix(" stdout ----")?;
    let ends = |line: &&&str| line.starts_with("---- ") || **line == "failures:";
    let printed = after.iter().take_while(|line| !ends(line)).copied();
    failed.contains(name).then(|| Failure::new(name, printed))
}

/// In the list at the end: `test at file:line:column`, `✖ name (duration)`, then what it says, indented.
fn node_failure(line: &str, after: &[&str]) -> Option<Failure> {
    let place = line.strip_prefix("test at ")?;
    let (title, said) = after.split_first()?;
    let name = title.strip_prefix("✖ ")?;
    let name = name
        .rsplit_once(" (")
        .map_or(name, |(name, _duration)| name);
    let is_of_it = |line: &&&str| line.is_empty() || line.starts_with("  ");
    let said = said.iter().take_while(is_of_it).copied();
    Some(Failure::new(name, std::iter::once(place).chain(said)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(name: &str, reason: &[&str]) -> Failure {
        Failure::new(name, reason.iter().copied())
    }

    #[test]
    fn reads_cargo_test() {
        let output = "
test a::b ... FAILED
test c ... ok
test d ... FAILED

successes:

---- c stdout ----
fine

successes:
    c

failures:

---- a::b stdout ----

thread 'a::b' panicked at src/a.rs:1:2:
left is not right
note: run with `RUST_BACKTRACE=1`

---- d stdout ----
Error: Closed


failures:
    a::b
    d
";
        let panicked = [
            "thread 'a::b' panicked at src/a.rs:1:2:",
            "left is not right",
            "note: run with `RUST_BACKTRACE=1`",
        ];
        assert_eq!(
            read(output),
            [failure("a::b", &panicked), failure("d", &["Error: Closed"])]
        );
    }

    #[test]
    fn reads_the_list_of_node() {
        let output = "
▶ outer
  ✖ inner (with a dash) (7.02ms)
✖ outer (8.1ms)
ℹ tests 2
ℹ duration_ms 100.5

✖ failing tests:

test at a.test.mjs:2:47
✖ inner (with a dash) (7.02ms)
  AssertionError [ERR_ASSERTION]: x

      at somewhere

test at b.test.mjs:1:1
✖ another (0.1ms)
  'test timed out'
";
        let reason = [
            "a.test.mjs:2:47",
            "  AssertionError [ERR_ASSERTION]: x",
            "      at somewhere",
        ];
        let another = failure("another", &["b.test.mjs:1:1", "  'test timed out'"]);
        assert_eq!(
            read(output),
            [failure("inner (with a dash)", &reason), another]
        );
    }

    #[test]
    fn keeps_the_first_lines() {
        let said =
            "test long ... FAILED\n---- long stdout ----\n".to_owned() + &"line\n".repeat(99);
        let failures = read(&said);
        assert_eq!(failures.first().map(|one| one.reason.len()), Some(LINES));
    }

    #[test]
    fn passed_tests_are_no_failures() {
        assert_eq!(
            read("✔ a (1ms)\ntest b ... ok\nhis test at b:1:1\n✖ c\n"),
            []
        );
    }
}

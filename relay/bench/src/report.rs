//! The table of results, and the machine.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use crate::shared;

const BEGIN: &str = "<!-- relay results: written by `cargo xtask bench relay` -->\n";
const END: &str = "<!-- end of relay results -->";

/// The target of a row.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// No target.
    None,
    /// A ratio to the peer.
    Of(f64),
    /// A value with its unit.
    Absolute(f64, &'static str),
}

/// One line of the table.
pub(crate) struct Row {
    what: String,
    ours: String,
    peer: String,
    peers: String,
    ratio: String,
    target: String,
    met: &'static str,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, ours: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            ours: ours.into(),
            peer: String::new(),
            peers: String::new(),
            ratio: String::new(),
            target: String::new(),
            met: "",
        }
    }

    pub(crate) fn beside(mut self, peer: &str, value: impl Into<String>) -> Self {
        (self.peer, self.peers) = (peer.to_owned(), value.into());
        self
    }

    pub(crate) fn at_least(self, value: f64, target: Target) -> Self {
        self.judged(value, target, "≥", |value, target| value >= target)
    }

    pub(crate) fn at_most(self, value: f64, target: Target) -> Self {
        self.judged(value, target, "≤", |value, target| value <= target)
    }

    fn judged(mut self, value: f64, target: Target, sign: &str, met: fn(f64, f64) -> bool) -> Self {
        let (wanted, text) = match target {
            Target::Of(wanted) => (Some(wanted), format!("{sign} {wanted}×")),
            Target::Absolute(wanted, unit) => (Some(wanted), format!("{sign} {wanted} {unit}")),
            Target::None => (None, String::new()),
        };
        if !matches!(target, Target::Absolute(..)) {
            self.ratio = format!("{value:.2}×");
        }
        self.target = text;
        self.met = match wanted {
            Some(wanted) if met(value, wanted) => "yes",
            Some(_) => "**no**",
            None => "",
        };
        self
    }
}

/// All of it.
pub(crate) struct Report {
    rows: Vec<Row>,
    remarks: Vec<String>,
}

impl Report {
    /// Records the state of the machine before the benchmark loads it.
    pub(crate) fn new() -> Self {
        Self {
            rows: Vec::new(),
            remarks: vec![machine()],
        }
    }

    pub(crate) fn add(&mut self, row: Row) {
        println!(
            "  {}: {} | {} {} | {}",
            row.what, row.ours, row.peer, row.peers, row.ratio
        );
        self.rows.push(row);
    }

    pub(crate) fn remark(&mut self, text: &str) {
        self.remarks.push(text.to_owned());
    }

    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        for remark in &self.remarks {
            let _ = writeln!(text, "- {remark}");
        }
        text += "\n| what | ours | peer | peer's | ratio | target | met |\n| --- | --- | --- | --- | --- | --- | --- |\n";
        for row in &self.rows {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} |",
                row.what, row.ours, row.peer, row.peers, row.ratio, row.target, row.met
            );
        }
        text
    }
}

/// Inserts the table between its marks.
pub(crate) fn write(document: &Path, text: &str) -> Result<()> {
    let old = fs::read_to_string(document)?;
    let (before, rest) = old.split_once(BEGIN).context("no place for results")?;
    let (_, after) = rest.split_once(END).context("no end of results")?;
    Ok(fs::write(
        document,
        format!("{before}{BEGIN}{text}{END}{after}"),
    )?)
}

fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let of = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split(':').nth(1))
            .unwrap_or("?")
            .trim()
            .to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = of(&read("/proc/meminfo"), "MemTotal");
    let kib: f64 = memory
        .split(' ')
        .next()
        .and_then(|kib| kib.parse().ok())
        .unwrap_or(0.0);
    let load = read("/proc/loadavg");
    let version = |program: Option<&Path>, name: &str| {
        let said = program.map(|program| Command::new(program).arg("-v").output());
        match said {
            Some(Ok(said)) => String::from_utf8_lossy(&[said.stdout, said.stderr].concat())
                .trim()
                .to_owned(),
            Some(Err(_)) | None => format!("no {name}"),
        }
    };
    let versions = [
        version(shared::binary().as_deref(), "nats-server"),
        version(Some("nginx".as_ref()), "nginx"),
    ];
    format!(
        "{cores} cores ({}), {:.0} GiB; load average when it began {}; {}; SQLite {}",
        of(&read("/proc/cpuinfo"), "model name"),
        kib / f64::from(1 << 20),
        load.split(' ').next().unwrap_or("?"),
        versions.join("; "),
        rusqlite::version()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_or_missed() {
        let row = |value, target| Row::new("x", "1").at_least(value, target);
        assert_eq!(row(0.5, Target::Of(0.5)).met, "yes");
        assert_eq!(row(0.49, Target::Of(0.5)).met, "**no**");
        assert_eq!(row(f64::NAN, Target::Of(0.5)).met, "**no**");
        assert_eq!(row(0.1, Target::None).met, "");
        let slow = Row::new("x", "1").at_most(0.31, Target::Absolute(0.3, "s"));
        assert_eq!(
            (slow.met, slow.ratio.as_str(), slow.target.as_str()),
            ("**no**", "", "≤ 0.3 s")
        );
    }

    #[test]
    fn the_table_goes_between_its_marks_and_nowhere_else() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("before\n{BEGIN}old\n{END}\nafter\n")).unwrap();
        write(file.path(), "new\n").unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        assert_eq!(text, format!("before\n{BEGIN}new\n{END}\nafter\n"));
        fs::write(file.path(), "no marks").unwrap();
        assert!(write(file.path(), "new\n").is_err());
    }
}

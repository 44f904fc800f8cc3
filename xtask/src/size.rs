//! What a browser downloads for an entry of the package: the wasm module, and the scripts as a bundler
//! ships them, minified; each compressed separately, as a server would send it. Of a module in two parts,
//! the first; the rest is loaded after it, and has a limit of its own.

use std::fmt;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{npm, process};

/// An entry of the package, and what its download may be, in bytes.
#[derive(Debug, PartialEq, Eq)]
struct Budget {
    entry: &'static str,
    /// The goal of the documents.
    target: usize,
    /// Above this the tests fail. While the target is missed: the last measurement plus 2 %. Lower it with
    /// every improvement. What the module is made of is in `docs/benchmarks.md`.
    limit: usize,
    /// The same for what is loaded later.
    later: usize,
}

const BUDGETS: [Budget; 3] = [
    Budget {
        entry: ".",
        target: 240 * 1024,
        limit: 215 * 1024,
        later: 146 * 1024,
    },
    Budget {
        entry: "./sdk",
        target: 110 * 1024,
        limit: 78 * 1024,
        later: 0,
    },
    // What the elements add to the main entry, in one language.
    Budget {
        entry: "./elements",
        target: 60 * 1024,
        limit: 60 * 1024,
        later: 0,
    },
];

/// Compressed sizes of one entry, in bytes.
#[derive(Debug)]
pub(crate) struct Download {
    budget: &'static Budget,
    wasm: usize,
    scripts: usize,
    later: usize,
}

impl Download {
    fn total(&self) -> usize {
        self.wasm + self.scripts
    }

    /// Fails if the download has grown.
    pub(crate) fn within_limit(self) -> Result<Self> {
        ensure!(
            self.total() <= self.budget.limit,
            "{self}: above the limit of {:.1} KiB",
            kib(self.budget.limit)
        );
        ensure!(
            self.later <= self.budget.later,
            "{self}: what is loaded later is above the limit of {:.1} KiB",
            kib(self.budget.later)
        );
        Ok(self)
    }
}

impl fmt::Display for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wasm, scripts, total) = (kib(self.wasm), kib(self.scripts), kib(self.total()));
        let Budget { entry, target, .. } = self.budget;
        write!(
            f,
            "Download of {entry}: wasm {wasm:.1} KiB + bundled scripts {scripts:.1} KiB = {total:.1} KiB gzip"
        )?;
        if self.later > 0 {
            write!(f, ", and {:.1} KiB after them", kib(self.later))?;
        }
        if self.total() > *target {
            write!(f, ", the target of {:.0} KiB is not met yet", kib(*target))?;
        }
        Ok(())
    }
}

fn kib(bytes: usize) -> f64 {
    bytes as f64 / 1024.0
}

/// Measures the built package with the bundler of `tests/bench`.
pub(crate) fn downloads(workspace: &Workspace) -> Result<Vec<Download>> {
    let folder = workspace.path("tests/bench");
    npm::install(&folder)?;
    let mut bundler = Command::new("node");
    bundler
        .arg("size.mjs")
        .arg(workspace.path("pkg/dist"))
        .current_dir(&folder);
    parse(&process::output(&mut bundler)?)
}

fn parse(json: &[u8]) -> Result<Vec<Download>> {
    let sizes: Value = serde_json::from_slice(json).context("size.mjs")?;
    let download = |budget: &'static Budget| {
        let bytes = |part: &str| {
            let bytes = sizes.get(budget.entry).and_then(|sizes| sizes.get(part));
            let bytes = bytes.and_then(Value::as_u64);
            let bytes =
                bytes.with_context(|| format!("size.mjs: no {part} of {}", budget.entry))?;
            Ok::<_, anyhow::Error>(usize::try_from(bytes)?)
        };
        Ok(Download {
            budget,
            wasm: bytes("wasm")?,
            scripts: bytes("scripts")?,
            later: bytes("later")?,
        })
    };
    BUDGETS.iter().map(download).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_of_every_entry_count() {
        let downloads =
            parse(br#"{".":{"wasm":1024,"scripts":2048,"later":1536},"./sdk":{"wasm":512,"scripts":512,"later":0},"./elements":{"wasm":0,"scripts":9,"later":0}}"#);
        let [portal, sdk, elements] = downloads.expect("sizes").try_into().expect("three entries");
        assert_eq!(
            portal.to_string(),
            "Download of .: wasm 1.0 KiB + bundled scripts 2.0 KiB = 3.0 KiB gzip, and 1.5 KiB after them"
        );
        assert_eq!((sdk.total(), elements.total()), (1024, 9));
        assert!(parse(br#"{".":{"wasm":1024,"scripts":2048},"./sdk":{"wasm":1}}"#).is_err());
    }

    #[test]
    fn more_than_the_limit_is_an_error_and_a_missed_target_is_named() {
        const BUDGET: Budget = Budget {
            entry: "./sdk",
            target: 110 * 1024,
            limit: 120 * 1024,
            later: 9,
        };
        let of = |wasm| Download {
            budget: &BUDGET,
            wasm,
            scripts: 0,
            later: 9,
        };
        assert!(of(BUDGET.limit).within_limit().is_ok());
        assert!(of(BUDGET.limit + 1).within_limit().is_err());
        let later = Download { later: 10, ..of(0) };
        assert!(later.within_limit().is_err());
        assert!(of(BUDGET.target + 1).to_string().contains("110 KiB"));
        assert!(!of(BUDGET.target).to_string().contains("the target"));
    }
}

//! The download of the package's main entry: the wasm module, and the scripts as a bundler ships them,
//! minified; each compressed separately, as a server would send it.

use std::fmt;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{npm, process};

/// The goal, and the most that documents may promise, in bytes.
const TARGET: usize = 110 * 1024;
const PROMISE: usize = 130 * 1024;
/// Above this the tests fail: the last measurement plus 2 %. Lower it with every improvement. It was raised
/// from 238 KiB for vaults with several keys, backups, the audit log, large messages and segments, and from
/// 318 KiB for the Unicode categories of the text rule (5 KiB), the search for invitations in mail, the
/// manifest of the vault, alerts and bounds on what a relay states, and reading a full store.
const RATCHET: usize = 347 * 1024;

/// Compressed sizes, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Download {
    wasm: usize,
    scripts: usize,
}

impl Download {
    fn total(self) -> usize {
        self.wasm + self.scripts
    }

    /// Fails if the download has grown.
    pub(crate) fn within_limit(self) -> Result<Self> {
        ensure!(
            self.total() <= RATCHET,
            "{self}: above the limit of {:.1} KiB",
            kib(RATCHET)
        );
        Ok(self)
    }
}

impl fmt::Display for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wasm, scripts, total) = (kib(self.wasm), kib(self.scripts), kib(self.total()));
        write!(
            f,
            "Core download: wasm {wasm:.1} KiB + bundled scripts {scripts:.1} KiB = {total:.1} KiB gzip"
        )?;
        let (target, promise) = (kib(TARGET), kib(PROMISE));
        if self.total() > TARGET {
            write!(
                f,
                ", the target of {target:.0} KiB (at most {promise:.0} KiB) is not met yet"
            )?;
        }
        Ok(())
    }
}

fn kib(bytes: usize) -> f64 {
    bytes as f64 / 1024.0
}

/// Measures the built package with the bundler of `tests/bench`.
pub(crate) fn core_download(workspace: &Workspace) -> Result<Download> {
    let folder = workspace.path("tests/bench");
    npm::install(&folder)?;
    let mut bundler = Command::new("node");
    bundler
        .arg("size.mjs")
        .arg(workspace.path("pkg/dist"))
        .current_dir(&folder);
    parse(&process::output(&mut bundler)?)
}

fn parse(json: &[u8]) -> Result<Download> {
    let sizes: Value = serde_json::from_slice(json).context("size.mjs")?;
    let bytes = |part: &str| {
        let bytes = sizes.get(part).and_then(Value::as_u64);
        let bytes = bytes.with_context(|| format!("size.mjs names no {part}"))?;
        Ok::<_, anyhow::Error>(usize::try_from(bytes)?)
    };
    Ok(Download {
        wasm: bytes("wasm")?,
        scripts: bytes("scripts")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_count() {
        let download = parse(b"{\"wasm\":1024,\"scripts\":2048}").expect("sizes");
        assert_eq!(
            download.to_string(),
            "Core download: wasm 1.0 KiB + bundled scripts 2.0 KiB = 3.0 KiB gzip"
        );
        assert!(parse(b"{\"wasm\":1024}").is_err());
    }

    #[test]
    fn more_than_before_is_an_error_and_the_target_is_named() {
        let of = |wasm| Download { wasm, scripts: 0 };
        assert!(of(RATCHET).within_limit().is_ok());
        assert!(of(RATCHET + 1).within_limit().is_err());
        assert!(of(TARGET + 1).to_string().contains("110 KiB"));
        assert!(!of(TARGET).to_string().contains("110 KiB"));
    }
}

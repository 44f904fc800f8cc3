//! Node.js and npm: the tools, and the dependencies that a lock file names.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::process;

const OLDEST_NODE: u32 = 20;

/// Fails with a line that says what to install.
pub(crate) fn require() -> Result<()> {
    let missing = format!(
        "Node.js {OLDEST_NODE} or newer with npm is missing: install it from nodejs.org or your system's packages"
    );
    let Ok(output) = Command::new("node").arg("--version").output() else {
        bail!(missing)
    };
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = major(&version).with_context(|| format!("node --version says {version:?}"))?;
    ensure!(
        major >= OLDEST_NODE,
        "Node.js {OLDEST_NODE} or newer is required, this is {version}"
    );
    ensure!(
        Command::new("npm").arg("--version").output().is_ok(),
        missing
    );
    Ok(())
}

fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// `npm` in a folder, without its notices.
pub(crate) fn npm(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command
        .args(arguments)
        .current_dir(folder)
        .env("npm_config_audit", "false")
        .env("npm_config_fund", "false")
        .env("npm_config_update_notifier", "false");
    command
}

/// `npm ci`, unless what the lock file names is already installed.
pub(crate) fn install(folder: &Path) -> Result<()> {
    let lock = fs::read(folder.join("package-lock.json")).with_context(|| {
        format!(
            "{}: no package-lock.json; run npm install there and commit it",
            folder.display()
        )
    })?;
    let manifest = fs::read(folder.join("package.json"))?;
    let stamp = stamp(&[&lock, &manifest]);
    let stamp_file = folder.join("node_modules/.installed");
    if fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp) {
        return Ok(());
    }
    process::run(&mut npm(folder, &["ci", "--loglevel=error"]))?;
    fs::create_dir_all(folder.join("node_modules"))?;
    fs::write(&stamp_file, stamp)?;
    Ok(())
}

fn stamp(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(Sha256::digest(part));
    }
    HEXLOWER.encode(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_major_version() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("v7"), Some(7));
        assert_eq!(major("20.1"), None);
        assert_eq!(major("version"), None);
    }

    #[test]
    fn a_stamp_depends_on_where_one_file_ends() {
        assert_ne!(stamp(&[b"ab", b"c"]), stamp(&[b"a", b"bc"]));
        assert_eq!(stamp(&[b"a", b"b"]), stamp(&[b"a", b"b"]));
    }
}

//! Chromium: found, or installed if this program may.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

const BROWSERS: &[&str] = &[
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
const MISSING: &str =
    "Chromium is missing: install the package chromium, or set CHROMIUM to its path";

/// `CHROMIUM`, else the search path, else the system's package.
pub(crate) fn find() -> Result<PathBuf> {
    if let Some(found) = installed() {
        return Ok(found);
    }
    install()?;
    installed().context(MISSING)
}

fn installed() -> Option<PathBuf> {
    configured("CHROMIUM").or_else(|| search(BROWSERS))
}

/// Installs Debian's package, if this is Debian and the user is root.
fn install() -> Result<()> {
    let Some(apt) = search(&["apt-get"]) else {
        bail!(MISSING)
    };
    if !is_root() {
        bail!(MISSING);
    }
    println!("Installing Chromium");
    process::run(Command::new(&apt).arg("update"))?;
    process::run(
        Command::new(&apt)
            .args(["install", "--yes", "--no-install-recommends", "chromium"])
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

#[cfg(unix)]
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

fn configured(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// The first of `names` on the search path.
pub(crate) fn search(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let directories: Vec<PathBuf> = env::split_paths(&path).collect();
    names.iter().find_map(|name| {
        directories
            .iter()
            .map(|directory: &PathBuf| directory.join(name))
            .find(|file| is_program(file))
    })
}

fn is_program(file: &Path) -> bool {
    file.is_file() || file.with_extension(env::consts::EXE_EXTENSION).is_file()
}

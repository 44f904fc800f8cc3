//! Chromium and its driver: found, or installed if this program may.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::process;
use crate::workspace::Workspace;

const BROWSERS: &[&str] = &[
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
const DRIVERS: &[&str] = &["chromedriver"];

/// Chromium and the matching chromedriver.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    pub(crate) chromium: PathBuf,
    pub(crate) chromedriver: PathBuf,
}

impl Browser {
    /// `CHROMIUM` and `CHROMEDRIVER`, else the search path, else the system's packages.
    pub(crate) fn find() -> Result<Self> {
        if let Some(found) = Self::installed() {
            return Ok(found);
        }
        install()?;
        Self::installed().context(MISSING)
    }

    fn installed() -> Option<Self> {
        Some(Self {
            chromium: configured("CHROMIUM").or_else(|| search(BROWSERS))?,
            chromedriver: configured("CHROMEDRIVER").or_else(|| search(DRIVERS))?,
        })
    }

    /// The project's `webdriver.json` with this browser's path, as text.
    pub(crate) fn webdriver_settings(&self, workspace: &Workspace) -> Result<String> {
        let path = workspace.path("webdriver.json");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut settings: Value = serde_json::from_str(&text).context("webdriver.json")?;
        let options = settings
            .get_mut("goog:chromeOptions")
            .and_then(Value::as_object_mut)
            .context("webdriver.json has no goog:chromeOptions")?;
        options.insert("binary".into(), json!(self.chromium));
        Ok(settings.to_string())
    }
}

const MISSING: &str = "Chromium and its driver are missing: install the packages chromium and chromium-driver, \
                       or set CHROMIUM and CHROMEDRIVER to their paths";

/// Installs Debian's packages, if this is Debian and the user is root.
fn install() -> Result<()> {
    let Some(apt) = search(&["apt-get"]) else {
        bail!(MISSING)
    };
    if !is_root() {
        bail!(MISSING);
    }
    println!("Installing Chromium and its driver");
    process::run(Command::new(&apt).arg("update"))?;
    process::run(
        Command::new(&apt)
            .args([
                "install",
                "--yes",
                "--no-install-recommends",
                "chromium",
                "chromium-driver",
            ])
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

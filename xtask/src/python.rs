//! Python with the packages of a requirements file, in an environment of its own below `target/`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// `python` of an environment that has what `requirements` pins; installs it when the file has changed.
pub(crate) fn command(workspace: &Workspace, requirements: &Path) -> Result<Command> {
    let wanted = fs::read_to_string(requirements)
        .with_context(|| format!("reading {}", requirements.display()))?;
    let environment = workspace.target("python");
    let programs = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let installed = environment.join("installed.txt");
    if fs::read_to_string(&installed).ok().as_ref() != Some(&wanted) {
        let base = if cfg!(windows) { "python" } else { "python3" };
        let mut create = Command::new(base);
        process::run(create.args(["-m", "venv", "--clear"]).arg(&environment))
            .context("Python 3.11 or later, with its module venv, is needed")?;
        let mut install = Command::new(programs.join("python"));
        install
            .args(["-m", "pip", "install", "--quiet", "--only-binary=:all:"])
            .args(["--disable-pip-version-check", "--requirement"]);
        process::run(install.arg(requirements))?;
        fs::write(&installed, &wanted)?;
    }
    Ok(Command::new(programs.join("python")))
}

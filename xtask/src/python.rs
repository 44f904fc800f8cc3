//! Python with the packages of a requirements file, in an environment of its own below `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

const PROGRAMS: &str = if cfg!(windows) { "Scripts" } else { "bin" };

/// `python` of an environment that has what `requirements` pins; installs it when the file has changed. Each folder
/// with such a file has an environment of its own.
pub(crate) fn command(workspace: &Workspace, requirements: &Path) -> Result<Command> {
    let wanted = fs::read_to_string(requirements)
        .with_context(|| format!("reading {}", requirements.display()))?;
    let environment = environment(workspace, requirements);
    let programs = environment.join(PROGRAMS);
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

/// Where a program of the packages that `requirements` pins is, once they are installed.
pub(crate) fn program(workspace: &Workspace, requirements: &Path, name: &str) -> PathBuf {
    environment(workspace, requirements)
        .join(PROGRAMS)
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION)
}

fn environment(workspace: &Workspace, requirements: &Path) -> PathBuf {
    let folder = requirements.parent().and_then(Path::file_name);
    workspace.target("python").join(folder.unwrap_or_default())
}

//! Programs of other projects, which few tasks need: `cargo xtask tools` installs them into
//! `target/tools`. A tool on the search path serves as well.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::browser::search;
use crate::process;
use crate::workspace::Workspace;

/// A cargo subcommand from crates.io.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Licences, advisories, banned crates and sources; `deny.toml` is its policy.
pub(crate) const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
};

/// Bills of materials of Rust programs.
pub(crate) const CARGO_CYCLONEDX: Tool = Tool {
    name: "cargo-cyclonedx",
    version: "0.5.9",
};

impl Tool {
    /// The program in `target/tools`, or on the search path.
    pub(crate) fn find(self, workspace: &Workspace) -> Option<PathBuf> {
        let own = folder(workspace)
            .join("bin")
            .join(self.name)
            .with_extension(std::env::consts::EXE_EXTENSION);
        own.is_file()
            .then_some(own)
            .or_else(|| search(&[self.name]))
    }

    /// What to say where the tool is needed and missing.
    pub(crate) fn missing(self) -> String {
        format!("{} is not installed, run: cargo xtask tools", self.name)
    }
}

/// Installs the tools that are missing: those named, or all.
pub(crate) fn install(workspace: &Workspace, names: &[String]) -> Result<()> {
    const TOOLS: [Tool; 2] = [CARGO_DENY, CARGO_CYCLONEDX];
    for name in names {
        ensure!(
            TOOLS.iter().any(|tool| tool.name == name),
            "no tool {name:?}; there are: cargo-deny, cargo-cyclonedx"
        );
    }
    let wanted = |tool: &Tool| names.is_empty() || names.iter().any(|name| name == tool.name);
    for tool in TOOLS.into_iter().filter(wanted) {
        if let Some(program) = tool.find(workspace) {
            println!("{} is at {}", tool.name, program.display());
            continue;
        }
        // They run for seconds: compiling them fast matters more than fast code.
        let mut install = workspace.cargo(&["install", "--locked", "--profile=dev", "--root"]);
        install
            .arg(folder(workspace))
            .arg(format!("{}@{}", tool.name, tool.version));
        process::run(&mut install)?;
    }
    Ok(())
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target("tools")
}

//! Programs of other projects, which few tasks need: `cargo xtask tools` installs them into
//! `target/tools`. A tool on the search path serves as well.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::browser::search;
use crate::process;
use crate::workspace::Workspace;

/// A program from crates.io.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
    /// Its program, where that is not named after the crate.
    program: &'static str,
    /// How it is built, beside `--locked`.
    features: &'static [&'static str],
    /// Whether it takes many minutes to build, so that it is installed by name only.
    is_large: bool,
}

/// Licences, advisories, banned crates and sources; `deny.toml` is its policy.
pub(crate) const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    program: "cargo-deny",
    features: &[],
    is_large: false,
};

/// Bills of materials of Rust programs.
pub(crate) const CARGO_CYCLONEDX: Tool = Tool {
    name: "cargo-cyclonedx",
    version: "0.5.9",
    program: "cargo-cyclonedx",
    features: &[],
    is_large: false,
};

/// A FHIR server with SQLite, which `tests/fhir` files messages on where it is installed.
pub(crate) const HELIOS: Tool = Tool {
    name: "helios-hfs",
    version: "0.2.7",
    program: "hfs",
    features: &["--no-default-features", "--features=R4,sqlite"],
    is_large: true,
};

impl Tool {
    /// The program in `target/tools`, or on the search path.
    pub(crate) fn find(self, workspace: &Workspace) -> Option<PathBuf> {
        let own = folder(workspace)
            .join("bin")
            .join(self.program)
            .with_extension(std::env::consts::EXE_EXTENSION);
        own.is_file()
            .then_some(own)
            .or_else(|| search(&[self.program]))
    }

    /// What to say where the tool is needed and missing.
    pub(crate) fn missing(self) -> String {
        let name = if self.is_large { self.name } else { "" };
        let install = format!("cargo xtask tools {name}");
        format!(
            "{} is not installed, run: {}",
            self.name,
            install.trim_end()
        )
    }
}

/// Installs the tools that are missing: those named, or all but the large ones.
pub(crate) fn install(workspace: &Workspace, names: &[String]) -> Result<()> {
    const TOOLS: [Tool; 3] = [CARGO_DENY, CARGO_CYCLONEDX, HELIOS];
    for name in names {
        ensure!(
            TOOLS.iter().any(|tool| tool.name == name),
            "no tool {name:?}; there are: cargo-deny, cargo-cyclonedx, helios-hfs"
        );
    }
    let wanted = |tool: &Tool| match names {
        [] => !tool.is_large,
        names => names.iter().any(|name| name == tool.name),
    };
    for tool in TOOLS.into_iter().filter(wanted) {
        if let Some(program) = tool.find(workspace) {
            println!("{} is at {}", tool.name, program.display());
            continue;
        }
        // They run for seconds: compiling them fast matters more than fast code.
        let mut install = workspace.cargo(&["install", "--locked", "--profile=dev", "--root"]);
        install
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .arg(folder(workspace))
            .args(tool.features)
            .arg(format!("{}@{}", tool.name, tool.version));
        process::run(&mut install)?;
    }
    Ok(())
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target("tools")
}

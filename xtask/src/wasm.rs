//! The wasm module: compiled, bound with the wasm-bindgen that the lock file names, hashed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use data_encoding::BASE64;
use serde_json::json;
use sha2::{Digest, Sha384};
use wasm_bindgen_cli_support::Bindgen;

use crate::process;
use crate::split::{self, Parts};
use crate::workspace::Workspace;

const TARGET: &str = "wasm32-unknown-unknown";

/// Installs the compilation target through rustup if it is missing.
pub(crate) fn require_target() -> Result<()> {
    let missing = format!("the compilation target {TARGET} is missing: rustup target add {TARGET}");
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let installed = output.is_ok_and(|output| {
        output.status.success()
            && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    });
    if installed {
        return Ok(());
    }
    if Command::new("rustup").arg("--version").output().is_err() {
        bail!(missing);
    }
    process::run(Command::new("rustup").args(["target", "add", TARGET])).context(missing)
}

/// Prefixes of paths on this machine, which must not end up in the module: two people who build the
/// same commit with the same compiler get the same bytes, wherever their folders are.
fn local_paths(workspace: &Workspace) -> Result<[(PathBuf, &'static str); 2]> {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .context("neither CARGO_HOME nor a home directory is set")?;
    Ok([
        (cargo_home, "/cargo"),
        (workspace.root().to_owned(), "/tessera"),
    ])
}

/// A WebAssembly module of the npm package: the file name of its bindings, and the feature that has them.
pub(crate) struct Module {
    pub(crate) name: &'static str,
    pub(crate) feature: &'static str,
}

/// What the main entry loads, and what the entry `./sdk` loads.
pub(crate) const MODULES: [Module; 2] = [
    Module {
        name: "core",
        feature: "portal",
    },
    Module {
        name: "sdk",
        feature: "sdk",
    },
];

/// The types of the bindings, from which the package is compiled.
pub(crate) const TYPES: [&str; 4] = ["core.d.ts", "first.d.ts", "sdk.d.ts", "integrity.d.ts"];

/// The module whose parts browsers load one after the other, beside the whole one for hosts that name a file.
const SPLIT: &str = "core";

/// The files of the modules, and of the parts of the one that is split.
pub(crate) const FILES: [&str; 4] = ["core", "core-first", "core-rest", "sdk"];

/// Builds both modules into `dist/core`, with a table of their hashes, and their types into
/// `bindings/core` as well: they import types of the package's sources, and beside `dist` they would
/// find those of the last build.
pub(crate) fn build(workspace: &Workspace, dist: &Path) -> Result<()> {
    let core = dist.join("core");
    for Module { name, feature } in MODULES {
        bind(&compile(workspace, feature)?, &core, name)?;
        let module = fs::read(core.join(format!("{name}.wasm"))).context(name)?;
        ensure!(
            !has_curve_tables(&module),
            "{name}.wasm contains the generator's tables of curve25519-dalek, 37 KiB that do not compress: \
             something multiplies the generator by itself, not with base::generator"
        );
    }
    let Parts { first, rest } = split::split(&fs::read(core.join(format!("{SPLIT}.wasm")))?)?;
    write(&core.join(format!("{SPLIT}-first.wasm")), &first)?;
    write(&core.join(format!("{SPLIT}-rest.wasm")), &rest)?;
    write(&core.join("first.d.ts"), split::first_types().as_bytes())?;
    write_integrity(dist)?;
    let bindings = workspace.path(BINDINGS);
    fs::create_dir_all(&bindings)?;
    for file in TYPES {
        write(&bindings.join(file), &fs::read(core.join(file))?)?;
    }
    Ok(())
}

/// Looks for the generator of Curve25519 as the tables have it: y + x, in limbs of 26 and 25 bits.
fn has_curve_tables(module: &[u8]) -> bool {
    const LIMBS: [u32; 3] = [93_076_338, 52_752_828, 29_566_454];
    let limbs = LIMBS.map(u32::to_le_bytes);
    let limbs = limbs.as_flattened();
    module.windows(limbs.len()).any(|bytes| bytes == limbs)
}

/// The folder of [`TYPES`].
pub(crate) const BINDINGS: &str = "pkg/bindings/core";

/// Fails if a built module names a path of this machine.
pub(crate) fn no_local_paths(workspace: &Workspace) -> Result<()> {
    for name in FILES {
        let file = workspace.path(format!("pkg/dist/core/{name}.wasm"));
        let module = fs::read(file).context(name)?;
        for (path, _) in local_paths(workspace)? {
            let path = path.as_os_str().as_encoded_bytes();
            ensure!(
                !module.windows(path.len()).any(|bytes| bytes == path),
                "{name}.wasm contains {}, so its bytes depend on the machine that built it",
                String::from_utf8_lossy(path)
            );
        }
    }
    Ok(())
}

/// Compiles the core for browsers with the bindings of one feature; returns the module's path, which the
/// next call overwrites.
pub(crate) fn compile(workspace: &Workspace, feature: &str) -> Result<PathBuf> {
    let features = format!("--features={feature}");
    let library = [
        "--lib",
        "--crate-type=cdylib",
        "--no-default-features",
        &features,
    ];
    optimized(workspace, &library)?;
    Ok(workspace.target("wasm32-unknown-unknown/wasm/tessera.wasm"))
}

/// The module of an example of the core, compiled and bound into a folder.
pub(crate) fn build_example(workspace: &Workspace, name: &str, folder: &Path) -> Result<()> {
    optimized(workspace, &["--example", name])?;
    let module = format!("wasm32-unknown-unknown/wasm/examples/{name}.wasm");
    bind(&workspace.target(module), folder, name)
}

/// Compiles a target of the core as the package has it: for browsers, optimized, without paths of this machine.
fn optimized(workspace: &Workspace, target: &[&str]) -> Result<()> {
    require_target()?;
    let remap: Vec<String> = local_paths(workspace)?
        .iter()
        .map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()))
        .collect();
    // Beside the flags that .cargo/config.toml has for this target.
    let flags = format!("target.{TARGET}.rustflags={}", json!(remap));
    let mut cargo = workspace.cargo(&["--config", &flags, "rustc", "--locked"]);
    cargo.args(["--package=tessera", "--target", TARGET, "--profile=wasm"]);
    process::run(cargo.args(target))
}

/// Writes the bindings `name.js`, their types and the module `name.wasm` into a folder.
pub(crate) fn bind(module: &Path, folder: &Path, name: &str) -> Result<()> {
    let bound = tempfile::tempdir()?;
    // No default path in the bindings: the facade names the file and its hash, and a bundler that
    // follows both would ship the module twice.
    Bindgen::new()
        .input_path(module)
        .out_name(name)
        .web(true)?
        .typescript(true)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(bound.path())
        .context("wasm-bindgen")?;

    fs::create_dir_all(folder)?;
    for (made, kept) in [
        (format!("{name}.js"), format!("{name}.js")),
        (format!("{name}.d.ts"), format!("{name}.d.ts")),
        (format!("{name}_bg.wasm"), format!("{name}.wasm")),
    ] {
        let bytes = fs::read(bound.path().join(&made)).with_context(|| made)?;
        write(&folder.join(kept), &bytes)?;
    }
    Ok(())
}

/// Writes the modules' hashes as a script for the package, and as `integrity.json` for hosts.
fn write_integrity(dist: &Path) -> Result<()> {
    let mut script = "/** Subresource integrity of the modules. */\n".to_owned();
    let mut types = String::new();
    let mut stated = serde_json::Map::new();
    for name in FILES {
        let file = format!("{name}.wasm");
        let module = fs::read(dist.join("core").join(&file)).with_context(|| file.clone())?;
        let constant = name.to_uppercase().replace('-', "_");
        let hash = subresource_integrity(&module);
        script += &format!("export const {constant}_INTEGRITY = \"{hash}\";\n");
        types += &format!("export declare const {constant}_INTEGRITY: string;\n");
        stated.insert(file, hash.into());
    }
    write(&dist.join("core/integrity.js"), script.as_bytes())?;
    write(&dist.join("core/integrity.d.ts"), types.as_bytes())?;
    let stated = format!("{:#}\n", serde_json::Value::Object(stated));
    write(&dist.join("integrity.json"), stated.as_bytes())
}

/// Leaves an unchanged file alone, so that its watchers do not run.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

/// Subresource integrity as `fetch` takes it: `sha384-` and the hash in base64.
fn subresource_integrity(bytes: &[u8]) -> String {
    format!("sha384-{}", BASE64.encode(&Sha384::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_has_the_form_that_browsers_take() {
        // `printf abc | openssl dgst -sha384 -binary | base64`
        let abc = "sha384-ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP/W+2AhgcroefMI1i67KE0yCWn";
        assert_eq!(subresource_integrity(b"abc"), abc);
    }
}

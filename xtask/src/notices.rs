//! Licence notices of the crates that are linked into what ships.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process;
use crate::tree;
use crate::workspace::Workspace;

/// The licence texts of all crates linked into `build`, each text once with the crates it is for.
pub(crate) fn collect(workspace: &Workspace, build: &[&str]) -> Result<String> {
    let linked = tree::linked(workspace, build)?;
    let metadata =
        process::output(&mut workspace.cargo(&["metadata", "--locked", "--format-version=1"]))?;
    let metadata: Value = serde_json::from_slice(&metadata).context("cargo metadata")?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut found = 0;
    for package in packages.context("cargo metadata lists no packages")? {
        let field = |name: &str| {
            package
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (name, version) = (field("name"), field("version"));
        let is_linked = linked
            .get(name)
            .is_some_and(|versions| versions.contains(version));
        if field("source").is_empty() || !is_linked {
            continue; // ours, or not part of this build
        }
        found += 1;
        let folder = Path::new(field("manifest_path")).parent();
        let mut licences = licence_files(folder.context("manifest_path")?)?;
        if licences.is_empty() {
            licences.push(format!(
                "{}, see {}\n",
                field("license"),
                field("repository")
            ));
        }
        for text in licences {
            texts
                .entry(text)
                .or_default()
                .insert(format!("{name} {version}"));
        }
    }
    ensure!(
        found > 0,
        "cargo metadata lists no crate of {}",
        build.join(" ")
    );
    Ok(render(&texts))
}

fn licence_files(folder: &Path) -> Result<Vec<String>> {
    const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"];
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_uppercase();
        if path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
            files.push(path);
        }
    }
    files.sort();
    files
        .iter()
        .map(|file| {
            let text = fs::read(file).with_context(|| file.display().to_string())?;
            Ok(unindented(&String::from_utf8_lossy(&text)))
        })
        .collect()
}

/// The lines without their indentation, in which copies of the same licence differ.
fn unindented(text: &str) -> String {
    let lines: Vec<_> = text.trim().lines().map(str::trim).collect();
    lines.join("\n") + "\n"
}

fn render(texts: &BTreeMap<String, BTreeSet<String>>) -> String {
    let mut sections: Vec<_> = texts
        .iter()
        .map(|(text, crates)| {
            let names: Vec<_> = crates.iter().map(String::as_str).collect();
            format!("{}\n\n{}\n", names.join(", "), text.trim_end())
        })
        .collect();
    sections.sort();
    let separator = format!("\n{}\n\n", "-".repeat(80));
    format!(
        "This software contains code of the following crates.\n{separator}{}",
        sections.join(&separator)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_printed_once_with_all_its_crates() {
        let crates = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let texts = BTreeMap::from([
            ("MIT text\n".to_owned(), crates(&["b 1.0.0", "a 2.0.0"])),
            ("BSD text\n".to_owned(), crates(&["c 1.0.0"])),
        ]);
        let printed = render(&texts);
        assert_eq!(printed.matches("MIT text").count(), 1);
        assert!(
            printed.contains("a 2.0.0, b 1.0.0\n\nMIT text\n"),
            "{printed}"
        );
        assert!(printed.contains("c 1.0.0\n\nBSD text\n"), "{printed}");
    }

    #[test]
    fn licences_are_found_by_their_usual_names() {
        let folder = tempfile::tempdir().expect("temporary directory");
        for (name, text) in [
            ("LICENSE-MIT", "\n  m\r\n\tn \n\n"),
            ("license.txt", "l"),
            ("lib.rs", "x"),
        ] {
            fs::write(folder.path().join(name), text).expect("file");
        }
        assert_eq!(
            licence_files(folder.path()).expect("files"),
            ["m\nn\n", "l\n"]
        );
    }
}

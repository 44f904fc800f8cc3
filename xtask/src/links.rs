//! Links between the Markdown documents: the file and the heading that a link names must exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::workspace::Workspace;

/// Checks every relative link in the Markdown files that git tracks.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut git = std::process::Command::new("git");
    git.args(["ls-files", "*.md"]).current_dir(workspace.root());
    let files = String::from_utf8(process::output(&mut git)?).context("git ls-files")?;
    let mut broken = Vec::new();
    for file in files.lines() {
        let path = workspace.path(file);
        let text = fs::read_to_string(&path).with_context(|| file.to_owned())?;
        let folder = path.parent().unwrap_or(workspace.root());
        for link in links(&text) {
            if !leads_somewhere(&text, folder, link) {
                broken.push(format!("{file}: {link}"));
            }
        }
    }
    ensure!(!files.is_empty(), "git tracks no Markdown file");
    ensure!(broken.is_empty(), "broken links\n{}", broken.join("\n"));
    Ok(())
}

fn leads_somewhere(text: &str, folder: &Path, link: &str) -> bool {
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = folder.join(file);
    if file.is_empty() {
        headings(text).contains(heading)
    } else if heading.is_empty() || !file.ends_with(".md") {
        target.exists()
    } else {
        fs::read_to_string(target).is_ok_and(|text| headings(&text).contains(heading))
    }
}

/// The targets of `[text](target)`, without those on the web.
fn links(text: &str) -> Vec<&str> {
    prose(text)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split([')', ' ']).next())
        .filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
        .collect()
}

/// The anchors of a document's headings, as GitHub makes them.
fn headings(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let anchor: String = title
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        // The second heading of a name gets a number.
        let numbered = (1..).map(|n| format!("{anchor}-{n}"));
        let free = std::iter::once(anchor.clone())
            .chain(numbered)
            .find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

/// The lines outside code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# The relay's store\n\n[a](#the-relays-store) [b](other.md#x) [c](https://x.example/)\n\
                        ```sh\n# no heading\n[no](link)\n```\n## Twice\n## Twice\n### `check`, and more\n";

    #[test]
    fn links_in_code_and_to_the_web_are_left_out() {
        assert_eq!(links(TEXT), ["#the-relays-store", "other.md#x"]);
    }

    #[test]
    fn anchors_are_those_of_github() {
        let found = headings(TEXT);
        for anchor in ["the-relays-store", "twice", "twice-1", "check-and-more"] {
            assert!(found.contains(anchor), "{anchor} is not in {found:?}");
        }
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn a_missing_file_or_heading_is_found() {
        let folder = tempfile::tempdir().expect("temporary directory");
        fs::write(folder.path().join("other.md"), "# X\n").expect("file");
        let leads = |link| leads_somewhere(TEXT, folder.path(), link);
        assert!(leads("#twice") && leads("other.md") && leads("other.md#x"));
        assert!(!leads("#thrice") && !leads("missing.md") && !leads("other.md#y"));
    }
}

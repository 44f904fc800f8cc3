//! What a browser downloads for the package's main entry: the wasm module and every script that
//! `index.js` imports, each compressed on its own as a server would send it.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Above this the tests fail, in bytes.
const LIMIT: usize = 130 * 1024;

/// Compressed sizes, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Download {
    wasm: usize,
    scripts: usize,
}

impl Download {
    /// Fails when it is more than the package promises.
    pub(crate) fn within_limit(self) -> Result<Self> {
        let total = self.wasm + self.scripts;
        ensure!(total <= LIMIT, "{self}: more than {} KiB", LIMIT / 1024);
        Ok(self)
    }
}

impl fmt::Display for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = |bytes: usize| bytes as f64 / 1024.0;
        write!(
            f,
            "Core download: wasm {:.1} KiB + scripts {:.1} KiB = {:.1} KiB gzip",
            kib(self.wasm),
            kib(self.scripts),
            kib(self.wasm + self.scripts)
        )
    }
}

/// Measures a built package.
pub(crate) fn core_download(dist: &Path) -> Result<Download> {
    let mut scripts = 0;
    for script in imported_from(&dist.join("index.js"))? {
        scripts += compressed(&script)?;
    }
    Ok(Download {
        wasm: compressed(&dist.join("core/core.wasm"))?,
        scripts,
    })
}

/// A script and all it imports by relative path, directly or not.
fn imported_from(entry: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut queue = vec![entry.to_owned()];
    while let Some(script) = queue.pop() {
        let script = fs::canonicalize(&script).with_context(|| script.display().to_string())?;
        let text = fs::read_to_string(&script)?;
        let folder = script
            .parent()
            .context("a script lies in a folder")?
            .to_owned();
        if found.insert(script) {
            queue.extend(relative_imports(&text).map(|import| folder.join(import)));
        }
    }
    Ok(found)
}

/// The `./x.js` of `from "./x.js"`, `import "./x.js"` and `import("./x.js")`.
fn relative_imports(text: &str) -> impl Iterator<Item = &str> {
    text.split(['"', '\''])
        .zip(text.split(['"', '\'']).skip(1))
        .filter_map(|(before, quoted)| {
            let before = before.trim_end();
            let imports = before.ends_with("from")
                || before.ends_with("import")
                || before.ends_with("import(");
            (imports && quoted.starts_with('.') && quoted.ends_with(".js")).then_some(quoted)
        })
}

fn compressed(file: &Path) -> Result<usize> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes)?;
    Ok(encoder.finish()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_each_form_of_import() {
        let text = "import a from './a.js';\nexport {b} from \"./b.js\";\nimport \"./c.js\";\n\
                    const d = await import(\"./core/d.js\"); const e = \"./e.js\"; import f from \"f\";";
        let found: Vec<_> = relative_imports(text).collect();
        assert_eq!(found, ["./a.js", "./b.js", "./c.js", "./core/d.js"]);
    }

    #[test]
    fn follows_imports_once_and_in_circles() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let write =
            |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("write");
        write("index.js", "import \"./a.js\";");
        write("a.js", "import \"./index.js\";");
        write("unused.js", "");
        assert_eq!(
            imported_from(&folder.path().join("index.js"))
                .expect("graph")
                .len(),
            2
        );
    }

    #[test]
    fn too_much_is_an_error() {
        assert!(
            Download {
                wasm: LIMIT,
                scripts: 0
            }
            .within_limit()
            .is_ok()
        );
        assert!(
            Download {
                wasm: LIMIT,
                scripts: 1
            }
            .within_limit()
            .is_err()
        );
    }
}

//! Checks the sources against the table of layers in `src/lib.rs`: no module uses
//! a higher layer, no module that a relay compiles uses one that can open a cell,
//! and nothing below the bindings uses a clock, randomness or a network, or has global
//! state. Checks the rules of the client and of long files as well.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod client;
mod files;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The layer of the bindings, the only one with side effects.
const OUTSIDE: u32 = 7;

/// What the layers below must not use.
const EFFECTS: &[&str] = &[
    "SystemTime",
    "Instant::",
    "SysRng",
    "getrandom::",
    "js_sys",
    "web_sys",
    "gloo_net",
    "wasm_bindgen",
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "thread_local!",
    "OnceLock<",
    "LazyLock<",
    // State that changes through `&self`: what only decides changes nothing.
    "RefCell<",
    "OnceCell<",
    "Mutex<",
    "RwLock<",
    "Atomic",
    "\nstatic ",
    " static ",
    "println!",
    "eprintln!",
    "dbg!",
];

/// The file whose statics are constants, computed when they are worth it.
const COMPUTED: &str = "base/generator.rs";

/// What [`COMPUTED`] may use in addition.
const COMPUTES: [&str; 3] = ["OnceLock<", "Atomic", "\nstatic "];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Module → layer, from the table's rows: `//! | 2 | [`identity`], `x` | … |`.
fn table(lib: &str) -> BTreeMap<String, u32> {
    let mut table = BTreeMap::new();
    for row in lib.lines().filter_map(|line| line.strip_prefix("//! |")) {
        let mut cells = row.split('|').map(str::trim);
        let (Some(Ok(layer)), Some(modules)) = (cells.next().map(str::parse), cells.next()) else {
            continue;
        };
        for module in modules.split('`').skip(1).step_by(2) {
            assert!(
                table.insert(module.to_owned(), layer).is_none(),
                "{module} is in the table twice"
            );
        }
    }
    assert!(table.len() > 8, "no table of layers in src/lib.rs");
    table
}

/// The modules that `src/lib.rs` declares, and whether only with a feature:
/// `client`, or one of those that are with it.
fn declared(lib: &str) -> BTreeMap<String, bool> {
    let lines: Vec<&str> = lib.lines().collect();
    let declarations = lines.iter().enumerate().filter_map(|(i, line)| {
        let name = line
            .strip_prefix("pub ")
            .unwrap_or(line)
            .strip_prefix("mod ")?
            .strip_suffix(';')?;
        let gated = i > 0 && lines[i - 1].contains("feature = \"");
        Some((name.to_owned(), gated))
    });
    declarations.collect()
}

/// Every source file with its text and its top-level module.
fn sources() -> Vec<(PathBuf, String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(&src(), &mut paths);
    let with_module = paths.into_iter().filter_map(|path| {
        let first = path
            .strip_prefix(src())
            .unwrap()
            .components()
            .next()?
            .as_os_str()
            .to_string_lossy()
            .into_owned();
        let module = first.strip_suffix(".rs").unwrap_or(&first).to_owned();
        let text = fs::read_to_string(&path).unwrap();
        (module != "lib").then_some((path, module, text))
    });
    with_module.collect()
}

/// Removes comments, in which a link may point anywhere.
fn code(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The top-level modules in `crate::…` paths, including groups.
fn named(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut item = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 || (depth == 1 && c == ',') {
                    found.extend(identifier(item.trim()));
                    item.clear();
                } else {
                    item.push(c);
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            found.extend(identifier(rest));
        }
    }
    found
}

fn identifier(text: &str) -> Option<String> {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// The text of a file without tests.
fn as_shipped(path: &Path, text: &str) -> String {
    let mark = if path.ends_with("tests.rs") {
        "#[cfg(test)]\n"
    } else {
        ""
    };
    format!("{mark}{text}")
}

/// The violations in one file.
fn faults(
    module: &str,
    text: &str,
    table: &BTreeMap<String, u32>,
    declared: &BTreeMap<String, bool>,
) -> Vec<String> {
    let code = code(text);
    let own = table.get(module).copied().unwrap_or(u32::MAX);
    let mut faults = Vec::new();
    for name in named(&code) {
        match table.get(&name) {
            None => faults.push(format!("crate::{name} has no layer")),
            Some(layer) if *layer > own => faults.push(format!("crate::{name} is above {module}")),
            Some(_) => {}
        }
        if declared.get(module) == Some(&false) && declared.get(&name) == Some(&true) {
            faults.push(format!(
                "crate::{name} is not there without the feature `client`"
            ));
        }
    }
    if own < OUTSIDE {
        let shipped = code.split("#[cfg(test)]").next().unwrap_or_default();
        let used = EFFECTS.iter().filter(|effect| shipped.contains(*effect));
        faults.extend(used.map(|effect| format!("{effect} below the bindings")));
    }
    faults
}

#[test]
fn no_module_uses_a_higher_layer() {
    let lib = fs::read_to_string(src().join("lib.rs")).unwrap();
    let (table, declared) = (table(&lib), declared(&lib));
    let sources = sources();
    let modules: BTreeSet<&String> = sources.iter().map(|(_, module, _)| module).collect();
    assert_eq!(
        modules,
        table.keys().collect(),
        "the modules of src/ and those of the table"
    );
    assert_eq!(
        modules,
        declared.keys().collect(),
        "the modules of src/ and those declared"
    );
    let mut all = Vec::new();
    for (path, module, text) in &sources {
        let shown = path.strip_prefix(src()).unwrap().display();
        let found = faults(module, &as_shipped(path, text), &table, &declared);
        let computed = path.ends_with(COMPUTED);
        let allowed =
            |fault: &String| computed && COMPUTES.iter().any(|effect| fault.starts_with(effect));
        let found = found.into_iter().filter(|fault| !allowed(fault));
        all.extend(found.map(|fault| format!("{shown}: {fault}")));
        let statics = code(text).matches("\nstatic ").count();
        assert!(
            !computed || statics == code(text).matches("> = Table::new();").count(),
            "{shown}: a static that is not a table"
        );
        // `super` in a top-level module is the crate.
        let folder = path.parent();
        let top = folder == Some(&src())
            || path.ends_with("mod.rs") && folder.and_then(Path::parent) == Some(&src());
        if top && text.lines().any(|line| line.starts_with("use super::")) {
            all.push(format!("{shown}: `use super::` where `crate::` is meant"));
        }
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

#[test]
fn only_the_default_relay_client_makes_requests() {
    let sources = sources();
    let using = sources
        .iter()
        .filter(|(_, _, text)| code(text).contains("gloo_net"));
    let using: Vec<_> = using
        .map(|(path, ..)| path.strip_prefix(src()).unwrap())
        .collect();
    assert_eq!(using, [Path::new("wasm/relay.rs")]);
}

#[test]
fn upward_uses_are_detected() {
    let table = BTreeMap::from([
        ("base", 0),
        ("wire", 1),
        ("crypto", 1),
        ("client", 6),
        ("wasm", 7),
    ]);
    let table: BTreeMap<String, u32> = table
        .into_iter()
        .map(|(name, layer)| (name.to_owned(), layer))
        .collect();
    let declared = BTreeMap::from([("wire".to_owned(), false), ("crypto".to_owned(), true)]);
    let faulty = |module: &str, text: &str| !faults(module, text, &table, &declared).is_empty();
    assert!(faulty("base", "use crate::client::Client;"));
    assert!(faulty(
        "base",
        "use crate::{\n    base::{Day, Month},\n    client::Client,\n};"
    ));
    assert!(faulty("base", "fn f() { crate::client::f() }"));
    assert!(
        faulty("wire", "use crate::{base::{A, B}, crypto::{kdf, hpke}};"),
        "not in a relay"
    );
    assert!(faulty("crypto", "use crate::unknown::X;"));
    assert!(faulty("client", "let now = std::time::SystemTime::now();"));
    assert!(faulty("client", "\nstatic mut COUNT: u32 = 0;"));
    assert!(faulty("client", "struct Inbox { read: RefCell<u32> }"));
    assert!(faulty(
        "client",
        "pub(crate) static NAMES: [&'static str; 0] = [];"
    ));
    assert!(!faulty("client", "const NAME: &'static str = \"x\";"));
    assert!(!faulty("wasm", "let now = std::time::SystemTime::now();"));
    assert!(!faulty(
        "client",
        "/// [`crate::wasm`]\nuse crate::{base::{Day, client}, crypto::kdf};"
    ));
    assert!(!faulty(
        "client",
        "#[cfg(test)]\nmod tests { use getrandom::SysRng; }"
    ));
}

//! The rules of `src/client`: a machine never names `Client` and has tests, a flow
//! owns no state, nothing fails once a transaction has begun, and the tree in
//! `docs/architecture.md` is complete.

use std::{collections::BTreeSet, fs, path::Path};

use super::{as_shipped, code, sources, src};

/// The files of `src/client` that may name `Client`, besides the flows.
const CLIENT_FILES: &[&str] = &["client.rs", "mod.rs"];

/// The name of the folder or file below `src/client`, and its code without tests.
fn client_files() -> Vec<(String, String)> {
    let folder = src().join("client");
    let files = sources().into_iter().filter_map(|(path, _, text)| {
        let name = path.strip_prefix(&folder).ok()?.to_str()?.to_owned();
        let text = as_shipped(&path, &text);
        let shipped = code(&text);
        let shipped = shipped.split("#[cfg(test)]").next().unwrap_or_default();
        Some((name, shipped.to_owned()))
    });
    files.collect()
}

fn names(code: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name)
        .any(|(at, _)| !code[..at].ends_with(part) && !code[at + name.len()..].starts_with(part))
}

/// Finds functions that can still fail after their transaction began.
fn late_failures(code: &str) -> Vec<&str> {
    let functions = code.split("\n    }\n");
    functions
        .filter_map(|function| function.split_once("Transaction::new("))
        .flat_map(|(_, applied)| applied.lines())
        .map(str::trim)
        .filter(|line| {
            line.contains('?') || line.contains("return Err(") || line.starts_with("Err(")
        })
        .filter(|line| !line.contains("=>") || line.contains("return"))
        .collect()
}

/// Finds functions that take a transaction but can fail.
fn failing_applies(code: &str) -> Vec<&str> {
    let functions = code.split("fn ").skip(1);
    functions
        .filter_map(|function| function.split_once('{'))
        .map(|(signature, _)| signature)
        .filter(|signature| signature.contains("tx: &mut "))
        .filter(|signature| signature.contains("ClientError"))
        .collect()
}

#[test]
fn machines_never_name_the_client_and_flows_own_no_state() {
    let files = client_files();
    assert!(files.len() > 30, "no files of the client");
    for (name, code) in files {
        if CLIENT_FILES.contains(&&*name) {
            continue;
        }
        // Rounds drive the client and are not machines.
        if name.starts_with("round/") {
            continue;
        }
        if name.starts_with("flows/") {
            let owns = |line: &str| {
                ["static ", "thread_local!", "RefCell<", "OnceLock<"]
                    .iter()
                    .any(|state| {
                        line.split("pub ")
                            .any(|part| part.trim().starts_with(state))
                    })
            };
            assert!(!code.lines().any(owns), "{name} owns state");
        } else {
            assert!(!names(&code, "Client"), "{name} names Client");
        }
    }
}

/// The modules of `src/client` that code names.
fn named_modules(code: &str, modules: &BTreeSet<String>) -> Vec<String> {
    let named = |module: &&String| {
        let path = format!("{module}::");
        let starts = |(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        code.match_indices(&path).any(starts)
    };
    modules.iter().filter(named).cloned().collect()
}

#[test]
fn views_and_audit_events_name_no_machine() {
    let files = client_files();
    let module = |(name, _): &(String, String)| {
        let first = name.split('/').next().unwrap();
        first.trim_end_matches(".rs").to_owned()
    };
    let modules = files.iter().map(module);
    let modules: BTreeSet<_> = modules.filter(|name| name != "client").collect();
    for (file, allowed) in [
        ("view.rs", &["id"][..]),
        ("audit_event/mod.rs", &["id", "view"]),
        ("audit_event/json.rs", &["view"]),
        ("transaction.rs", &["audit_event", "view"]),
    ] {
        let (_, code) = files.iter().find(|(name, _)| name == file).unwrap();
        let mut named = named_modules(code, &modules);
        assert!(!named.is_empty(), "{file} imports nothing of the client");
        named.retain(|module| !allowed.contains(&module.as_str()));
        assert_eq!(named, [""; 0], "{file}");
    }
    let known = BTreeSet::from(["journal".to_owned(), "id".to_owned()]);
    assert_eq!(
        named_modules("use crate::client::journal::Journal;", &known),
        ["journal"]
    );
    assert_eq!(named_modules("let a = bid::X;", &known), [""; 0]);
}

#[test]
fn nothing_fails_once_a_transaction_has_begun() {
    for (name, code) in client_files() {
        assert_eq!(late_failures(&code), [""; 0], "{name}");
        assert_eq!(failing_applies(&code), [""; 0], "{name}");
    }
}

#[test]
fn violations_of_the_client_rules_are_detected() {
    assert!(names("impl Client {", "Client"));
    assert!(!names("use crate::client::ClientError;", "Client"));
    let late =
        "    fn f() {\n        let mut tx = Transaction::new(now);\n        self.g()?;\n    }\n";
    assert_eq!(late_failures(late), ["self.g()?;"]);
    let early =
        "    fn f() {\n        self.g()?;\n        let mut tx = Transaction::new(now);\n    }\n";
    assert_eq!(late_failures(early), [""; 0]);
    let failing = "fn f(&self, tx: &mut Transaction) -> Result<(), ClientError> {";
    assert_eq!(failing_applies(failing).len(), 1);
}

#[test]
fn each_machine_has_tests_beside_it() {
    let folder = src().join("client");
    let mut machines: BTreeSet<String> = BTreeSet::new();
    let mut tested = BTreeSet::new();
    for (path, _, text) in sources() {
        let Ok(name) = path.strip_prefix(&folder) else {
            continue;
        };
        let first = name.components().next().unwrap();
        let machine = first.as_os_str().to_string_lossy().into_owned();
        if as_shipped(&path, &text).contains("#[cfg(test)]") {
            tested.insert(machine.clone());
        }
        machines.insert(machine);
    }
    // The bindings of the machines, and what has no rules of its own.
    let plain = [
        "audit_event",
        "client.rs",
        "error.rs",
        "flows",
        "mod.rs",
        "view.rs",
    ];
    let untested: Vec<_> = machines
        .difference(&tested)
        .filter(|name| !plain.contains(&name.as_str()))
        .collect();
    assert!(machines.len() > 15, "{machines:?}");
    assert_eq!(untested, [""; 0]);
}

/// The files and folders that the tree in `docs/architecture.md` lists.
fn listed(docs: &str) -> BTreeSet<String> {
    let (_, tree) = docs.split_once("```text\naccount.rs").unwrap();
    let (tree, _) = tree.split_once("```").unwrap();
    let mut listed = BTreeSet::from(["account.rs".to_owned()]);
    let mut folder = "";
    for line in tree.lines() {
        let inside = line.starts_with("  ");
        let names = line.split_whitespace();
        let names = names.take_while(|name| name.ends_with(".rs") || name.ends_with('/'));
        for name in names {
            if !inside {
                folder = if name.ends_with('/') { name } else { "" };
            }
            let name = if inside {
                [folder, name].concat()
            } else {
                name.to_owned()
            };
            listed.insert(name);
        }
    }
    listed
}

#[test]
fn the_tree_in_the_documents_lists_every_file_of_the_client() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let listed = listed(&docs);
    let folder = src().join("client");
    let paths = sources().into_iter().map(|(path, ..)| path);
    let mut missing = Vec::new();
    let mut used = BTreeSet::new();
    for path in paths {
        let Some(name) = path.strip_prefix(&folder).ok().and_then(Path::to_str) else {
            continue;
        };
        if name.ends_with("tests.rs") || ["mod.rs", "flows/mod.rs"].contains(&name) {
            continue;
        }
        let entry = listed.iter().find(|entry| match entry.strip_suffix('/') {
            // A folder inside a folder is listed as a whole.
            Some(folder) => folder.contains('/') && name.starts_with(entry.as_str()),
            None => *entry == name,
        });
        match entry {
            Some(entry) => drop(used.insert(entry)),
            None => missing.push(name.to_owned()),
        }
    }
    assert_eq!(missing, [""; 0], "not in the tree");
    let folders = |entry: &str| entry.ends_with('/') && !entry[..entry.len() - 1].contains('/');
    let gone: Vec<_> = listed
        .iter()
        .filter(|entry| !used.contains(entry) && !folders(entry))
        .collect();
    assert_eq!(gone, [""; 0], "in the tree, but not there");
}

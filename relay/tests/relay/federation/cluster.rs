//! The command `cluster`.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    client::{Answer, Client, parse},
    ports::free_ports,
    wait::wait_for,
};

/// A first port so that the ports of three relays and the page are free.
fn first_port() -> u16 {
    free_ports(103, |more| [0, 1, 2, 50, 100, 101, 102].contains(&more))
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks the control page, which requires a name of this machine.
fn ask(page: Client, request: &str) -> Option<Answer> {
    let head = format!("{request} HTTP/1.1\r\nHost: {}\r\n", page.0);
    let bytes = head + "Connection: close\r\nContent-Length: 0\r\n\r\n";
    let mut stream = TcpStream::connect(page.0).ok()?;
    stream.write_all(bytes.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    parse(&answer)
}

fn state(page: Client) -> Vec<Value> {
    let Some(answer) = ask(page, "GET /state") else {
        return Vec::new();
    };
    let state: Value = serde_json::from_slice(&answer.body).unwrap();
    state["nodes"].as_array().unwrap().clone()
}

fn command(directory: &Path, action: &str, node: u16) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tessera-relay"))
        .args(["cluster", action, &node.to_string(), "--dir"])
        .arg(directory)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.success(), said)
}

#[test]
fn relays_of_a_cluster_are_killed_and_started_from_another_terminal() {
    let (directory, port) = (TempDir::new().unwrap(), first_port());
    let dir = directory.path().join("cluster");
    let mut running = Running(
        Command::new(env!("CARGO_BIN_EXE_tessera-relay"))
            .args(["cluster", "--nodes=3", "--topology=ring", "--publishers=2"])
            .args(["--epoch=2s", &format!("--port={port}"), "--dir"])
            .arg(&dir)
            .args(["--", "--buckets=1", "--cover=fixed", "--cover-cells=3"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let page = Client(([127, 0, 0, 1], port + 50).into());
    let all_in_step = || {
        let nodes = state(page);
        let has_all = |node: &Value| node["in_step"] == true && node["epochs"][1].is_u64();
        nodes.len() == 3 && nodes.iter().all(has_all) && nodes[0]["epochs"][0].is_u64()
    };
    wait_for("not in step", all_in_step);
    let nodes = state(page);
    assert_eq!(nodes[2]["publishes"], false);
    assert!(nodes[2]["epochs"][0].is_u64() && nodes[2]["epochs"][2].is_null());

    assert_eq!(command(&dir, "kill", 1), (true, String::new()));
    wait_for("not down", || {
        let nodes = state(page);
        nodes[1]["state"] == "down" && nodes[0]["in_step"] == true && nodes[2]["in_step"] == true
    });
    assert!(command(&dir, "kill", 7).1.contains("no such relay"));
    assert_eq!(command(&dir, "start", 1), (true, String::new()));
    assert!(command(&dir, "start", 1).1.contains("runs already"));
    wait_for("not in step again", all_in_step);
    // Another page of the browser cannot kill a relay.
    let refused = ask(page, "POST /nodes/0/kill").unwrap();
    assert_eq!(refused.status, 403);
    // Nor can one whose name was pointed here read anything.
    assert_eq!(page.get("/state").status, 403);

    let pid = running.0.id().to_string();
    let signal = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(signal.unwrap().success());
    assert!(running.0.wait().unwrap().success());
    let mut printed = String::new();
    let mut output = running.0.stdout.take().unwrap();
    output.read_to_string(&mut printed).unwrap();
    for expected in [
        "control page: http://127.0.0.1",
        "cost: 2 publishers",
        "down",
        "in step",
    ] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
    for number in 0..3 {
        assert!(TcpListener::bind(("127.0.0.1", port + number)).is_ok());
    }
}

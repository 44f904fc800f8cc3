//! Machines as network namespaces, joined by a router in one of its own. The router
//! drops packets from one machine to another, in one direction or both, without a
//! word to either. Needs root and `ip`.

use std::{
    ffi::OsStr,
    net::Ipv4Addr,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU8, Ordering},
};

/// Runs a program of the system; returns its error output if it fails.
fn run(program: &str, arguments: &str) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{program} {arguments}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    run("ip", arguments)
}

/// A command in a namespace, or in that of the test. `ip` becomes the program, so that
/// signals reach it.
pub(crate) fn command(namespace: Option<&str>, program: impl AsRef<OsStr>) -> Command {
    let Some(namespace) = namespace else {
        return Command::new(program);
    };
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).arg(program);
    command
}

/// A namespace with an address.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) namespace: String,
    pub(crate) address: Ipv4Addr,
}

/// Machines that reach each other and the test.
pub(crate) struct Network {
    router: String,
    pub(crate) machines: Vec<Machine>,
}

/// Networks of one process of tests.
static MADE: AtomicU8 = AtomicU8::new(0);

impl Network {
    /// Makes so many machines. Prints why a test is skipped if that is not possible.
    pub(crate) fn make(count: u8) -> Option<Self> {
        let made = Self::try_make(count);
        made.map_err(|reason| println!("SKIPPED: no network namespaces: {reason}"))
            .ok()
    }

    fn try_make(count: u8) -> Result<Self, String> {
        // The last bytes of the process and of the network: two runs do not meet.
        let own = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("tsr{}-{own}", std::process::id());
        let net = (std::process::id() as u8).wrapping_mul(7).wrapping_add(own);
        let mut network = Self {
            router: format!("{name}-r"),
            machines: Vec::new(),
        };
        let router = network.router.clone();
        ip(&format!("netns add {router}"))?;
        let forwards = command(Some(&router), "sh")
            .args(["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
            .status();
        if !forwards.is_ok_and(|status| status.success()) {
            return Err("the router does not forward".to_owned());
        }
        for number in 0..count {
            let machine = Machine {
                namespace: format!("{name}-{number}"),
                // From a range that is reserved for benchmarks of networks.
                address: Ipv4Addr::new(198, 18, net, 4 * number + 2),
            };
            let (namespace, address) = (&machine.namespace, machine.address);
            let gate = Ipv4Addr::new(198, 18, net, 4 * number + 1);
            ip(&format!("netns add {namespace}"))?;
            network.machines.push(machine.clone());
            for line in [
                format!(
                    "-n {router} link add m{number} type veth peer name eth0 netns {namespace}"
                ),
                format!("-n {router} addr add {gate}/30 dev m{number}"),
                format!("-n {router} link set m{number} up"),
                format!("-n {namespace} addr add {address}/30 dev eth0"),
                format!("-n {namespace} link set eth0 up"),
                format!("-n {namespace} link set lo up"),
                format!("-n {namespace} route add default via {gate}"),
            ] {
                ip(&line)?;
            }
        }
        // The test's own way to them; its interface ends with the router.
        let own = format!("ts{}-{own}", std::process::id() % 100_000);
        let [gate, address] = [1, 2].map(|last| Ipv4Addr::new(198, 18, net, 252 + last));
        for line in [
            format!("link add {own} type veth peer name test netns {router}"),
            format!("-n {router} addr add {gate}/30 dev test"),
            format!("-n {router} link set test up"),
            format!("addr add {address}/30 dev {own}"),
            format!("link set {own} up"),
            format!("route add 198.18.{net}.0/24 via {gate}"),
        ] {
            ip(&line)?;
        }
        Ok(network)
    }

    /// Drops packets from one machine to another, or no more.
    pub(crate) fn cut(&self, from: usize, to: usize, is_cut: bool) {
        let what = if is_cut { "add" } else { "del" };
        let [from, to] = [from, to].map(|number| self.machines[number].address);
        let router = &self.router;
        let rule = format!("-n {router} rule {what} from {from} to {to} pref 10 blackhole");
        ip(&rule).unwrap();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let machines = self.machines.iter().map(|machine| &machine.namespace);
        for namespace in machines.chain([&self.router]) {
            if Path::new("/var/run/netns").join(namespace).exists() {
                let _ = ip(&format!("netns del {namespace}"));
            }
        }
    }
}

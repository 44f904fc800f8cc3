//! Two organisations: the relay of one is two processes on a shared store, that of the
//! other one process on SQLite. A process dies, and both keep the same batches.

use std::{
    collections::BTreeMap,
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::Stdio,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tessera::wire::{Cell, post};

use super::{
    member::{init, join, said},
    servers::{Options, Servers},
};
use crate::{
    bucket,
    client::{Client, Pulled},
    entries,
    federation::nodes::{headers, member_flags, roots},
    ports::free_port,
    server::Process,
    wait::{PATIENCE, SetOnDrop, until, wait_for},
};

const FLAGS: &str = "--epoch 5s --lobby-epoch 5s --cover fixed --cover-cells 3 --buckets 2 \
     --cells-per-connection 1000000 --cells-per-peer 1000000";

/// One address for the peer ports of an organisation's processes, as a proxy that
/// passes TLS through: each connection goes to the first that takes it.
fn balance(targets: [u16; 2]) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        #[expect(clippy::disallowed_methods, reason = "a test's own proxy")]
        let incoming = listener.incoming();
        for near in incoming.map_while(Result::ok) {
            let mut taken = targets.iter().filter_map(|port| {
                let target = SocketAddr::from(([127, 0, 0, 1], *port));
                TcpStream::connect(target).ok()
            });
            let Some(far) = taken.next() else {
                continue;
            };
            for (from, to) in [(&near, &far), (&far, &near)] {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
    own
}

/// A process of one of the organisations.
struct Place {
    directory: PathBuf,
    /// Of its store.
    flags: String,
    /// Its peer port.
    port: u16,
}

impl Place {
    /// Its entry in the list of members; makes its certificate.
    fn entry(&self, name: &str, peer: u16) -> String {
        let line = format!(
            "federation-entry --new --name={name} --peer=127.0.0.1:{peer} --url=http://127.0.0.1:1 \
             {} {FLAGS} {}",
            self.flags,
            member_flags(&self.directory, self.port)
        );
        said(&line.split_whitespace().collect::<Vec<_>>(), "")
    }

    fn start(&self) -> Process {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.directory.join("log"))
            .unwrap();
        let flags = format!(
            "{} {FLAGS} {}",
            self.flags,
            member_flags(&self.directory, self.port)
        );
        Process::start(&self.directory, &flags, Stdio::from(log))
    }
}

/// The line with the keys of an entry.
fn keys(entry: &str) -> &str {
    let line = entry.lines().find_map(|line| line.strip_prefix("keys = ["));
    line.unwrap().trim_end_matches(']')
}

/// How often each cell is published at a relay, in bucket 0, by any origin.
fn copies(client: Client) -> BTreeMap<Vec<u8>, usize> {
    let index = client.index(bucket(0));
    let segments = index.segments.iter();
    let segments = segments.flat_map(|listed| client.segment(bucket(0), listed));
    let batches = index.batches.iter();
    let batches = batches.map(|listed| client.batch(bucket(0), listed));
    let mut copies = BTreeMap::new();
    for Pulled { cells, .. } in segments.chain(batches) {
        for cell in cells {
            *copies.entry(cell).or_default() += 1;
        }
    }
    copies
}

/// Whether a relay has published all of these, each once.
fn has_all(client: Client, cells: &[Cell]) -> bool {
    let copies = copies(client);
    assert!(copies.values().all(|count| *count == 1), "a cell twice");
    cells
        .iter()
        .all(|cell| copies.contains_key(cell.as_bytes()))
}

/// Posts to a relay until told to stop, each post until it is answered with 202.
fn post_until(client: Client, stop: &AtomicBool, acknowledged: &Mutex<Vec<Cell>>) {
    while !stop.load(Ordering::Relaxed) {
        let posted = entries(bucket(0), 2);
        let body = post::encode(&posted).unwrap();
        until("202", || {
            (client.post_within(&body, PATIENCE) == Some(202)).then_some(())
        });
        let cells = posted.into_iter().map(|entry| entry.cell);
        acknowledged.lock().unwrap().extend(cells);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_process_of_a_shared_store_dies_and_two_organisations_keep_the_same() {
    let Some(servers) = Servers::start(&Options::default()) else {
        return;
    };
    let base = servers.directory.path();
    let shared = |name: &str, rank: usize| {
        let directory = base.join(name);
        let flags = format!("{} --rank {rank}", servers.flags(&directory));
        let port = free_port();
        Place {
            directory,
            flags,
            port,
        }
    };
    let clinic = [shared("a0", 0), shared("a1", 1)];
    init(&servers, &clinic[0].directory, FLAGS);
    join(&servers, &clinic[0].directory, &clinic[1].directory);
    let directory = base.join("b");
    fs::create_dir(&directory).unwrap();
    let laboratory = Place {
        flags: format!(
            "--storage sqlite://{}",
            directory.join("relay.db").display()
        ),
        directory,
        port: free_port(),
    };
    // One member with one address and the keys of both processes.
    let proxy = balance([clinic[0].port, clinic[1].port]);
    let [first, second] = clinic.each_ref().map(|place| place.entry("clinic", proxy));
    let both = format!("{}, {}", keys(&first), keys(&second));
    let members = first.replace(keys(&first), &both)
        + "\n"
        + &laboratory.entry("laboratory", laboratory.port);
    let places = [&clinic[0], &clinic[1], &laboratory];
    for place in places {
        fs::write(place.directory.join("federation.toml"), &members).unwrap();
    }
    // Each asks the others before it closes its first epoch.
    let mut running: Vec<Process> = std::thread::scope(|scope| {
        let starts = places.map(|place| scope.spawn(|| place.start()));
        let started = starts.into_iter().map(|start| start.join().unwrap());
        started.collect()
    });
    let clients = |running: &[Process]| -> Vec<Client> {
        running.iter().map(|process| process.client).collect()
    };
    let (stop, acknowledged) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let _stop = SetOnDrop(&stop);
        let all = clients(&running);
        for client in [all[1], all[2]] {
            let (stop, acknowledged) = (&stop, &acknowledged);
            scope.spawn(move || post_until(client, stop, acknowledged));
        }
        let published = |client: Client| {
            let known = acknowledged.lock().unwrap().clone();
            wait_for("a relay does not have what was published", || {
                has_all(client, &known)
            });
        };
        wait_for("no posts", || acknowledged.lock().unwrap().len() > 20);
        // The process that closes and imports dies; the other one goes on alone.
        all.iter().for_each(|client| published(*client));
        running.remove(0).kill();
        let more = 20 + acknowledged.lock().unwrap().len();
        wait_for("no posts", || acknowledged.lock().unwrap().len() > more);
        all[1..].iter().for_each(|client| published(*client));
        running.insert(0, clinic[0].start());
        stop.store(true, Ordering::Relaxed);
    });
    let all = clients(&running);
    let cells = acknowledged.into_inner().unwrap();
    for client in &all {
        wait_for("a cell is missing", || has_all(*client, &cells));
    }
    for client in &all {
        // Both kinds of buckets of both origins.
        wait_for("a history is missing", || roots(*client).len() == 4);
    }
    // They go on meanwhile: what one has now, all have soon, and the same before it.
    for (origin, kind) in roots(all[0]).keys() {
        let newest = headers(all[0], origin, kind).pop().unwrap();
        for other in &all[1..] {
            wait_for("the relays do not have the same", || {
                headers(*other, origin, kind).contains(&newest)
            });
        }
    }
    for place in places {
        let log = fs::read_to_string(place.directory.join("log")).unwrap();
        for alarm in ["published otherwise", "messages are missing", "forked"] {
            assert!(!log.contains(alarm), "{log}");
        }
    }
}

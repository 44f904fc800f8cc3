//! Three servers, three relays, clients that post, and faults: SIGKILL of one, two and
//! three servers and of relays, SIGSTOP of either and of both, relays that are away for
//! several epochs, a server cut off from the others, clocks that differ. Afterwards every cell that was answered with 202
//! is in exactly one batch, and all relays publish the same batches.
//!
//! Runs for a minute, or longer with `cargo xtask soak --store nats`; `TESSERA_NEMESIS_SEED`
//! repeats the order of faults of a run.

mod check;
mod partitions;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tessera::wire::{BucketId, post};

use super::{
    member::{FLAGS, Member, init, join},
    servers::{Options, Servers},
    volumes::Volume,
};
use crate::{
    bucket,
    cover::Dice,
    entries,
    wait::{SetOnDrop, wait_for},
};

/// Set by `cargo xtask soak`.
const MINUTES: &str = "TESSERA_SOAK_MINUTES";
const POWER: &str = "TESSERA_SOAK_POWER_CUTS";
const SEED: &str = "TESSERA_NEMESIS_SEED";
const RELAYS: usize = 3;
const CLIENTS: u64 = 6;
/// How long one try of a client takes at most.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long clients try again, and relays catch up, after the last fault.
const RECOVERY: Duration = Duration::from_secs(300);

/// What clients know: the bucket of each cell that was answered with 202.
#[derive(Default)]
pub(super) struct Answered {
    pub(super) cells: Mutex<HashMap<[u8; 32], BucketId>>,
    tries: Mutex<BTreeMap<String, u32>>,
}

impl Answered {
    pub(super) fn note(&self, what: &str) {
        *self
            .tries
            .lock()
            .unwrap()
            .entry(what.to_owned())
            .or_insert(0) += 1;
    }

    /// Waits until so many cells more were answered with 202.
    pub(super) fn wait_for_more(&self, more: usize) {
        let more = more + self.cells.lock().unwrap().len();
        wait_for("posts are not answered", || {
            self.cells.lock().unwrap().len() >= more
        });
    }
}

/// Keeps relays running and posts to them from some clients, while `during` does what
/// they have to bear. Then every post must be answered, and the relays must have
/// published each cell once, in the same batches.
pub(super) fn under_posts(
    servers: &mut Servers,
    members: &[Member],
    clients: u64,
    seed: u64,
    during: impl FnOnce(&mut Servers, &Answered),
) {
    let answered = Answered::default();
    let (stop, end) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        // Relays end with the scope, also if a check fails.
        let _end = SetOnDrop(&end);
        let _stop = SetOnDrop(&stop);
        for member in members {
            scope.spawn(|| member.keep(&end));
        }
        let clients: Vec<_> = (0..clients)
            .map(|at| {
                let (answered, stop) = (&answered, &stop);
                scope.spawn(move || client(members, answered, stop, seed.wrapping_add(at)))
            })
            .collect();
        during(servers, &answered);
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap();
        }
        servers.until_healthy();
        check::check(members, &answered);
    });
}

/// Checks that the logs of relays have none of these alarms.
pub(super) fn none_alarmed(members: &[Member], alarms: &[&str]) {
    for member in members {
        let log = std::fs::read_to_string(&member.log).unwrap();
        for alarm in alarms {
            assert!(!log.contains(alarm), "{log}");
        }
    }
}

/// The seed of a run: that of `TESSERA_NEMESIS_SEED`, or a new seed, which is printed.
fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = std::env::var(SEED).map_or(now.as_secs(), |text| text.parse().unwrap());
    println!("{SEED}={seed}");
    seed
}

/// Posts until `stop`, each post to any relay until it is answered with 202.
fn client(members: &[Member], answered: &Answered, stop: &AtomicBool, seed: u64) {
    let mut dice = Dice(seed);
    let mut earlier = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let (to, most) = match dice.below(20) {
            0 => (BucketId::LOBBY, 1),
            other => (bucket((other % 2) as u32), 4),
        };
        let mut posted = entries(to, 1 + dice.below(most) as usize);
        if !earlier.is_empty() && dice.below(10) == 0 {
            posted = earlier.swap_remove(dice.below(earlier.len() as u64) as usize);
            answered.note("posted again");
        }
        let body = post::encode(&posted).unwrap();
        let mut stopped = None;
        loop {
            let member = &members[dice.below(members.len() as u64) as usize];
            let status = member
                .client()
                .and_then(|client| client.post_within(&body, PATIENCE));
            match status {
                Some(202) => break,
                Some(status) => answered.note(&status.to_string()),
                None => answered.note("no answer"),
            }
            if stop.load(Ordering::Relaxed)
                && stopped.get_or_insert_with(Instant::now).elapsed() > RECOVERY
            {
                panic!("no 202 long after the last fault: {:?}", answered.tries);
            }
            std::thread::sleep(Duration::from_millis(100 + dice.below(200)));
        }
        let mut cells = answered.cells.lock().unwrap();
        for entry in &posted {
            cells.insert(entry.cell.sha256(), entry.bucket);
        }
        drop(cells);
        earlier.push(posted);
        std::thread::sleep(Duration::from_millis(dice.below(150)));
    }
}

/// A power cut of everything at once: what is on the devices is what remains.
fn cut_power(servers: &mut Servers, members: &[Member], volumes: &[Volume]) {
    for server in &servers.servers {
        server.signal("STOP");
    }
    for member in members {
        member.is_wanted.store(false, Ordering::Relaxed);
        member.signal("STOP");
    }
    let of_servers = servers
        .servers
        .iter()
        .filter_map(|server| server.volume.as_ref());
    of_servers.chain(volumes).for_each(Volume::copy);
    servers
        .servers
        .iter_mut()
        .for_each(super::servers::Server::kill);
    for member in members {
        member.signal("KILL");
        while member.is_running() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let of_servers = servers
        .servers
        .iter()
        .filter_map(|server| server.volume.as_ref());
    of_servers.chain(volumes).for_each(Volume::revert);
    servers
        .servers
        .iter_mut()
        .for_each(super::servers::Server::start);
    for member in members {
        member.is_wanted.store(true, Ordering::Relaxed);
    }
}

/// One fault, and how long it lasts.
fn fault(
    servers: &mut Servers,
    members: &[Member],
    volumes: &[Volume],
    dice: &mut Dice,
    answered: &Answered,
) {
    let wait = |dice: &mut Dice, least: u64, most: u64| {
        std::thread::sleep(Duration::from_millis(least + dice.below(most - least)));
    };
    let server = dice.below(servers.servers.len() as u64) as usize;
    let member = &members[dice.below(members.len() as u64) as usize];
    let count = servers.servers.len();
    if !volumes.is_empty() && dice.below(4) == 0 {
        answered.note("fault: a power cut of everything");
        cut_power(servers, members, volumes);
        wait(dice, 5000, 12_000);
        return;
    }
    match dice.below(10) {
        0 | 1 => {
            answered.note("fault: a server is killed");
            servers.servers[server].kill();
            wait(dice, 100, 2000);
            servers.servers[server].start();
        }
        2 => {
            answered.note("fault: two servers are killed");
            let other = (server + 1) % count;
            servers.servers[server].kill();
            servers.servers[other].kill();
            wait(dice, 100, 2000);
            servers.servers[server].start();
            servers.servers[other].start();
        }
        3 => {
            answered.note("fault: all servers are killed");
            servers
                .servers
                .iter_mut()
                .for_each(super::servers::Server::kill);
            servers
                .servers
                .iter_mut()
                .for_each(super::servers::Server::start);
            wait(dice, 3000, 6000);
        }
        4 => {
            answered.note("fault: a server is stopped");
            servers.servers[server].signal("STOP");
            wait(dice, 500, 6000);
            servers.servers[server].signal("CONT");
        }
        9 => {
            answered.note("fault: a server is cut off from the others");
            servers.cut_off(server, true);
            wait(dice, 1000, 8000);
            servers.cut_off(server, false);
        }
        5 => {
            answered.note("fault: a relay is killed");
            member.signal("KILL");
        }
        6 => {
            answered.note("fault: all relays are killed");
            members.iter().for_each(|member| member.signal("KILL"));
        }
        7 => {
            answered.note("fault: a relay and a server are stopped");
            member.signal("STOP");
            servers.servers[server].signal("STOP");
            wait(dice, 1000, 8000);
            servers.servers[server].signal("CONT");
            member.signal("CONT");
        }
        _ => {
            answered.note("fault: a relay is away for some epochs");
            member.is_wanted.store(false, Ordering::Relaxed);
            member.signal("KILL");
            wait(dice, 5000, 10_000);
            member.is_wanted.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn nothing_answered_is_lost_doubled_or_different_under_faults() {
    run(Duration::from_secs(60), false, 0);
}

#[test]
fn nothing_answered_is_lost_when_the_power_of_everything_fails() {
    if Volume::are_permitted() {
        run(Duration::ZERO, true, 2);
    }
}

#[test]
#[ignore = "runs for a given time: cargo xtask soak --store nats"]
fn soak() {
    let minutes: f64 = std::env::var(MINUTES).map_or(1.0, |text| text.parse().unwrap());
    let with_power_cuts = std::env::var_os(POWER).is_some();
    run(Duration::from_secs_f64(minutes * 60.0), with_power_cuts, 0);
}

/// Faults in random order for some time, then so many power cuts.
fn run(time: Duration, with_power_cuts: bool, cuts: u64) {
    let options = Options {
        on_volumes: with_power_cuts,
        ..Options::default()
    };
    let Some(mut servers) = Servers::start(&options) else {
        return;
    };
    let seed = seed();
    let mut members: Vec<Member> = (0..RELAYS)
        .map(|rank| Member::new(&servers, &format!("r{rank}"), rank, FLAGS))
        .collect();
    let volumes: Vec<Volume> = match with_power_cuts {
        true => members
            .iter()
            .map(|member| Volume::make(&member.state))
            .collect(),
        false => Vec::new(),
    };
    members[1].skew(1700);
    members[2].skew(-900);
    init(&servers, &members[0].state, FLAGS);
    for member in &members[1..] {
        join(&servers, &members[0].state, &member.state);
    }
    under_posts(
        &mut servers,
        &members,
        CLIENTS,
        seed,
        |servers, answered| {
            let (start, mut dice) = (Instant::now(), Dice(seed));
            while start.elapsed() < time {
                std::thread::sleep(Duration::from_millis(300 + dice.below(2200)));
                fault(servers, &members, &volumes, &mut dice, answered);
            }
            for _ in 0..cuts {
                answered.wait_for_more(31);
                std::thread::sleep(Duration::from_millis(dice.below(1500)));
                cut_power(servers, &members, &volumes);
            }
        },
    );
    none_alarmed(&members, &["published otherwise", "messages are missing"]);
}

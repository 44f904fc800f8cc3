//! Partitions of a real network: three servers and two relays on five machines, of
//! which some do not reach others, in both directions or in one.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{MINUTES, seed, under_posts};
use crate::{
    cover::Dice,
    nats::{
        member::{FLAGS, Member, init, join},
        namespaces::Network,
        servers::{Options, Servers},
    },
    wait::until,
};

const SERVERS: usize = 3;
const RELAYS: usize = 2;
/// Cells that must be answered with 202 before a partition ends.
const MORE: usize = 20;

/// Who does not reach whom.
#[derive(Clone, Copy, Debug)]
enum Partition {
    /// The server that leads the stream of posts, from the other servers and the relays.
    Leader,
    /// Any server, from the others.
    Minority,
    /// A relay, from all servers.
    Relay,
    /// The leader hears the other servers and is not heard.
    LeaderUnheard,
    /// The leader is heard and does not hear.
    LeaderDeaf,
    /// A relay is heard by the servers and does not hear them.
    RelayDeaf,
}

const ALL: [Partition; 6] = [
    Partition::Leader,
    Partition::Minority,
    Partition::Relay,
    Partition::LeaderUnheard,
    Partition::LeaderDeaf,
    Partition::RelayDeaf,
];

impl Partition {
    /// The pairs of machines, from and to, between which packets are dropped.
    fn cuts(self, leader: usize, dice: &mut Dice) -> BTreeSet<(usize, usize)> {
        let any = dice.below(SERVERS as u64) as usize;
        let relay = SERVERS + dice.below(RELAYS as u64) as usize;
        let others = |server: usize| (0..SERVERS).filter(move |of| *of != server);
        let both = |a: usize, b: usize| [(a, b), (b, a)];
        match self {
            Self::Leader => others(leader)
                .chain(SERVERS..SERVERS + RELAYS)
                .flat_map(|other| both(leader, other))
                .collect(),
            Self::Minority => others(any).flat_map(|other| both(any, other)).collect(),
            Self::Relay => (0..SERVERS).flat_map(|of| both(relay, of)).collect(),
            Self::LeaderUnheard => others(leader).map(|other| (leader, other)).collect(),
            Self::LeaderDeaf => others(leader).map(|other| (other, leader)).collect(),
            Self::RelayDeaf => (0..SERVERS).map(|of| (of, relay)).collect(),
        }
    }
}

/// The server that leads the stream of posts, as the servers say it.
fn leader(servers: &Servers) -> Option<usize> {
    let all = servers.servers.iter();
    let says = all.filter_map(|server| server.ask("/jsz?streams=true&accounts=true"));
    let mut names = says.filter_map(|answer| {
        let (_, body) = answer.split_once("\r\n\r\n")?;
        let answer: serde_json::Value = serde_json::from_str(body).ok()?;
        let accounts = answer["account_details"].as_array()?.clone();
        let streams = accounts.iter().flat_map(|account| {
            account["stream_detail"]
                .as_array()
                .cloned()
                .unwrap_or_default()
        });
        let stream = streams.into_iter().find(|of| of["name"] == "TSR_T_N")?;
        let name = stream["cluster"]["leader"].as_str()?;
        name.strip_prefix('n')?.parse::<usize>().ok()
    });
    names.next_back().map(|number| number - 1)
}

#[test]
fn nothing_answered_is_lost_when_machines_do_not_reach_each_other() {
    run(|_, number| {
        let short = [Partition::Leader, Partition::RelayDeaf];
        short.get(number).copied()
    });
}

#[test]
#[ignore = "runs for a given time: cargo xtask soak --store nats --partitions"]
fn soak() {
    let minutes: f64 = std::env::var(MINUTES).map_or(1.0, |text| text.parse().unwrap());
    let (start, time) = (Instant::now(), Duration::from_secs_f64(minutes * 60.0));
    run(|dice, number| {
        // Each once, then any.
        let any = ALL[dice.below(ALL.len() as u64) as usize];
        let next = ALL.get(number).copied().unwrap_or(any);
        (number < ALL.len() || start.elapsed() < time).then_some(next)
    });
}

/// Partitions, one after the other, while clients post.
fn run(mut next: impl FnMut(&mut Dice, usize) -> Option<Partition>) {
    let Some(network) = Network::make((SERVERS + RELAYS) as u8) else {
        return;
    };
    let options = Options {
        machines: network.machines[..SERVERS].to_vec(),
        ..Options::default()
    };
    let Some(mut servers) = Servers::start(&options) else {
        return;
    };
    let seed = seed();
    let members: Vec<Member> = (0..RELAYS)
        .map(|rank| {
            let machine = &network.machines[SERVERS + rank];
            let flags = format!("{FLAGS} --bind {}", machine.address);
            let mut member = Member::new(&servers, &format!("r{rank}"), rank, &flags);
            member.namespace = Some(machine.namespace.clone());
            member
        })
        .collect();
    init(&servers, &members[0].state, FLAGS);
    join(&servers, &members[0].state, &members[1].state);
    under_posts(&mut servers, &members, 4, seed, |servers, answered| {
        answered.wait_for_more(MORE);
        let mut dice = Dice(seed);
        for number in 0.. {
            let Some(partition) = next(&mut dice, number) else {
                break;
            };
            let leads = until("no leader", || leader(servers));
            answered.note(&format!("{partition:?}"));
            let cuts = partition.cuts(leads, &mut dice);
            let start = Instant::now();
            for (from, to) in &cuts {
                network.cut(*from, *to, true);
            }
            answered.wait_for_more(MORE);
            // As long as that took again, so that more than one election may fall into it.
            std::thread::sleep(start.elapsed().min(Duration::from_secs(5)));
            for (from, to) in &cuts {
                network.cut(*from, *to, false);
            }
            answered.wait_for_more(MORE);
            println!("{partition:?}: {:.1} s", start.elapsed().as_secs_f64());
        }
    });
}

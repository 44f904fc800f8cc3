//! A simulation of three processes on a log with faults: lost, late and
//! unacknowledged messages, replicas that are behind, processes that stop between
//! any two steps, and stopped ones that go on later. No acknowledged cell is lost
//! or published twice, and all processes publish and compute the same.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tessera::wire::{BucketId, CellSize, PostEntry, cover_cell};
use tessera_relay::{
    random,
    store::{
        Kind, Store as _,
        log::{Broken, LogStore, Stream},
    },
};

use super::{
    memory::{Faults, MemoryLog},
    team::{BUCKETS, Place, Team, copies},
};
use crate::{bucket, contract::imports::Foreign, cover::Dice};

const MEMBERS: usize = 3;

/// What posters share with the rest.
struct Posters {
    stores: Mutex<Vec<LogStore<MemoryLog>>>,
    acknowledged: Mutex<BTreeSet<Vec<u8>>>,
    stop: AtomicBool,
}

/// Posts until the end, each post again until it is acknowledged.
async fn post(posters: Arc<Posters>, seed: u64) {
    let mut dice = Dice(seed);
    let size = CellSize::try_from(1024).unwrap();
    while !posters.stop.load(Ordering::Relaxed) {
        let to = match dice.below(4) {
            0 => BucketId::LOBBY,
            n => bucket(BUCKETS[n as usize % 2]),
        };
        let entries: Vec<PostEntry> = (0..=dice.below(4))
            .map(|_| PostEntry {
                bucket: to,
                cell: cover_cell(size, &mut random::system()),
            })
            .collect();
        // A client asks until it knows: also after the posters were told to stop.
        for _ in 0..400 {
            let store = {
                let stores = posters.stores.lock().unwrap();
                stores[dice.below(stores.len() as u64) as usize].clone()
            };
            if store.put(entries.clone()).await.is_ok() {
                let cells = entries.iter().map(|entry| entry.cell.as_bytes().to_vec());
                posters.acknowledged.lock().unwrap().extend(cells);
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(dice.below(8))).await;
    }
}

/// The result of a run that found no violation.
struct Outcome {
    cells: usize,
    batches: usize,
    crashes: u32,
}

async fn run(seed: u64, epochs: u64, broken: Option<Broken>) -> Result<Outcome, String> {
    let mut team = Team::new(seed, MEMBERS as u32, broken).await;
    let stores = team.members.iter().map(|member| member.store.clone());
    let posters = Arc::new(Posters {
        stores: Mutex::new(stores.collect()),
        acknowledged: Mutex::default(),
        stop: AtomicBool::new(false),
    });
    let mut posting = tokio::task::JoinSet::new();
    for number in 0..4 {
        posting.spawn(post(Arc::clone(&posters), seed * 100 + number));
    }
    let mut dice = Dice(seed);
    let mut crashes = 0;
    let mut foreign = Foreign::with_cells(CellSize::try_from(1024).unwrap());
    let mut to_import = Vec::new();
    team.servers.set_faults(Faults::MANY);
    team.crashes.store(6, Ordering::Relaxed);
    for epoch in 1..=epochs {
        tokio::time::sleep(Duration::from_millis(30 + dice.below(80))).await;
        if dice.below(4) == 0 {
            team.servers.repeat_marker(Stream::Numbered);
            team.servers.repeat_marker(Stream::Lobby);
        }
        let frozen = dice.below(3) == 0;
        let stopped = dice.below(MEMBERS as u64) as usize;
        if frozen {
            team.members[stopped].log.freeze(true);
        }
        let running: Vec<usize> = (0..MEMBERS)
            .filter(|member| !frozen || *member != stopped)
            .collect();
        let failed = team.close(epoch, &running).await;
        team.members[stopped].log.freeze(false);
        to_import.extend(BUCKETS.map(|of| foreign.batch(bucket(of), epoch, epoch * 10, &[])));
        // Two members fetch the same batches at the same time.
        let imported = tokio::join!(
            team.members[stopped].store.import(to_import.clone()),
            team.members[(stopped + 1) % MEMBERS]
                .store
                .import(to_import.clone()),
        );
        if imported.0.or(imported.1).is_ok() {
            to_import.clear();
        }
        let failed: BTreeSet<usize> = failed.into_iter().map(|(member, _)| member).collect();
        for member in failed {
            crashes += 1;
            team.restart(member).await;
            posters.stores.lock().unwrap()[member] = team.members[member].store.clone();
        }
    }
    team.servers.set_faults(Faults::default());
    team.crashes.store(0, Ordering::Relaxed);
    for member in 0..MEMBERS {
        if team.members[member].store.writable().is_err() {
            crashes += 1;
            team.restart(member).await;
            posters.stores.lock().unwrap()[member] = team.members[member].store.clone();
        }
    }
    // On a busy machine the epochs passed with few posts.
    for _ in 0..600 {
        if posters.acknowledged.lock().unwrap().len() > 100 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    posters.stop.store(true, Ordering::Relaxed);
    posting.join_all().await;
    let all: Vec<usize> = (0..MEMBERS).collect();
    team.members[0]
        .store
        .import(to_import)
        .await
        .map_err(|error| error.to_string())?;
    // What waits leaves at 38 cells per bucket and epoch, 16 of the lobby.
    let mut last = epochs;
    let acknowledged = posters.acknowledged.lock().unwrap().clone();
    loop {
        last += 1;
        let failed = team.close(last, &all).await;
        if !failed.is_empty() {
            return Err(format!("epoch {last} was not closed: {failed:?}"));
        }
        let published = copies(&team.batches(0).await)?;
        let waiting = acknowledged
            .iter()
            .filter(|cell| !published.contains_key(*cell));
        let waiting = waiting.count();
        if waiting == 0 {
            break;
        }
        if last > epochs + 60 {
            return Err(format!(
                "{waiting} of {} cells were lost",
                acknowledged.len()
            ));
        }
    }
    let batches = team.batches(0).await;
    if let Some((_, count)) = copies(&batches)?.iter().find(|(_, count)| **count > 1) {
        return Err(format!("a cell was published {count} times"));
    }
    let is_foreign = |(_, origin, _): &&Place| *origin == foreign.key.origin().0;
    if batches.keys().filter(is_foreign).count() as u64 != 2 * epochs {
        return Err("batches of another origin are missing".to_owned());
    }
    for member in 0..MEMBERS {
        if team.batches(member).await != batches {
            return Err(format!("the view of member {member} differs"));
        }
        for name in ["close_differs", "log_gap", "ratchet_lag"] {
            let value = team.gauge(member, name);
            if value != 0 {
                return Err(format!("{name} of member {member} is {value}"));
            }
        }
        for kind in [Kind::Numbered, Kind::Lobby] {
            let closed = team.members[member].store.last_close(kind).await;
            if closed.unwrap().is_none_or(|closed| closed.epoch != last) {
                return Err(format!("member {member} is behind"));
            }
        }
    }
    for member in &team.members {
        member.store.shutdown().await;
    }
    Ok(Outcome {
        cells: acknowledged.len(),
        batches: batches.len(),
        crashes,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_under_any_faults() {
    let seeds = std::env::var("TESSERA_SIMULATION_SEEDS");
    let seeds: u64 = seeds.map_or(3, |seeds| seeds.parse().unwrap());
    let mut all_crashes = 0;
    for seed in 1..=seeds {
        match run(seed, 25, None).await {
            Ok(Outcome {
                cells,
                batches,
                crashes,
            }) => {
                println!("seed {seed}: {cells} cells, {batches} batches, {crashes} crashes");
                assert!(cells > 100 && batches > 60);
                all_crashes += crashes;
            }
            Err(violation) => panic!("seed {seed}: {violation}"),
        }
    }
    assert!(all_crashes > 0, "no process crashed");
}

/// A run whose processes keep the rules takes a tenth of this.
const STUCK: Duration = Duration::from_secs(90);

/// The simulation notices a process that breaks a rule; otherwise it would prove
/// nothing.
async fn is_noticed(broken: Broken) {
    for seed in 1..=8 {
        let violation = match tokio::time::timeout(STUCK, run(seed, 25, Some(broken))).await {
            Ok(Ok(_)) => continue,
            Ok(Err(violation)) => violation,
            Err(_) => "processes that disagree close nothing any more".to_owned(),
        };
        println!("{broken:?}, seed {seed}: {violation}");
        return;
    }
    panic!("{broken:?} was not noticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_answered_on_the_acknowledgement_are_noticed() {
    is_noticed(Broken::AckBeforeRead).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn draws_of_the_operating_system_are_noticed() {
    is_noticed(Broken::SystemDraws).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn markers_that_are_not_checked_are_noticed() {
    is_noticed(Broken::AnyMarker).await;
}

//! A simulation with the real store: a clock that jumps, repeated posts, and
//! crashes between any two steps of the store. Reproducible from its seed.

mod clock;
mod mortal;
mod reader;
mod world;

use self::world::{EPOCH, World};
use crate::cover::Dice;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

#[tokio::test(flavor = "multi_thread")]
async fn invariants_hold_for_any_order_of_posts_epochs_jumps_and_crashes() {
    for seed in 1..=6 {
        let mut dice = Dice(seed);
        let mut world = World::new().await;
        let mut crashes = 0;
        for _ in 0..120 {
            match dice.below(14) {
                0..=4 => world.run(EPOCH).await,
                5 => world.run(EPOCH * (2 + dice.below(20))).await,
                6 => world.jump(i64::try_from(DAY + dice.below(40 * DAY)).unwrap()),
                7 => world.jump(-i64::try_from(dice.below(5 * DAY)).unwrap()),
                8..=10 => world.post(dice.below(6)).await,
                11 => world.post_again(dice.below(9)).await,
                12 => world.restart().await,
                _ => {
                    world.dies_in(dice.below(7), dice.below(2) == 0);
                    crashes += 1;
                }
            }
        }
        world.finish().await;
        println!(
            "seed {seed}: {} cells, {} batches, {} segments, {} deleted, {} of {crashes} deaths",
            world.reader.cells(),
            world.reader.batches(),
            world.reader.segments(),
            world.reader.deleted(),
            world.deaths()
        );
        assert!(
            world.reader.cells() > 50 && world.reader.batches() > 50 && world.reader.segments() > 5
        );
    }
}

/// Calls every operation of a store, in an order that creates and deletes segments
/// and suspends deletes because of the clock.
async fn script(world: &mut World) {
    world.post(3).await;
    world.run(EPOCH).await;
    world.post(2).await;
    world.post_again(3).await;
    for _ in 0..7 {
        world.run(EPOCH).await;
    }
    world.post(1).await;
    world.jump(i64::try_from(3 * DAY).unwrap());
    world.run(EPOCH).await;
    world.post_again(4).await;
    world.run(25 * HOUR).await;
    world.run(EPOCH).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_by_a_crash_between_any_two_steps() {
    let mut deaths = 0;
    for after in [false, true] {
        for step in 0.. {
            let mut world = World::new().await;
            world.dies_in(step, after);
            script(&mut world).await;
            if world.deaths() == 0 {
                // The script ended before that step.
                assert!(step > 30, "{step}");
                assert!(world.reader.segments() >= 2 && world.reader.deleted() >= 10);
                break;
            }
            deaths += world.deaths();
        }
    }
    println!("{deaths} deaths");
}

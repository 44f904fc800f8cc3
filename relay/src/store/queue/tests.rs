use std::collections::VecDeque;

use super::*;

const BUCKET: u32 = 3;

fn bucket() -> BucketId {
    BucketId::try_from(BUCKET).unwrap()
}

fn queue(batch_cells: usize, lobby_cells: usize) -> Queue {
    Queue::new(Capacity {
        batch_cells,
        cells: ByKind {
            numbered: 4 * batch_cells,
            lobby: lobby_cells,
        },
        all_cells: 100_000,
        patience: ByKind {
            numbered: 16,
            lobby: 60,
        },
    })
}

/// Posts one cell at a time while there is room; returns the number accepted.
fn post(queue: &mut Queue, to: BucketId, class: u64, cells: usize) -> usize {
    for done in 0..cells {
        let mut additions = Additions::default();
        let class = QueueClass(class);
        if queue
            .admit(class, [to].into_iter(), &mut additions)
            .is_err()
        {
            return done;
        }
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let ticket = Ticket {
            frame: number as i64,
            place: 0,
            waited: 0,
            cell: u128::from(number).to_be_bytes(),
        };
        queue.push(to, class, ticket);
    }
    cells
}

static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);

fn waiting_of(queue: &Queue, to: BucketId, class: u64) -> usize {
    let of_bucket = queue.buckets.get(&to);
    let of_class = of_bucket.and_then(|queue| queue.classes.get(&QueueClass(class)));
    of_class.map_or(0, VecDeque::len)
}

#[test]
fn a_queue_never_exceeds_four_batches_and_leaves_room_for_a_newcomer() {
    for flooders in [1_u32, 2, 3, 7, 20] {
        let mut queue = queue(1000, 960);
        for class in 0..flooders {
            post(&mut queue, bucket(), u64::from(class), 5000);
        }
        let waiting = queue.waiting(bucket()).cells;
        let harmonic: f64 = (1..=flooders).map(|n| 1000.0 / f64::from(n)).sum();
        assert!(waiting as f64 <= harmonic, "{flooders}: {waiting}");
        let newcomer = post(&mut queue, bucket(), 1_000_000, 5000);
        let share = 1000 / (flooders as usize + 1);
        assert!(newcomer >= share, "{flooders}: {newcomer} of {share}");
    }
    let mut queue = queue(100, 960);
    for class in 0..500 {
        post(&mut queue, bucket(), class, 5000);
    }
    assert_eq!(queue.waiting(bucket()).cells, 400);
}

#[test]
fn the_next_batch_has_all_cells_of_a_small_poster() {
    let mut queue = queue(1000, 960);
    for class in 0..3 {
        post(&mut queue, bucket(), class, 5000);
    }
    let own = post(&mut queue, bucket(), 9, 200);
    assert_eq!(own, 200);
    let (taken, _) = queue.take(bucket(), 1000, None, 0);
    assert_eq!(taken.len(), 1000);
    assert_eq!(waiting_of(&queue, bucket(), 9), 0);
}

#[test]
fn classes_take_turns_and_each_leaves_in_its_order() {
    let mut queue = queue(1000, 960);
    for (class, cells) in [(1, 500), (2, 3), (3, 7)] {
        assert_eq!(post(&mut queue, bucket(), class, cells), cells);
    }
    let mut left = Vec::new();
    while queue.waiting(bucket()).cells > 0 {
        let before = [1, 2, 3].map(|class| waiting_of(&queue, bucket(), class));
        let (taken, _) = queue.take(bucket(), 6, None, 0);
        let after = [1, 2, 3].map(|class| waiting_of(&queue, bucket(), class));
        let mut went = [0; 3];
        for class in 0..3 {
            went[class] = before[class] - after[class];
        }
        left.push(went);
        let orders: Vec<_> = taken.iter().map(Ticket::order).collect();
        assert_eq!(orders.len(), 6.min(before.iter().sum()));
    }
    assert_eq!(left[..4], [[2, 2, 2], [3, 1, 2], [3, 0, 3], [6, 0, 0]]);
}

/// A class with many waiting cells gets a small part of each batch after many
/// other classes join, but no cell waits for more closes than the limits allow.
#[test]
fn waiting_is_bounded() {
    let mut queue = queue(100, 960);
    post(&mut queue, bucket(), 0, 100);
    for close in 0..40 {
        for class in 1..=89 {
            post(&mut queue, bucket(), class, 5);
        }
        let (taken, _) = queue.take(bucket(), 90, None, 0);
        assert_eq!(taken.len(), 90);
        let waited = taken.iter().map(|ticket| ticket.waited).max();
        assert!(waited <= Some(16 + 4), "close {close}: {waited:?}");
        if close == 20 {
            assert_eq!(waiting_of(&queue, bucket(), 0), 0);
        }
    }
}

#[test]
fn a_failed_take_is_undone() {
    let mut queue = queue(100, 960);
    post(&mut queue, bucket(), 1, 50);
    post(&mut queue, bucket(), 2, 20);
    let cells = |queue: &Queue| -> Vec<_> { queue.of_kind(Kind::Numbered).into_iter().collect() };
    let before = cells(&queue);
    let (taken, was) = queue.take(bucket(), 30, None, 7);
    assert!(!queue.holds(&taken[0].cell));
    queue.put_back(bucket(), was);
    assert_eq!(cells(&queue), before);
    assert!(taken.iter().all(|ticket| queue.holds(&ticket.cell)));
}

#[test]
fn the_point_from_which_classes_share_is_blurred() {
    for blur in [0, 17, 218] {
        let mut queue = queue(1000, 960);
        queue.take(bucket(), 0, None, blur);
        post(&mut queue, bucket(), 1, 100);
        // Another class fills up to the limit, and then to its share.
        let accepted = post(&mut queue, bucket(), 2, 5000);
        assert_eq!(accepted, (1000 - blur - 100).max(500), "{blur}");
    }
}

#[test]
fn posts_of_one_commit_count_together() {
    let queue = queue(10, 960);
    let mut additions = Additions::default();
    let mut accepted = 0;
    for _ in 0..30 {
        let five = std::iter::repeat_n(bucket(), 5);
        accepted += usize::from(queue.admit(QueueClass(1), five, &mut additions).is_ok());
    }
    assert_eq!(accepted, 2, "a batch, alone");
    let five = std::iter::repeat_n(bucket(), 5);
    assert_eq!(queue.admit(QueueClass(2), five, &mut additions), Ok(()));
    let five = std::iter::repeat_n(bucket(), 5);
    assert_eq!(
        queue.admit(QueueClass(2), five, &mut additions),
        Err(Kind::Numbered)
    );
}

#[test]
fn the_lobby_has_its_own_limit_and_drops_stale_cells() {
    let mut queue = queue(1000, 192);
    assert_eq!(post(&mut queue, BucketId::LOBBY, 1, 500), 48);
    assert_eq!(post(&mut queue, BucketId::LOBBY, 2, 500), 24);
    for _ in 0..3 {
        queue.take(BucketId::LOBBY, 16, None, 0);
    }
    assert_eq!(queue.waiting(BucketId::LOBBY).cells, 24);
    assert!(!queue.drop_stale(Kind::Lobby, 3));
    assert!(queue.drop_stale(Kind::Lobby, 2));
    assert_eq!(queue.waiting(BucketId::LOBBY).cells, 0);
    assert_eq!(queue.len(), 0);
}

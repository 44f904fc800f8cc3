use clap::Parser;

use super::{
    privacy_cost::{Bound, Change, Changes},
    *,
};

#[derive(Parser)]
#[command(args_override_self = true)]
struct Line {
    #[command(flatten)]
    plan: PlanArgs,
}

fn args(flags: &str) -> Result<PlanArgs, String> {
    let line = ["plan", "--users=10000", "--messages-per-day=2000"]
        .into_iter()
        .chain(flags.split_whitespace());
    Ok(Line::try_parse_from(line)
        .map_err(|error| error.to_string())?
        .plan)
}

fn plan(flags: &str) -> Result<Plan, String> {
    Plan::new(&args(flags)?).map_err(|error| error.to_string())
}

/// Within a hundredth.
#[track_caller]
fn close(ours: f64, expected: f64) {
    assert!(
        (ours / expected - 1.0).abs() < 0.01,
        "{ours} is not about {expected}"
    );
}

#[test]
fn invalid_settings_are_refused_with_the_reason() {
    for (flags, reason) in [
        ("--relays 3", "only with --store nats"),
        ("--store nats --relays 17", "1..=16"),
        (
            "--buckets 3",
            "custom: invalid value '3' for '--buckets <N>': ",
        ),
        ("--epoch 3", "number and a unit"),
        ("--epoch 25h", "from 1s to 24h"),
        ("--cover constant --cover-traffic-epsilon 1", "no meaning"),
        ("--cover-traffic-epsilon 0.001", "more than 4096 cells"),
        ("--max-message-size 2MiB", "after three days"),
        ("--profile large", "invalid value 'large'"),
        ("--users 0", "1.."),
        ("--slots-per-user -1", "unexpected argument"),
        ("--slots-per-user nan", "from 0 to 100000"),
        ("--person-openings 0", "1..=100"),
        ("--cells-per-bucket 9", "1..=8"),
        ("--open-hours 25", "0..=24"),
    ] {
        let error = plan(flags).unwrap_err();
        assert!(error.contains(reason), "{flags}: {error}");
        assert!(!error.contains("Usage: serve"), "{flags}: {error}");
    }
}

#[test]
fn all_profiles_are_shown_unless_flags_describe_a_setting() {
    let names = |flags: &str| -> Vec<&str> {
        plan(flags)
            .unwrap()
            .settings
            .iter()
            .map(|column| column.name)
            .collect()
    };
    assert_eq!(names(""), ["default", "phone", "constant", "small"]);
    assert_eq!(names("--profile phone --profile small"), ["phone", "small"]);
    assert_eq!(names("--epoch 10m"), ["custom"]);
    assert_eq!(
        names("--epoch 10m --profile default"),
        ["custom", "default"]
    );
}

#[test]
fn the_default_matches_the_documents() {
    let plan = plan("--profile default").unwrap();
    let figures = &plan.settings[0].figures;
    // 109 cells of 2 KiB, 48 times a day.
    close(figures.cover_bytes_per_bucket_per_day, 10_715_136.0);
    // 10 000 people post 10 000 slots, each with a cell for every bucket.
    close(figures.posted_cells_per_batch, 10_000.0 / 48.0);
    close(figures.places_taken, 4_000.0 / 80_000.0);
    close(figures.download_bytes_per_reader_per_day, 31.2e6);
    close(figures.download_bytes_after_away, 14.0 * 31.2e6);
    // 15 232 tags and 48 headers; four looks at two relays with eight bitmaps each.
    let looks = 8.0 * (15_232.0 + 8.0 * 2_032.0);
    let light = 15_232.0 * 16.0 + 48.0 * 224.0 + looks;
    close(figures.light_bytes_per_reader_per_day, light);
    close(figures.light_bytes_after_away, 5.8e6);
    close(figures.disk_bytes, 8.0 * 60.0 * 31.2e6);
    close(figures.egress_bytes_per_day, 10_000.0 * 31.2e6);
    close(figures.people_per_bucket, 1_250.0);
    let copies = |flags: &str| {
        let plan = super::Plan::new(&args(&format!("--profile default {flags}")).unwrap()).unwrap();
        plan.settings[0].figures.disk_bytes_all_copies
    };
    let once = figures.disk_bytes + figures.lobby_disk_bytes;
    close(copies(""), once);
    close(copies("--store nats"), 5.0 * once);
    close(copies("--store nats --relays 4"), 7.0 * once);
    // 1 440 batches of 16 cells, every 5 s for two hours.
    close(figures.lobby_disk_bytes, 1_440.0 * 32_960.0);
    close(
        figures.lobby_bytes_per_opening,
        3.0 * (1_440.0 * 183.0 + 4.0 * 32_960.0),
    );
    close(
        figures.lobby_bytes_per_minute_enrolling,
        12.0 * (1_440.0 * 183.0 + 32_960.0),
    );
    close(figures.lobby_seconds_worst, 20.0);
    close(figures.upload_bytes_per_slot, 8.0 * 2_052.0);
    close(
        figures.upload_bytes_per_reader_per_day,
        18.0 * 8.0 * 2_052.0,
    );
    assert_eq!(
        (figures.attachment.cells, figures.attachment.slots),
        (139, 139)
    );
    close(figures.attachment.upload_bytes_at_once, 2.282e6);
    close(figures.attachment.download_bytes_at_once, 139.0 * 2_048.0);
    close(figures.delay_seconds_median, 1_820.0);
    close(figures.delay_seconds_worst, 3_635.0);
}

#[test]
fn the_profiles_match_the_documents() {
    let plan = plan("").unwrap();
    let figures = |i: usize| &plan.settings[i].figures;
    // Beside the relay's cover: 20.5 MB of what clients post.
    close(
        figures(1).cover_bytes_per_bucket_per_day,
        14.0 * 2_048.0 * 48.0,
    );
    close(figures(1).download_bytes_per_reader_per_day, 21.9e6);
    close(
        figures(2).download_bytes_per_reader_per_day,
        512.0 * 2_048.0 * 48.0 + 48.0 * 192.0,
    );
    close(figures(3).people_per_bucket, 10_000.0);
    // A slot has a cell for every bucket, so their number does not change what a reader downloads.
    close(
        figures(3).download_bytes_per_reader_per_day,
        figures(0).download_bytes_per_reader_per_day,
    );
    assert_eq!(
        plan.settings[2].privacy_cost.costs.len(),
        0,
        "constant has no epsilon"
    );
}

#[test]
fn messages_in_slots_change_no_size_and_slots_at_once_do() {
    let few = plan("--profile default").unwrap();
    let many = plan("--profile default --messages-per-day 200000").unwrap();
    let (few, many) = (&few.settings[0].figures, &many.settings[0].figures);
    assert_eq!(few.cells_per_batch, many.cells_per_batch);
    close(many.places_taken, 5.0);
    let at_once = plan("--profile default --slots-at-once 4800").unwrap();
    let more = at_once.settings[0].figures.cells_per_batch - few.cells_per_batch;
    close(more, 100.0);
}

#[test]
fn a_constant_batch_grows_with_what_is_posted() {
    let plan = plan("--profile constant --slots-per-user 4").unwrap();
    let figures = &plan.settings[0].figures;
    close(figures.cells_per_batch, 40_000.0 / 48.0);
    assert_eq!(figures.cover_bytes_per_bucket_per_day, 0.0);
}

#[test]
fn presence_costs_its_slots_in_every_bucket() {
    let plan = plan("").unwrap();
    let of = |setting: usize, unit: &str| {
        let costs = &plan.settings[setting].privacy_cost.costs;
        costs.iter().find(|cost| cost.unit == unit).unwrap()
    };
    for unit in [
        "a message in slots, of any size",
        "an enrolment through the lobby",
    ] {
        let none = Bound {
            epsilon: Some(0.0),
            delta: 0.0,
        };
        assert_eq!(of(0, unit).reader_of_all_buckets, none, "{unit}");
    }
    let slot = of(0, "one slot");
    close(slot.reader_of_one_bucket.epsilon.unwrap(), 0.1);
    close(slot.reader_of_one_bucket.delta, 1e-6);
    let cell = of(0, "one cell more in one bucket");
    assert_eq!(cell.reader_of_all_buckets, slot.reader_of_one_bucket);
    let visits = of(0, "a day with 2 short visits");
    assert!(matches!(&visits.changes, Changes::EveryBucket(changes)
            if changes == &[Change { cells: 2, batches: 2 }]));
    let open = of(0, "a day with the portal open for 8 h");
    assert!(matches!(&open.changes, Changes::EveryBucket(changes)
            if changes == &[Change { cells: 2, batches: 1 }, Change { cells: 1, batches: 16 }]));
    for unit in [
        "a year with 2 short visits a day",
        "a message of the largest size at once",
    ] {
        assert_eq!(of(0, unit).reader_of_all_buckets.epsilon, None, "{unit}");
    }
    // One bucket only: nothing is seen more than once.
    let slot = of(3, "one slot");
    assert_eq!(slot.reader_of_all_buckets, slot.reader_of_one_bucket);
}

/// Compares the bounds of the default setting with those of dp-accounting.
#[test]
fn presence_costs_match_dp_accounting() {
    #[derive(serde::Deserialize)]
    struct Oracle {
        cases: Vec<Case>,
    }
    #[derive(serde::Deserialize)]
    struct Case {
        mechanism: String,
        epsilon_cell: Option<f64>,
        mean: u32,
        changes: Vec<(u32, u32)>,
        epsilon: Answer,
    }
    #[derive(serde::Deserialize)]
    struct Answer {
        delta: f64,
        least: f64,
        most: f64,
    }
    let oracle: Oracle =
        serde_json::from_str(include_str!("../../../tests/privacy/oracle.json")).unwrap();
    let plan = plan("--profile default").unwrap();
    for (unit, changes) in [
        ("one slot", vec![(1, 8)]),
        ("a day with 2 short visits", vec![(2, 16)]),
        ("a day with the portal open for 8 h", vec![(2, 8), (1, 128)]),
    ] {
        let is_same = |case: &&Case| {
            (case.mechanism.as_str(), case.epsilon_cell, case.mean) == ("laplace", Some(0.1), 109)
                && case.changes == changes
        };
        let expected = &oracle.cases.iter().find(is_same).unwrap().epsilon;
        let costs = &plan.settings[0].privacy_cost.costs;
        let cost = costs.iter().find(|cost| cost.unit == unit).unwrap();
        let Bound { epsilon, delta } = cost.reader_of_all_buckets;
        close(delta, expected.delta);
        let most = expected.most + 1e-6;
        match epsilon {
            Some(epsilon) => {
                assert!(
                    (expected.least - 1e-6..=most).contains(&epsilon),
                    "{unit}: {epsilon} is not from {} to {most}",
                    expected.least
                );
            }
            None => assert!(most > privacy_cost::MEANINGFUL, "{unit}: {most}"),
        }
    }
}

#[test]
fn the_traffic_simulation_uses_the_defaults() {
    let product = include_str!("../../../tests/bench/privacy/product.json");
    let product: serde_json::Value = serde_json::from_str(product).unwrap();
    let plan = plan("--profile default").unwrap();
    let column = &plan.settings[0];
    for (key, default) in [
        ("buckets", column.figures.buckets),
        ("epoch_seconds", column.figures.epoch_seconds),
        ("cell_bytes", column.figures.cell_bytes),
        ("cells_per_bucket", 1),
        ("relay_cover_cells", 109),
    ] {
        assert_eq!(product[key], default, "{key}");
    }
    assert_eq!(column.cover.mean, Some(109.0));
    close(
        column.figures.upload_bytes_per_slot,
        f64::from(column.figures.buckets) * 2_052.0,
    );
}

#[test]
fn text_and_json_agree_and_have_units() {
    let text = run(&args("").unwrap()).unwrap();
    for line in [
        "no meaningful bound",
        "10.7 MB",
        "people per bucket",
        "14 days away",
        "0.1 (1e-6)",
        "0 (0)",
        "reader of the batches of all buckets",
        "reader of the batches of one bucket",
    ] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 140),
        "{text}"
    );
    let large = run(&args("--buckets 32").unwrap()).unwrap();
    assert!(large.contains("custom: warning: every slot"), "{large}");
    let json = run(&args("--json").unwrap()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["assumptions"]["users"], 10_000);
    assert_eq!(json["settings"][0]["cover"]["mechanism"], "laplace");
    let costs = json["settings"][0]["privacy_cost"]["costs"]
        .as_array()
        .unwrap();
    let year = costs
        .iter()
        .find(|cost| cost["unit"] == "a year with 2 short visits a day")
        .unwrap();
    assert!(year["reader_of_all_buckets"]["epsilon"].is_null());
    assert_eq!(year["changes"]["every_bucket"][0]["batches"], 730);
    assert!(
        json["settings"][3]["figures"]["disk_bytes"]
            .as_f64()
            .unwrap()
            > 1e9
    );
}

use clap::Parser;

use super::*;

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
fn what_could_not_run_is_refused_with_the_reason() {
    for (flags, reason) in [
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
        ("--person-cells 0", "1..=1024"),
        ("--open-hours 25", "0..=24"),
    ] {
        let error = plan(flags).unwrap_err();
        assert!(error.contains(reason), "{flags}: {error}");
        assert!(!error.contains("Usage: serve"), "{flags}: {error}");
    }
}

#[test]
fn profiles_stand_side_by_side_unless_one_is_described() {
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
fn the_default_costs_what_the_documents_say() {
    let plan = plan("--profile default").unwrap();
    let figures = &plan.settings[0].figures;
    // 109 cells of 2 KiB, 48 times a day.
    close(figures.cover_bytes_per_bucket_per_day, 10_715_136.0);
    // 10 000 people post 5 000 slots of four cells: 2 500 cells for each of 8 buckets.
    close(figures.posted_cells_per_batch, 2_500.0 / 48.0);
    close(figures.download_bytes_per_reader_per_day, 15.84e6);
    close(figures.download_bytes_after_away, 14.0 * 15.84e6);
    close(figures.disk_bytes, 8.0 * 60.0 * 15.84e6);
    close(figures.egress_bytes_per_day, 10_000.0 * 15.84e6);
    close(figures.people_per_bucket, 1_250.0);
    close(
        figures.lobby_bytes_per_day,
        5_760.0 * (192.0 + 16.0 * 2_048.0),
    );
    assert_eq!(
        (figures.attachment.cells, figures.attachment.epochs),
        (135, 34)
    );
    close(figures.attachment.egress_bytes, 135.0 * 2_048.0 * 1_250.0);
    close(figures.delay_seconds_median, 1_820.0);
    close(figures.delay_seconds_worst, 3_635.0);
}

#[test]
fn the_profiles_cost_what_the_documents_say() {
    let plan = plan("").unwrap();
    let figures = |i: usize| &plan.settings[i].figures;
    // Beside the relay's cover: 5.1 MB of what clients post.
    close(
        figures(1).cover_bytes_per_bucket_per_day,
        47.0 * 2_048.0 * 48.0,
    );
    close(figures(1).download_bytes_per_reader_per_day, 9.75e6);
    close(
        figures(2).download_bytes_per_reader_per_day,
        64.0 * 2_048.0 * 48.0 + 48.0 * 192.0,
    );
    close(figures(3).people_per_bucket, 10_000.0);
    assert_eq!(
        plan.settings[2].privacy_cost.costs.len(),
        0,
        "constant has no epsilon"
    );
}

#[test]
fn load_beyond_all_slots_and_beyond_a_constant_batch_counts() {
    let busy = "--profile default --slots-per-user 0 --messages-per-day 200000";
    let normal = plan(busy).unwrap();
    let constant = plan(&busy.replace("default", "constant")).unwrap();
    let posted = 400_000.0 / 8.0 / 48.0;
    close(normal.settings[0].figures.cells_per_batch, posted + 109.0);
    let figures = &constant.settings[0].figures;
    close(figures.cells_per_batch, posted);
    assert_eq!(figures.cover_bytes_per_bucket_per_day, 0.0);
}

#[test]
fn budgets_add_up_until_they_bound_nothing() {
    let plan = plan("").unwrap();
    let costs = &plan.settings[0].privacy_cost.costs;
    let of = |unit: &str| costs.iter().find(|cost| cost.unit == unit).unwrap();
    close(of("one cell").epsilon.unwrap(), 0.1);
    close(of("one cell").delta, 1e-6);
    close(of("one moved cell").epsilon.unwrap(), 0.2);
    close(of("one moved cell").delta, 2e-6);
    let day = of("one person-day");
    assert_eq!((day.cells_per_batch, day.batches), (2, 8));
    let epsilon = day.epsilon.unwrap();
    assert!(
        (0.2..1.6).contains(&epsilon),
        "less than by adding up: {epsilon}"
    );
    assert_eq!(of("one person-year").epsilon, None);
    assert_eq!(of("one person-year").batches, 8 * 365);
    assert_eq!(of("one attachment").batches, 34);
    // The phone profile costs a day 2.5 times as much, more or less.
    let phone = plan.settings[1].privacy_cost.costs[2].epsilon.unwrap();
    assert!(
        phone > 2.0 * epsilon && phone < 4.0 * epsilon,
        "{phone} {epsilon}"
    );
}

#[test]
fn text_and_json_say_the_same_with_units() {
    let text = run(&args("").unwrap()).unwrap();
    for line in [
        "no meaningful bound",
        "10.7 MB",
        "people per bucket",
        "14 days away",
        "0.1 (1e-6)",
        "0.2 (2e-6)",
    ] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 140),
        "{text}"
    );
    let json = run(&args("--json").unwrap()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["assumptions"]["users"], 10_000);
    assert_eq!(json["settings"][0]["cover"]["mechanism"], "laplace");
    let year = &json["settings"][0]["privacy_cost"]["costs"][3];
    assert_eq!(
        (&year["unit"], year["epsilon"].is_null()),
        (&"one person-year".into(), true)
    );
    assert!(
        json["settings"][3]["figures"]["disk_bytes"]
            .as_f64()
            .unwrap()
            > 1e9
    );
}

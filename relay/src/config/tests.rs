use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    config: Config,
}

fn parse(flags: &str) -> Result<Config, String> {
    let line = ["serve", "--storage", "sqlite:///tmp/x.db"]
        .into_iter()
        .chain(flags.split_whitespace());
    let config = Line::try_parse_from(line)
        .map_err(|error| error.to_string())?
        .config;
    config.check().map_err(|error| error.to_string())?;
    Ok(config)
}

#[test]
fn bad_values_are_refused_with_the_key_and_the_reason() {
    for (flags, reason) in [
        ("--buckets 3", "power of two"),
        ("--buckets 131072", "power of two"),
        ("--buckets many", "not a number"),
        ("--cell-size 2000", "1024, 2048"),
        ("--epoch 0s", "at least 1s"),
        ("--epoch 3", "number and a unit"),
        ("--epoch 25h", "from 1s to 24h"),
        ("--lobby-epoch 2d", "from 1s to 24h"),
        ("--retention 59m", "two epochs"),
        ("--max-disk 20", "number and a unit"),
        (
            "--max-disk 1GiB",
            "the cover of a full retention alone needs",
        ),
        ("--lobby-retention 9s", "two epochs"),
        ("--retention 99999999999d", "too long"),
        ("--cover 64", "possible values: laplace"),
        ("--cover-cells 64", "no meaning with --cover laplace"),
        ("--max-message-size 17MiB", "from one cell to 16MiB"),
        ("--max-message-size 1KiB", "from one cell to 16MiB"),
        ("--max-message-size 256", "number and a unit"),
        ("--max-message-size 2MiB", "after three days"),
        ("--cells-per-bucket 0", "1..=8"),
        ("--cells-per-bucket 9", "1..=8"),
        ("--cells-per-bucket 8 --buckets 16", "64 of a post"),
        ("--port 70000", "65535"),
        ("--bind localhost", "invalid IP address"),
        ("--static-dir /nonexistent", "no index.html"),
        (
            "--frame-ancestor https://ehr.example",
            "only with --static-dir",
        ),
        ("--frame-ancestor *", "exact web origin"),
    ] {
        let error = parse(flags).unwrap_err();
        let (flag, _) = flags.split_once(' ').unwrap();
        assert!(error.contains(flag), "{flags}: {error}");
        assert!(error.contains(reason), "{flags}: {error}");
    }
    let error = parse("--epsilon 0.1").unwrap_err();
    assert!(error.contains("unexpected argument"), "{error}");
}

#[test]
fn flags_of_a_shared_store_are_required_and_refused_elsewhere() {
    let shared = |storage: &str, flags: &str| -> Result<Config, String> {
        let line = ["serve", "--storage", storage].into_iter();
        let config = Line::try_parse_from(line.chain(flags.split_whitespace()))
            .map_err(|error| error.to_string())?
            .config;
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    };
    let (nats, tls) = ("nats://127.0.0.1:4222/T", "tls://127.0.0.1:4222/T");
    let both = "--state-dir s --nats-monitor http://127.0.0.1:8222";
    for (storage, flags, reason) in [
        (nats, "", "needs --state-dir"),
        (nats, "--state-dir s", "needs --nats-monitor"),
        (
            nats,
            &format!("{both} --nats-ca c"),
            "only with --storage tls://",
        ),
        (tls, both, "needs --nats-ca"),
        (nats, &format!("{both} --rank 16"), "0..=15"),
        (nats, &format!("{both} --post-tick 2s"), "0ms to 1s"),
        (
            "sqlite:///tmp/x.db",
            "--state-dir s",
            "--state-dir: only with",
        ),
        ("sqlite:///tmp/x.db", "--rank 1", "--rank: only with"),
        (
            "sqlite:///tmp/x.db",
            "--post-tick 0ms",
            "--post-tick: only with",
        ),
    ] {
        let error = shared(storage, flags).unwrap_err();
        assert!(error.contains(reason), "{storage} {flags}: {error}");
    }
    let config = shared(nats, both).unwrap();
    assert_eq!(
        (config.nats.rank, config.nats.post_tick),
        (0, Tick::default())
    );
    shared(tls, &format!("{both} --nats-ca c --rank 2")).unwrap();
}

#[test]
fn defaults_match_the_help() {
    let config = parse("").unwrap();
    assert_eq!(
        (config.port, config.buckets.get(), config.cell_size.get()),
        (8100, 8, 2048)
    );
    assert_eq!(
        (config.epoch.get(), config.retention.get()),
        (1800, 60 * 86_400)
    );
    assert_eq!(
        (config.lobby_epoch.get(), config.lobby_retention.get()),
        (5, 2 * 3_600)
    );
    assert_eq!(
        (config.message.max.get(), config.message.cells_per_bucket),
        (256 << 10, 1)
    );
    assert_eq!(config.storage.url, Storage::Sqlite("/tmp/x.db".into()));
    assert!(config.bind.is_loopback());
    let short = parse("--epoch 3s --lobby-epoch 1s --retention 1h --cover constant").unwrap();
    assert_eq!(
        (short.epoch.get(), short.cover.mechanism()),
        (3, Mechanism::Constant)
    );
}

#[test]
fn unusual_settings_give_warnings() {
    assert_eq!(parse("").unwrap().warnings(), Vec::<String>::new());
    for (flags, warning) in [
        ("--bind 0.0.0.0", "plain HTTP"),
        ("--bind ::", "plain HTTP"),
        ("--admin 0.0.0.0:8101", "--admin"),
        ("--buckets 32", "32 cells, 64 KiB"),
        ("--cell-size 8192", "8 cells, 64 KiB"),
    ] {
        let warnings = parse(flags).unwrap().warnings();
        assert!(
            warnings.len() == 1 && warnings[0].contains(warning),
            "{flags}: {warnings:?}"
        );
    }
    let with_tls = parse("--bind 0.0.0.0 --tls-cert c --tls-key k --admin [::1]:8101").unwrap();
    assert_eq!(with_tls.warnings(), Vec::<String>::new());
}

use std::path::Path;

use super::*;

fn load(file: &Path, flags: &str) -> Result<Config, String> {
    let words = ["tessera-relay", "serve", "--config"]
        .into_iter()
        .map(OsString::from)
        .chain([file.into()])
        .chain(flags.split_whitespace().map(OsString::from));
    let cli = Cli::load(words).map_err(|error| error.to_string())?;
    #[allow(irrefutable_let_patterns, reason = "commands come and go")]
    let Command::Serve(config) = cli.command else {
        panic!("another command");
    };
    config.check().map_err(|error| error.to_string())?;
    Ok(*config)
}

fn with_file(text: &str, flags: &str) -> Result<Config, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    load(file.path(), flags)
}

const STORAGE: &str = "storage = \"sqlite:///tmp/x.db\"\n";

#[test]
fn bad_files_are_refused_with_the_key_and_the_reason() {
    for (text, reason) in [
        ("epcoh = \"30m\"", "unknown key \"epcoh\""),
        ("config = \"other.toml\"", "unknown key \"config\""),
        ("help = true", "unknown key \"help\""),
        ("cell_size = 1024", "unknown key \"cell_size\""),
        ("[serve]\nport = 1", "unknown key \"serve\""),
        ("[port]\nof = 1", "\"port\" is neither"),
        ("port = 1979-05-27", "\"port\" is neither"),
        ("port = [[1]]", "\"port\" is neither"),
        ("epoch = \"30\"", "'--epoch <DURATION>': a duration is"),
        ("epoch = 30", "'--epoch <DURATION>': a duration is"),
        ("port = 70000", "'--port <PORT>'"),
        ("port = true", "'--port <PORT>'"),
        (
            "port = [1, 2]",
            "'--port <PORT>' cannot be used multiple times",
        ),
        ("port = 1\nport = 2", "line 3: duplicate key"),
        ("port 1", "line 2: "),
        ("storage = \"sqlite://\"", "line 2: duplicate key"),
    ] {
        let error = with_file(&format!("{STORAGE}{text}"), "").unwrap_err();
        assert!(error.contains(reason), "{text}: {error}");
    }
    let error = with_file("epoch = \"1m\"", "").unwrap_err();
    assert!(error.contains("--storage <URL>"), "{error}");
    let error = load(Path::new("/nonexistent/relay.toml"), "").unwrap_err();
    assert!(error.contains("/nonexistent/relay.toml"), "{error}");
}

#[test]
fn a_flag_is_refused_before_the_file_is_read() {
    let error = load(Path::new("/nonexistent/relay.toml"), "--epoch 3").unwrap_err();
    assert!(error.contains("'--epoch <DURATION>'"), "{error}");
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let text = format!(
        "{STORAGE}epoch = \"1m\"\nport = 9000\ncover-traffic-epsilon = 0.25\nlog = \"debug\"\n"
    );
    let config = with_file(&text, "--port 9001").unwrap();
    assert_eq!(
        (config.port, config.epoch.get(), config.cover.epsilon),
        (9001, 60, "0.25".parse().ok())
    );
    assert_eq!(config.lobby_epoch.get(), 5);
}

#[test]
fn the_shipped_file_is_valid() {
    let shipped = include_str!("../../../deploy/relay.toml");
    let config = with_file(shipped, "").unwrap();
    assert_eq!(config.limits.trusted_proxy.len(), 2);
    // Commented-out settings are valid as well, except those with files.
    let more: String = shipped
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.contains(" = "))
        .filter(|line| !line.starts_with("static-dir") && !line.starts_with("frame-ancestor"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(more.lines().count() >= 6, "{more}");
    with_file(&format!("{shipped}\n{more}"), "").unwrap();
}

#[test]
fn help_shows_what_is_required() {
    let error = Cli::load(["tessera-relay", "serve", "--help"]).unwrap_err();
    let CliError::Arguments(help) = &error else {
        panic!("{error}");
    };
    assert_eq!(help.exit_code(), 0);
    let text = help.to_string();
    assert!(text.contains("--storage <URL>"), "{text}");
    assert!(!text.contains("[--storage"), "{text}");
    for default in [
        "[default: 30m]",
        "[env: TESSERA_RELAY_EPOCH=]",
        "[default: 256KiB]",
    ] {
        assert!(text.contains(default), "{default}: {text}");
    }
}

#[test]
fn every_flag_has_an_environment_variable() {
    let command = command_line();
    for arg in command
        .get_subcommands()
        .find(|command| command.get_name() == "serve")
        .unwrap()
        .get_arguments()
        .chain(command.get_arguments())
    {
        let long = arg.get_long().unwrap();
        if long == "help" {
            continue;
        }
        let name = format!("TESSERA_RELAY_{}", long.to_uppercase().replace('-', "_"));
        assert_eq!(arg.get_env().unwrap(), name.as_str());
    }
}

#[test]
fn other_commands_have_the_variables_of_the_flags_that_they_share() {
    let command = command_line();
    let variables = |names: &[&str]| -> Vec<String> {
        let of = names.iter().fold(&command, |command, name| {
            command.find_subcommand(name).unwrap()
        });
        let variables = of.get_arguments().filter_map(clap::Arg::get_env);
        variables
            .map(|name| name.to_str().unwrap().replace("TESSERA_RELAY_", ""))
            .collect()
    };
    let of_serve = variables(&["serve"]);
    assert!(of_serve.len() > 40);
    for names in [
        &["federation-entry"][..],
        &["store", "init"],
        &["store", "raise"],
    ] {
        assert_eq!(variables(names), of_serve, "{names:?}");
    }
    for names in [&["check"][..], &["backup"]] {
        assert_eq!(variables(names), ["STORAGE"], "{names:?}");
    }
    for name in ["new", "admit", "join"] {
        assert_eq!(variables(&["member", name]), ["STORAGE", "STATE_DIR"]);
    }
    for names in [&["plan"][..], &["cluster"], &["cluster", "kill"]] {
        assert_eq!(variables(names), [""; 0], "{names:?}");
    }
}

//! What each command does. In the library, so that a relay over each kind of store is compiled once
//! and not again for every program and test that starts it.

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::{
    filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use super::{Cli, Command, CommonArgs, LogFormat};
use crate::{
    Config, Relay,
    config::Storage,
    plan,
    server::{RunError, files},
    store::{Store, sqlite::Saved},
};

/// Runs the command that the arguments of the process name.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::load(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(error.report()),
    };
    start_log(&cli.common);
    match execute(cli.command) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tessera-relay: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command to its end, and prints what it returns.
#[tokio::main]
async fn execute(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command {
        Command::Serve(config) => serve(*config).await?,
        Command::Check(args) => {
            let report = args.run()?;
            print(&report.to_string());
            if !report.findings.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Backup(args) => {
            let Saved { batches, bytes } = args.run()?;
            say(&format!(
                "{batches} batches, {bytes} bytes. A relay started on this file is a new origin"
            ));
        }
        Command::Store(command) => say(&command.run().await.map_err(|error| error.report())?),
        Command::Member(command) => say(&command.run().map_err(|error| error.report())?),
        Command::FederationEntry(args) => print(&args.run().await?),
        Command::Cluster(args) => args.run(interrupted()?).await?,
        Command::Plan(args) => say(&plan::run(&args)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a line.
fn say(line: &str) {
    print(&format!("{line}\n"));
}

fn print(text: &str) {
    let _ = write!(std::io::stdout(), "{text}");
}

fn start_log(common: &CommonArgs) {
    // Only lines of this crate: those of libraries could contain an address.
    let targets = Targets::new().with_target("tessera_relay", common.log);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = tracing_subscriber::registry().with(targets);
    match common.log_format {
        LogFormat::Text => log
            .with(lines.with_ansi(std::io::stderr().is_terminal()))
            .init(),
        LogFormat::Json => log.with(lines.json().flatten_event(true)).init(),
    }
}

/// Completes on SIGTERM or SIGINT.
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    })
}

/// Completes when standard input ends.
async fn input_ended() {
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}

async fn serve(config: Config) -> Result<(), RunError> {
    files::allow(config.limits.max_connections);
    let until_stdin_ends = config.until_stdin_ends;
    if matches!(config.storage.url, Storage::Nats(_)) {
        listen(Relay::open_shared(config).await?, until_stdin_ends).await
    } else {
        listen(Relay::open(config)?, until_stdin_ends).await
    }
}

async fn listen(relay: Relay<impl Store>, until_stdin_ends: bool) -> Result<(), RunError> {
    let interrupted = interrupted()?;
    // SIGHUP reloads files; it must not end a relay that has none.
    let _hangup = signal(SignalKind::hangup())?;
    let mut out = std::io::stdout();
    let _ = writeln!(out, "tessera-relay listening on {}", relay.url()?);
    if let Some(url) = relay.admin_url()? {
        let _ = writeln!(out, "admin interface listening on {url}");
    }
    let stop = async {
        tokio::select! {
            () = interrupted => (),
            () = input_ended(), if until_stdin_ends => (),
        }
        tracing::info!("shutting down: finishing open requests, accepting no new ones");
    };
    relay.serve(stop).await
}

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
    replica::{ReplicaError, init::StoreCommand},
    server::{RunError, files},
    store::Store,
};

/// Runs the command that the arguments of the process name.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::load(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(error.report()),
    };
    start_log(&cli.common);
    let outcome: Result<(), Box<dyn std::error::Error>> = match cli.command {
        Command::Serve(config) => serve(*config).map_err(Into::into),
        Command::Check(args) => match args.run() {
            Ok(report) => {
                let _ = write!(std::io::stdout(), "{report}");
                if !report.findings.is_empty() {
                    return ExitCode::FAILURE;
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        },
        Command::Backup(args) => args.run().map_err(Into::into).map(|saved| {
            let _ = writeln!(
                std::io::stdout(),
                "{} batches, {} bytes. A relay started on this file is a new origin",
                saved.batches,
                saved.bytes
            );
        }),
        Command::Store(command) => store(command)
            .map(said)
            .map_err(|error| error.report().into()),
        Command::Member(command) => command
            .run()
            .map(said)
            .map_err(|error| error.report().into()),
        Command::FederationEntry(args) => block_on(async { Ok(args.run().await?) }).map(|entry| {
            let _ = write!(std::io::stdout(), "{entry}");
        }),
        Command::Cluster(args) => block_on(async { Ok(args.run(interrupted()?).await?) }),
        Command::Plan(args) => plan::run(&args).map(said).map_err(Into::into),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tessera-relay: {error}");
            ExitCode::FAILURE
        }
    }
}

fn said(text: String) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[tokio::main]
async fn store(command: StoreCommand) -> Result<String, ReplicaError> {
    command.run().await
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

/// Runs a command to its end.
fn block_on<T>(
    command: impl Future<Output = Result<T, Box<dyn std::error::Error>>>,
) -> Result<T, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(command)
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

#[tokio::main]
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

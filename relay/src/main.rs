//! The command line of the relay.

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use tessera_relay::{
    Config, Relay,
    cli::{Cli, Command, CommonArgs, LogFormat},
    plan,
    server::{RunError, files},
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::{
    filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

fn main() -> ExitCode {
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
        Command::Plan(args) => plan::run(&args)
            .map(|text| {
                let _ = writeln!(std::io::stdout(), "{text}");
            })
            .map_err(Into::into),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tessera-relay: {error}");
            ExitCode::FAILURE
        }
    }
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

#[tokio::main]
async fn serve(config: Config) -> Result<(), RunError> {
    files::allow(config.limits.max_connections);
    let relay = Relay::open(config)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // SIGHUP reloads files; it must not end a relay that has none.
    let _hangup = signal(SignalKind::hangup())?;
    let mut out = std::io::stdout();
    let _ = writeln!(out, "tessera-relay listening on {}", relay.url()?);
    if let Some(url) = relay.admin_url()? {
        let _ = writeln!(out, "admin interface listening on {url}");
    }
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
        tracing::info!("shutting down: finishing open requests, accepting no new ones");
    };
    relay.serve(stop).await
}

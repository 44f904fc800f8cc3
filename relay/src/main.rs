//! The command line of the relay.

use std::{
    io::{IsTerminal as _, Write as _},
    net::SocketAddr,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tessera_relay::{
    Config,
    server::{self, RunError},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::{
    filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// A mailbox that knows nothing: takes fixed-size cells, keeps them in shared buckets, publishes
/// them in epochs as shuffled, signed batches, and can name no sender, recipient or pair.
#[derive(Debug, Parser)]
#[command(name = "tessera-relay", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// What to log, to standard error: off, error, warn, info, debug or trace. No level logs an
    /// address, a bucket of a request, or a cell
    #[arg(
        long,
        global = true,
        env = "TESSERA_RELAY_LOG",
        default_value = "info",
        value_name = "LEVEL"
    )]
    log: tracing::level_filters::LevelFilter,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the relay until SIGTERM or SIGINT; then finish what was begun and exit with 0
    ///
    /// Durations are a number and a unit: 15s, 30m, 24h, 60d; sizes likewise: 4096B, 256KiB, 16MiB.
    /// Prints one line with its URL once it listens; /readyz answers 200 from then on.
    Serve(Box<Config>),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // This crate's own lines only: those of the libraries below could hold an address.
    let targets = Targets::new().with_target("tessera_relay", cli.log);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .init();
    let Command::Serve(config) = cli.command;
    match serve(*config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tessera-relay: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(config: Config) -> Result<(), RunError> {
    let store = server::open(&config)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind(SocketAddr::new(config.bind, config.port)).await?;
    let _ = writeln!(
        std::io::stdout(),
        "tessera-relay listens on http://{}",
        listener.local_addr()?
    );
    server::run_on(store, listener, config, async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
        tracing::info!("draining");
    })
    .await
}

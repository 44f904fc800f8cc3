//! The program `tessera-relay`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tessera_relay::cli::run()
}

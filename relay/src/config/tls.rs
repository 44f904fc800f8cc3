//! TLS, where no proxy in front ends it.

use std::path::PathBuf;

use clap::Args;

/// Flags about TLS.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// PEM file with the certificate and its chain: the relay then speaks HTTPS only, TLS 1.3. Read
    /// again when it changes, and on SIGHUP
    #[arg(
        long,
        env = "TESSERA_RELAY_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,

    /// PEM file with the certificate's private key
    #[arg(
        long,
        env = "TESSERA_RELAY_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,
}

impl TlsArgs {
    /// Certificate and key, if the relay is to speak TLS.
    #[must_use]
    pub fn files(&self) -> Option<Vec<PathBuf>> {
        Some(vec![self.tls_cert.clone()?, self.tls_key.clone()?])
    }
}

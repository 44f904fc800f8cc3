//! Flags about TLS, for relays without a proxy that terminates it.

use std::path::PathBuf;

use clap::Args;

/// Flags about TLS.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// PEM file with the certificate and its chain: the relay then accepts only HTTPS with TLS 1.3.
    /// Reloaded when it changes, and on SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// PEM file with the certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

impl TlsArgs {
    /// Certificate and key, if TLS is enabled.
    #[must_use]
    pub fn files(&self) -> Option<Vec<PathBuf>> {
        Some(vec![self.tls_cert.clone()?, self.tls_key.clone()?])
    }
}

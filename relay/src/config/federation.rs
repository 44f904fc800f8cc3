//! Flags about other relays with which batches are exchanged.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};

use super::Seconds;

/// Which members are asked for new batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Topology {
    /// Every other member
    #[default]
    Mesh,
    /// On each side, in the order of the file, the nearest member that answers
    Ring,
}

/// Flags about federation.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Federation")]
pub struct FederationArgs {
    /// TOML file with the members of a federation, the same at every member: each keeps the batches
    /// of all, and serves them to its readers
    #[arg(long, value_name = "FILE", requires_all = ["peer_listen", "peer_cert", "peer_key"])]
    pub federation: Option<PathBuf>,

    /// Address and port on which other members ask for batches, with TLS 1.3 and the keys of the
    /// file
    #[arg(long, value_name = "ADDRESS:PORT", requires = "federation")]
    pub peer_listen: Option<SocketAddr>,

    /// PEM file with the certificate that this relay shows to other members; self-signed is right,
    /// its key is what counts
    #[arg(long, value_name = "FILE", requires = "federation")]
    pub peer_cert: Option<PathBuf>,

    /// PEM file with that certificate's private key
    #[arg(long, value_name = "FILE", requires = "federation")]
    pub peer_key: Option<PathBuf>,

    /// Which members are asked for new batches
    #[arg(long, default_value = "mesh", value_name = "TOPOLOGY")]
    pub topology: Topology,

    /// How often a member is asked, give or take a fifth
    #[arg(long, default_value = "5s", value_name = "DURATION")]
    pub peer_poll: Seconds,
}

/// The files and the address of a member, if federation is enabled.
#[derive(Clone, Debug)]
pub struct PeerFiles {
    /// The members.
    pub federation: PathBuf,
    /// Where this member listens.
    pub listen: SocketAddr,
    /// Its certificate.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl FederationArgs {
    /// The files, if federation is enabled.
    #[must_use]
    pub fn files(&self) -> Option<PeerFiles> {
        Some(PeerFiles {
            federation: self.federation.clone()?,
            listen: self.peer_listen?,
            certificate: self.peer_cert.clone()?,
            key: self.peer_key.clone()?,
        })
    }
}

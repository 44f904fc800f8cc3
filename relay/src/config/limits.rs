//! Flags about limits on clients.

use clap::Args;
use ipnet::IpNet;

use crate::limits::network;

/// Flags about limits. All of them are kept in memory only.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Maximum number of connections, including subscribers; more are answered 503
    #[arg(long, default_value_t = 16384, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,

    /// Maximum number of connections from one IPv4 address or IPv6 /64, except the loopback and
    /// trusted proxies; more are answered 429. A hospital may be one address
    #[arg(long, default_value_t = 2048, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections_per_peer: u32,

    /// Maximum number of WebSockets for notices; more are answered 503
    #[arg(long, default_value_t = 12288, value_name = "N",
        value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub max_subscribers: u32,

    /// Cells per minute, and at once, that one connection may post; more are answered 429
    #[arg(long, default_value_t = 1200, value_name = "CELLS",
        value_parser = clap::value_parser!(u32).range(64..=100_000_000))]
    pub cells_per_connection: u32,

    /// The same for one IPv4 address or IPv6 /64, except the loopback
    #[arg(long, default_value_t = 12000, value_name = "CELLS",
        value_parser = clap::value_parser!(u32).range(64..=100_000_000))]
    pub cells_per_peer: u32,

    /// Address or network of a reverse proxy whose X-Forwarded-For is trusted (the rightmost
    /// address that is not a trusted proxy). May be given several times
    #[arg(long, value_delimiter = ',', value_name = "NETWORK",
        value_parser = network)]
    pub trusted_proxy: Vec<IpNet>,
}

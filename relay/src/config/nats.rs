//! Flags about a store that several relays share: `--storage nats://…`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use clap::Args;

use super::{ConfigError, Storage};

/// Flags about a shared store.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Shared store (--storage nats://…)")]
pub struct NatsArgs {
    /// Directory of this member: signing key, ratchet keys, and its view of the log. Made by
    /// `store init` or `member join`; never copied, and never in a backup
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// Monitoring interface of each NATS server, http://ADDRESS:PORT; several by repetition, or
    /// with commas in the environment. The relay starts only if every server of the log that
    /// answers syncs each write
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub nats_monitor: Vec<Monitor>,

    /// File with the nkey seed (SU…) that authenticates this relay to the NATS servers
    #[arg(long, value_name = "FILE")]
    pub nats_nkey: Option<PathBuf>,

    /// PEM file with the certificates of the authority that issued the servers' certificates; with
    /// tls:// only
    #[arg(long, value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,

    /// Order in which members close an epoch: 0 at its end, each next one 250 ms later if no other
    /// did. Different for each member
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=15))]
    pub rank: u8,

    /// Grid to which posts are gathered into one frame, 0ms to 1s: a server of the log sees when
    /// cells arrive no more exactly
    #[arg(long, default_value = "100ms", value_name = "DURATION")]
    pub post_tick: Tick,
}

impl NatsArgs {
    /// The directory of this member; empty if none is given.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.state_dir.as_deref().unwrap_or("".as_ref())
    }

    /// Checks that the flags fit to the store.
    pub(super) fn check(&self, storage: &Storage) -> Result<(), ConfigError> {
        let given = [
            ("state-dir", self.state_dir.is_some()),
            ("nats-monitor", !self.nats_monitor.is_empty()),
            ("nats-nkey", self.nats_nkey.is_some()),
            ("nats-ca", self.nats_ca.is_some()),
            ("rank", self.rank != 0),
            ("post-tick", self.post_tick != Tick::default()),
        ];
        let is_tls = match storage {
            Storage::Sqlite(_) => {
                let wrong = given.iter().find(|(_, is_given)| *is_given);
                return wrong.map_or(Ok(()), |(flag, _)| Err(ConfigError::NotShared(flag)));
            }
            Storage::Nats(url) => url.is_tls,
        };
        let needed = given.iter().take(2).find(|(_, is_given)| !is_given);
        match needed {
            Some((flag, _)) => Err(ConfigError::Shared(flag)),
            None if is_tls && self.nats_ca.is_none() => Err(ConfigError::Shared("nats-ca")),
            None if !is_tls && self.nats_ca.is_some() => Err(ConfigError::PlainCa),
            None => Ok(()),
        }
    }
}

/// `ADDRESS:PORT` of a server's monitoring interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monitor(SocketAddr);

impl Monitor {
    /// Its address.
    #[must_use]
    pub const fn address(self) -> SocketAddr {
        self.0
    }
}

impl std::fmt::Display for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

impl FromStr for Monitor {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "http://ADDRESS:PORT with an IP address, for instance http://10.0.0.1:8222";
        let address = url.strip_prefix("http://").ok_or(FORM)?;
        let address = address.trim_end_matches('/').parse().map_err(|_| FORM)?;
        Ok(Self(address))
    }
}

/// A duration of at most one second, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick(Duration);

impl Tick {
    /// As a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl Default for Tick {
    fn default() -> Self {
        Self(Duration::from_millis(100))
    }
}

impl FromStr for Tick {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "from 0ms to 1s, for instance 100ms";
        let millis = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
            (Some(millis), _) => millis.parse::<u64>().map_err(|_| FORM)?,
            (None, Some(seconds)) => seconds
                .parse::<u64>()
                .map_err(|_| FORM)?
                .saturating_mul(1000),
            (None, None) => return Err(FORM),
        };
        match millis {
            0..=1000 => Ok(Self(Duration::from_millis(millis))),
            _ => Err(FORM),
        }
    }
}

/// The log of a shared store: `nats://HOST:PORT[,HOST:PORT…]/ID`, or `tls://…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogUrl {
    /// `HOST:PORT` of the servers.
    pub servers: Vec<String>,
    /// Connections use TLS.
    pub is_tls: bool,
    /// The service's name in streams and subjects.
    pub id: String,
}

/// Maximum length of a service's name.
const ID_LEN: usize = 32;

impl FromStr for LogUrl {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = url.split_once("://").ok_or("not a URL")?;
        let is_tls = match scheme {
            "nats" => false,
            "tls" => true,
            _ => return Err("neither nats:// nor tls://"),
        };
        if rest.contains('@') {
            return Err("no user or password in the URL: --nats-nkey names a file");
        }
        let (servers, id) = rest
            .split_once('/')
            .ok_or("no name of the service after the servers: nats://10.0.0.1:4222/CLINIC")?;
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        if id.is_empty() || id.len() > ID_LEN || !id.chars().all(is_name) {
            return Err("the name of the service has 1 to 32 characters of A-Z and 0-9");
        }
        let servers: Vec<String> = servers.split(',').map(str::to_owned).collect();
        let has_port = |server: &String| {
            server
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if !servers.iter().all(has_port) {
            return Err("each server is HOST:PORT, for instance 10.0.0.1:4222");
        }
        Ok(Self {
            servers,
            is_tls,
            id: id.to_owned(),
        })
    }
}

impl std::fmt::Display for LogUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.is_tls { "tls" } else { "nats" };
        write!(f, "{scheme}://{}/{}", self.servers.join(","), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_urls_are_refused_with_the_reason() {
        for (url, reason) in [
            ("http://a:1/X", "neither"),
            ("nats://a:1", "no name"),
            ("nats://a:1/", "A-Z"),
            ("nats://a:1/clinic", "A-Z"),
            ("nats://a:1/A.B", "A-Z"),
            ("nats://a:1/A/B", "A-Z"),
            ("nats://a/X", "HOST:PORT"),
            ("nats://a:1,b/X", "HOST:PORT"),
            ("nats://:1/X", "HOST:PORT"),
            ("nats://a:99999/X", "HOST:PORT"),
            ("nats:///X", "HOST:PORT"),
            ("nats://user:secret@a:1/X", "no user"),
        ] {
            let error = url.parse::<LogUrl>().unwrap_err();
            assert!(error.contains(reason), "{url}: {error}");
        }
        let url = "tls://a.example:4222,[::1]:4223/CLINIC7";
        let parsed: LogUrl = url.parse().unwrap();
        assert_eq!(parsed.servers, ["a.example:4222", "[::1]:4223"]);
        assert!(parsed.is_tls);
        assert_eq!(parsed.to_string(), url);
    }

    #[test]
    fn ticks_and_monitors_have_a_range_and_a_form() {
        for text in ["", "5", "1001ms", "2s", "-1ms", "1.5s"] {
            assert!(text.parse::<Tick>().is_err(), "{text}");
        }
        for (text, millis) in [("0ms", 0), ("100ms", 100), ("1s", 1000)] {
            let tick: Tick = text.parse().unwrap();
            assert_eq!(tick.duration(), Duration::from_millis(millis));
        }
        for url in [
            "https://1.2.3.4:8222",
            "1.2.3.4:8222",
            "http://nats:8222",
            "http://1.2.3.4",
        ] {
            assert!(url.parse::<Monitor>().is_err(), "{url}");
        }
        let monitor: Monitor = "http://127.0.0.1:8222/".parse().unwrap();
        assert_eq!(monitor.to_string(), "http://127.0.0.1:8222");
    }
}

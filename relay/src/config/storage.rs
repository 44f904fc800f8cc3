//! Where cells are kept.

use std::{path::PathBuf, str::FromStr};

use clap::Args;

/// Flags about the store.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage")]
pub struct StorageArgs {
    /// Where cells are kept: sqlite:///absolute/path or sqlite://relative/path. Made at first
    /// start, with a signing key of its own
    #[arg(
        long = "storage",
        env = "TESSERA_RELAY_STORAGE",
        value_name = "URL",
        id = "storage"
    )]
    pub url: Storage,
}

/// Where cells are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// One SQLite file.
    Sqlite(PathBuf),
}

impl FromStr for Storage {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        match url.strip_prefix("sqlite://") {
            Some("") => Err("no path after sqlite://"),
            Some(path) if path.ends_with('/') => Err("a directory; name a file"),
            Some(path) => Ok(Self::Sqlite(PathBuf::from(path))),
            None => {
                Err("only sqlite:// is supported, for instance sqlite:///var/lib/tessera/relay.db")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_storage() {
        for (url, reason) in [
            ("nats://x", "only sqlite://"),
            ("/var/lib/relay.db", "only sqlite://"),
            ("sqlite://", "no path"),
            ("sqlite:///tmp/", "a directory"),
        ] {
            let error = url.parse::<Storage>().unwrap_err();
            assert!(error.contains(reason), "{url}: {error}");
        }
        assert_eq!(
            "sqlite:///tmp/x.db".parse(),
            Ok(Storage::Sqlite("/tmp/x.db".into()))
        );
    }
}

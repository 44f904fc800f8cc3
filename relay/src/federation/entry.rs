//! `tessera-relay federation-entry`: what the file of members says about this
//! relay, and the certificate that it shows to the others.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use clap::Args;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tessera::wire::{Origin, hex};
use zeroize::Zeroizing;

use super::{Identity, Member, Pin};
use crate::{
    Config,
    config::{ConfigError, Storage},
    files::PathError,
    server::store_options,
    store::{
        SqliteStore, Store as _,
        log::{StateDir, StateDirError},
        sqlite::OpenError,
    },
};

/// Flags of `federation-entry`.
#[derive(Args, Clone, Debug)]
pub struct EntryArgs {
    /// Name of this relay, for people
    #[arg(long, value_name = "NAME")]
    pub name: String,

    /// Host and port of this relay's peer port, as the other members reach it
    #[arg(long, value_name = "HOST:PORT")]
    pub peer: String,

    /// URL of this relay for clients; may be given several times
    #[arg(long = "url", value_name = "URL", required = true)]
    pub urls: Vec<String>,

    /// This relay publishes nothing: it serves the batches of the others and passes posts on
    #[arg(long)]
    pub mirror: bool,

    /// Make --peer-cert and --peer-key, if they do not exist: a self-signed certificate
    #[arg(long)]
    pub new: bool,

    /// The flags of `serve`, or their file.
    #[command(flatten)]
    pub config: Box<Config>,
}

/// Why there is no entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The settings are inconsistent.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Flags that are missing.
    #[error("--peer-cert and --peer-key are needed, as for serve")]
    Missing,
    /// A shared store without the directory of a member.
    #[error("--state-dir is needed: the directory of a member of the shared store")]
    StateDir,
    /// The keys of a member cannot be read.
    #[error(transparent)]
    Keys(#[from] StateDirError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] PathError),
    /// A certificate or key that cannot be used.
    #[error("{0}")]
    Certificate(String),
}

impl EntryArgs {
    /// Returns the entry.
    ///
    /// # Errors
    ///
    /// One of [`EntryError`].
    pub async fn run(&self) -> Result<String, EntryError> {
        let federation = &self.config.federation;
        let (Some(certificate), Some(key)) = (&federation.peer_cert, &federation.peer_key) else {
            return Err(EntryError::Missing);
        };
        if self.new {
            make_certificate(certificate, key, &self.name)?;
        }
        let member = Member {
            name: self.name.clone(),
            origin: origin(&self.config).await?,
            pins: vec![pin(certificate, key)?],
            peer: self.peer.clone(),
            urls: self.urls.clone(),
            publishes: !self.mirror,
            lobby: !self.mirror,
        };
        Ok(member.entry())
    }
}

impl Member {
    /// The entry of this member in the file.
    #[must_use]
    pub fn entry(&self) -> String {
        // A string in JSON is one in TOML, too.
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let texts = |texts: Vec<String>| serde_json::Value::from(texts).to_string();
        format!(
            "[[member]]\nname = {}\norigin = \"{}\"\nkeys = {}\npeer = {}\nurls = {}\n\
             publishes = {}\nlobby = {}\n",
            text(&self.name),
            self.origin,
            texts(self.pins.iter().map(|pin| hex::encode(pin)).collect()),
            text(&self.peer),
            texts(self.urls.clone()),
            self.publishes,
            self.lobby
        )
    }
}

/// The origin of a store. A store on SQLite is created if it does not exist.
pub(crate) async fn origin(config: &Config) -> Result<Origin, EntryError> {
    let path = match &config.storage.url {
        Storage::Sqlite(path) => path,
        Storage::Nats(_) => {
            let directory = config.nats.state_dir.as_ref();
            let state = StateDir::open(directory.ok_or(EntryError::StateDir)?)?;
            return Ok(state.origin());
        }
    };
    let store = SqliteStore::open(path, &store_options(config)?)?;
    let origin = store.origin();
    store.shutdown().await;
    Ok(origin)
}

/// Makes a self-signed certificate and its key, unless both exist.
pub(crate) fn make_certificate(
    certificate: &Path,
    key: &Path,
    name: &str,
) -> Result<(), EntryError> {
    if certificate.exists() && key.exists() {
        return Ok(());
    }
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()])
        .map_err(|error| EntryError::Certificate(error.to_string()))?;
    let pem = Zeroizing::new(signing_key.serialize_pem());
    let write = |path: &Path, mode: u32, bytes: &[u8]| {
        fs::File::options()
            .create_new(true)
            .write(true)
            .mode(mode)
            .open(path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(PathError::at(path))
    };
    write(key, 0o600, pem.as_bytes())?;
    Ok(write(certificate, 0o644, cert.pem().as_bytes())?)
}

/// The pin of a certificate.
pub(crate) fn pin(certificate: &Path, key: &Path) -> Result<Pin, EntryError> {
    let read = |path: &Path| fs::read(path).map_err(PathError::at(path));
    let key = Zeroizing::new(read(key)?);
    let identity = Identity::parse(&read(certificate)?, &key).map_err(EntryError::Certificate)?;
    identity.pin().map_err(EntryError::Certificate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::federation::Members;

    #[test]
    fn an_entry_is_read_back_as_it_was() {
        let member = |byte: u8, name: &str| Member {
            name: name.to_owned(),
            origin: Origin([byte; 32]),
            pins: vec![[byte; 32]],
            peer: format!("{byte}.example:8444"),
            urls: vec![
                "https://a.example".to_owned(),
                "https://b.example".to_owned(),
            ],
            publishes: byte == 1,
            lobby: byte == 1,
        };
        let members = [member(1, "Clinic \"North\" \\"), member(2, "Überlingen")];
        let file: String = members.iter().map(Member::entry).collect();
        let read = Members::parse(&file).unwrap();
        assert_eq!(read.iter().cloned().collect::<Vec<_>>(), members);
    }
}

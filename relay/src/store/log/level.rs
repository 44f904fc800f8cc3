//! Levels: which messages a store may contain. Processes of different versions share
//! it while one after the other is upgraded: each writes only what the store's level
//! has, and it is raised when all of them know the next one.
//!
//! | level | adds |
//! | --- | --- |
//! | 1 | frames, markers, parts, commits, the configuration, inputs of the ratchet |
//! | 2 | imports and their parts, and records that raise the level |
//!
//! A process that reads a record that it does not know stops at it, and skips none: it
//! could not compute what the others do. A version that changes a record gives it a
//! new subject, or a higher `v` in its signed part, and adds a level. All records of
//! new subjects are signed as this one is, or count only if such a record names them:
//! what is not signed by the origin is ignored, so that nobody else can stop a process.
//!
//! ```text
//! level = "TSV1" || Ed25519(origin key, "TSV1" || body) || body
//! ```

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use tessera::{base::Secret, wire::Origin};

use super::{
    Item, Log, LogError, Message, Subject,
    commit::{Signed, is_signed, sign},
    state::Process,
};
use crate::store::StoreError;

/// The highest level that this version knows.
pub const LEVEL: u32 = 2;
/// The level of a store without a record of it.
pub(super) const FIRST: u32 = 1;

const MAGIC: &[u8; 4] = b"TSV1";
const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raise {
    v: u32,
    level: u32,
}

impl Item {
    /// The level from which a store may contain it.
    pub(super) const fn level(self) -> u32 {
        match self {
            Self::Frame
            | Self::Marker
            | Self::Part
            | Self::Commit
            | Self::Config
            | Self::RatchetInput => FIRST,
            Self::ImportPart | Self::Import | Self::Level => 2,
            Self::Unknown => u32::MAX,
        }
    }
}

/// Raises a store to [`LEVEL`]: processes that know less stop. Does nothing if it has
/// that level.
///
/// # Errors
///
/// [`LogError`]; it may be repeated.
pub async fn raise(log: &impl Log, seed: &Secret<32>) -> Result<(), LogError> {
    let record = Raise {
        v: VERSION,
        level: LEVEL,
    };
    let key = SigningKey::from_bytes(seed.expose());
    let bytes = sign(MAGIC, &record, &key).map_err(|_| LogError::Refused)?;
    let subject = Subject::new(crate::store::Kind::Numbered, Item::Level);
    log.publish(subject, bytes).await.map(drop)
}

/// The level in a record that this origin has signed.
fn open(bytes: &[u8], origin: &Origin) -> Signed<u32> {
    Signed::<Raise>::open(MAGIC, VERSION, bytes, origin).map(|raise| raise.level)
}

impl<L: Log> Process<L> {
    /// Returns `false` for a message to be ignored; fails for good if it is a record
    /// that this version does not know.
    pub(super) fn knows(&self, message: &Message) -> Result<bool, StoreError> {
        let Subject { item, .. } = message.subject;
        if item.level() <= self.options.knows() {
            return Ok(true);
        }
        match is_signed(&message.bytes, &self.origin) {
            true => Err(self.newer(&format!("a record of the kind {item:?}"))),
            false => Ok(false),
        }
    }

    /// Takes the store's level from a record of it.
    pub(super) async fn take_level(&self, message: &Message) -> Result<(), StoreError> {
        match open(&message.bytes, &self.origin) {
            Signed::Known(level) => self.raised(level).await,
            Signed::Newer => Err(self.newer("a record of the level")),
            Signed::Foreign => {
                tracing::warn!("a level that this origin did not sign is ignored");
                Ok(())
            }
        }
    }

    /// Notes that the store has this level.
    pub(super) async fn raised(&self, level: u32) -> Result<(), StoreError> {
        if level > self.options.knows() {
            return Err(self.newer(&format!("level {level}")));
        }
        if level > self.health.level() {
            self.view.set_level(level).await?;
            self.health.set_level(level);
            tracing::info!(level, "the store has a new level");
        }
        Ok(())
    }

    /// Fails while the store's level does not have imports.
    pub(super) fn imports_allowed(&self) -> Result<(), StoreError> {
        match self.health.level() >= Item::Import.level() {
            true => Ok(()),
            false => {
                let what = "LEVEL_LOW: batches of other members of the federation are stored from level 2 of the \
                    store on: upgrade all relays, then run `tessera-relay store raise`";
                self.health.say(what);
                Err(StoreError::Unavailable)
            }
        }
    }

    /// Stops the process: it has read what it does not know. Nothing is lost: its place
    /// in the log stays before that message.
    pub(super) fn newer(&self, what: &str) -> StoreError {
        tracing::error!(
            "LOG_NEWER: the log has {what}, which this version does not know: upgrade this relay"
        );
        self.health.set_newer();
        self.fail();
        StoreError::Newer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_records_of_the_origin_raise_the_level() {
        let (key, other) = (
            SigningKey::from_bytes(&[1; 32]),
            SigningKey::from_bytes(&[2; 32]),
        );
        let origin = Origin(key.verifying_key().to_bytes());
        let record = |v, key| sign(MAGIC, &Raise { v, level: 7 }, key).unwrap();
        assert_eq!(open(&record(1, &key), &origin), Signed::Known(7));
        assert_eq!(open(&record(2, &key), &origin), Signed::Newer);
        assert_eq!(open(&record(1, &other), &origin), Signed::Foreign);
        assert_eq!(open(&record(2, &other), &origin), Signed::Foreign);
        let more = sign(
            MAGIC,
            &serde_json::json!({"v": 1, "level": 7, "until": 9}),
            &key,
        )
        .unwrap();
        assert_eq!(open(&more, &origin), Signed::Newer);
        assert_eq!(open(b"TSV1", &origin), Signed::Foreign);
    }
}

//! An export of the log, and its verification by anyone who holds it.
//!
//! Newline-delimited JSON, each line in exactly one form:
//!
//! ```text
//! {"tessera_audit":1,"owner":"<hex Y>"}
//! {"i":0,"salt":"<hex>","record":"<JSON as a string>","blob":"<base64>","head":"<hex>"}
//! …
//! {"checkpoint":0,"head":"<hex>","time":1795300000,"proof":"<base64>"}
//! …
//! ```
//!
//! `Export` → [`Replayed`] → [`Attested`]: each step consumes the one before.

use core::fmt::Write as _;

use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{AuditError, Checkpoint, Entry, HEAD_LEN, Head};
use crate::{base::UnixTime, crypto::ristretto::Statement, wire::hex};

const VERSION: u8 = 1;

/// An export as it was read: well formed, nothing verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    owner: Statement,
    entries: Vec<(Entry, [u8; HEAD_LEN])>,
    checkpoints: Vec<Checkpoint>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderLine {
    tessera_audit: u8,
    owner: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryLine {
    i: u64,
    salt: String,
    record: String,
    blob: String,
    head: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointLine {
    checkpoint: u64,
    head: String,
    time: u64,
    proof: String,
}

impl Export {
    /// An export of entries with the head claimed after each.
    #[must_use]
    pub fn new(
        owner: Statement,
        entries: Vec<(Entry, [u8; HEAD_LEN])>,
        checkpoints: Vec<Checkpoint>,
    ) -> Self {
        Self {
            owner,
            entries,
            checkpoints,
        }
    }

    /// Reads the text of an export.
    ///
    /// # Errors
    ///
    /// [`AuditError::Malformed`] for any text that [`Export::to_ndjson`]
    /// would not write.
    pub fn parse(text: &str) -> Result<Self, AuditError> {
        Self::read(text).ok_or(AuditError::Malformed)
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n').peekable();
        let header: HeaderLine = line(lines.next()?)?;
        if header.tessera_audit != VERSION {
            return None;
        }
        let owner = Statement::decode(&hex(&header.owner)?)?;
        let mut entries = Vec::new();
        while let Some(text) = lines.next_if(|text| text.starts_with("{\"i\"")) {
            let entry: EntryLine = line(text)?;
            if usize::try_from(entry.i) != Ok(entries.len()) {
                return None;
            }
            let plain = [hex::<16>(&entry.salt)?.as_slice(), entry.record.as_bytes()].concat();
            let read = Entry::new(&plain, base64(&entry.blob)?).ok()?;
            entries.push((read, hex(&entry.head)?));
        }
        let checkpoints = lines.map(checkpoint).collect::<Option<_>>()?;
        Some(Self {
            owner,
            entries,
            checkpoints,
        })
    }

    /// The text of the export.
    #[must_use]
    pub fn to_ndjson(&self) -> String {
        let mut out = String::new();
        let owner = hex::encode(self.owner.as_bytes());
        push(
            &mut out,
            &HeaderLine {
                tessera_audit: VERSION,
                owner,
            },
        );
        for (i, (entry, head)) in (0..).zip(&self.entries) {
            let line = EntryLine {
                i,
                salt: hex::encode(&entry.salt),
                record: entry.record.clone(),
                blob: Base64::encode_string(&entry.blob),
                head: hex::encode(head),
            };
            push(&mut out, &line);
        }
        for checkpoint in &self.checkpoints {
            let line = CheckpointLine {
                checkpoint: checkpoint.index(),
                head: hex::encode(checkpoint.head()),
                time: checkpoint.time().0,
                proof: Base64::encode_string(checkpoint.proof()),
            };
            push(&mut out, &line);
        }
        out
    }

    /// The statement of whose log it claims to be.
    #[must_use]
    pub fn owner(&self) -> &Statement {
        &self.owner
    }

    /// Walks the chain from the first entry.
    ///
    /// # Errors
    ///
    /// [`AuditError::Broken`] at the first entry whose head does not follow.
    pub fn replay(self) -> Result<Replayed, AuditError> {
        let mut at = Head::GENESIS;
        for (entry, claimed) in &self.entries {
            let index = at.len();
            at = at.advance(entry);
            if at.hash() != claimed {
                return Err(AuditError::Broken { index });
            }
        }
        Ok(Replayed(self))
    }
}

/// An export whose entries follow from each other. Its owner could still
/// have written all of it anew.
#[derive(Debug)]
pub struct Replayed(Export);

impl Replayed {
    /// Verifies every checkpoint of the export, and those in `kept`, which
    /// the verifier got at another time and another way.
    ///
    /// # Errors
    ///
    /// [`AuditError::Checkpoint`] for one that is not the owner's or not of
    /// this chain, [`AuditError::Truncated`] for one of an entry not there.
    pub fn attest(self, kept: &[Checkpoint]) -> Result<Attested, AuditError> {
        let Export {
            owner,
            entries,
            checkpoints,
        } = &self.0;
        for checkpoint in checkpoints.iter().chain(kept) {
            checkpoint.verify(owner)?;
            let index = usize::try_from(checkpoint.index()).map_err(|_| AuditError::Truncated)?;
            let (_, head) = entries.get(index).ok_or(AuditError::Truncated)?;
            if head != checkpoint.head() {
                return Err(AuditError::Checkpoint);
            }
        }
        let fixed = |checkpoints: &[Checkpoint]| checkpoints.iter().map(Checkpoint::index).max();
        let (signed, fixed) = (fixed(checkpoints).max(fixed(kept)), fixed(kept));
        Ok(Attested {
            export: self.0,
            signed,
            fixed,
        })
    }
}

/// A verified export.
#[derive(Debug)]
pub struct Attested {
    export: Export,
    signed: Option<u64>,
    fixed: Option<u64>,
}

impl Attested {
    /// The last entry the owner has signed for, if any.
    #[must_use]
    pub fn signed(&self) -> Option<u64> {
        self.signed
    }

    /// The last entry fixed by a checkpoint kept elsewhere: up to here, and
    /// no further, the owner cannot have changed anything since.
    #[must_use]
    pub fn fixed(&self) -> Option<u64> {
        self.fixed
    }

    /// The records, JSON, in order.
    pub fn records(&self) -> impl Iterator<Item = &str> {
        self.export.entries.iter().map(|(entry, _)| entry.record())
    }
}

fn checkpoint(text: &str) -> Option<Checkpoint> {
    let line: CheckpointLine = line(text)?;
    let proof = base64(&line.proof)?;
    Checkpoint::from_parts(
        line.checkpoint,
        hex(&line.head)?,
        UnixTime(line.time),
        &proof,
    )
}

/// One line, if it is the one text of its value: that rules out arrays for
/// objects, white space, other orders of keys, and other escapes.
fn line<T: Serialize + DeserializeOwned>(text: &str) -> Option<T> {
    let value: T = serde_json::from_str(text).ok()?;
    (serde_json::to_string(&value).ok()? == text).then_some(value)
}

fn push(out: &mut String, line: &impl Serialize) {
    #[expect(
        clippy::expect_used,
        reason = "strings and integers always serialize, a String takes all"
    )]
    writeln!(out, "{}", serde_json::to_string(line).expect("plain data")).expect("memory");
}

/// Exactly `N` bytes of lower-case hex.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    hex::decode(text)
}

/// Canonical base64 with padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let bytes = Base64::decode_vec(text).ok()?;
    (Base64::encode_string(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests;

//! Exports of the log, which anyone can verify.
//!
//! Newline-delimited JSON with exactly one encoding of each line:
//!
//! ```text
//! {"tessera_audit":1,"owner":"<hex Y>"}
//! {"i":0,"salt":"<hex>","record":"<JSON as a string>","blob":"<base64>","head":"<hex>"}
//! …
//! {"checkpoint":0,"head":"<hex>","time":1795300000,"proof":"<base64>"}
//! …
//! ```
//!
//! `Export` → [`Replayed`] → [`Attested`]: each step consumes the previous one.

use base64ct::{Base64, Encoding as _};

use super::{AuditError, Checkpoint, Entry, HEAD_LEN, Head};
use crate::{
    base::UnixTime,
    crypto::ristretto::Statement,
    wire::{hex, json},
};

/// A parsed export: well-formed, not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    owner: Statement,
    entries: Vec<(Entry, [u8; HEAD_LEN])>,
    checkpoints: Vec<Checkpoint>,
}

impl Export {
    /// Creates an export of entries, each with the head claimed after it.
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

    /// Parses the text of an export.
    ///
    /// # Errors
    ///
    /// [`AuditError::Malformed`] for any text that [`Export::to_ndjson`] does not
    /// write.
    pub fn parse(text: &str) -> Result<Self, AuditError> {
        Self::read(text).ok_or(AuditError::Malformed)
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n').peekable();
        let owner = read_owner(lines.next()?)?;
        let mut entries = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("{\"i\"")) {
            entries.push(read_entry(entries.len() as u64, line)?);
        }
        let checkpoints = lines.map(read_checkpoint).collect::<Option<_>>()?;
        Some(Self {
            owner,
            entries,
            checkpoints,
        })
    }

    /// Writes the export as text.
    #[must_use]
    pub fn to_ndjson(&self) -> String {
        let mut out = owner_line(&self.owner);
        for (i, (entry, head)) in (0..).zip(&self.entries) {
            out.push_str(&entry_line(i, entry, head));
        }
        for checkpoint in &self.checkpoints {
            out.push_str(&checkpoint_line(checkpoint));
        }
        out
    }

    /// The statement of the claimed owner.
    #[must_use]
    pub fn owner(&self) -> &Statement {
        &self.owner
    }

    /// Recomputes the chain from the first entry.
    ///
    /// # Errors
    ///
    /// [`AuditError::Broken`] with the first entry whose head does not match.
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

/// An export with a consistent chain. Its owner could still have rewritten the
/// whole chain.
#[derive(Debug)]
pub struct Replayed(Export);

impl Replayed {
    /// Verifies every checkpoint of the export, and those in `kept`, which the
    /// verifier obtained independently of this export.
    ///
    /// # Errors
    ///
    /// [`AuditError::Checkpoint`] for a checkpoint of another owner or another
    /// chain, [`AuditError::Truncated`] for a checkpoint of a missing entry.
    pub fn attest(self, kept: &[Checkpoint]) -> Result<Attested, AuditError> {
        let export = &self.0;
        for checkpoint in export.checkpoints.iter().chain(kept) {
            checkpoint.verify(&export.owner)?;
            let index = usize::try_from(checkpoint.index()).map_err(|_| AuditError::Truncated)?;
            let (_, head) = export.entries.get(index).ok_or(AuditError::Truncated)?;
            if head != checkpoint.head() {
                return Err(AuditError::Checkpoint);
            }
        }
        let last = |checkpoints: &[Checkpoint]| checkpoints.iter().map(Checkpoint::index).max();
        let (signed, anchored_at) = (last(&export.checkpoints).max(last(kept)), last(kept));
        Ok(Attested {
            export: self.0,
            signed,
            anchored_at,
        })
    }
}

/// A verified export.
#[derive(Debug)]
pub struct Attested {
    export: Export,
    signed: Option<u64>,
    anchored_at: Option<u64>,
}

impl Attested {
    /// The statement of the owner.
    #[must_use]
    pub fn owner(&self) -> &Statement {
        &self.export.owner
    }

    /// The last entry covered by a signature of the owner, if any.
    #[must_use]
    pub fn signed(&self) -> Option<u64> {
        self.signed
    }

    /// The last entry that a checkpoint kept elsewhere covers. The owner
    /// cannot have changed anything up to it; later entries are not proved.
    #[must_use]
    pub fn anchored_at(&self) -> Option<u64> {
        self.anchored_at
    }

    /// The records as JSON, in order.
    pub fn records(&self) -> impl Iterator<Item = &str> {
        self.export.entries.iter().map(|(entry, _)| entry.record())
    }
}

/// Verifies the text of an export. `kept` was kept elsewhere: an earlier export,
/// or its checkpoints alone.
///
/// # Errors
///
/// The first [`AuditError`] found.
pub fn verify(export: &[u8], kept: Option<&[u8]>) -> Result<Attested, AuditError> {
    let export = read_text(export).ok_or(AuditError::Malformed)?;
    let kept = match kept {
        None => Vec::new(),
        Some(text) => kept_checkpoints(text, &export.owner)?,
    };
    export.replay()?.attest(&kept)
}

/// Parses the checkpoints in the text of an export that was kept elsewhere; it
/// may have no entries.
///
/// # Errors
///
/// [`AuditError::KeptMalformed`]; [`AuditError::Checkpoint`] if there is no
/// checkpoint, or one of another owner.
pub fn kept_checkpoints(text: &[u8], owner: &Statement) -> Result<Vec<Checkpoint>, AuditError> {
    let kept = read_text(text).ok_or(AuditError::KeptMalformed)?;
    if kept.checkpoints.is_empty() || kept.owner != *owner {
        return Err(AuditError::Checkpoint);
    }
    for checkpoint in &kept.checkpoints {
        checkpoint.verify(owner)?;
    }
    Ok(kept.checkpoints)
}

fn read_text(text: &[u8]) -> Option<Export> {
    Export::read(core::str::from_utf8(text).ok()?)
}

/// The first line of an export.
#[must_use]
pub fn owner_line(owner: &Statement) -> String {
    let owner = hex::encode(owner.as_bytes());
    format!("{{\"tessera_audit\":1,\"owner\":\"{owner}\"}}\n")
}

/// The line of an entry.
#[must_use]
pub fn entry_line(index: u64, entry: &Entry, head: &[u8; HEAD_LEN]) -> String {
    format!(
        "{{\"i\":{index},\"salt\":\"{}\",\"record\":{},\"blob\":\"{}\",\"head\":\"{}\"}}\n",
        hex::encode(&entry.salt),
        json::quoted(&entry.record),
        Base64::encode_string(&entry.blob),
        hex::encode(head),
    )
}

/// The line of a checkpoint.
#[must_use]
pub fn checkpoint_line(checkpoint: &Checkpoint) -> String {
    format!(
        "{{\"checkpoint\":{},\"head\":\"{}\",\"time\":{},\"proof\":\"{}\"}}\n",
        checkpoint.index(),
        hex::encode(checkpoint.head()),
        checkpoint.time().0,
        Base64::encode_string(checkpoint.proof()),
    )
}

// A line is accepted only if encoding its value gives the same line. This refuses
// white space, other orders of keys and other escapes.

fn read_owner(line: &str) -> Option<Statement> {
    let mut owner = None;
    json::object(line.as_bytes(), &mut |json, key| match key {
        "tessera_audit" => json.number().map(drop),
        "owner" => json::once(&mut owner, json.text()),
        _ => None,
    })?;
    let owner = Statement::decode(&hex::decode::<32>(&owner?)?)?;
    written(line, &owner_line(&owner)).then_some(owner)
}

fn read_entry(index: u64, line: &str) -> Option<(Entry, [u8; HEAD_LEN])> {
    let (mut salt, mut record, mut blob, mut head) = (None, None, None, None);
    json::object(line.as_bytes(), &mut |json, key| match key {
        "i" => json.number().map(drop),
        "salt" => json::once(&mut salt, json.text()),
        "record" => json::once(&mut record, json.text()),
        "blob" => json::once(&mut blob, json.text()),
        "head" => json::once(&mut head, json.text()),
        _ => None,
    })?;
    let plain = [&hex::decode::<16>(&salt?)?, record?.as_bytes()].concat();
    let entry = Entry::new(&plain, Base64::decode_vec(&blob?).ok()?).ok()?;
    let head = hex::decode(&head?)?;
    written(line, &entry_line(index, &entry, &head)).then_some((entry, head))
}

fn read_checkpoint(line: &str) -> Option<Checkpoint> {
    let (mut index, mut head, mut time, mut proof) = (None, None, None, None);
    json::object(line.as_bytes(), &mut |json, key| match key {
        "checkpoint" => json::once(&mut index, json.number()),
        "head" => json::once(&mut head, json.text()),
        "time" => json::once(&mut time, json.number()),
        "proof" => json::once(&mut proof, json.text()),
        _ => None,
    })?;
    let proof = Base64::decode_vec(&proof?).ok()?;
    let head = hex::decode(&head?)?;
    let checkpoint = Checkpoint::from_parts(index?, head, UnixTime(time?), &proof)?;
    written(line, &checkpoint_line(&checkpoint)).then_some(checkpoint)
}

fn written(line: &str, again: &str) -> bool {
    again.strip_suffix('\n') == Some(line)
}

#[cfg(test)]
mod tests;

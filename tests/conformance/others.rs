//! MedCrypt, emergency shares and the audit log: protocol §9, §10 and §11.

use sha2::Sha256;
use tessera::{
    audit::{AuditError, AuditKey, Checkpoint, Entry, Export, Head},
    base::{Month, UnixTime},
    crypto::{ristretto::Statement, shamir::Point},
    emergency::{self, Share, SharesError},
    medcrypt::{Message, MonthKey, PBKDF2_ITERATIONS, month_salt},
};

use super::case::{Broken, Case, Verdict};

pub const MEDCRYPT: &[&str] = &[
    "secret",
    "month",
    "salt",
    "key",
    "patient_id",
    "text",
    "wire",
];

pub fn medcrypt(case: &Case<'_>) -> Result<Verdict, Broken> {
    let key = MonthKey::from_derived(case.secret("key")?);
    let wire = case.text("wire")?;
    let Ok(message) = Message::parse(wire) else {
        return Ok(Verdict::Refused("form"));
    };
    let Ok(text) = key.open(&message) else {
        return Ok(Verdict::Refused("opening"));
    };
    if !case.valid()? {
        return Ok(Verdict::Accepted(Vec::new()));
    }
    let secret = case.text("secret")?;
    let month = month(case.text("month")?).ok_or_else(|| Broken("month".into()))?;
    Ok(Verdict::compared(&[
        ("salt", month_salt(secret, month) == case.array("salt")?),
        (
            "key",
            pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(
                secret.as_bytes(),
                &month_salt(secret, month),
                PBKDF2_ITERATIONS,
            ) == *key.expose().expose(),
        ),
        (
            "patient_id",
            message.patient_id() == case.text("patient_id")?,
        ),
        ("text", *text == case.text("text")?),
        ("wire", message.to_string() == wire),
    ]))
}

/// "YYYY-MM".
fn month(text: &str) -> Option<Month> {
    let (year, month) = text.split_once('-')?;
    let (year, month): (u32, u32) = (year.parse().ok()?, month.parse().ok()?);
    (1..=12)
        .contains(&month)
        .then(|| Month(year * 12 + month - 1))
}

pub const SHARES: &[&str] = &["threshold", "secret", "set_id", "shares", "texts"];

/// A valid case is a complete set, an invalid one a list of printed shares.
pub fn shares(case: &Case<'_>) -> Result<Verdict, Broken> {
    if case.has("shares") {
        share_set(case)
    } else {
        papers(case)
    }
}

fn share_set(case: &Case<'_>) -> Result<Verdict, Broken> {
    let (secret, threshold) = (case.secret("secret")?, case.uint("threshold")?);
    let set_id = case.array("set_id")?;
    let mut texts = Vec::new();
    for stated in case.objects("shares")? {
        stated.only(&["x", "y", "text"])?;
        let text = stated.text("text")?;
        let point =
            Point::new(stated.uint("x")?, stated.secret("y")?).ok_or_else(|| Broken("x".into()))?;
        let share =
            Share::new(set_id, threshold, point).map_err(|error| Broken(error.to_string()))?;
        case.require("text", *share.to_text() == text)?;
        texts.push(text);
    }
    let parsed: Result<Vec<Share>, _> = texts.iter().map(|text| Share::parse(text)).collect();
    if parsed.is_err() {
        return Ok(Verdict::Refused("reading"));
    }
    for chosen in choices(texts.len(), usize::from(threshold)) {
        let shares: Vec<Share> = chosen
            .iter()
            .filter_map(|i| Share::parse(texts.get(*i)?).ok())
            .collect();
        let enough = shares.len() >= usize::from(threshold);
        let combined = emergency::combine(&shares);
        case.require("refusal below the threshold", enough || combined.is_err())?;
        case.require(
            "secret",
            !enough || combined.is_ok_and(|combined| combined == secret),
        )?;
    }
    Ok(Verdict::Accepted(Vec::new()))
}

/// All subsets of a small set; of a large set every cyclic run of `k` and `k − 1`
/// shares, and the whole set.
fn choices(count: usize, k: usize) -> Vec<Vec<usize>> {
    if count <= 10 {
        return (0..1_usize << count)
            .map(|bits| (0..count).filter(|i| bits & (1 << i) != 0).collect())
            .collect();
    }
    let run = |start: usize, len: usize| (start..start + len).map(|i| i % count).collect();
    let runs = (0..count).flat_map(|start| [run(start, k), run(start, k.saturating_sub(1))]);
    runs.chain([run(0, count)]).collect()
}

fn papers(case: &Case<'_>) -> Result<Verdict, Broken> {
    let texts = case
        .list("texts")?
        .iter()
        .map(|text| text.as_str().ok_or_else(|| Broken("texts".into())));
    let texts: Vec<&str> = texts.collect::<Result<_, _>>()?;
    let shares: Result<Vec<Share>, _> = texts.into_iter().map(Share::parse).collect();
    match shares.and_then(|shares| emergency::combine(&shares)) {
        Ok(_) => Ok(Verdict::Accepted(Vec::new())),
        Err(SharesError::Damaged) => Ok(Verdict::Refused("reading")),
        Err(SharesError::Mixed) => Ok(Verdict::Refused("one set")),
        Err(SharesError::Duplicate) => Ok(Verdict::Refused("each once")),
        Err(SharesError::TooFew) => Ok(Verdict::Refused("enough")),
        Err(SharesError::Disagree) => Ok(Verdict::Refused("agreement")),
        Err(_) => Ok(Verdict::Refused("combining")),
    }
}

pub const AUDIT: &[&str] = &["key", "entries", "checkpoint"];

/// Checks that the log verifies from the export alone, and opens for its owner.
pub fn audit(case: &Case<'_>) -> Result<Verdict, Broken> {
    let key = AuditKey::new(case.secret("key")?);
    let stated = case.object("checkpoint")?;
    stated.only(&["owner_auth_pk", "index", "head", "time", "proof"])?;
    let Some(owner) = Statement::decode(&stated.array("owner_auth_pk")?) else {
        return Ok(Verdict::Refused("owner"));
    };
    let time = UnixTime(stated.uint("time")?);
    let (index, head) = (stated.uint("index")?, stated.array("head")?);
    let Some(checkpoint) = Checkpoint::from_parts(index, head, time, &stated.bytes("proof")?)
    else {
        return Ok(Verdict::Refused("checkpoint"));
    };
    let mut entries = Vec::new();
    let mut opened = Vec::new();
    for entry in case.objects("entries")? {
        entry.only(&["plain", "blob", "head"])?;
        let (plain, blob) = (entry.bytes("plain")?, entry.bytes("blob")?);
        opened.push((plain.clone(), blob.clone()));
        let Ok(read) = Entry::new(&plain, blob) else {
            return Ok(Verdict::Refused("entry"));
        };
        entries.push((read, entry.array("head")?));
    }
    let export = Export::new(owner, entries, vec![checkpoint]);
    let text = export.to_ndjson();
    let Ok(replayed) = export.clone().replay() else {
        return Ok(Verdict::Refused("chain"));
    };
    let attested = match replayed.attest(&[]) {
        Ok(attested) => attested,
        Err(AuditError::Truncated) => return Ok(Verdict::Refused("length")),
        Err(_) => return Ok(Verdict::Refused("checkpoint")),
    };
    let mut at = Head::GENESIS;
    for (plain, blob) in opened {
        let Ok((entry, next)) = at.open(&key, blob) else {
            return Ok(Verdict::Refused("opening"));
        };
        case.require("plain", *entry.plain() == plain)?;
        at = next;
    }
    Ok(Verdict::compared(&[
        (
            "index",
            attested.signed() == Some(index) && at.len() > index,
        ),
        ("head", index + 1 < at.len() || *at.hash() == head),
        ("export", Export::parse(&text) == Ok(export)),
    ]))
}

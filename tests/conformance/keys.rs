//! Identities, proofs and channels: protocol §2, §3, §4 and §5.

use tessera::{
    base::{Content, Day, Month, labels},
    channel::{ChainKey, Direction, TagKey, TagSlot},
    crypto::{kdf, ristretto::Statement, schnorr::Proof},
    identity::{Identity, PublicIdentity},
    pseudonym::{self, BlindSeed, Claim, SessionId},
    wire::{BucketCount, compute_bucket},
};

use super::case::{Broken, Case, Verdict};

pub const IDENTITY: &[&str] = &["secret", "auth_pk", "kem_pk", "fingerprint", "buckets"];

pub fn identity(case: &Case<'_>) -> Result<Verdict, Broken> {
    let identity = own(case, "secret")?;
    let public = identity.public();
    let fingerprint = public.fingerprint();
    let mut buckets_same = true;
    for (count, bucket) in case.object("buckets")?.entries() {
        let broken = || Broken(format!("buckets: {count}"));
        let count = count
            .parse()
            .ok()
            .and_then(|n: u32| BucketCount::try_from(n).ok())
            .ok_or_else(broken)?;
        let bucket = bucket.as_u64().ok_or_else(broken)?;
        buckets_same &= u64::from(compute_bucket(&fingerprint.0, count).get()) == bucket;
    }
    let both = [case.bytes("auth_pk")?, case.bytes("kem_pk")?].concat();
    Ok(Verdict::compared(&[
        (
            "auth_pk",
            *public.statement().as_bytes() == case.array("auth_pk")?,
        ),
        ("kem_pk", *public.kem().as_bytes() == case.array("kem_pk")?),
        (
            "public identity",
            PublicIdentity::decode(&both) == Some(*public),
        ),
        ("fingerprint", fingerprint.0 == case.array("fingerprint")?),
        ("buckets", buckets_same),
    ]))
}

pub const PROOF: &[&str] = &[
    "secret",
    "auth_pk",
    "blind_seed",
    "session_id",
    "context",
    "message",
    "random",
    "pseudonym",
    "proof",
];

pub fn proof(case: &Case<'_>) -> Result<Verdict, Broken> {
    let signer = own(case, "secret")?;
    let random = case.array("random")?;
    let seed = BlindSeed::new(case.secret("blind_seed")?);
    let context = case.bytes("context")?;
    let message = Content::from(case.bytes("message")?.as_slice());
    let (pseudonym, proof) = (case.bytes("pseudonym")?, case.bytes("proof")?);
    let auth_pk = case.array("auth_pk")?;

    let Some(session_id) = SessionId::new(&case.bytes("session_id")?) else {
        return Ok(Verdict::Refused("session id"));
    };
    let Some(statement) = Statement::decode(&auth_pk) else {
        return Ok(Verdict::Refused("statement"));
    };
    let Some(carried) = pseudonym
        .as_slice()
        .try_into()
        .ok()
        .and_then(Statement::decode)
    else {
        return Ok(Verdict::Refused("pseudonym"));
    };
    let Some(decoded) = Proof::decode(&proof) else {
        return Ok(Verdict::Refused("proof encoding"));
    };
    let claim = Claim {
        statement: &statement,
        seed: &seed,
        session_id: &session_id,
        context: &context,
        message: &message,
        pseudonym: Some(&carried),
        proof: &decoded,
    };
    let holds = claim.verify();
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let batch = pseudonym::verify_batch(&[claim, claim], &mut rng);
    case.require("result of the batch", batch == [holds, holds])?;
    if !holds {
        return Ok(Verdict::Refused("verification"));
    }
    let made = pseudonym::prove(
        signer.witness(),
        &seed,
        &session_id,
        &context,
        &message,
        &random,
    );
    let (made_pseudonym, made_proof) = made.ok_or_else(|| Broken("no proof".into()))?;
    Ok(Verdict::compared(&[
        (
            "auth_pk",
            *signer.public().statement().as_bytes() == auth_pk,
        ),
        (
            "pseudonym",
            made_pseudonym.as_bytes().as_slice() == pseudonym,
        ),
        ("proof", made_proof.as_bytes().as_slice() == proof),
        ("proof encoding", decoded.as_bytes().as_slice() == proof),
    ]))
}

pub const CHANNEL: &[&str] = &[
    "shared_seed",
    "direction",
    "first_month",
    "month",
    "tag_key",
    "psk",
    "blind_seed",
    "tags",
];

pub fn channel(case: &Case<'_>) -> Result<Verdict, Broken> {
    let month = Month(case.uint("month")?);
    let first = Month(case.uint("first_month")?);
    let mut chain = ChainKey::first(&case.secret("shared_seed")?, direction(case)?, first);
    if let Some(jumped) = chain.at(month) {
        while chain.month() < month {
            chain = chain.advance();
        }
        case.require(
            "key by jumping than by stepping",
            jumped.key() == chain.key(),
        )?;
    }
    while chain.month() < month {
        chain = chain.advance();
    }
    let keys = chain.month_keys();
    let derived = |label| kdf::derive::<32>(chain.key().expose(), label, &[]);
    let stated_tag_key = TagKey::new(&case.secret("tag_key")?);
    let session = SessionId::new(b"any").ok_or_else(|| Broken("session".into()))?;
    let blinding = |seed: &BlindSeed| *seed.blinding(&session).expose();

    let mut tags_same = true;
    for stated in case.objects("tags")? {
        stated.only(&["day", "device", "counter", "tag"])?;
        let slot = TagSlot {
            day: Day(stated.uint("day")?),
            device: stated.uint("device")?,
            counter: stated.uint("counter")?,
        };
        let tag = stated.array("tag")?;
        tags_same &= keys.tag_key.tag(slot) == tag && stated_tag_key.tag(slot) == tag;
    }
    Ok(Verdict::compared(&[
        ("month", chain.month() == month),
        (
            "tag_key",
            derived(labels::MONTH_TAG) == case.secret("tag_key")?,
        ),
        ("psk", keys.psk == case.secret("psk")?),
        (
            "blind_seed",
            derived(labels::MONTH_BLIND) == case.secret("blind_seed")?,
        ),
        (
            "blinding",
            blinding(&keys.blind_seed) == blinding(&BlindSeed::new(case.secret("blind_seed")?)),
        ),
        ("tags", tags_same),
    ]))
}

/// The identity of a secret in the case.
pub fn own(case: &Case<'_>, field: &'static str) -> Result<Identity, Broken> {
    Identity::from_secret(case.secret(field)?)
        .ok_or_else(|| Broken(format!("{field}: no identity")))
}

pub fn direction(case: &Case<'_>) -> Result<Direction, Broken> {
    match case.uint("direction")? {
        0_u8 => Ok(Direction::FromInviter),
        1 => Ok(Direction::FromAcceptor),
        _ => Err(Broken("direction: neither 0 nor 1".into())),
    }
}

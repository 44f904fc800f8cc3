//! The response, and the secrets that both sides derive from it. Protocol §7,
//! steps 2 and 3.
//!
//! ```text
//! info     = parts("tessera/v1/enrol", SHA-256(offer))
//! enc, ctx = HPKE SetupPSKS(xwing_pk, info, enrol_psk, "tessera/v1/enrol/response")
//! response = CBOR [enc, ctx.Seal(CBOR [public, name, first_month, possession])]
//! ```

use minicbor::{Decoder, decode::Error};
use rand_core::CryptoRng;

use super::{EnrolmentError, InvitationSecret, Name, Offer, SasKey};
use crate::{
    base::{
        Content, Month, Secret, UnixTime,
        encoding::{parts, push_lp},
        labels,
        time::DAY_SECONDS,
    },
    crypto::{
        cbor::{self, Deterministic},
        hpke::Psk,
        kdf,
        schnorr::{PROOF_LEN, Proof},
        xwing::{Exporter, XWING_ENC_LEN, XWingReceiver, XWingSecret, XWingSender},
    },
    identity::{Identity, PUBLIC_IDENTITY_LEN, PublicIdentity},
    pseudonym::{self, BlindSeed, Claim, SessionId},
};

/// The state of either side after the response: the peer, the shared seed and
/// the SAS key.
#[derive(Debug)]
pub struct Enrolled {
    /// The peer's identity.
    pub peer: PublicIdentity,
    /// The peer's name.
    pub name: Name,
    /// The first month of both chains.
    pub first_month: Month,
    /// The seed of both chains; wiped after they are derived.
    pub shared_seed: Secret<32>,
    /// Determines the digits, together with the nonce.
    pub sas: SasKey,
}

/// The sealed response to one offer: `CBOR [enc(1120), ciphertext]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    enc: Box<[u8; XWING_ENC_LEN]>,
    ciphertext: Vec<u8>,
}

impl Deterministic for Response {
    fn encode(&self) -> Vec<u8> {
        cbor::array(2, |w| {
            w.bytes(self.enc.as_slice()).bytes(&self.ciphertext);
        })
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        cbor::expect_array(d, 2)?;
        Ok(Self {
            enc: Box::new(cbor::fixed(d)?),
            ciphertext: d.bytes()?.to_vec(),
        })
    }
}

/// Responds to an offer. Returns the response to send and the responder's state.
///
/// # Errors
///
/// `NotAuthentic` for a malformed offer or one with another hash, `OwnIdentity`
/// for an offer of the same identity.
pub fn respond(
    secret: &InvitationSecret,
    offer_hash: &[u8; 32],
    offer: &[u8],
    me: (&Identity, &Name),
    first_month: Month,
    rng: &mut impl CryptoRng,
) -> Result<(Response, Enrolled), EnrolmentError> {
    let refused = EnrolmentError::NotAuthentic;
    if kdf::sha256(offer) != *offer_hash {
        return Err(refused);
    }
    let (identity, name) = me;
    let offer = Offer::decode(offer).ok_or(refused)?;
    if offer.public == *identity.public() {
        return Err(EnrolmentError::OwnIdentity);
    }
    let info = info(offer_hash);
    let enrol_psk = secret.enrol_psk();
    let sender = XWingSender::new(&offer.xwing, psk(&enrol_psk), &info, rng);
    let (enc, context) = sender.ok_or(refused)?;
    let exports = Exports::of(&context).ok_or(refused)?;
    let public = identity.public().encode();
    let mut random = [0; 32];
    rng.fill_bytes(&mut random);
    let proved = pseudonym::prove(
        identity.witness(),
        &exports.possession,
        &possession_session().ok_or(refused)?,
        &possession_context(&info, &public),
        &Content::default(),
        &random,
    );
    let (_, possession) = proved.ok_or(refused)?;
    let inner = Inner {
        public,
        name: name.clone(),
        first_month,
        possession: *possession.as_bytes(),
    };
    let response = Response {
        enc: Box::new(enc),
        ciphertext: context.seal(&inner.encode()).ok_or(refused)?,
    };
    let sas = SasKey {
        export: exports.sas,
        offer_hash: *offer_hash,
        response_hash: kdf::sha256(&response.encode()),
    };
    let enrolled = Enrolled {
        peer: offer.public,
        name: offer.name,
        first_month,
        shared_seed: exports.shared_seed,
        sas,
    };
    Ok((response, enrolled))
}

/// Opens a response to an offer. Returns the offerer's state.
///
/// # Errors
///
/// `NotAuthentic` whatever fails, `OwnIdentity` for a response of the same
/// identity.
pub fn open_response(
    secret: &InvitationSecret,
    offer: &[u8],
    xwing: &XWingSecret,
    me: &PublicIdentity,
    response: &[u8],
) -> Result<Enrolled, EnrolmentError> {
    let enrolled =
        open_inner(secret, offer, xwing, response).ok_or(EnrolmentError::NotAuthentic)?;
    if enrolled.peer == *me {
        return Err(EnrolmentError::OwnIdentity);
    }
    Ok(enrolled)
}

fn open_inner(
    secret: &InvitationSecret,
    offer: &[u8],
    xwing: &XWingSecret,
    response: &[u8],
) -> Option<Enrolled> {
    let decoded = Response::decode(response)?;
    let offer_hash = kdf::sha256(offer);
    let info = info(&offer_hash);
    let enrol_psk = secret.enrol_psk();
    let mut context = XWingReceiver::new(xwing, decoded.enc.as_slice(), psk(&enrol_psk), &info)?;
    let inner = Inner::decode(&context.open(&decoded.ciphertext)?)?;
    let exports = Exports::of(&context)?;
    let peer = PublicIdentity::decode(&inner.public)?;
    let claim = Claim {
        statement: peer.statement(),
        seed: &exports.possession,
        session_id: &possession_session()?,
        context: &possession_context(&info, &inner.public),
        message: &Content::default(),
        pseudonym: None,
        proof: &Proof::decode(&inner.possession)?,
    };
    claim.verify().then_some(Enrolled {
        peer,
        name: inner.name,
        first_month: inner.first_month,
        shared_seed: exports.shared_seed,
        sas: SasKey {
            export: exports.sas,
            offer_hash,
            response_hash: kdf::sha256(response),
        },
    })
}

impl Enrolled {
    /// Checks, as the offerer, that month(t − 48 h) ≤ first_month ≤ month(t) for
    /// some time t from `earliest` to `now`.
    ///
    /// # Errors
    ///
    /// `NotAuthentic` for any other month.
    pub fn check_first_month(
        &self,
        earliest: UnixTime,
        now: UnixTime,
    ) -> Result<(), EnrolmentError> {
        let range = earliest.minus(2 * DAY_SECONDS).month()..=now.month();
        let within = range.contains(&self.first_month);
        within.then_some(()).ok_or(EnrolmentError::NotAuthentic)
    }
}

/// `CBOR [public(64), name, first_month, possession]`.
struct Inner {
    public: [u8; PUBLIC_IDENTITY_LEN],
    name: Name,
    first_month: Month,
    possession: [u8; PROOF_LEN],
}

impl Deterministic for Inner {
    fn encode(&self) -> Vec<u8> {
        cbor::array(4, |w| {
            w.bytes(&self.public)
                .text(self.name.as_str())
                .uint(self.first_month.0.into())
                .bytes(&self.possession);
        })
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        cbor::expect_array(d, 4)?;
        Ok(Self {
            public: cbor::fixed(d)?,
            name: Name::from_peer(d.str()?).map_err(Error::message)?,
            first_month: Month(d.u32()?),
            possession: cbor::fixed(d)?,
        })
    }
}

struct Exports {
    shared_seed: Secret<32>,
    possession: BlindSeed,
    sas: Secret<32>,
}

impl Exports {
    fn of(context: &impl Exporter) -> Option<Self> {
        Some(Self {
            shared_seed: context.export(labels::EXPORT_SHARED_SEED)?,
            possession: BlindSeed::new(context.export(labels::EXPORT_POSSESSION)?),
            sas: context.export(labels::EXPORT_SAS)?,
        })
    }
}

fn info(offer_hash: &[u8; 32]) -> Vec<u8> {
    parts(labels::ENROL, &[offer_hash])
}

fn psk(key: &Secret<32>) -> Psk<'_> {
    Psk {
        key,
        id: labels::ENROL_RESPONSE,
    }
}

fn possession_session() -> Option<SessionId> {
    SessionId::new(b"enrol")
}

fn possession_context(info: &[u8], public: &[u8]) -> Vec<u8> {
    let mut context = info.to_vec();
    push_lp(&mut context, public);
    context
}

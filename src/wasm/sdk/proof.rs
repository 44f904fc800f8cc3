//! Proofs under blinded names. Protocol §3.

use core::cell::OnceCell;
use std::rc::Rc;

use js_sys::Uint8Array;
use rand_core::Rng as _;
use wasm_bindgen::prelude::wasm_bindgen;
use zeroize::Zeroizing;

use super::identity::{Sender, Verifier};
use crate::{
    base::{Content, ErrorCode},
    crypto::{
        ristretto::{Statement, Witness},
        schnorr::{self, PROOF_LEN, Proof, Transcript},
    },
    pseudonym::{self, BlindSeed, Claim, SessionId},
    wasm::{
        bytes::{array, content, fixed, invalid, pieces, rng, secret},
        error::{JsResult, js_error},
    },
};

/// Proves under the pseudonym of one session.
#[wasm_bindgen]
pub struct BlindedSender {
    witness: Witness,
    session_id: SessionId,
}

#[wasm_bindgen]
impl BlindedSender {
    /// Blinds the sender's witness with the shared seed.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` unless the seed is 32 bytes and the session id 1–64
    /// bytes of UTF-8.
    #[wasm_bindgen(constructor)]
    pub fn new(sender: &Sender, shared_seed: &Uint8Array, session_id: &str) -> JsResult<Self> {
        let seed = BlindSeed::new(secret(shared_seed, "sharedSeed")?);
        let session_id = parse_session_id(session_id)?;
        let witness = seed
            .blinding(&session_id)
            .witness(sender.0.witness())
            .ok_or_else(no_pseudonym)?;
        Ok(Self {
            witness,
            session_id,
        })
    }

    /// `Y'`: 32 bytes.
    #[must_use]
    pub fn pseudonym(&self) -> Uint8Array {
        array(self.witness.statement().as_bytes())
    }

    /// `R || z`: 64 bytes.
    #[must_use]
    pub fn prove(&self, message: &Uint8Array, context: &Uint8Array) -> Uint8Array {
        let (message, context) = (pieces(message), content(context));
        let mut random = Zeroizing::new([0; 32]);
        rng().fill_bytes(random.as_mut_slice());
        let transcript = Transcript {
            session_id: self.session_id.as_bytes(),
            context: &context,
            message: &message,
        };
        array(schnorr::prove(&self.witness, &transcript, &random).as_bytes())
    }
}

/// Verifies the proofs of one expected identity in one session.
#[wasm_bindgen]
pub struct BlindedVerifier(Rc<Session>);

struct Session {
    statement: Statement,
    seed: BlindSeed,
    session_id: SessionId,
    /// `Y'`, computed when a single proof is first verified; a batch folds it in.
    pseudonym: OnceCell<Option<Statement>>,
}

impl Session {
    fn pseudonym(&self) -> Option<&Statement> {
        self.pseudonym
            .get_or_init(|| {
                self.seed
                    .blinding(&self.session_id)
                    .statement(&self.statement)
            })
            .as_ref()
    }
}

#[wasm_bindgen]
impl BlindedVerifier {
    /// Who is expected, the seed shared with them, and the session.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` unless the seed is 32 bytes and the session id 1–64
    /// bytes of UTF-8.
    #[wasm_bindgen(constructor)]
    pub fn new(verifier: &Verifier, shared_seed: &Uint8Array, session_id: &str) -> JsResult<Self> {
        Ok(Self(Rc::new(Session {
            statement: *verifier.0.statement(),
            seed: BlindSeed::new(secret(shared_seed, "sharedSeed")?),
            session_id: parse_session_id(session_id)?,
            pseudonym: OnceCell::new(),
        })))
    }

    /// Whether the pseudonym is the expected one and the proof holds. Bytes
    /// of another length or form do not hold.
    #[must_use]
    pub fn verify(
        &self,
        proof: &Uint8Array,
        pseudonym: &Uint8Array,
        message: &Uint8Array,
        context: &Uint8Array,
    ) -> bool {
        let carried = fixed::<32>(pseudonym, "pseudonym");
        let (Ok(carried), Some(proof)) = (carried, parse_proof(proof)) else {
            return false;
        };
        let Some(expected) = self.0.pseudonym().filter(|y| *y.as_bytes() == carried) else {
            return false;
        };
        let (message, context) = (pieces(message), content(context));
        let transcript = Transcript {
            session_id: self.0.session_id.as_bytes(),
            context: &context,
            message: &message,
        };
        schnorr::verify(expected, &transcript, &proof)
    }
}

/// Collects proofs of any sessions and verifies them in one product.
#[wasm_bindgen]
#[derive(Default)]
pub struct ProofBatch(Vec<Option<BatchEntry>>);

struct BatchEntry {
    session: Rc<Session>,
    proof: Proof,
    pseudonym: Statement,
    message: Content,
    context: Zeroizing<Vec<u8>>,
}

#[wasm_bindgen]
impl ProofBatch {
    /// An empty batch.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one proof; one that is not even of the form counts as failing.
    pub fn add(
        &mut self,
        verifier: &BlindedVerifier,
        proof: &Uint8Array,
        pseudonym: &Uint8Array,
        message: &Uint8Array,
        context: &Uint8Array,
    ) {
        let entry = || {
            Some(BatchEntry {
                session: Rc::clone(&verifier.0),
                proof: parse_proof(proof)?,
                pseudonym: Statement::decode(&fixed(pseudonym, "pseudonym").ok()?)?,
                message: pieces(message),
                context: content(context),
            })
        };
        self.0.push(entry());
    }

    /// One byte per proof, in the order they were added: 1 if it holds.
    #[must_use]
    pub fn verify(&self) -> Uint8Array {
        let claims: Vec<Claim<'_>> = self.0.iter().flatten().map(BatchEntry::claim).collect();
        let mut holds = pseudonym::verify_batch(&claims, &mut rng()).into_iter();
        let bytes: Vec<u8> = self
            .0
            .iter()
            .map(|entry| u8::from(entry.is_some() && holds.next().unwrap_or(false)))
            .collect();
        array(&bytes)
    }
}

impl BatchEntry {
    fn claim(&self) -> Claim<'_> {
        Claim {
            statement: &self.session.statement,
            seed: &self.session.seed,
            session_id: &self.session.session_id,
            context: &self.context,
            message: &self.message,
            pseudonym: Some(&self.pseudonym),
            proof: &self.proof,
        }
    }
}

fn parse_session_id(text: &str) -> JsResult<SessionId> {
    SessionId::new(text.as_bytes())
        .ok_or_else(|| invalid("sessionId is not 1 to 64 bytes of UTF-8"))
}

fn parse_proof(bytes: &Uint8Array) -> Option<Proof> {
    Proof::decode(&fixed::<PROOF_LEN>(bytes, "proof").ok()?)
}

fn no_pseudonym() -> wasm_bindgen::JsValue {
    js_error(
        ErrorCode::InvalidKey,
        "seed and session have no pseudonym for this sender",
    )
}

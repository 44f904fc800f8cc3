//! Whom a proof comes from, and who is expected.

use std::rc::Rc;

use js_sys::Uint8Array;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{
    base::ErrorCode,
    identity::{Identity, PUBLIC_IDENTITY_LEN, PublicIdentity},
    wasm::{
        bytes::{array, fixed, invalid, rng, secret},
        error::{JsResult, js_error},
    },
    wire::{BucketCount, compute_bucket as bucket_of},
};

/// An identity with its secrets.
#[wasm_bindgen]
pub struct Sender(pub(super) Rc<Identity>);

#[wasm_bindgen]
impl Sender {
    /// A fresh identity.
    #[must_use]
    pub fn generate() -> Self {
        Self(Rc::new(Identity::generate(&mut rng())))
    }

    /// The identity of a 32-byte secret.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for another length; `INVALID_KEY` for the one
    /// secret in 2^252 that has no identity.
    #[wasm_bindgen(js_name = fromSecret)]
    pub fn from_secret(bytes: &Uint8Array) -> JsResult<Self> {
        Identity::from_secret(secret(bytes, "secret")?)
            .map(|identity| Self(Rc::new(identity)))
            .ok_or_else(|| js_error(ErrorCode::InvalidKey, "this secret has no identity"))
    }

    /// `Y || kem_pk`: 64 bytes.
    #[wasm_bindgen(getter, js_name = publicKey)]
    #[must_use]
    pub fn public_key(&self) -> Uint8Array {
        array(&self.0.public().encode())
    }

    /// The 32 bytes everything follows from: an export the caller asked for.
    #[wasm_bindgen(js_name = exportSecret)]
    #[must_use]
    pub fn export_secret(&self) -> Uint8Array {
        array(self.0.secret().expose())
    }
}

/// The public identity that proofs are expected from.
#[wasm_bindgen]
pub struct Verifier(pub(super) PublicIdentity);

#[wasm_bindgen]
impl Verifier {
    /// Parses the expected public key.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` unless 64 bytes, `INVALID_KEY` for keys the
    /// protocol refuses.
    #[wasm_bindgen(constructor)]
    pub fn new(expected_public_key: &Uint8Array) -> JsResult<Self> {
        public_identity(expected_public_key).map(Self)
    }
}

/// The 32-byte fingerprint of a public key.
///
/// # Errors
///
/// As for [`Verifier::new`].
#[wasm_bindgen]
pub fn fingerprint(public_key: &Uint8Array) -> JsResult<Uint8Array> {
    Ok(array(&public_identity(public_key)?.fingerprint().0))
}

/// The bucket that an address is in.
///
/// # Errors
///
/// `INVALID_ARGUMENT` unless the address is 32 bytes and the count a power of
/// two from 1 to 65536.
#[wasm_bindgen(js_name = computeBucket)]
pub fn compute_bucket(address: &Uint8Array, bucket_count: u32) -> JsResult<u32> {
    let address = fixed(address, "fingerprint")?;
    let count = BucketCount::try_from(bucket_count)
        .map_err(|_| invalid("bucketCount is not a power of two from 1 to 65536"))?;
    Ok(bucket_of(&address, count).get())
}

pub(super) fn public_identity(bytes: &Uint8Array) -> JsResult<PublicIdentity> {
    let bytes = fixed::<PUBLIC_IDENTITY_LEN>(bytes, "public key")?;
    PublicIdentity::decode(&bytes).ok_or_else(|| {
        js_error(
            ErrorCode::InvalidKey,
            "not a public key the protocol accepts",
        )
    })
}

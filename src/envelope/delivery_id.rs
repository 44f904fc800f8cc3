//! Session ids of deliveries. Protocol §6.

use rand_core::CryptoRng;

use crate::{
    base::{
        secret::redacted,
        text::{self, TextError, TextUse},
    },
    pseudonym::SessionId,
};

/// The session id of a delivery: 16 random bytes, then a label of 0–48 bytes
/// of UTF-8 ("visit-7421"). Unique per message; messages of a visit share a label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    random: [u8; 16],
    label: Box<[u8]>,
}

impl DeliveryId {
    /// Maximum length of a label in bytes.
    pub const MAX_LABEL: usize = TextUse::Label.max_bytes();

    /// Generates an id without a label.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut random = [0; 16];
        rng.fill_bytes(&mut random);
        Self {
            random,
            label: Box::default(),
        }
    }

    /// Generates an id with a label, which may be empty.
    ///
    /// # Errors
    ///
    /// The [`TextError`] that applies to the label.
    pub fn with_label(label: &str, rng: &mut impl CryptoRng) -> Result<Self, TextError> {
        if !label.is_empty() {
            text::check(label, TextUse::Label)?;
        }
        Ok(Self {
            label: label.as_bytes().into(),
            ..Self::generate(rng)
        })
    }

    /// Decodes an id; `None` unless it has 16 bytes and a label of at most 48. A
    /// receipt may contain any such id; only in a delivery must the label be
    /// UTF-8.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (random, label) = bytes.split_first_chunk::<16>()?;
        (label.len() <= Self::MAX_LABEL).then(|| Self {
            random: *random,
            label: label.into(),
        })
    }

    /// Returns `true` if the label is UTF-8, which a delivery requires.
    #[must_use]
    pub fn is_text(&self) -> bool {
        core::str::from_utf8(&self.label).is_ok()
    }

    /// Encodes the id, 16–64 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&self.random, self.label.as_ref()].concat()
    }

    /// The 16 random bytes.
    #[must_use]
    pub fn random(&self) -> &[u8; 16] {
        &self.random
    }

    /// The label; empty if there is none.
    #[must_use]
    pub fn label(&self) -> &str {
        core::str::from_utf8(&self.label).unwrap_or_default()
    }

    pub(super) fn session(&self) -> Option<SessionId> {
        SessionId::new(&self.encode())
    }
}

redacted! { DeliveryId }

//! The offer. Protocol §7, step 1.

use minicbor::{Decoder, decode::Error};
use rand_core::CryptoRng;

use super::{Name, SasNonce, commitment};
use crate::{
    crypto::{
        cbor::{self, Deterministic},
        xwing::{XWING_PK_LEN, XWingPublicKey, XWingSecret},
    },
    identity::{PUBLIC_IDENTITY_LEN, PublicIdentity},
};

/// `CBOR [public(64), xwing_pk(1216), commitment(32), name]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The offerer's identity.
    pub public: PublicIdentity,
    /// The KEM key to respond to; a new one for each invitation.
    pub xwing: XWingPublicKey,
    /// The commitment to the SAS nonce.
    pub commitment: [u8; 32],
    /// The offerer's name.
    pub name: Name,
}

/// The offerer's secrets of one offer, wiped when the confirm is sent.
#[derive(Debug)]
pub struct OfferSecrets {
    /// Opens the response.
    pub xwing: XWingSecret,
    /// Opens the commitment.
    pub sas_nonce: SasNonce,
}

impl Offer {
    /// Creates an offer and its secrets.
    pub fn create(
        public: &PublicIdentity,
        name: &Name,
        rng: &mut impl CryptoRng,
    ) -> (Self, OfferSecrets) {
        let secrets = OfferSecrets {
            xwing: XWingSecret::random(rng),
            sas_nonce: SasNonce::random(rng),
        };
        let offer = Self {
            public: *public,
            xwing: secrets.xwing.public(),
            commitment: commitment(&secrets.sas_nonce),
            name: name.clone(),
        };
        (offer, secrets)
    }
}

impl Deterministic for Offer {
    fn encode(&self) -> Vec<u8> {
        cbor::array(4, |w| {
            w.bytes(&self.public.encode())
                .bytes(self.xwing.as_bytes())
                .bytes(&self.commitment)
                .text(self.name.as_str());
        })
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        cbor::expect_array(d, 4)?;
        let public = cbor::fixed::<PUBLIC_IDENTITY_LEN>(d)?;
        let xwing = cbor::fixed::<XWING_PK_LEN>(d)?;
        Ok(Self {
            public: PublicIdentity::decode(&public).ok_or_else(|| Error::message("identity"))?,
            xwing: XWingPublicKey::decode(&xwing).ok_or_else(|| Error::message("X-Wing key"))?,
            commitment: cbor::fixed(d)?,
            name: Name::from_peer(d.str()?).map_err(Error::message)?,
        })
    }
}

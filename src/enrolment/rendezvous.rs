//! Rendezvous cells, which two people exchange before they have a channel.
//! Protocol §7.
//!
//! They are ordinary cells, sealed to a key that both derive from the
//! invitation's secret, under tags of day 0 and device 0.

use rand_core::CryptoRng;

use crate::{
    base::{Day, Secret, labels},
    channel::{Direction, TagKey, TagSlot},
    crypto::{hpke::KemKeyPair, kdf},
};

/// The invitation's 32 secret bytes `s`.
#[derive(Debug, PartialEq, Eq)]
pub struct InvitationSecret(Secret<32>);

impl InvitationSecret {
    /// Generates a secret.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// Creates a secret from its bytes in an invitation or the vault.
    #[must_use]
    pub fn new(secret: Secret<32>) -> Self {
        Self(secret)
    }

    /// Exposes the bytes, for the invitation and the vault.
    #[must_use]
    pub fn expose(&self) -> &Secret<32> {
        &self.0
    }

    /// The psk of the response's HPKE context.
    #[must_use]
    pub fn enrol_psk(&self) -> Secret<32> {
        kdf::derive(self.0.expose(), labels::ENROL_PSK, &[])
    }
}

/// The keys that seal, open and find rendezvous cells.
#[derive(Debug)]
pub struct Rendezvous {
    /// The key pair, which both sides have.
    pub kem: KemKeyPair,
    /// The psk of its cells.
    pub psk: Secret<32>,
    from_inviter: Secret<32>,
    from_acceptor: Secret<32>,
}

impl Rendezvous {
    /// The day of all rendezvous tags.
    pub const DAY: Day = Day(0);

    /// Derives all keys from the invitation's secret.
    #[must_use]
    pub fn new(secret: &InvitationSecret) -> Self {
        let s = secret.0.expose();
        let tag =
            |direction: Direction| kdf::derive(s, labels::RENDEZVOUS_TAG, &[&[direction.byte()]]);
        Self {
            kem: KemKeyPair::derive(&kdf::derive(s, labels::RENDEZVOUS_KEM, &[])),
            psk: kdf::derive(s, labels::RENDEZVOUS_PSK, &[]),
            from_inviter: tag(Direction::FromInviter),
            from_acceptor: tag(Direction::FromAcceptor),
        }
    }

    /// The tag key of one direction, 32 bytes.
    #[must_use]
    pub fn tag_secret(&self, direction: Direction) -> &Secret<32> {
        match direction {
            Direction::FromInviter => &self.from_inviter,
            Direction::FromAcceptor => &self.from_acceptor,
        }
    }

    /// The tag key of one direction.
    #[must_use]
    pub fn tag_key(&self, direction: Direction) -> TagKey {
        TagKey::new(self.tag_secret(direction))
    }

    /// The tag slot with this counter.
    #[must_use]
    pub fn slot(counter: u32) -> TagSlot {
        TagSlot {
            day: Self::DAY,
            device: 0,
            counter,
        }
    }
}

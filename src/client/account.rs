//! This person's identity and name.

use rand_core::CryptoRng;

use crate::{
    base::{Month, Secret, UnixTime, labels},
    client::{ClientError, invitations::Stage},
    crypto::{cbor::Deterministic as _, kdf, seeded::SeededRng},
    enrolment::{InvitationSecret, Name, Offer},
    envelope::{Announcement, OwnKeys},
    identity::Identity,
    vault::{VaultError, stored::SelfRecord},
    wire::{Cell, CellSize},
};

/// This person's identity and name.
pub(crate) struct Account {
    pub(crate) identity: Identity,
    /// The keys of the channel between this person's own devices.
    pub(crate) own: OwnKeys,
    pub(crate) name: Name,
    created_at: UnixTime,
}

impl Account {
    pub(crate) fn new(identity: Identity, name: Name, created_at: UnixTime) -> Self {
        Self {
            own: OwnKeys::new(&identity),
            identity,
            name,
            created_at,
        }
    }

    /// Makes an offer to another person.
    pub(crate) fn offer(&self, rng: &mut impl CryptoRng) -> Result<Stage, ClientError> {
        let created = Offer::create(self.identity.public(), &self.name, rng);
        let (offer, secrets) = created.ok_or(ClientError::Internal)?;
        let offer = offer.encode();
        Ok(Stage::Offered { offer, secrets })
    }

    /// A device restored from a backup that reads the offer once more makes the
    /// same response. The randomness depends on all inputs, so that no key and
    /// nonce are used for two texts.
    pub(crate) fn response_randomness(
        &self,
        secret: &InvitationSecret,
        offer_hash: &[u8; 32],
        first_month: Month,
    ) -> SeededRng {
        SeededRng::new(&kdf::derive(
            self.identity.secret().expose(),
            labels::RESPONSE_RANDOMNESS,
            &[
                secret.expose().expose(),
                offer_hash,
                self.name.as_str().as_bytes(),
                &first_month.0.to_be_bytes(),
            ],
        ))
    }

    /// Seals a cell to this person's own devices.
    pub(crate) fn own_cell(
        &self,
        announcement: &Announcement,
        size: CellSize,
        rng: &mut impl CryptoRng,
    ) -> Result<Cell, ClientError> {
        Ok(self.own.seal(&self.identity, announcement, size, rng)?)
    }

    /// The record of the account, which also holds the index of this device.
    pub(crate) fn to_record(&self, device: u8) -> SelfRecord {
        SelfRecord {
            secret: *self.identity.secret().expose(),
            name: self.name.as_str().to_owned(),
            device,
            created_at: self.created_at.0,
        }
    }

    pub(crate) fn from_record(mut record: SelfRecord) -> Result<Self, VaultError> {
        let identity = Identity::from_secret(Secret::take(&mut record.secret));
        Ok(Self::new(
            identity.ok_or(VaultError::Damaged)?,
            Name::from_stored(&record.name).ok_or(VaultError::Damaged)?,
            UnixTime(record.created_at),
        ))
    }
}

#[cfg(test)]
mod tests {
    use rand_core::Rng as _;

    use super::*;

    fn account(name: &str) -> Account {
        let rng = &mut rand_core::UnwrapErr(getrandom::SysRng);
        let name = Name::new(name).unwrap();
        Account::new(Identity::generate(rng), name, UnixTime(9))
    }

    #[test]
    fn a_record_without_an_identity_or_a_name_is_damaged() {
        let account = account("Lab West");
        let record = account.to_record(3);
        assert_eq!((record.device, record.created_at), (3, 9));
        let mut unnamed = account.to_record(3);
        unnamed.name = String::new();
        assert!(Account::from_record(unnamed).is_err());
        let read = Account::from_record(record).unwrap();
        assert_eq!(read.identity.public(), account.identity.public());
        assert_eq!(read.name.as_str(), "Lab West");
    }

    #[test]
    fn a_response_is_repeated_for_the_same_inputs_alone() {
        let (one, other) = (account("Lab West"), account("Lab West"));
        let secret = |byte| InvitationSecret::new(Secret::take(&mut [byte; 32]));
        let first = |account: &Account, byte, hash, month| {
            let mut rng = account.response_randomness(&secret(byte), &[hash; 32], Month(month));
            rng.next_u64()
        };
        let same = first(&one, 1, 2, 3);
        assert_eq!(first(&one, 1, 2, 3), same);
        for changed in [
            first(&other, 1, 2, 3),
            first(&one, 9, 2, 3),
            first(&one, 1, 9, 3),
            first(&one, 1, 2, 9),
        ] {
            assert_ne!(changed, same);
        }
    }
}

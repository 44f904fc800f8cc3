//! Cells from a person to their own mailbox, by which one device informs the
//! others. Protocol §13.

use minicbor::{Decoder, decode::Error};
use rand_core::CryptoRng;

use super::{Body, EnvelopeError, Sealing, open, seal};
use crate::{
    base::{Day, Secret, UnixTime, labels, text::TextUse},
    channel::{TagKey, TagSlot},
    crypto::{
        cbor::{self, Deterministic},
        kdf,
    },
    identity::Identity,
    wire::{Cell, CellSize},
};

/// Length of a device's random id in bytes.
pub const DEVICE_ID_LEN: usize = 16;

/// The keys of cells to the own mailbox. Derived from the identity secret, so that
/// exactly the person's devices have them.
#[derive(Debug)]
pub struct OwnKeys {
    tag_key: TagKey,
    psk: Secret<32>,
}

impl OwnKeys {
    /// Number of tags watched per day; each cell takes a random one.
    pub const TAGS: u32 = 16;

    /// Derives the keys.
    #[must_use]
    pub fn new(identity: &Identity) -> Self {
        let secret = identity.secret().expose();
        Self {
            tag_key: TagKey::new(&kdf::derive(secret, labels::OWN_TAG, &[])),
            psk: kdf::derive(secret, labels::OWN_PSK, &[]),
        }
    }

    /// The key that finds the cells.
    #[must_use]
    pub fn tag_key(&self) -> &TagKey {
        &self.tag_key
    }

    /// Seals an announcement.
    ///
    /// # Errors
    ///
    /// `TooLarge` if it does not fit a cell.
    pub fn seal(
        &self,
        identity: &Identity,
        announcement: &Announcement,
        size: CellSize,
        rng: &mut impl CryptoRng,
    ) -> Result<Cell, EnvelopeError> {
        let slot = TagSlot {
            day: announcement.sent_at.day(),
            device: 0,
            counter: rng.next_u32() % Self::TAGS,
        };
        let sealing = Sealing {
            recipient: identity.public().kem(),
            psk: &self.psk,
            size,
        };
        let body = Body::Whole(announcement.encode());
        seal(&sealing, self.tag_key.tag(slot), &body, rng)
    }

    /// Opens a cell that was found under a tag of this day.
    ///
    /// # Errors
    ///
    /// `NotAuthentic` whatever fails.
    pub fn open(
        &self,
        identity: &Identity,
        day: Day,
        cell: &Cell,
    ) -> Result<Announcement, EnvelopeError> {
        let Body::Whole(bytes) = open(identity.kem(), &self.psk, cell)? else {
            return Err(EnvelopeError::NotAuthentic);
        };
        Announcement::decode(&bytes)
            .filter(|announcement| announcement.sent_at.day() == day)
            .ok_or(EnvelopeError::NotAuthentic)
    }
}

/// `CBOR [kind, id, sent_at, …]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The id of the device or of the emergency access.
    pub id: [u8; DEVICE_ID_LEN],
    /// The time of sending, by the sending device's clock.
    pub sent_at: UnixTime,
    /// The content.
    pub what: AnnouncementKind,
}

/// The content of an announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnnouncementKind {
    /// Kind 0, `device`: the sender was restored from a backup and now uses this
    /// index.
    InUse(u8),
    /// Kind 1, `device`: the sender learned of a newer device and no longer sends.
    Superseded(u8),
    /// Kind 2, `minutes, reason`: a backup was opened with emergency shares.
    EmergencyBegan {
        /// The duration of the access.
        minutes: u32,
        /// The stated reason, 1 to 500 bytes.
        reason: String,
    },
    /// Kind 3: the emergency access ended.
    EmergencyEnded,
}

impl Deterministic for Announcement {
    fn encode(&self) -> Vec<u8> {
        let (kind, items) = match &self.what {
            AnnouncementKind::InUse(_) => (0, 4),
            AnnouncementKind::Superseded(_) => (1, 4),
            AnnouncementKind::EmergencyBegan { .. } => (2, 5),
            AnnouncementKind::EmergencyEnded => (3, 3),
        };
        cbor::array(items, |w| {
            w.uint(kind).bytes(&self.id).uint(self.sent_at.0);
            match &self.what {
                AnnouncementKind::InUse(device) | AnnouncementKind::Superseded(device) => {
                    w.uint((*device).into());
                }
                AnnouncementKind::EmergencyBegan { minutes, reason } => {
                    w.uint((*minutes).into()).text(reason);
                }
                AnnouncementKind::EmergencyEnded => {}
            }
        })
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        d.array()?;
        let kind = d.u64()?;
        let (id, sent_at) = (cbor::fixed(d)?, UnixTime(d.u64()?));
        let what = match kind {
            0 => AnnouncementKind::InUse(d.u8()?),
            1 => AnnouncementKind::Superseded(d.u8()?),
            2 => AnnouncementKind::EmergencyBegan {
                minutes: d.u32()?,
                reason: stated_reason(d.str()?).ok_or_else(|| Error::message("reason"))?,
            },
            3 => AnnouncementKind::EmergencyEnded,
            _ => return Err(Error::message("kind of announcement")),
        };
        Ok(Self { id, sent_at, what })
    }
}

/// Checks the reason in an announcement: 1 to 500 bytes that are not all white
/// space. An announcement is never refused for characters that cannot be shown;
/// `text::cleaned` removes those.
fn stated_reason(text: &str) -> Option<String> {
    let fits = !text.trim().is_empty() && text.len() <= TextUse::Reason.max_bytes();
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_795_300_000);

    fn all() -> [Announcement; 4] {
        let began = AnnouncementKind::EmergencyBegan {
            minutes: 30,
            reason: "unconscious at admission".into(),
        };
        let said = [
            AnnouncementKind::InUse(1),
            AnnouncementKind::Superseded(0),
            began,
            AnnouncementKind::EmergencyEnded,
        ];
        said.map(|what| Announcement {
            id: [7; DEVICE_ID_LEN],
            sent_at: NOW,
            what,
        })
    }

    #[test]
    fn only_the_owner_opens_it_and_only_under_its_day() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let (me, other) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
        let keys = OwnKeys::new(&me);
        for announcement in all() {
            let cell = keys.seal(&me, &announcement, CellSize::DEFAULT, &mut rng);
            let cell = cell.unwrap();
            let day = NOW.day();
            assert_eq!(keys.open(&me, day, &cell), Ok(announcement));
            let stranger = OwnKeys::new(&other);
            assert!(stranger.open(&me, day, &cell).is_err(), "another psk");
            assert!(keys.open(&other, day, &cell).is_err(), "another key");
            assert!(keys.open(&me, Day(day.0 + 1), &cell).is_err());
        }
    }

    #[test]
    fn the_longest_reason_fits_the_smallest_cell() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let me = Identity::generate(&mut rng);
        let longest = Announcement {
            id: [7; DEVICE_ID_LEN],
            sent_at: NOW,
            what: AnnouncementKind::EmergencyBegan {
                minutes: u32::MAX,
                reason: "x".repeat(TextUse::Reason.max_bytes()),
            },
        };
        let size = CellSize::try_from(1024).unwrap();
        assert!(
            OwnKeys::new(&me)
                .seal(&me, &longest, size, &mut rng)
                .is_ok()
        );
    }

    #[test]
    fn other_forms_are_refused() {
        for announcement in all() {
            let bytes = announcement.encode();
            assert_eq!(Announcement::decode(&bytes), Some(announcement));
            assert_eq!(Announcement::decode(&bytes[..bytes.len() - 1]), None);
            let longer = [&[bytes[0] + 1], &bytes[1..], &[0]].concat();
            assert_eq!(Announcement::decode(&longer), None, "an item more");
        }
        let kind = |kind, reason: &str| {
            Announcement::decode(&cbor::array(5, |w| {
                w.uint(kind)
                    .bytes(&[7; 16])
                    .uint(NOW.0)
                    .uint(1)
                    .text(reason);
            }))
        };
        assert!(kind(2, "a reason").is_some());
        assert_eq!(kind(2, " \n"), None, "no reason");
        assert_eq!(kind(2, &"x".repeat(TextUse::Reason.max_bytes() + 1)), None);
        assert_eq!(kind(4, "a reason"), None, "an unknown kind");
    }
}

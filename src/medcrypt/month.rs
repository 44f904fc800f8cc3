//! Monthly keys, and the months whose keys are tried.

use pbkdf2::pbkdf2_hmac_array;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use super::{MedCryptError, Message};
use crate::{
    base::{Month, Secret, UnixTime},
    crypto::{
        aead::{self, NONCE_LEN},
        kdf,
    },
};

/// Rounds of PBKDF2-HMAC-SHA256 for a month key.
pub const PBKDF2_ITERATIONS: u32 = 600_000;
/// Length of a month's salt in bytes.
pub const SALT_LEN: usize = 16;
/// Days of a month in which the key of the previous month is still tried.
pub const WINDOW_DAYS: u32 = 7;

/// The salt of a month: `HMAC-SHA-256(secret, "YYYY-MM")[0..16]`, keyed with the
/// UTF-8 secret. The salt itself is not secret.
#[must_use]
pub fn month_salt(secret: &str, month: Month) -> [u8; SALT_LEN] {
    let (year, month) = month.year_month();
    let mac = kdf::hmac(
        secret.as_bytes(),
        format!("{year:04}-{month:02}").as_bytes(),
    );
    mac.first_chunk().copied().unwrap_or_default()
}

/// The months whose keys may open a message that arrives `now`: the current
/// month, and the previous one during the first [`WINDOW_DAYS`] days.
#[must_use]
pub fn months_to_try(now: UnixTime) -> Vec<Month> {
    let month = now.month();
    let into = now.day().0.saturating_sub(month.first_day().0);
    let before = (into < WINDOW_DAYS)
        .then(|| month.0.checked_sub(1))
        .flatten()
        .map(Month);
    core::iter::once(month).chain(before).collect()
}

/// The AES-256-GCM key of one month.
#[derive(Debug)]
pub struct MonthKey(Secret<32>);

impl MonthKey {
    /// Derives the key by PBKDF2 with the UTF-8 secret as password and the month's
    /// salt. Takes about 250 ms. WebCrypto is three times as fast in a browser:
    /// see [`month_salt`] and [`MonthKey::from_derived`].
    #[must_use]
    pub fn derive(secret: &str, month: Month) -> Self {
        let salt = month_salt(secret, month);
        let mut key = pbkdf2_hmac_array::<Sha256, 32>(secret.as_bytes(), &salt, PBKDF2_ITERATIONS);
        Self(Secret::take(&mut key))
    }

    /// Creates a key from PBKDF2 output that was computed elsewhere with
    /// [`month_salt`] and [`PBKDF2_ITERATIONS`].
    #[must_use]
    pub fn from_derived(key: Secret<32>) -> Self {
        Self(key)
    }

    /// Exposes the 32 bytes, for storage.
    #[must_use]
    pub fn expose(&self) -> &Secret<32> {
        &self.0
    }

    /// Seals a text for a patient id under a random nonce. The id is authenticated
    /// but readable: use an alias.
    ///
    /// # Errors
    ///
    /// [`MedCryptError::PatientId`] for an empty id.
    pub fn seal(
        &self,
        patient_id: &str,
        text: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<Message, MedCryptError> {
        if patient_id.is_empty() {
            return Err(MedCryptError::PatientId);
        }
        let mut nonce = [0; NONCE_LEN];
        rng.fill_bytes(&mut nonce);
        let sealed = aead::seal_with_nonce(
            self.0.expose(),
            &nonce,
            patient_id.as_bytes(),
            text.as_bytes(),
        );
        Ok(Message {
            patient_id: patient_id.to_owned(),
            nonce,
            sealed,
        })
    }

    /// Opens a message. The text is wiped on drop.
    ///
    /// # Errors
    ///
    /// [`MedCryptError::NotAuthentic`], whatever the cause.
    pub fn open(&self, message: &Message) -> Result<Zeroizing<String>, MedCryptError> {
        let Message {
            patient_id,
            nonce,
            sealed,
        } = message;
        let text = aead::open_with_nonce(self.0.expose(), nonce, patient_id.as_bytes(), sealed)
            .ok_or(MedCryptError::NotAuthentic)?;
        match String::from_utf8(text) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(error) => {
                error.into_bytes().zeroize();
                Err(MedCryptError::NotAuthentic)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MonthKey {
        MonthKey::from_derived(Secret::take(&mut [byte; 32]))
    }

    #[test]
    fn the_previous_month_opens_for_seven_days() {
        let first = Month(2026 * 12 + 10).first_day().start();
        let now_and_before = vec![Month(2026 * 12 + 10), Month(2026 * 12 + 9)];
        assert_eq!(months_to_try(first), now_and_before);
        assert_eq!(months_to_try(first.plus(7 * 86_400 - 1)), now_and_before);
        assert_eq!(
            months_to_try(first.plus(7 * 86_400)),
            [Month(2026 * 12 + 10)]
        );
        assert_eq!(months_to_try(first.minus(1)), [Month(2026 * 12 + 9)]);
    }

    #[test]
    fn a_message_opens_only_with_its_key() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let sealed = key(1).seal("alias-7", "Dx: ñ 🩺", &mut rng).unwrap();
        let read = Message::parse(&sealed.to_string()).unwrap();
        assert_eq!(*key(1).open(&read).unwrap(), "Dx: ñ 🩺");
        assert_eq!(key(2).open(&read), Err(MedCryptError::NotAuthentic));
        let renamed = Message {
            patient_id: "alias-8".into(),
            ..read
        };
        assert_eq!(key(1).open(&renamed), Err(MedCryptError::NotAuthentic));
        assert_eq!(
            key(1).seal("", "x", &mut rng),
            Err(MedCryptError::PatientId)
        );
    }

    #[test]
    fn a_text_that_is_not_utf8_is_not_authentic() {
        let nonce = [0; NONCE_LEN];
        let sealed = aead::seal_with_nonce(&[1; 32], &nonce, b"a", &[0xff]);
        let message = Message {
            patient_id: "a".into(),
            nonce,
            sealed,
        };
        assert_eq!(key(1).open(&message), Err(MedCryptError::NotAuthentic));
    }
}

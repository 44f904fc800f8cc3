//! Monthly keys.

use rand_core::CryptoRng;
use zeroize::{Zeroize as _, Zeroizing};

use super::{MedCryptError, Message};
use crate::{
    base::{Month, Secret},
    crypto::{
        aead::{self, NONCE_LEN},
        kdf,
    },
};

/// Rounds of PBKDF2-HMAC-SHA256 for a month key.
pub const PBKDF2_ITERATIONS: u32 = 600_000;
/// Length of a month's salt in bytes.
pub const SALT_LEN: usize = 16;

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

/// The AES-256-GCM key of one month.
#[derive(Debug)]
pub struct MonthKey(Secret<32>);

impl MonthKey {
    /// Creates a key from the output of PBKDF2 over the UTF-8 secret with
    /// [`month_salt`] and [`PBKDF2_ITERATIONS`]. The caller computes it, because
    /// WebCrypto is three times as fast as this code in a browser.
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

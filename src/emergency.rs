//! Emergency shares: a 32-byte key, split into printed shares for several people.
//! Protocol §10.
//!
//! A printed share is the base32 (RFC 4648, upper case, unpadded) of
//! `u8(1) || set_id(8) || u8(k) || u8(x) || y(32) || check(4)`: 76 characters.
//! The check detects typing errors. It reveals nothing about the secret, and
//! neither do fewer than `k` shares.

use base32ct::{Base32UpperUnpadded, Encoding as _};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    base::{Secret, SortedSet, encoding::Reader, error::coded, labels},
    crypto::{
        kdf,
        shamir::{self, Point, SECRET_LEN},
    },
};

/// Length of a printed share in characters.
pub const SHARE_TEXT_LEN: usize = 76;
/// Length of a set id in bytes.
pub const SET_ID_LEN: usize = 8;

const VERSION: u8 = 1;
const CHECK_LEN: usize = 4;
const SHARE_LEN: usize = 1 + SET_ID_LEN + 1 + 1 + SECRET_LEN + CHECK_LEN;

coded! {
    /// An error of splitting or combining shares.
    pub enum SharesError {
        /// The threshold is below 2 or above the count.
        #[error("the threshold must be 2 to the number of shares")]
        Threshold => InvalidArgument,
        /// Not a printed share: wrong length, a character outside the alphabet, a
        /// wrong check, an unknown version, x = 0 or k < 2.
        #[error("not a printed share, or a damaged one")]
        Damaged => SharesInvalid,
        /// The shares are of different sets.
        #[error("shares of different sets")]
        Mixed => SharesInvalid,
        /// A share was given twice.
        #[error("the same share twice")]
        Duplicate => SharesInvalid,
        /// Fewer shares than the threshold.
        #[error("fewer shares than the set needs")]
        TooFew => SharesInvalid,
        /// More shares than the threshold, which are not all of one polynomial.
        #[error("the shares do not agree")]
        Disagree => SharesInvalid,
    }
}

/// One share of a set.
#[derive(Debug)]
pub struct Share {
    set_id: [u8; SET_ID_LEN],
    threshold: u8,
    point: Point,
}

impl Share {
    /// Creates a share from its fields.
    ///
    /// # Errors
    ///
    /// [`SharesError::Damaged`] for a threshold below 2.
    pub fn new(set_id: [u8; SET_ID_LEN], threshold: u8, point: Point) -> Result<Self, SharesError> {
        if threshold < 2 {
            return Err(SharesError::Damaged);
        }
        Ok(Self {
            set_id,
            threshold,
            point,
        })
    }

    /// Parses a printed share: exactly 76 characters.
    ///
    /// # Errors
    ///
    /// [`SharesError::Damaged`].
    pub fn parse(text: &str) -> Result<Self, SharesError> {
        if text.len() != SHARE_TEXT_LEN {
            return Err(SharesError::Damaged);
        }
        let mut bytes = Zeroizing::new([0; SHARE_LEN]);
        Base32UpperUnpadded::decode(text, bytes.as_mut_slice())
            .map_err(|_| SharesError::Damaged)?;
        let share = Self::decode(&bytes).ok_or(SharesError::Damaged)?;
        // The decoder ignores the unused bits of the last character.
        if *share.to_text() != text {
            return Err(SharesError::Damaged);
        }
        Ok(share)
    }

    fn decode(bytes: &[u8; SHARE_LEN]) -> Option<Self> {
        let (body, check) = bytes.split_last_chunk::<CHECK_LEN>()?;
        if *check != self::check(body) {
            return None;
        }
        let mut reader = Reader::new(body);
        if reader.u8()? != VERSION {
            return None;
        }
        let set_id = reader.array()?;
        let threshold = reader.u8()?;
        let x = reader.u8()?;
        let y = Secret::from_slice(reader.rest())?;
        Self::new(set_id, threshold, Point::new(x, y)?).ok()
    }

    /// The text to print: 76 characters. Wiped on drop.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(SHARE_LEN));
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.set_id);
        bytes.extend_from_slice(&[self.threshold, self.point.x()]);
        bytes.extend_from_slice(self.point.y().expose());
        let check = check(&bytes);
        bytes.extend_from_slice(&check);
        Zeroizing::new(Base32UpperUnpadded::encode_string(&bytes))
    }

    /// The share point.
    #[must_use]
    pub fn point(&self) -> &Point {
        &self.point
    }
}

/// Normalizes a typed share: removes spaces and hyphens, converts to upper case,
/// and replaces digits outside the alphabet by the letters they resemble. Wiped
/// on drop.
#[must_use]
pub fn fold(typed: &str) -> Zeroizing<String> {
    let letters = typed
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}'))
        .map(|c| match c.to_ascii_uppercase() {
            '0' => 'O',
            '1' => 'I',
            '8' => 'B',
            letter => letter,
        });
    let mut folded = Zeroizing::new(String::with_capacity(typed.len()));
    folded.extend(letters);
    folded
}

/// `SHA-256(parts("tessera/v1/share", all before))[0..4]`.
fn check(body: &[u8]) -> [u8; CHECK_LEN] {
    let hash = kdf::hash(labels::SHARE, &[body]);
    hash.first_chunk().copied().unwrap_or_default()
}

/// Splits a secret into `count` shares of a new set. Any `threshold` of them
/// recover it.
///
/// # Errors
///
/// [`SharesError::Threshold`] unless 2 ≤ `threshold` ≤ `count`.
pub fn split(
    secret: &Secret<SECRET_LEN>,
    threshold: u8,
    count: u8,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Share>, SharesError> {
    let mut set_id = [0; SET_ID_LEN];
    rng.fill_bytes(&mut set_id);
    let points = shamir::split(secret, threshold, count, rng).ok_or(SharesError::Threshold)?;
    Ok(points
        .into_iter()
        .map(|point| Share {
            set_id,
            threshold,
            point,
        })
        .collect())
}

/// Recovers the secret of a set. The secret itself is not checked: only what it
/// opens shows that it is the right one.
///
/// # Errors
///
/// [`SharesError::Mixed`], [`SharesError::Duplicate`], [`SharesError::TooFew`] or
/// [`SharesError::Disagree`].
pub fn combine(shares: &[Share]) -> Result<Secret<SECRET_LEN>, SharesError> {
    let first = shares.first().ok_or(SharesError::TooFew)?;
    let same_set = |s: &Share| s.set_id == first.set_id && s.threshold == first.threshold;
    if !shares.iter().all(same_set) {
        return Err(SharesError::Mixed);
    }
    let mut places = SortedSet::default();
    if !shares.iter().all(|share| places.insert(share.point.x())) {
        return Err(SharesError::Duplicate);
    }
    if shares.len() < usize::from(first.threshold) {
        return Err(SharesError::TooFew);
    }
    let points: Vec<&Point> = shares.iter().map(Share::point).collect();
    shamir::combine(first.threshold, &points).ok_or(SharesError::Disagree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorCode;

    fn set(threshold: u8, count: u8) -> (Secret<32>, Vec<Share>) {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let secret = Secret::random(&mut rng);
        let shares = split(&secret, threshold, count, &mut rng).unwrap();
        (secret, shares)
    }

    /// A share with arbitrary fields and a correct check.
    fn forged(version: u8, threshold: u8, x: u8) -> String {
        let mut bytes = vec![version];
        bytes.extend_from_slice(&[7; SET_ID_LEN]);
        bytes.extend_from_slice(&[threshold, x]);
        bytes.extend_from_slice(&[9; 32]);
        let check = check(&bytes);
        bytes.extend_from_slice(&check);
        Base32UpperUnpadded::encode_string(&bytes)
    }

    #[test]
    fn printed_shares_parse() {
        let (secret, shares) = set(2, 3);
        let read: Vec<Share> = shares
            .iter()
            .map(|s| Share::parse(&s.to_text()).unwrap())
            .collect();
        assert_eq!(read.first().unwrap().to_text().len(), SHARE_TEXT_LEN);
        assert_eq!(combine(&read).unwrap(), secret);
    }

    #[test]
    fn fields_out_of_range_are_damaged_despite_a_valid_check() {
        assert!(Share::parse(&forged(1, 2, 1)).is_ok());
        for text in [
            forged(2, 2, 1),
            forged(0, 2, 1),
            forged(1, 2, 0),
            forged(1, 1, 1),
            forged(1, 0, 1),
        ] {
            assert_eq!(Share::parse(&text).unwrap_err(), SharesError::Damaged);
        }
    }

    #[test]
    fn every_changed_character_is_detected() {
        let (_, shares) = set(2, 2);
        let text = shares[0].to_text();
        for at in 0..SHARE_TEXT_LEN {
            for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567=a 0é".chars() {
                let changed: String = text
                    .chars()
                    .enumerate()
                    .map(|(i, c)| if i == at { other } else { c })
                    .collect();
                if changed != *text {
                    assert!(Share::parse(&changed).is_err(), "{at} {other}");
                }
            }
        }
        assert!(Share::parse(&text[..75]).is_err());
        assert!(Share::parse(&format!("{}A", *text)).is_err());
        assert!(Share::parse("").is_err());
    }

    #[test]
    fn shares_of_different_sets_are_refused() {
        let (_, mut a) = set(2, 3);
        let (_, mut b) = set(2, 3);
        let again = Share::parse(&a[0].to_text()).unwrap();
        assert_eq!(combine(&[]).unwrap_err(), SharesError::TooFew);
        assert_eq!(combine(&a[..1]).unwrap_err(), SharesError::TooFew);
        a.push(again);
        assert_eq!(combine(&a).unwrap_err(), SharesError::Duplicate);
        a.pop();
        let other = Share::new(a[0].set_id, 3, b.pop().unwrap().point).unwrap();
        let third = a.pop().unwrap();
        a.push(other);
        assert_eq!(
            combine(&a).unwrap_err(),
            SharesError::Mixed,
            "another threshold"
        );
        a.pop();
        a.push(b.pop().unwrap());
        assert_eq!(combine(&a).unwrap_err(), SharesError::Mixed, "another set");
        a.pop();
        let mut y = *third.point.y().expose();
        y[0] ^= 1;
        a.push(
            Share::new(
                third.set_id,
                2,
                Point::new(3, Secret::take(&mut y)).unwrap(),
            )
            .unwrap(),
        );
        assert_eq!(combine(&a).unwrap_err(), SharesError::Disagree);
    }

    #[test]
    fn an_invalid_threshold_is_an_argument_error() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let secret = Secret::random(&mut rng);
        for (threshold, count) in [(0, 3), (1, 3), (4, 3), (2, 0)] {
            let error = split(&secret, threshold, count, &mut rng).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
        }
    }
}

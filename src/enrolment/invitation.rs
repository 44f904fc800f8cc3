//! Invitations: the content of a QR code or a link. Protocol §7.
//!
//! ```text
//! tessera:/ base64url({"v":1,"s":…,"o":…,"r":relay URL,"x":expiry[,"f":offer]})
//! ```

mod pasted;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use zeroize::Zeroizing;

use super::{EnrolmentError, InvitationSecret};
use crate::{
    base::{Secret, UnixTime},
    crypto::kdf,
    wire::json::{self, once},
};

/// The prefix of an invitation.
pub const SCHEME: &str = "tessera:/";

/// Maximum length of a text that is parsed. A link invitation with the longest
/// name and a relay URL of 1 KiB is shorter.
const MAX_LEN: usize = 8_192;

/// How the offer reaches the acceptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For a QR code at the visit: offer, response and confirm go through the lobby.
    Qr,
    /// For a link, which contains the offer; nothing goes through the lobby.
    Link,
}

/// A parsed invitation: all fields are well-formed, and an enclosed offer matches
/// its hash.
#[derive(Debug)]
pub struct Invitation {
    /// `s`: the secret.
    pub secret: InvitationSecret,
    /// `o`: SHA-256 of the offer.
    pub offer_hash: [u8; 32],
    /// `r`: the relay URL. Not authenticated; a client must not use it silently.
    pub relay: String,
    /// `x`: the last second in which the invitation is valid.
    pub expires_at: UnixTime,
    /// `f`: the offer, in a link invitation.
    pub offer: Option<Vec<u8>>,
}

impl Invitation {
    /// Parses the text of an invitation, alone or as the fragment of a link.
    ///
    /// # Errors
    ///
    /// `InvitationMalformed` for any other text.
    pub fn parse(text: &str) -> Result<Self, EnrolmentError> {
        Self::read(text.trim()).ok_or(EnrolmentError::InvitationMalformed)
    }

    /// Finds the invitation in pasted text: wrapped, quoted or encoded by a mail
    /// program, with words around it, or inside the link of a link scanner.
    ///
    /// # Errors
    ///
    /// `InvitationMissing` if there is none, `InvitationIncomplete` for a
    /// truncated one, `InvitationMalformed` for an altered one.
    pub fn find(text: &str) -> Result<Self, EnrolmentError> {
        pasted::find(text)
    }

    fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_LEN {
            return None;
        }
        let text = text.split_once('#').map_or(text, |(_, fragment)| fragment);
        Self::read_base64(text.strip_prefix(SCHEME)?)
    }

    fn read_base64(text: &str) -> Option<Self> {
        let json = Zeroizing::new(decode(text)?);
        let (mut v, mut s, mut o, mut r, mut x, mut f) = (None, None, None, None, None, None);
        json::object(&json, &mut |json, key| match key {
            "v" => once(&mut v, json.number()),
            "s" => once(&mut s, json.text().map(Zeroizing::new)),
            "o" => once(&mut o, json.text()),
            "r" => once(&mut r, json.text()),
            "x" => once(&mut x, json.number()),
            "f" => once(&mut f, json.text()),
            _ => None,
        })?;

        let secret = Zeroizing::new(decode(&s?)?);
        let offer = match f {
            Some(text) => Some(decode(&text)?),
            None => None,
        };
        let offer_hash: [u8; 32] = decode(&o?)?.try_into().ok()?;
        if offer
            .as_ref()
            .is_some_and(|offer| kdf::sha256(offer) != offer_hash)
        {
            return None;
        }
        (v? == 1).then_some(Self {
            secret: InvitationSecret::new(Secret::from_slice(&secret)?),
            offer_hash,
            relay: r?,
            expires_at: UnixTime(x?),
            offer,
        })
    }

    /// Encodes the invitation as `tessera:/…`.
    #[must_use]
    pub fn to_uri(&self) -> String {
        let mut json = Zeroizing::new(String::from("{"));
        if let Some(offer) = &self.offer {
            json.extend(["\"f\":\"", &encode(offer), "\","]);
        }
        json.extend(["\"o\":\"", &encode(&self.offer_hash), "\","]);
        json.extend(["\"r\":", &json::quoted(&self.relay), ","]);
        let secret = Zeroizing::new(encode(self.secret.expose().expose()));
        json.extend(["\"s\":\"", &secret, "\",\"v\":1,"]);
        json.extend(["\"x\":", &self.expires_at.0.to_string(), "}"]);
        [SCHEME, &encode(json.as_bytes())].concat()
    }

    /// The kind of invitation.
    #[must_use]
    pub fn kind(&self) -> Kind {
        if self.offer.is_some() {
            Kind::Link
        } else {
            Kind::Qr
        }
    }

    /// Checks that the invitation has not expired.
    ///
    /// # Errors
    ///
    /// `InvitationExpired`.
    pub fn check_expiry(&self, now: UnixTime) -> Result<(), EnrolmentError> {
        if now > self.expires_at {
            Err(EnrolmentError::InvitationExpired)
        } else {
            Ok(())
        }
    }
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

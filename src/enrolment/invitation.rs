//! The invitation: what a QR code or a link carries. Protocol §7.
//!
//! ```text
//! tessera:/ base64url({"v":1,"s":…,"o":…,"r":relay URL,"x":expiry[,"f":offer]})
//! ```

use core::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde::{
    Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::json;
use zeroize::Zeroizing;

use super::{EnrolmentError, InvitationSecret};
use crate::{
    base::{Secret, UnixTime},
    crypto::kdf,
};

/// What an invitation begins with.
pub const SCHEME: &str = "tessera:/";

/// Longest text that is parsed at all; an ordinary invitation with the
/// longest name and a relay URL of 1 KiB is below it.
const MAX_LEN: usize = 8_192;

/// Whether the offer travels through the lobby or in the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For a QR at the visit: offer, response and confirm go through the lobby.
    Quick,
    /// For a link: it holds the offer; nothing goes through the lobby.
    Ordinary,
}

/// A parsed invitation: all fields are of the protocol's form, and an
/// enclosed offer has the hash it should.
#[derive(Debug)]
pub struct Invitation {
    /// `s`.
    pub secret: InvitationSecret,
    /// `o`: SHA-256 of the one offer to answer.
    pub offer_hash: [u8; 32],
    /// `r`: not authenticated; ask if it is not the configured one.
    pub relay: String,
    /// `x`.
    pub expires_at: UnixTime,
    /// `f`: the offer, in an ordinary invitation.
    pub offer: Option<Vec<u8>>,
}

impl Invitation {
    /// Parses the text of an invitation, alone or as the fragment of a link.
    ///
    /// # Errors
    ///
    /// `InvitationMalformed` for anything that is not exactly of the form.
    pub fn parse(text: &str) -> Result<Self, EnrolmentError> {
        Self::parse_inner(text.trim()).ok_or(EnrolmentError::InvitationMalformed)
    }

    fn parse_inner(text: &str) -> Option<Self> {
        if text.len() > MAX_LEN {
            return None;
        }
        let text = text.split_once('#').map_or(text, |(_, fragment)| fragment);
        let json = BASE64URL_NOPAD
            .decode(text.strip_prefix(SCHEME)?.as_bytes())
            .ok()?;
        let json = Zeroizing::new(json);
        let mut deserializer = serde_json::Deserializer::from_slice(&json);
        let fields = deserializer.deserialize_map(FieldsVisitor).ok()?;
        deserializer.end().ok()?;

        let secret = Zeroizing::new(decode(&fields.s?)?);
        let offer = match fields.f {
            Some(text) => Some(decode(&text)?),
            None => None,
        };
        let offer_hash: [u8; 32] = decode(&fields.o?)?.try_into().ok()?;
        if offer
            .as_ref()
            .is_some_and(|offer| kdf::sha256(offer) != offer_hash)
        {
            return None;
        }
        (fields.v? == 1).then_some(Self {
            secret: InvitationSecret::new(Secret::from_slice(&secret)?),
            offer_hash,
            relay: fields.r?,
            expires_at: UnixTime(fields.x?),
            offer,
        })
    }

    /// The text: `tessera:/…`.
    #[must_use]
    pub fn to_uri(&self) -> String {
        let mut fields = json!({
            "v": 1,
            "s": BASE64URL_NOPAD.encode(self.secret.expose().expose()),
            "o": BASE64URL_NOPAD.encode(&self.offer_hash),
            "r": self.relay,
            "x": self.expires_at.0,
        });
        if let (Some(offer), Some(map)) = (&self.offer, fields.as_object_mut()) {
            map.insert("f".into(), BASE64URL_NOPAD.encode(offer).into());
        }
        format!(
            "{SCHEME}{}",
            BASE64URL_NOPAD.encode(fields.to_string().as_bytes())
        )
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        if self.offer.is_some() {
            Kind::Ordinary
        } else {
            Kind::Quick
        }
    }

    /// Refuses an invitation whose time is over.
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

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

#[derive(Default)]
struct Fields {
    v: Option<u64>,
    s: Option<Zeroizing<String>>,
    o: Option<String>,
    r: Option<String>,
    x: Option<u64>,
    f: Option<String>,
}

/// Reads one JSON object strictly: a derived reader would take an array for
/// it, and null for a missing field.
struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an invitation")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        fn once<'de, T: serde::Deserialize<'de>, A: MapAccess<'de>>(
            slot: &mut Option<T>,
            map: &mut A,
        ) -> Result<(), A::Error> {
            match slot.replace(map.next_value()?) {
                None => Ok(()),
                Some(_) => Err(A::Error::custom("duplicate key")),
            }
        }
        let mut fields = Fields::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "v" => once(&mut fields.v, &mut map)?,
                "s" => {
                    let mut text = None;
                    once(&mut text, &mut map)?;
                    if fields
                        .s
                        .replace(Zeroizing::new(text.unwrap_or_default()))
                        .is_some()
                    {
                        return Err(A::Error::custom("duplicate key"));
                    }
                }
                "o" => once(&mut fields.o, &mut map)?,
                "r" => once(&mut fields.r, &mut map)?,
                "x" => once(&mut fields.x, &mut map)?,
                "f" => once(&mut fields.f, &mut map)?,
                _ => return Err(A::Error::custom("unknown key")),
            }
        }
        Ok(fields)
    }
}

//! Invitations: the content of a QR code or a link. Protocol §7.
//!
//! ```text
//! qr:   tessera:/ base64url({"v":1,"s":…,"r":relay URL,"x":expiry,"o":hash of the offer})
//! link: tessera:/ base64url({"v":1,"s":…,"r":relay URL,"x":expiry,"i":inviter,"c":check})
//! ```

mod pasted;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use zeroize::Zeroizing;

use super::{EnrolmentError, InvitationSecret};
use crate::{
    base::{Secret, UnixTime, labels},
    crypto::kdf,
    identity::PublicIdentity,
    wire::json::{self, once},
};

/// The prefix of an invitation.
pub const SCHEME: &str = "tessera:/";

/// Maximum length of a text that is parsed: more than the longest relay URL
/// takes, and a link of an earlier version with its offer.
const MAX_LEN: usize = 8_192;

/// Length of `c` in bytes.
const CHECK_LEN: usize = 6;

/// How an invitation is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For a QR code at the visit: all messages go through the lobby.
    Qr,
    /// For a link: the messages go to the own buckets of both, none through
    /// the lobby.
    Link,
}

/// What binds the handshake to the inviter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// `o`: SHA-256 of the offer, which the inviter makes. A QR invitation.
    Offer([u8; 32]),
    /// `i`: the identity of the inviter, who responds to the acceptor's offer.
    /// A link invitation.
    Inviter(PublicIdentity),
    /// `o` and `f`: the inviter's offer itself, in links of an earlier
    /// version, which clients no longer accept.
    EnclosedOffer(Vec<u8>),
}

/// A parsed invitation: all fields are well-formed, an enclosed offer matches
/// its hash, and a link matches its check bytes.
#[derive(Debug)]
pub struct Invitation {
    /// `s`: the secret.
    pub secret: InvitationSecret,
    /// `r`: the relay URL. Not authenticated; a client must not use it silently.
    pub relay: String,
    /// `x`: the last second in which the invitation is valid.
    pub expires_at: UnixTime,
    /// What binds it to its inviter.
    pub binding: Binding,
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
        let (mut v, mut s, mut r, mut x) = (None, None, None, None);
        let (mut o, mut f, mut i, mut c) = (None, None, None, None);
        json::object(&json, &mut |json, key| match key {
            "v" => once(&mut v, json.number()),
            "s" => once(&mut s, json.text().map(Zeroizing::new)),
            "r" => once(&mut r, json.text()),
            "x" => once(&mut x, json.number()),
            "o" => once(&mut o, json.text()),
            "f" => once(&mut f, json.text()),
            "i" => once(&mut i, json.text()),
            "c" => once(&mut c, json.text()),
            _ => None,
        })?;

        let secret = Zeroizing::new(decode(&s?)?);
        let binding = match (&o, &f, &i, &c) {
            (Some(o), None, None, None) => Binding::Offer(decode_array(o)?),
            (Some(o), Some(f), None, None) => {
                let offer = decode(f)?;
                (kdf::sha256(&offer) == decode_array(o)?).then_some(())?;
                Binding::EnclosedOffer(offer)
            }
            (None, None, Some(i), Some(_)) => {
                Binding::Inviter(PublicIdentity::decode(&decode(i)?)?)
            }
            _ => return None,
        };
        let invitation = Self {
            secret: InvitationSecret::new(Secret::from_slice(&secret)?),
            relay: r?,
            expires_at: UnixTime(x?),
            binding,
        };
        let intact = c.is_none_or(|c| decode(&c).as_deref() == Some(&invitation.check()));
        (v? == 1 && intact).then_some(invitation)
    }

    /// `c`: the first bytes of a hash of all other fields, so that damage in
    /// transit is detected. It protects against nobody who alters a link.
    fn check(&self) -> [u8; CHECK_LEN] {
        let inviter = match &self.binding {
            Binding::Inviter(inviter) => inviter.encode().to_vec(),
            Binding::Offer(_) | Binding::EnclosedOffer(_) => Vec::new(),
        };
        let hash = kdf::hash(
            labels::INVITATION_CHECK,
            &[
                self.secret.expose().expose(),
                &inviter,
                self.relay.as_bytes(),
                &self.expires_at.0.to_be_bytes(),
            ],
        );
        hash.first_chunk().copied().unwrap_or_default()
    }

    /// Encodes the invitation as `tessera:/…`.
    #[must_use]
    pub fn to_uri(&self) -> String {
        let mut json = Zeroizing::new(String::from("{"));
        let mut text = |key: &str, bytes: &[u8]| {
            let value = Zeroizing::new(encode(bytes));
            json.extend(["\"", key, "\":\"", &value, "\","]);
        };
        match &self.binding {
            Binding::Offer(hash) => text("o", hash),
            Binding::Inviter(inviter) => {
                text("c", &self.check());
                text("i", &inviter.encode());
            }
            Binding::EnclosedOffer(offer) => {
                text("f", offer);
                text("o", &kdf::sha256(offer));
            }
        }
        text("s", self.secret.expose().expose());
        json.extend(["\"r\":", &json::quoted(&self.relay), ",\"v\":1,"]);
        json.extend(["\"x\":", &self.expires_at.0.to_string(), "}"]);
        [SCHEME, &encode(json.as_bytes())].concat()
    }

    /// Checks all that can be known before a vault is open: that a portal on
    /// one of these relays, the members of one federation, can answer the
    /// invitation now. Without relays, any is accepted.
    ///
    /// # Errors
    ///
    /// `InvitationExpired`; `OtherRelay`; `InvitationOutdated` for a link of an
    /// earlier version.
    pub fn check_usable(&self, relays: &[String], now: UnixTime) -> Result<(), EnrolmentError> {
        if now > self.expires_at {
            return Err(EnrolmentError::InvitationExpired);
        }
        let named = self.relay.trim_end_matches('/');
        let mut known = relays.iter().map(|relay| relay.trim_end_matches('/'));
        if !relays.is_empty() && known.all(|relay| relay != named) {
            return Err(EnrolmentError::OtherRelay);
        }
        match self.binding {
            Binding::EnclosedOffer(_) => Err(EnrolmentError::InvitationOutdated),
            Binding::Offer(_) | Binding::Inviter(_) => Ok(()),
        }
    }
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

fn decode_array(text: &str) -> Option<[u8; 32]> {
    decode(text)?.try_into().ok()
}

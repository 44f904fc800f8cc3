//! Invitations and contacts.

use js_sys::Uint8Array;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Engine, contact, time, to_js, whole};
use crate::{
    client::{ClientError, FilingScope, InvitationId},
    enrolment::{Invitation, Kind},
    identity::Fingerprint,
    wasm::{
        bytes::{array, fixed, invalid, rng},
        error::JsResult,
        object::object,
    },
};

/// Checks an invitation without a vault, so that nothing is asked of a person for
/// one that cannot be answered. Of which relay it is, is checked if `relay` is given.
///
/// # Errors
///
/// `INVITATION_MALFORMED`, `INVITATION_INCOMPLETE`, `INVITATION_EXPIRED`,
/// `RELAY_MISMATCH`.
#[wasm_bindgen(js_name = checkInvitation)]
pub fn check_invitation(text: &str, relays: Vec<String>, now: f64) -> JsResult<()> {
    let now = time(now)?;
    let invitation = Invitation::find(text).map_err(ClientError::from)?;
    let checked = invitation.check_usable(&relays, now);
    Ok(checked.map_err(ClientError::from)?)
}

#[wasm_bindgen]
impl Engine {
    /// `{ name, publicKey, fingerprint }`.
    #[wasm_bindgen(unchecked_return_type = "Self")]
    #[must_use]
    pub fn me(&self) -> JsValue {
        let public = self.client.public();
        object(&[
            ("name", self.client.name().into()),
            ("publicKey", array(&public.encode()).into()),
            ("fingerprint", array(&public.fingerprint().0).into()),
        ])
    }

    /// Changes the name that later contacts see.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(unchecked_return_type = "Effects")]
    pub fn rename(&mut self, name: &str, now: f64) -> JsResult<JsValue> {
        self.vault.give(self.client.rename(name, time(now)?))
    }

    /// Creates an invitation, "qr" or "link".
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`, `RELAY_UNREACHABLE`.
    #[wasm_bindgen(unchecked_return_type = "Effects<OpenInvitation>")]
    pub fn invite(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "\"qr\" | \"link\"")] kind: &str,
        expires_in: Option<f64>,
        now: f64,
    ) -> JsResult<JsValue> {
        let kind = match kind {
            "qr" => Kind::Qr,
            "link" => Kind::Link,
            _ => return Err(invalid("kind is neither \"qr\" nor \"link\"")),
        };
        let life = expires_in
            .map(|seconds| whole(seconds, "expiresInSeconds"))
            .transpose()?;
        self.vault
            .give(self.client.invite(kind, life, time(now)?, &mut rng()))
    }

    /// The invitations that were created here and can still be answered.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for a clock that no calendar has.
    #[wasm_bindgen(js_name = openInvitations, unchecked_return_type = "OpenInvitation[]")]
    pub fn open_invitations(&self, now: f64) -> JsResult<JsValue> {
        to_js(&self.client.open_invitations(time(now)?))
    }

    /// Withdraws an invitation.
    ///
    /// # Errors
    ///
    /// `INVITATION_UNKNOWN`.
    #[wasm_bindgen(js_name = cancelInvitation, unchecked_return_type = "Effects")]
    pub fn cancel_invitation(&mut self, id: &str, now: f64) -> JsResult<JsValue> {
        self.vault
            .give(self.client.cancel_invitation(invitation(id)?, time(now)?))
    }

    /// Accepts an invitation.
    ///
    /// # Errors
    ///
    /// `INVITATION_MALFORMED`, `INVITATION_EXPIRED`, `RELAY_MISMATCH`, …
    #[wasm_bindgen(unchecked_return_type = "Effects<Contact>")]
    pub fn accept(&mut self, uri: &str, in_person: bool, now: f64) -> JsResult<JsValue> {
        self.vault
            .give(self.client.accept(uri, in_person, time(now)?, &mut rng()))
    }

    /// Restricts an invitation to this fingerprint.
    ///
    /// # Errors
    ///
    /// `INVITATION_UNKNOWN`, `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = expectIdentity, unchecked_return_type = "Effects")]
    pub fn expect_identity(
        &mut self,
        id: &str,
        fingerprint: &Uint8Array,
        now: f64,
    ) -> JsResult<JsValue> {
        let id = invitation(id)?;
        let expected = Fingerprint(fixed(fingerprint, "fingerprint")?);
        self.vault
            .give(self.client.expect(id, expected, time(now)?, &mut rng()))
    }

    /// All contacts, oldest first.
    ///
    /// # Errors
    ///
    /// Never in practice.
    #[wasm_bindgen(unchecked_return_type = "Contact[]")]
    pub fn contacts(&self) -> JsResult<JsValue> {
        to_js(&self.client.contacts())
    }

    /// Confirms that the digits match.
    ///
    /// # Errors
    ///
    /// `SAS_NOT_READY`, `CONTACT_SUSPECT`, `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = confirmSas, unchecked_return_type = "Effects")]
    pub fn confirm_sas(&mut self, id: &str, now: f64) -> JsResult<JsValue> {
        self.vault.give(
            self.client
                .confirm_sas(contact(id)?, time(now)?, &mut rng()),
        )
    }

    /// Reports that the digits differ.
    ///
    /// # Errors
    ///
    /// `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = rejectSas, unchecked_return_type = "Effects")]
    pub fn reject_sas(&mut self, id: &str, now: f64) -> JsResult<JsValue> {
        self.vault
            .give(self.client.reject_sas(contact(id)?, time(now)?))
    }

    /// Removes a contact with everything stored about it.
    ///
    /// # Errors
    ///
    /// `MESSAGE_UNFILED` unless those may be discarded; `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = removeContact, unchecked_return_type = "Effects")]
    pub fn remove_contact(
        &mut self,
        id: &str,
        discard_unfiled: bool,
        now: f64,
    ) -> JsResult<JsValue> {
        let (contact, now) = (contact(id)?, time(now)?);
        if !discard_unfiled {
            self.client.require_filed(FilingScope::Contact(contact))?;
        }
        self.vault.give(self.client.remove_contact(contact, now))
    }
}

fn invitation(id: &str) -> JsResult<InvitationId> {
    Ok(InvitationId::parse(id).ok_or(ClientError::InvitationUnknown)?)
}

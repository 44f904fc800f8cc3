//! Invitations, offers, responses, digits and control payloads: protocol §7.

use tessera::{
    base::Secret,
    channel::Direction,
    crypto::{cbor::Deterministic as _, kdf, xwing::XWingSecret},
    enrolment::{
        self, Binding, Invitation, InvitationSecret, Offer, Rendezvous, SasNonce, open_response,
        sas_digits,
    },
    envelope::{self, Body, Control, DeliveryId},
    wire::{Cell, CellSize},
};

use super::{
    case::{Broken, Case, Verdict},
    keys::{direction, own},
};

pub const ENROLMENT: &[&str] = &[
    "invitation",
    "invitation_secret",
    "rendezvous_kem_pk",
    "rendezvous_psk",
    "tag_keys",
    "enrol_psk",
    "inviter_secret",
    "acceptor_public",
    "xwing_secret",
    "sas_nonce",
    "offer",
    "response",
    "shared_seed",
    "sas",
];

pub fn enrolment(case: &Case<'_>) -> Result<Verdict, Broken> {
    let secret = InvitationSecret::new(case.secret("invitation_secret")?);
    derivations(case, &secret)?;
    let inviter = own(case, "inviter_secret")?;
    let nonce = SasNonce::new(case.secret("sas_nonce")?);
    let xwing = XWingSecret::from_seed(case.secret("xwing_secret")?);
    let offer = case.bytes("offer")?;

    let Ok(invitation) = Invitation::parse(case.text("invitation")?) else {
        return Ok(Verdict::Refused("invitation"));
    };
    if invitation.secret != secret {
        return Ok(Verdict::Refused("invitation secret"));
    }
    let bound = match &invitation.binding {
        Binding::Offer(hash) => *hash == kdf::sha256(&offer),
        Binding::EnclosedOffer(enclosed) => *enclosed == offer,
        Binding::Inviter(_) => false,
    };
    if !bound {
        return Ok(Verdict::Refused("offer hash"));
    }
    let Some(decoded) = Offer::decode(&offer) else {
        return Ok(Verdict::Refused("offer"));
    };
    if decoded.commitment != enrolment::commitment(&nonce) {
        return Ok(Verdict::Refused("commitment"));
    }
    let Ok(enrolled) = open_response(
        &secret,
        &offer,
        &xwing,
        inviter.public(),
        &case.bytes("response")?,
    ) else {
        return Ok(Verdict::Refused("response"));
    };
    let reparsed = Invitation::parse(&invitation.to_uri());
    Ok(Verdict::compared(&[
        (
            "invitation again",
            reparsed
                .is_ok_and(|again| again.secret == secret && again.binding == invitation.binding),
        ),
        ("inviter", decoded.public == *inviter.public()),
        (
            "xwing_secret",
            xwing.public().is_some_and(|public| public == decoded.xwing),
        ),
        ("offer", decoded.encode() == offer),
        (
            "acceptor_public",
            enrolled.peer.encode().as_slice() == case.bytes("acceptor_public")?,
        ),
        (
            "shared_seed",
            enrolled.shared_seed == case.secret("shared_seed")?,
        ),
        (
            "sas",
            sas_digits(&enrolled.sas, &nonce) == case.text("sas")?,
        ),
    ]))
}

/// Checks values derived from the invitation's secret alone, in valid and invalid
/// cases.
fn derivations(case: &Case<'_>, secret: &InvitationSecret) -> Result<(), Broken> {
    let rendezvous = Rendezvous::new(secret);
    case.require(
        "rendezvous_kem_pk",
        *rendezvous.kem.public().as_bytes() == case.array("rendezvous_kem_pk")?,
    )?;
    case.require(
        "rendezvous_psk",
        rendezvous.psk == case.secret("rendezvous_psk")?,
    )?;
    case.require("enrol_psk", secret.enrol_psk() == case.secret("enrol_psk")?)?;
    let tag_keys: Vec<Option<Secret<32>>> = case
        .bytes_list("tag_keys")?
        .iter()
        .map(|key| Secret::from_slice(key))
        .collect();
    let [Some(from_inviter), Some(from_acceptor)] = tag_keys.as_slice() else {
        return Err(Broken("tag_keys: not two keys".into()));
    };
    case.require(
        "tag_keys[0]",
        rendezvous.tag_secret(Direction::FromInviter) == from_inviter,
    )?;
    case.require(
        "tag_keys[1]",
        rendezvous.tag_secret(Direction::FromAcceptor) == from_acceptor,
    )
}

pub const RENDEZVOUS: &[&str] = &[
    "invitation_secret",
    "direction",
    "cell",
    "body",
    "confirm",
    "sas_nonce",
    "commitment",
    "received",
    "session_ids",
];

pub fn rendezvous(case: &Case<'_>) -> Result<Verdict, Broken> {
    let rendezvous = Rendezvous::new(&InvitationSecret::new(case.secret("invitation_secret")?));
    let cell = case.bytes("cell")?;
    let size = u32::try_from(cell.len())
        .ok()
        .and_then(|len| CellSize::try_from(len).ok());
    let Some(cell) = size.and_then(|size| Cell::parse(cell, size).ok()) else {
        return Ok(Verdict::Refused("cell"));
    };
    if cell.tag()
        != rendezvous
            .tag_key(direction(case)?)
            .tag(Rendezvous::slot(0))
    {
        return Ok(Verdict::Refused("tag"));
    }
    let Ok(Body::Whole(body)) = envelope::open(&rendezvous.kem, &rendezvous.psk, &cell) else {
        return Ok(Verdict::Refused("opening"));
    };
    let nonce = case.array("sas_nonce")?;
    let (confirm, received) = (case.bytes("confirm")?, case.bytes("received")?);
    let ids = case.bytes_list("session_ids")?;
    let acknowledged: Option<Vec<DeliveryId>> =
        ids.iter().map(|id| DeliveryId::decode(id)).collect();
    let acknowledged = Control::Received(acknowledged.ok_or_else(|| Broken("session_ids".into()))?);
    Ok(Verdict::compared(&[
        ("body", body == case.bytes("body")?),
        (
            "confirm",
            Control::decode(&confirm) == Some(Control::Confirm(nonce)),
        ),
        (
            "confirm encoding",
            Control::Confirm(nonce).encode() == confirm,
        ),
        (
            "commitment",
            enrolment::commitment(&SasNonce::new(case.secret("sas_nonce")?))
                == case.array("commitment")?,
        ),
        ("received encoding", acknowledged.encode() == received),
        ("received", Control::decode(&received) == Some(acknowledged)),
    ]))
}

//! Control deliveries: confirm and received. Protocol §4 and §7.

use minicbor::{Decoder, decode::Error};

use super::DeliveryId;
use crate::crypto::cbor::{self, Deterministic};

/// The payload of a delivery of the control content type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control {
    /// `["confirm", sas_nonce]`: opens the inviter's commitment.
    Confirm([u8; 32]),
    /// `["received", [session_id…]]`: acknowledges deliveries.
    Received(Vec<DeliveryId>),
}

impl Deterministic for Control {
    fn encode(&self) -> Vec<u8> {
        cbor::array(2, |w| match self {
            Self::Confirm(nonce) => {
                w.text("confirm").bytes(nonce);
            }
            Self::Received(ids) => {
                w.text("received").array(ids.len() as u64);
                for id in ids {
                    w.bytes(&id.encode());
                }
            }
        })
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        cbor::expect_array(d, 2)?;
        match d.str()? {
            "confirm" => Ok(Self::Confirm(cbor::fixed(d)?)),
            "received" => {
                let count = d
                    .array()?
                    .ok_or_else(|| Error::message("indefinite array"))?;
                let mut ids = Vec::new();
                for _ in 0..count {
                    let id = DeliveryId::decode(d.bytes()?);
                    ids.push(id.ok_or_else(|| Error::message("session id"))?);
                }
                Ok(Self::Received(ids))
            }
            _ => Err(Error::message("control kind")),
        }
    }
}

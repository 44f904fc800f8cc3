//! What one cell holds: a whole delivery or a fragment of one. Protocol §6.

use minicbor::{Decoder, decode::Error};

use super::FragmentCount;
use crate::crypto::cbor::{self, Deterministic};

/// Names one sealing of a fragmented message: 16 random bytes.
pub type MessageId = [u8; 16];

/// A cell's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// CBOR `[0, delivery]`.
    Whole(Vec<u8>),
    /// CBOR `[1, message_id, index, count, chunk]`.
    Fragment(Fragment),
}

/// One piece of a delivery's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Fresh at each sealing.
    pub message_id: MessageId,
    /// From 0, below `count`.
    pub index: u32,
    /// How many fragments the message has.
    pub count: FragmentCount,
    /// All but the last are of one size; none is empty.
    pub chunk: Vec<u8>,
}

impl Deterministic for Body {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Whole(delivery) => cbor::array(2, |w| {
                w.uint(0).bytes(delivery);
            }),
            Self::Fragment(f) => cbor::array(5, |w| {
                w.uint(1)
                    .bytes(&f.message_id)
                    .uint(f.index.into())
                    .uint(f.count.get().into())
                    .bytes(&f.chunk);
            }),
        }
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        let items = d.array()?;
        match (items, d.u64()?) {
            (Some(2), 0) => Ok(Self::Whole(d.bytes()?.to_vec())),
            (Some(5), 1) => {
                let fragment = Fragment {
                    message_id: cbor::fixed(d)?,
                    index: d.u32()?,
                    count: FragmentCount::try_from(d.u32()?).map_err(Error::message)?,
                    chunk: d.bytes()?.to_vec(),
                };
                let ok = fragment.index < fragment.count.get() && !fragment.chunk.is_empty();
                ok.then_some(Self::Fragment(fragment))
                    .ok_or_else(|| Error::message("fragment"))
            }
            _ => Err(Error::message("body kind")),
        }
    }
}

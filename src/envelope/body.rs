//! The body of a cell: a whole delivery or a fragment of one. Protocol §6.

use minicbor::{Decoder, decode::Error};

use super::FragmentCount;
use crate::{
    base::parameters::MAX_DELIVERY_BYTES,
    crypto::cbor::{self, Deterministic},
};

/// Identifies one sealing of a fragmented message: 16 random bytes.
pub type MessageId = [u8; 16];

/// The body of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// CBOR `[0, delivery]`.
    Whole(Vec<u8>),
    /// CBOR `[1, message_id, index, count, chunk]`.
    Fragment(Fragment),
}

/// One chunk of a delivery's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// A new id for each sealing.
    pub message_id: MessageId,
    /// The index, from 0, below `count`.
    pub index: u32,
    /// The number of fragments of the message.
    pub count: FragmentCount,
    /// The chunk. All but the last have the same length; none is empty.
    pub chunk: Vec<u8>,
}

impl Fragment {
    /// Returns `true` if the whole message would have at most `bytes`. The last
    /// chunk may be shorter than the others, so it does not bound them.
    fn claims_at_most(&self, bytes: u64) -> bool {
        let before_last = u64::from(self.count.get() - 1);
        self.index + 1 == self.count.get() || before_last * self.chunk.len() as u64 <= bytes
    }
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
                let ok = fragment.index < fragment.count.get()
                    && !fragment.chunk.is_empty()
                    && fragment.claims_at_most(MAX_DELIVERY_BYTES);
                ok.then_some(Self::Fragment(fragment))
                    .ok_or_else(|| Error::message("fragment"))
            }
            _ => Err(Error::message("body kind")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_of_more_than_the_largest_message_is_refused() {
        let decodes = |count: u32, index, len| {
            let fragment = Fragment {
                message_id: [7; 16],
                index,
                count: count.try_into().unwrap(),
                chunk: vec![1; len],
            };
            Body::decode(&Body::Fragment(fragment).encode()).is_some()
        };
        assert!(decodes(8_595, 0, 1_952), "16 MiB in cells of 2 KiB");
        assert!(!decodes(16_384, 0, 1_952));
        assert!(!decodes(16_384, 16_382, 1_952));
        assert!(
            decodes(16_384, 16_383, 1_952),
            "the last says nothing of the others"
        );
        assert!(decodes(16_384, 0, 928), "cells of 1 KiB");
    }
}

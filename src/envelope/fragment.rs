//! Fragmentation and reassembly of deliveries. Protocol §6.

use rand_core::CryptoRng;

use super::{Body, EnvelopeError, Fragment};
use crate::{
    base::{
        SortedMap,
        bounded::bounded,
        parameters::{FRAGMENT_OVERHEAD, FRAGMENTS},
    },
    crypto::cbor,
    wire::CellSize,
};

bounded! {
    /// The number of fragments of a message: 2 to 16 384.
    FragmentCount: FRAGMENTS;
}

/// The length field of a cell's plaintext.
const LEN_FIELD: usize = 4;

/// Length of the chunk of one fragment, in bytes.
#[must_use]
pub fn chunk_len(size: CellSize) -> usize {
    size.bytes() - FRAGMENT_OVERHEAD as usize
}

/// The distribution of a delivery's bytes over cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One cell.
    Whole,
    /// Several fragments of equal length; the last may be shorter.
    Fragments {
        /// The number of fragments.
        count: FragmentCount,
        /// Length of each chunk but the last, in bytes.
        chunk_len: usize,
    },
}

impl Layout {
    /// Computes the layout of `len` bytes over cells of this size.
    ///
    /// # Errors
    ///
    /// `TooLarge` above 16 384 fragments.
    pub fn of(len: usize, size: CellSize) -> Result<Self, EnvelopeError> {
        let room = size.capacity() - LEN_FIELD;
        let whole = cbor::array(2, |w| {
            w.uint(0).bytes_header(len);
        });
        if whole.len() + len <= room {
            return Ok(Self::Whole);
        }
        let chunk_len = chunk_len(size);
        u32::try_from(len.div_ceil(chunk_len))
            .ok()
            .and_then(|count| FragmentCount::try_from(count).ok())
            .map(|count| Self::Fragments { count, chunk_len })
            .ok_or(EnvelopeError::TooLarge)
    }

    /// The number of cells.
    #[must_use]
    pub fn cells(self) -> u32 {
        match self {
            Self::Whole => 1,
            Self::Fragments { count, .. } => count.get(),
        }
    }
}

/// Splits bytes into the bodies of cells: one whole body if they fit, otherwise
/// fragments under a new message id.
///
/// # Errors
///
/// `TooLarge` above 16 384 fragments.
pub fn split(
    bytes: &[u8],
    size: CellSize,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Body>, EnvelopeError> {
    let Layout::Fragments { count, chunk_len } = Layout::of(bytes.len(), size)? else {
        return Ok(vec![Body::Whole(bytes.to_vec())]);
    };
    let mut message_id = [0; 16];
    rng.fill_bytes(&mut message_id);
    Ok((0..count.get())
        .zip(bytes.chunks(chunk_len))
        .map(|(index, chunk)| {
            Body::Fragment(Fragment {
                message_id,
                index,
                count,
                chunk: chunk.to_vec(),
            })
        })
        .collect())
}

/// An incomplete message. The first fragment fixes the count; a fragment that
/// contradicts it drops the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembly {
    count: FragmentCount,
    chunks: SortedMap<u32, Vec<u8>>,
    /// Length of every chunk but the last, once one of them arrived.
    chunk_len: Option<usize>,
    /// Bytes received.
    len: usize,
}

/// The state of a message after one more fragment.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Some fragments are missing.
    Unfinished(Assembly),
    /// All fragments have arrived: the chunks of the delivery, in order.
    Complete(Vec<Vec<u8>>),
}

impl Assembly {
    /// Starts a message with its first fragment to arrive.
    #[must_use]
    pub fn begin(fragment: Fragment) -> Self {
        let mut assembly = Self {
            count: fragment.count,
            chunks: SortedMap::new(),
            chunk_len: None,
            len: 0,
        };
        assembly.take(fragment);
        assembly
    }

    /// Adds a fragment of the same message.
    ///
    /// # Errors
    ///
    /// `FragmentConflict` for another count, another chunk under the same
    /// index, or chunks of unequal size before the last.
    pub fn insert(mut self, fragment: Fragment) -> Result<Progress, EnvelopeError> {
        let known = self.chunks.get(&fragment.index);
        if known == Some(&fragment.chunk) && fragment.count == self.count {
            return Ok(Progress::Unfinished(self));
        }
        if known.is_some() || fragment.count != self.count || !self.fits(&fragment) {
            return Err(EnvelopeError::FragmentConflict);
        }
        self.take(fragment);
        if self.chunks.len() < self.count.get() as usize {
            return Ok(Progress::Unfinished(self));
        }
        Ok(Progress::Complete(self.chunks.into_values().collect()))
    }

    /// The number of bytes received.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns `true` if nothing was received; never after [`Assembly::begin`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The total length in bytes if the last chunk is as long as the others.
    #[must_use]
    pub fn expected_len(&self) -> usize {
        let known = self.chunk_len.or(self.chunks.values().next().map(Vec::len));
        known.unwrap_or(0) * self.count.get() as usize
    }

    /// The number of fragments received, and the total.
    #[must_use]
    pub fn progress(&self) -> (u32, u32) {
        (
            u32::try_from(self.chunks.len()).unwrap_or(u32::MAX),
            self.count.get(),
        )
    }

    /// The received chunks with their indexes.
    pub fn chunks(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.chunks
            .iter()
            .map(|(index, chunk)| (*index, &chunk[..]))
    }

    /// Checks that all chunks but the last have one length, and the last is not
    /// longer.
    fn fits(&self, fragment: &Fragment) -> bool {
        let last = self.count.get() - 1;
        if fragment.index == last {
            return self.chunk_len.is_none_or(|len| fragment.chunk.len() <= len);
        }
        let tail = self.chunks.get(&last).map_or(0, Vec::len);
        self.chunk_len.is_none_or(|len| fragment.chunk.len() == len) && tail <= fragment.chunk.len()
    }

    fn take(&mut self, fragment: Fragment) {
        if fragment.index + 1 < self.count.get() {
            self.chunk_len = Some(fragment.chunk.len());
        }
        self.len += fragment.chunk.len();
        self.chunks.insert(fragment.index, fragment.chunk);
    }
}

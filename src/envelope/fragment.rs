//! One delivery over several cells, and back. Protocol §6.

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
    /// How many fragments make up a message: 2 to 16 384.
    FragmentCount: FRAGMENTS;
}

/// The length field of a cell's plaintext.
const LEN_FIELD: usize = 4;

/// Bytes of a delivery that one fragment carries.
#[must_use]
pub fn chunk_len(size: CellSize) -> usize {
    size.bytes() - FRAGMENT_OVERHEAD as usize
}

/// How a delivery's bytes are laid over cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// In one cell.
    Whole,
    /// In so many fragments of so many bytes, the last perhaps shorter.
    Fragments {
        /// How many.
        count: FragmentCount,
        /// Bytes of each chunk but the last.
        chunk_len: usize,
    },
}

impl Layout {
    /// The layout of `len` bytes over cells of this size.
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

    /// Cells it takes.
    #[must_use]
    pub fn cells(self) -> u32 {
        match self {
            Self::Whole => 1,
            Self::Fragments { count, .. } => count.get(),
        }
    }
}

/// Lays bytes over the bodies of one or several cells: whole if they fit,
/// else fragments under a fresh message id.
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

/// An unfinished message. The first fragment fixes the count; a fragment
/// that contradicts it ends the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembly {
    count: FragmentCount,
    chunks: SortedMap<u32, Vec<u8>>,
    /// Size of every chunk but the last, once one of them came.
    chunk_len: Option<usize>,
    /// Bytes held.
    len: usize,
}

/// What one more fragment led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Some are still missing.
    Unfinished(Assembly),
    /// All are there: put together, they are the delivery's bytes.
    Complete(Vec<Vec<u8>>),
}

impl Assembly {
    /// Begins with whichever fragment came first.
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

    /// Bytes held so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is held; never so after [`Assembly::begin`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Bytes in all, if the last chunk is as long as the others.
    #[must_use]
    pub fn expected_len(&self) -> usize {
        let known = self.chunk_len.or(self.chunks.values().next().map(Vec::len));
        known.unwrap_or(0) * self.count.get() as usize
    }

    /// Fragments held and fragments in all.
    #[must_use]
    pub fn progress(&self) -> (u32, u32) {
        (
            u32::try_from(self.chunks.len()).unwrap_or(u32::MAX),
            self.count.get(),
        )
    }

    /// The chunks held, with their indexes.
    pub fn chunks(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.chunks
            .iter()
            .map(|(index, chunk)| (*index, &chunk[..]))
    }

    /// Whether a fragment of that index is held.
    #[must_use]
    pub fn has(&self, index: u32) -> bool {
        self.chunks.contains_key(&index)
    }

    /// All but the last chunk are of one size, and the last is not longer.
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

//! Message content, held without one large allocation.

use zeroize::Zeroizing;

use super::secret::redacted;

/// Length of every piece but the last: 256 KiB.
pub const PIECE_LEN: usize = 256 * 1024;

/// The content of a message in pieces of [`PIECE_LEN`] bytes; the last piece may
/// be shorter. Content can be 16 MiB long. To keep peak memory near that, each
/// piece is proved, stored and sealed in place. Wiped on drop.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Content(Vec<Zeroizing<Vec<u8>>>);

impl Content {
    /// Total length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|piece| piece.len()).sum()
    }

    /// Returns `true` if there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.0.last().is_none_or(|last| last.len() == PIECE_LEN) {
                let capacity = if self.0.is_empty() {
                    bytes.len()
                } else {
                    PIECE_LEN
                };
                self.0
                    .push(Zeroizing::new(Vec::with_capacity(capacity.min(PIECE_LEN))));
            }
            let Some(last) = self.0.last_mut() else {
                return;
            };
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_LEN - last.len()));
            grow(last, now);
            bytes = later;
        }
    }

    /// Creates content of `len` bytes. `fill` writes each piece in place, given
    /// the offset of the piece.
    pub fn fill_with(len: usize, mut fill: impl FnMut(usize, &mut [u8])) -> Self {
        let pieces = (0..len).step_by(PIECE_LEN).map(|at| {
            let mut piece = Zeroizing::new(vec![0; PIECE_LEN.min(len - at)]);
            fill(at, &mut piece);
            piece
        });
        Self(pieces.collect())
    }

    /// The pieces, in order. Empty content has none.
    #[must_use]
    pub fn pieces(&self) -> Vec<&[u8]> {
        self.0.iter().map(|piece| piece.as_slice()).collect()
    }

    /// Consumes the content and returns its pieces, for storing them one by one.
    #[must_use]
    pub fn into_pieces(self) -> Vec<Zeroizing<Vec<u8>>> {
        self.0
    }

    /// Copies everything into one allocation; only for content known to be small.
    #[must_use]
    pub fn to_vec(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.pieces().concat())
    }

    /// The number of pieces of content of `len` bytes.
    #[must_use]
    pub fn piece_count(len: usize) -> usize {
        len.div_ceil(PIECE_LEN)
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        let mut content = Self::default();
        content.push(bytes);
        content
    }
}

redacted! { Content }

/// Appends without leaving a copy behind: when the vector must be reallocated,
/// the old allocation is wiped.
fn grow(piece: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let needed = piece.len() + bytes.len();
    if needed > piece.capacity() {
        let capacity = needed.max(2 * piece.capacity()).min(PIECE_LEN);
        let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
        larger.extend_from_slice(piece);
        *piece = larger;
    }
    piece.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_do_not_depend_on_how_content_is_pushed() {
        let bytes: Vec<u8> = (0..PIECE_LEN * 2 + 77).map(|i| (i % 251) as u8).collect();
        for step in [1000, PIECE_LEN - 1, PIECE_LEN, PIECE_LEN + 1, bytes.len()] {
            let mut content = Content::default();
            for part in bytes.chunks(step) {
                content.push(part);
            }
            assert_eq!(content, Content::from(bytes.as_slice()));
            let filled = Content::fill_with(bytes.len(), |at, piece| {
                piece.copy_from_slice(&bytes[at..at + piece.len()]);
            });
            assert_eq!(content, filled);
            assert_eq!(content.to_vec().as_slice(), bytes);
            assert_eq!(content.len(), bytes.len());
            let lens: Vec<_> = content.pieces().iter().map(|piece| piece.len()).collect();
            assert_eq!(lens, [PIECE_LEN, PIECE_LEN, 77]);
            assert_eq!(Content::piece_count(bytes.len()), 3);
        }
        assert!(Content::from(&b""[..]).is_empty());
        assert_eq!(Content::piece_count(0), 0);
    }
}

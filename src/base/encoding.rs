//! Byte encodings for hashing and key derivation. Protocol §1.

/// `parts(label, p…) = lp(label) || lp(p1) || …` with `lp(x) = u32(len x) || x`.
///
/// The encoding is injective: different lists of parts never encode to the same
/// bytes. Protocol §1.
///
/// The length prefix of a part of 4 GiB or more would saturate; no caller has
/// one.
#[must_use]
pub fn parts(label: &str, items: &[&[u8]]) -> Vec<u8> {
    let len = items.iter().map(|p| p.len() + 4).sum::<usize>() + label.len() + 4;
    let mut out = Vec::with_capacity(len);
    push_lp(&mut out, label.as_bytes());
    for item in items {
        push_lp(&mut out, item);
    }
    out
}

/// Appends `lp(x) = u32(len x) || x`. Protocol §1.
pub fn push_lp(out: &mut Vec<u8>, x: &[u8]) {
    let len = u32::try_from(x.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(x);
}

/// Reads fields from the front of a byte string, without copying and without
/// trusting any length field.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Creates a reader at the first byte of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Reads `N` bytes; `None` if fewer are left.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    /// Reads `len` bytes; `None` if fewer are left.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    /// Reads a `u8`.
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    /// Reads a big-endian `u32`.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Reads a big-endian `u64`.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Returns the unread bytes.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Returns `true` if no bytes are left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_is_injective_where_concatenation_is_not() {
        assert_ne!(parts("ab", &[b"c"]), parts("a", &[b"bc"]));
        assert_ne!(parts("a", &[b"", b"b"]), parts("a", &[b"b", b""]));
        assert_eq!(parts("a", &[b"bc"]), b"\0\0\0\x01a\0\0\0\x02bc");
    }

    #[test]
    fn reader_refuses_to_read_past_the_end() {
        let mut r = Reader::new(&[0, 0, 0, 7, 9]);
        assert_eq!(r.u32(), Some(7));
        assert_eq!(r.u64(), None);
        assert_eq!(r.take(usize::MAX), None);
        assert_eq!(r.u8(), Some(9));
        assert!(r.is_empty());
    }
}

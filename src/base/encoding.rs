//! Byte encodings shared by everything that is hashed or derived. Protocol §1.

/// `parts(label, p…) = lp(label) || lp(p1) || …` with `lp(x) = u32(len x) || x`.
///
/// Injective: two different lists of parts never give the same bytes.
/// Protocol §1.
///
/// # Panics
///
/// Never: a part of 4 GiB or more cannot be held by any caller; its length
/// would saturate.
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

/// Reads fixed-size fields from the front of a byte string without copying
/// and without trusting any length it finds.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Starts at the first byte of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `N` bytes, or `None` when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    /// The next `len` bytes, or `None` when fewer are left.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    /// Big-endian `u8`.
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    /// Big-endian `u32`.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Big-endian `u64`.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// All that is left.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Whether nothing is left.
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
    fn reader_refuses_what_is_not_there() {
        let mut r = Reader::new(&[0, 0, 0, 7, 9]);
        assert_eq!(r.u32(), Some(7));
        assert_eq!(r.u64(), None);
        assert_eq!(r.take(usize::MAX), None);
        assert_eq!(r.u8(), Some(9));
        assert!(r.is_empty());
    }
}

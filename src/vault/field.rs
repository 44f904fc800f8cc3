//! Encoding and decoding of the fields of a stored record.
//!
//! The derive macros of `minicbor` in place of these traits make the
//! WebAssembly module 23.9 KiB larger (gzip -9, measured on the whole module).
//! They also write other bytes: no trailing `null`, and booleans in their own
//! form.

use minicbor::{Decoder, data::Type};

use super::stored::{FilingState, MessageState};
use crate::{crypto::cbor::Writer, envelope::CheckedBy};

/// A value with one stored encoding.
pub trait Field: Sized {
    /// Writes it.
    fn write(&self, writer: &mut Writer);

    /// Reads it. For malformed bytes the value is arbitrary and
    /// [`Reader::finish`] fails.
    fn read(reader: &mut Reader<'_>) -> Self;
}

/// Reads CBOR that this client wrote. It remembers errors until [`Reader::finish`].
pub struct Reader<'b> {
    decoder: Decoder<'b>,
    failed: bool,
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self {
            decoder: Decoder::new(bytes),
            failed: false,
        }
    }

    /// `None` unless everything was well-formed and nothing is left.
    pub(super) fn finish(self) -> Option<()> {
        let ended = self.decoder.position() == self.decoder.input().len();
        (ended && !self.failed).then_some(())
    }

    fn take<T>(&mut self, found: Option<T>) -> Option<T> {
        self.failed |= found.is_none();
        found
    }

    /// Reads the head of an array of exactly `len` items.
    pub(super) fn expect_array(&mut self, len: u64) {
        let found = self.array();
        self.failed |= found != len;
    }

    fn array(&mut self) -> u64 {
        let found = self.decoder.array().ok().flatten();
        self.take(found).unwrap_or_default()
    }

    fn uint(&mut self) -> u64 {
        let found = self.decoder.u64().ok();
        self.take(found).unwrap_or_default()
    }

    fn bytes(&mut self) -> &'b [u8] {
        let found = self.decoder.bytes().ok();
        self.take(found).unwrap_or_default()
    }

    fn text(&mut self) -> &'b str {
        let found = self.decoder.str().ok();
        self.take(found).unwrap_or_default()
    }

    /// Reads `null` if it is next, and returns whether it was.
    fn absent(&mut self) -> bool {
        let absent = matches!(self.decoder.datatype(), Ok(Type::Null));
        if absent {
            self.failed |= self.decoder.null().is_err();
        }
        absent
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Field for $number {
            fn write(&self, writer: &mut Writer) {
                writer.uint((*self).into());
            }

            fn read(reader: &mut Reader<'_>) -> Self {
                let found = reader.uint().try_into().ok();
                reader.take(found).unwrap_or_default()
            }
        }
    )*};
}

numbers! { u8 u32 u64 }

/// Enums, stored as their place in the list of values.
macro_rules! listed {
    ($($name:ident::$first:ident)*) => {$(
        impl Field for $name {
            fn write(&self, writer: &mut Writer) {
                writer.uint(*self as u64);
            }

            fn read(reader: &mut Reader<'_>) -> Self {
                let found = Self::from_number(u8::read(reader));
                reader.take(found).unwrap_or(Self::$first)
            }
        }
    )*};
}

listed! { CheckedBy::Digits FilingState::Started MessageState::Queued }

impl Field for bool {
    fn write(&self, writer: &mut Writer) {
        writer.uint((*self).into());
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let found = reader.uint();
        reader.failed |= found > 1;
        found == 1
    }
}

impl Field for String {
    fn write(&self, writer: &mut Writer) {
        writer.text(self);
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        reader.text().to_owned()
    }
}

impl Field for Vec<u8> {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(self);
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        reader.bytes().to_vec()
    }
}

impl<const N: usize> Field for [u8; N] {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(self);
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let found = reader.bytes().try_into().ok();
        reader.take(found).unwrap_or([0; N])
    }
}

impl<T: Field> Field for Option<T> {
    fn write(&self, writer: &mut Writer) {
        match self {
            Some(value) => value.write(writer),
            None => {
                writer.null();
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        (!reader.absent()).then(|| T::read(reader))
    }
}

impl<A: Field, B: Field> Field for (A, B) {
    fn write(&self, writer: &mut Writer) {
        writer.array(2);
        self.0.write(writer);
        self.1.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        reader.expect_array(2);
        (A::read(reader), B::read(reader))
    }
}

/// An item of a list. Not implemented for `u8`: bytes are a byte string.
pub trait Item: Field {}

impl<A: Field, B: Field> Item for (A, B) {}

/// A struct of [`stored`](super::stored).
pub trait Record: Field {}

impl<T: Record> Item for T {}

impl<T: Item> Field for Vec<T> {
    fn write(&self, writer: &mut Writer) {
        writer.array(self.len() as u64);
        for item in self {
            item.write(writer);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let len = reader.array();
        let mut items = Self::new();
        // The length is a claim: reading stops at the first missing item.
        for _ in 0..len {
            let item = T::read(reader);
            if reader.failed {
                break;
            }
            items.push(item);
        }
        items
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::cbor;

    fn read<T: Field>(bytes: &[u8]) -> Option<T> {
        let mut reader = Reader::new(bytes);
        let value = T::read(&mut reader);
        reader.finish().map(|()| value)
    }

    #[test]
    fn a_malformed_value_is_refused() {
        assert_eq!(read::<u8>(&[0x18, 0xff]), Some(255));
        assert_eq!(read::<u8>(&[0x19, 1, 0]), None, "too large");
        assert_eq!(read::<u8>(&[0x20]), None, "negative");
        assert_eq!(read::<bool>(&[2]), None);
        assert_eq!(read(&[7]), Some(MessageState::Stopped));
        assert_eq!(read::<MessageState>(&[8]), None, "unknown");
        assert_eq!(read::<FilingState>(&[4]), None, "unknown");
        assert_eq!(read::<CheckedBy>(&[3]), None, "unknown");
        assert_eq!(read::<[u8; 2]>(&[0x42, 1, 2]), Some([1, 2]));
        assert_eq!(read::<[u8; 2]>(&[0x43, 1, 2, 3]), None, "longer");
        assert_eq!(read::<Vec<u8>>(&[0x61, b'a']), None, "text");
        assert_eq!(read::<String>(&[0x61, 0xff]), None, "not UTF-8");
        assert_eq!(read::<Option<u8>>(&[0xf6]), Some(None));
        assert_eq!(read::<Option<u8>>(&[]), None, "cut");
        assert_eq!(read::<u8>(&[1, 1]), None, "bytes after it");
        assert_eq!(read::<(u8, u8)>(&[0x83, 1, 2, 3]), None, "three");
        assert_eq!(read::<(u8, u8)>(&[0x9f, 1, 2, 0xff]), None, "indefinite");
    }

    #[test]
    fn a_claimed_list_length_is_not_trusted() {
        let list = cbor::array(2, |w| {
            [(1_u8, 2_u32), (3, 4)]
                .iter()
                .for_each(|item| item.write(w));
        });
        assert_eq!(read(&list), Some(vec![(1_u8, 2_u32), (3, 4)]));
        let claim = [0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(read::<Vec<(u8, u8)>>(&claim), None);
    }
}

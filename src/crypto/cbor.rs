//! Deterministic CBOR (RFC 8949 §4.2): decode, re-encode, compare. Protocol §1.
//!
//! The decoder accepts long integer forms and trailing bytes, so a decoded value
//! is valid only if encoding it again gives the same bytes.

use minicbor::Decoder;

/// A protocol value with exactly one encoding.
pub trait Deterministic: Sized {
    /// The deterministic encoding.
    fn encode(&self) -> Vec<u8>;

    /// Reads one value; the re-encoding check follows.
    ///
    /// # Errors
    ///
    /// The error of the decoder.
    fn read(decoder: &mut Decoder<'_>) -> Result<Self, minicbor::decode::Error>;

    /// Decodes a value; `None` unless `bytes` are exactly its deterministic encoding.
    #[must_use]
    fn decode(bytes: &[u8]) -> Option<Self> {
        let value = Self::read(&mut Decoder::new(bytes)).ok()?;
        (value.encode() == bytes).then_some(value)
    }
}

/// Encodes one array of definite length.
#[must_use]
pub fn array(len: u64, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.array(len);
    write(&mut writer);
    writer.into_bytes()
}

/// Encodes into memory, with each head in its shortest form (RFC 8949 §4.2.1).
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Returns the encoded bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Writes the head of an array of `len` items.
    pub fn array(&mut self, len: u64) -> &mut Self {
        self.head(4, len)
    }

    /// Writes an unsigned integer.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.head(0, value)
    }

    /// Writes a byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.head(2, value.len() as u64).raw(value)
    }

    /// Writes the head of a byte string whose bytes are stored elsewhere.
    pub fn bytes_header(&mut self, len: usize) -> &mut Self {
        self.head(2, len as u64)
    }

    /// Writes a text string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.head(3, value.len() as u64).raw(value.as_bytes())
    }

    /// Writes `null`.
    pub fn null(&mut self) -> &mut Self {
        self.raw(&[0xf6])
    }

    /// Writes a major type and its argument (RFC 8949 §3).
    fn head(&mut self, major: u8, argument: u64) -> &mut Self {
        let bytes = argument.to_be_bytes();
        let (info, skipped) = match argument {
            0..24 => return self.raw(&[major << 5 | bytes[7]]),
            24..0x100 => (24, 7),
            0x100..0x1_0000 => (25, 6),
            0x1_0000..0x1_0000_0000 => (26, 4),
            _ => (27, 0),
        };
        self.raw(&[major << 5 | info])
            .raw(bytes.get(skipped..).unwrap_or_default())
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

/// Reads the head of an array of exactly `len` items.
///
/// # Errors
///
/// For another length, an indefinite array, or a value that is no array.
pub fn expect_array(decoder: &mut Decoder<'_>, len: u64) -> Result<(), minicbor::decode::Error> {
    match decoder.array()? {
        Some(found) if found == len => Ok(()),
        _ => Err(minicbor::decode::Error::message("array of another length")),
    }
}

/// Reads a byte string of exactly `N` bytes.
///
/// # Errors
///
/// For another length, or a value that is no byte string.
pub fn fixed<const N: usize>(
    decoder: &mut Decoder<'_>,
) -> Result<[u8; N], minicbor::decode::Error> {
    decoder
        .bytes()?
        .try_into()
        .map_err(|_| minicbor::decode::Error::message("byte string of another length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8949 appendix A, and each edge between two lengths.
    #[test]
    fn heads_have_their_shortest_form() {
        for (value, bytes) in [
            (0, "00"),
            (23, "17"),
            (24, "1818"),
            (255, "18ff"),
            (256, "190100"),
            (65_535, "19ffff"),
            (65_536, "1a00010000"),
            (4_294_967_295, "1affffffff"),
            (4_294_967_296, "1b0000000100000000"),
            (u64::MAX, "1bffffffffffffffff"),
        ] {
            let mut writer = Writer::default();
            writer.uint(value);
            assert_eq!(hex::encode(writer.into_bytes()), bytes, "{value}");
            assert_eq!(
                Decoder::new(&hex::decode(bytes).unwrap()).u64().unwrap(),
                value
            );
        }
    }

    #[test]
    fn encodings_match_rfc_8949() {
        let list = array(5, |w| {
            w.bytes(&[1, 2, 3, 4]).text("ü").null().uint(10).array(0);
        });
        assert_eq!(hex::encode(list), "85440102030462c3bcf60a80");
    }
}

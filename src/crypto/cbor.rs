//! Deterministic CBOR (RFC 8949 §4.2): decode, re-encode, compare. Protocol §1.
//!
//! Decoders accept long integer forms and trailing bytes, so a decoded value
//! counts only if encoding it again gives the same bytes.

use core::convert::Infallible;

use minicbor::{Decoder, Encoder};

/// A value of the protocol with its one encoding.
pub trait Deterministic: Sized {
    /// The deterministic encoding.
    fn encode(&self) -> Vec<u8>;

    /// Reads one value; the re-encoding check follows.
    ///
    /// # Errors
    ///
    /// Whatever the decoder finds wrong.
    fn read(decoder: &mut Decoder<'_>) -> Result<Self, minicbor::decode::Error>;

    /// The value, if `bytes` are its deterministic encoding and nothing else.
    #[must_use]
    fn decode(bytes: &[u8]) -> Option<Self> {
        let value = Self::read(&mut Decoder::new(bytes)).ok()?;
        (value.encode() == bytes).then_some(value)
    }
}

/// Writes one array of definite length into a fresh byte string.
#[must_use]
pub fn array(len: u64, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.array(len);
    write(&mut writer);
    writer.into_bytes()
}

/// An encoder into memory, which cannot fail.
pub struct Writer(Encoder<Vec<u8>>);

impl Default for Writer {
    fn default() -> Self {
        Self(Encoder::new(Vec::new()))
    }
}

impl Writer {
    /// All that was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_writer()
    }

    fn put(
        &mut self,
        write: impl FnOnce(&mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<Infallible>>,
    ) -> &mut Self {
        #[expect(clippy::expect_used, reason = "a Vec takes every write")]
        write(&mut self.0).expect("writing into memory");
        self
    }

    /// An array header of definite length.
    pub fn array(&mut self, len: u64) -> &mut Self {
        self.put(|e| e.array(len).map(drop))
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.put(|e| e.u64(value).map(drop))
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.put(|e| e.bytes(value).map(drop))
    }

    /// A text string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.put(|e| e.str(value).map(drop))
    }

    /// No value.
    pub fn null(&mut self) -> &mut Self {
        self.put(|e| e.null().map(drop))
    }
}

/// Reads an array header of exactly `len` items.
///
/// # Errors
///
/// Another length, an indefinite array, or no array at all.
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
/// Another length or no byte string.
pub fn fixed<const N: usize>(
    decoder: &mut Decoder<'_>,
) -> Result<[u8; N], minicbor::decode::Error> {
    decoder
        .bytes()?
        .try_into()
        .map_err(|_| minicbor::decode::Error::message("byte string of another length"))
}

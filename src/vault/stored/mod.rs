//! The stored encoding of all client state. Each record is a CBOR array of its
//! fields in declaration order; `tests/stored.rs` compares the bytes with a
//! snapshot. Any change needs a new version of the vault.
//!
//! | module | records |
//! | --- | --- |
//! | `relay` | the relay's parameters, how far its mailboxes were read, the last slot |
//! | `contacts` | contacts and invitations |
//! | `messages` | messages, and what of them is on its way in or out |
//! | `owner` | the person, the devices, the settings and the log |
//! | `second` | vaults of version 2, which are migrated |

use zeroize::Zeroizing;

pub use super::field::Record;
use super::{VaultError, field::Reader};
use crate::crypto::cbor::Writer;

/// Encodes a record. The bytes are wiped when dropped.
#[must_use]
pub fn encode<T: Record>(record: &T) -> Zeroizing<Vec<u8>> {
    let mut writer = Writer::default();
    record.write(&mut writer);
    Zeroizing::new(writer.into_bytes())
}

/// Decodes a record.
///
/// # Errors
///
/// `Damaged`.
pub fn decode<T: Record>(bytes: &[u8]) -> Result<T, VaultError> {
    let mut reader = Reader::new(bytes);
    let record = T::read(&mut reader);
    reader.finish().map(|()| record).ok_or(VaultError::Damaged)
}

/// Declares records, whose fields are stored in this order.
macro_rules! records {
    ($($(#[$about:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident: $form:ty,)* })*) => {$(
        $(#[$about])*
        pub struct $name { $($(#[$doc])* pub $field: $form,)* }

        impl $crate::vault::field::Record for $name {}

        impl $crate::vault::field::Field for $name {
            fn write(&self, writer: &mut $crate::crypto::cbor::Writer) {
                writer.array([$(stringify!($field)),*].len() as u64);
                $(self.$field.write(writer);)*
            }

            fn read(reader: &mut $crate::vault::field::Reader<'_>) -> Self {
                reader.expect_array([$(stringify!($field)),*].len() as u64);
                Self { $($field: $crate::vault::field::Field::read(reader),)* }
            }
        }
    )*};
}

/// Messages of a page, the record [`MessagesRecord`].
pub const MESSAGES_PER_PAGE: u32 = 64;

/// Opened cells of a page, the record [`OpenedCellsRecord`].
pub const OPENED_PER_PAGE: usize = 128;

mod contacts;
mod messages;
mod owner;
mod relay;
mod second;

pub use self::{contacts::*, messages::*, owner::*, relay::*, second::*};

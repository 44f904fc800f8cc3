//! Local names: 8 random bytes, never sent.

macro_rules! local_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 8]);

        impl $name {
            pub(super) fn random(rng: &mut impl rand_core::CryptoRng) -> Self {
                let mut id = [0; 8];
                rng.fill_bytes(&mut id);
                Self(id)
            }

            /// Reads 16 hex digits.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                crate::wire::hex::decode(text).map(Self)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&crate::wire::hex::encode(&self.0))
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

local_id! {
    /// A local name for a contact.
    ContactId
}

local_id! {
    /// A local name for an invitation.
    InvitationId
}

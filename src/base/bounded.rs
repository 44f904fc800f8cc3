//! Integers with a range, for numbers that a relay or a peer claims.

/// A number outside its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number outside its range")]
pub struct OutOfRange;

/// Defines newtypes of `u32` with a range. `TryFrom<u32>` and serde refuse any
/// number outside it.
macro_rules! bounded {
    ($($(#[$doc:meta])* $name:ident: $range:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "u32", into = "u32")]
        pub struct $name(u32);

        impl $name {
            /// The permitted values.
            pub const RANGE: core::ops::RangeInclusive<u32> = $range;

            /// The number.
            #[must_use]
            pub const fn get(self) -> u32 {
                self.0
            }

            /// Clamps `number` to the range.
            #[must_use]
            pub const fn nearest(number: u32) -> Self {
                let (least, greatest) = (*Self::RANGE.start(), *Self::RANGE.end());
                if number < least {
                    Self(least)
                } else if number > greatest {
                    Self(greatest)
                } else {
                    Self(number)
                }
            }
        }

        impl TryFrom<u32> for $name {
            type Error = $crate::base::bounded::OutOfRange;

            fn try_from(number: u32) -> Result<Self, Self::Error> {
                let within = Self::RANGE.contains(&number);
                within.then_some(Self(number)).ok_or($crate::base::bounded::OutOfRange)
            }
        }

        impl From<$name> for u32 {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    )*};
}

pub(crate) use bounded;

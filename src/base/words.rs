//! Enums of which each value is a word to JavaScript and in the audit log, and
//! a number in stored records: its place in the list.

/// Declares the enum with its words.
macro_rules! worded {
    (
        $(#[$about:meta])*
        $vis:vis enum $name:ident { $($(#[$doc:meta])* $value:ident = $word:literal,)* }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name { $($(#[$doc])* $value,)* }

        #[allow(dead_code, reason = "some enums are only written")]
        impl $name {
            const ALL: &'static [Self] = &[$(Self::$value,)*];

            /// The word.
            #[must_use]
            $vis fn word(self) -> &'static str {
                match self { $(Self::$value => $word,)* }
            }

            /// The value with this word.
            #[must_use]
            $vis fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }

            /// The value with this number.
            #[must_use]
            $vis fn from_number(number: u8) -> Option<Self> {
                Self::ALL.get(usize::from(number)).copied()
            }
        }
    };
}

pub(crate) use worded;

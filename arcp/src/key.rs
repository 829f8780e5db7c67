//! Names of an engine's own, for what it keeps.

/// A type whose values are numbers that an engine gives out, ascending.
macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u64);

        impl $name {
            /// The one with this number, for languages and stores that carry the number.
            #[must_use]
            pub const fn from_raw(raw: u64) -> Self {
                Self(raw)
            }

            /// Its number; never 0, and never used again.
            #[must_use]
            pub const fn raw(self) -> u64 {
                self.0
            }
        }
    };
}
pub(crate) use key;

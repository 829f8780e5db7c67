//! Ids of sessions, jobs, results and messages: ULIDs, with a prefix that says of what.

use std::fmt;

use arrayvec::ArrayString;
use serde::Serialize;

/// Crockford's base 32: no I, L, O and U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The length of a ULID's text.
const ULID_LEN: usize = 26;

/// A ULID: 48 bits of milliseconds since the epoch, 80 random bits. Later ones sort after earlier ones, as numbers and
/// as text; those of one millisecond sort by chance.
///
/// It is the `id` of a message as it is, and the part of other ids that makes them one of their kind.
///
/// ```
/// use ixt_arcp::Ulid;
///
/// let id = Ulid::new(1_778_701_333_020, [7; 10]);
/// assert_eq!(id.to_string(), "01KRHDRWGW0W3GE1R70W3GE1R7");
/// assert_eq!(Ulid::parse("01KRHDRWGW0W3GE1R70W3GE1R7"), Some(id));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ulid(u128);

impl Ulid {
    /// Of this time, in milliseconds since the epoch (of which the lower 48 bits count: enough until the year 10889),
    /// and these random bytes, which must come from a source that nobody can foresee.
    #[must_use]
    pub fn new(millis: u64, random: [u8; 10]) -> Self {
        let random = random.into_iter().fold(0, |sum, byte| sum << 8 | u128::from(byte));
        Self(u128::from(millis & ((1 << 48) - 1)) << 80 | random)
    }

    /// The time in it, in milliseconds since the epoch.
    #[must_use]
    pub fn millis(self) -> u64 {
        u64::try_from(self.0 >> 80).unwrap_or(0)
    }

    /// As a number, for who stores it.
    #[must_use]
    pub const fn to_u128(self) -> u128 {
        self.0
    }

    /// From [`Ulid::to_u128`].
    #[must_use]
    pub const fn from_u128(value: u128) -> Self {
        Self(value)
    }

    /// Reads the text that [`Ulid::text`] gives; `None` for any other, lower case included, so that an id has one
    /// spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // 26 digits are 130 bits, so the first stands for three.
        if text.len() != ULID_LEN || text.as_bytes().first().is_none_or(|&first| first > b'7') {
            return None;
        }
        let mut value = 0;
        for byte in text.bytes() {
            let digit = DIGITS.iter().position(|&digit| digit == byte)?;
            value = value << 5 | u128::try_from(digit).ok()?;
        }
        Some(Self(value))
    }

    /// Its 26 digits.
    #[must_use]
    pub fn text(self) -> ArrayString<26> {
        let mut text = ArrayString::new();
        self.write(&mut text);
        text
    }

    fn write<const N: usize>(self, text: &mut ArrayString<N>) {
        let (mut digits, mut rest) = ([b'0'; ULID_LEN], self.0);
        for digit in digits.iter_mut().rev() {
            // Every one is below 32.
            let value = usize::try_from(rest & 31).unwrap_or(0);
            *digit = DIGITS.get(value).copied().unwrap_or(b'0');
            rest >>= 5;
        }
        // The text has room for all.
        let _ = text.try_push_str(std::str::from_utf8(&digits).unwrap_or_default());
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text())
    }
}

impl fmt::Debug for Ulid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

impl Serialize for Ulid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

macro_rules! prefixed {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// What its text begins with.
            pub const PREFIX: &str = $prefix;

            /// With this ULID.
            #[must_use]
            pub const fn new(ulid: Ulid) -> Self {
                Self(ulid)
            }

            /// What stands behind the prefix.
            #[must_use]
            pub const fn ulid(self) -> Ulid {
                self.0
            }

            /// Reads an id that an engine of ours made; `None` for any other text. What other runtimes call theirs is
            /// a text of their own choice, and is kept as one.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Ulid::parse(text.strip_prefix(Self::PREFIX)?).map(Self)
            }

            /// As it stands on the wire.
            #[must_use]
            pub fn text(self) -> ArrayString<{ $prefix.len() + ULID_LEN }> {
                let mut text = ArrayString::new();
                let _ = text.try_push_str(Self::PREFIX);
                self.0.write(&mut text);
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.text())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.text())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text())
            }
        }
    };
}

prefixed!(
    /// The id of a session that a runtime of ours opened: `sess_` and a ULID (§6.2).
    SessionId,
    "sess_"
);
prefixed!(
    /// The id of a job that a runtime of ours accepted: `job_` and a ULID (§7.1).
    JobId,
    "job_"
);
prefixed!(
    /// The id of a streamed result: `res_` and a ULID (§8.4).
    ResultId,
    "res_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_ulid_specification() {
        let example = Ulid::parse("01ARZ3NDEKTSV4RRFFQ69G5FAV").unwrap();
        assert_eq!(example.millis(), 1_469_922_850_259);
        assert_eq!(example.to_string(), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
        assert_eq!(Ulid::new(0, [0; 10]).to_string(), "00000000000000000000000000");
        assert_eq!(Ulid::new(u64::MAX, [255; 10]).to_string(), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        assert_eq!(Ulid::new(1, [255; 10]).to_u128(), (1 << 81) - 1);
    }

    #[test]
    fn an_id_has_one_spelling() {
        for text in [
            "",
            "01ARZ3NDEKTSV4RRFFQ69G5FA",
            "01ARZ3NDEKTSV4RRFFQ69G5FAVV",
            "01arz3ndektsv4rrffq69g5fav",
            "O1ARZ3NDEKTSV4RRFFQ69G5FAV",
            "01ARZ3NDEKTSV4RRFFQ69G5FAI",
            "81ARZ3NDEKTSV4RRFFQ69G5FAV",
            "01ARZ3NDEKTSV4RRFFQ69G5Fä",
        ] {
            assert_eq!(Ulid::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_order_is_that_of_time() {
        let early = Ulid::new(1_000, [255; 10]);
        let late = Ulid::new(1_001, [0; 10]);
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
    }

    #[test]
    fn prefixes_tell_the_kinds_apart() {
        let ulid = Ulid::new(1_469_922_850_259, [1; 10]);
        let (session, job, result) = (SessionId::new(ulid), JobId::new(ulid), ResultId::new(ulid));
        assert_eq!(session.to_string(), format!("sess_{ulid}"));
        assert_eq!(job.to_string(), format!("job_{ulid}"));
        assert_eq!(result.to_string(), format!("res_{ulid}"));
        assert_eq!(JobId::parse(&job.text()), Some(job));
        assert_eq!(JobId::parse(&session.text()), None);
        assert_eq!(SessionId::parse(&format!("sess_sess_{ulid}")), None);
        assert_eq!(serde_json::to_string(&job).unwrap(), format!("\"job_{ulid}\""));
    }
}

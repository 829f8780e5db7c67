//! Resume tokens (§6.3).

use std::fmt;

use arrayvec::ArrayString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What stands before the digits.
const PREFIX: &str = "rt_";

/// A resume token: 256 random bits, written as `rt_` and 64 hexadecimal digits. Who has it, and is the same
/// principal, may take over the session, so a new one is made on every welcome (§6.3).
///
/// It is shown once, in the welcome; what is kept is its [`TokenHash`]. It prints as `rt_…`.
pub struct ResumeToken([u8; 32]);

impl ResumeToken {
    /// Of these bytes, which must come from a source that nobody can foresee.
    #[must_use]
    pub const fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// As it stands in the welcome.
    #[must_use]
    pub fn text(&self) -> ArrayString<67> {
        let mut digits = [0; 64];
        // 32 bytes are 64 digits, and the text has room for them.
        let _ = hex::encode_to_slice(self.0, &mut digits);
        let mut text = ArrayString::new();
        let _ = text.try_push_str(PREFIX);
        let _ = text.try_push_str(std::str::from_utf8(&digits).unwrap_or_default());
        text
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.text())
    }
}

impl fmt::Debug for ResumeToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PREFIX}…")
    }
}

/// The SHA-256 of a resume token's text: enough to know the token again, in memory or in a store, and of no use to
/// who reads the store.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of what a peer presents, whatever it is.
    #[must_use]
    pub fn of(presented: &str) -> Self {
        Self(Sha256::digest(presented).into())
    }

    /// From a store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are of the same token. It takes the same time for any two, so the answer's delay says nothing of
    /// where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash() {
        let token = ResumeToken::new(std::array::from_fn(|at| at as u8));
        assert_eq!(
            token.text().as_str(),
            "rt_000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        );
        let kept = TokenHash::from_bytes(*token.hash().as_bytes());
        assert!(kept.matches(&TokenHash::of(&token.text())));
        for bit in 0..256 {
            let mut bytes = token.0;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!kept.matches(&ResumeToken::new(bytes).hash()), "bit {bit}");
        }
        for text in ["", "rt_", &token.text()[..66], &token.text().to_uppercase()] {
            assert!(!kept.matches(&TokenHash::of(text)), "{text}");
        }
    }

    #[test]
    fn neither_prints_what_it_holds() {
        let token = ResumeToken::new([0x5a; 32]);
        assert_eq!(format!("{token:?}"), "rt_…");
        assert_eq!(format!("{:?}", token.hash()), "TokenHash");
    }
}

//! The handle of the presented token, which never shows.

use std::fmt;
use std::sync::Arc;

/// An opaque handle of the token that the caller presented: at most 1 KiB, never the token itself.
///
/// It is an object, so that no record that holds one can print its bytes. Reading it takes `expose`.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Object)]
#[uniffi::export(Debug, Display, Eq)]
pub struct TokenRef(pub(crate) ixt_core::invocation::TokenRef);

#[uniffi::export]
impl TokenRef {
    /// Takes the bytes of a handle; a context refuses more than 1 KiB.
    #[uniffi::constructor]
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self(ixt_core::invocation::TokenRef::new(bytes)))
    }

    /// The bytes of the handle. Whoever calls this keeps them out of logs.
    #[must_use]
    pub fn expose(&self) -> Vec<u8> {
        self.0.expose().to_vec()
    }
}

impl fmt::Display for TokenRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_show() {
        let token = TokenRef::new(b"canary".to_vec());
        assert_eq!(token.to_string(), "TokenRef(redacted)");
        assert!(!format!("{token:?}").contains("canary"));
        assert!(!format!("{token:?}").contains("99, 97"));
        assert_eq!(token.expose(), b"canary");
    }
}

//! The handle of the presented token, which never shows.

use std::fmt;

/// An opaque handle of the token that the caller presented: at most 1 KiB, never the token itself.
///
/// It shows as `TokenRef(redacted)` in Debug and nowhere else; reading it takes
/// [`expose`](TokenRef::expose). Comparing two of equal length takes the same time wherever they differ.
///
/// ```
/// use ixt_core::invocation::InvocationContext;
///
/// let context = InvocationContext::builder().token_ref(b"vault:7").build()?;
/// let token = context.actor().token_ref();
/// assert_eq!(format!("{token:?}"), "TokenRef(redacted)");
/// assert_eq!(token.expose(), b"vault:7");
/// # Ok::<(), ixt_core::Error>(())
/// ```
#[derive(Clone, Copy, Default)]
pub struct TokenRef<B = Vec<u8>>(B);

impl<B: AsRef<[u8]>> TokenRef<B> {
    /// Takes the bytes of a handle.
    #[inline]
    pub const fn new(bytes: B) -> Self {
        Self(bytes)
    }

    /// The bytes of the handle; empty for none. Whoever calls this keeps them out of logs.
    #[must_use]
    #[inline]
    pub fn expose(&self) -> &[u8] {
        self.0.as_ref()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl<B> fmt::Debug for TokenRef<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenRef(redacted)")
    }
}

impl<B: AsRef<[u8]>> PartialEq for TokenRef<B> {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.expose(), other.expose());
        // The box keeps the compiler from leaving the loop at the first difference.
        let differences = ours.iter().zip(theirs).fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
        ours.len() == theirs.len() && differences == 0
    }
}

impl<B: AsRef<[u8]>> Eq for TokenRef<B> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_of_all_bytes() {
        let token = |bytes: &'static [u8]| TokenRef::new(bytes);
        assert_eq!(token(b"abc"), token(b"abc"));
        assert_ne!(token(b"abc"), token(b"abd"));
        assert_ne!(token(b"abc"), token(b"ab"));
        assert_ne!(token(b""), token(b"a"));
    }
}

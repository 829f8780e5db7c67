//! Names of modules, services and topics.

/// Longest name, in bytes.
const MAX_NAME: usize = 128;

/// Whether this names a module, a service or a topic: `[a-z0-9][a-z0-9_.-]{0,127}`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let rest = |byte: u8| first(byte) || matches!(byte, b'_' | b'.' | b'-');
    name.len() <= MAX_NAME && name.bytes().next().is_some_and(first) && name.bytes().all(rest)
}

/// Whether the name is Ixt's own, which no module may provide.
pub(crate) fn is_reserved(name: &str) -> bool {
    name == "ixt" || name.starts_with("ixt.")
}

/// Whether one of the patterns is the name, `*`, or ends with `.*` and what stands before begins it.
pub(crate) fn is_among(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some("") => true,
        Some(prefix) if prefix.ends_with('.') => name.len() > prefix.len() && name.starts_with(prefix),
        _ => pattern == name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["a", "0", "media.thumbs", "a-b_c.9", &"x".repeat(128)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".a", "-a", "_a", "A", "a b", "ä", &"x".repeat(129)] {
            assert!(!is_name(name), "{name}");
        }
        let patterns = ["media.*".to_owned(), "one".to_owned(), "wi*".to_owned()];
        let among: Vec<_> = ["media.thumbs", "media.", "media", "one", "one.two", "wild", "wi*"]
            .map(|name| is_among(&patterns, name))
            .to_vec();
        assert_eq!(among, [true, false, false, true, false, false, true]);
        assert!(is_among(&["*".to_owned()], "x"));
    }
}

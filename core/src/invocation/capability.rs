//! What a capability covers (specification 21, "Capability patterns").
//!
//! A pattern is segments of `[A-Za-z0-9_:/@-]+` joined by `.`, compared byte for byte. `*` may stand as
//! the whole last segment and covers one or more further segments; a bare `*` covers all. What is
//! malformed denies: it covers nothing and nothing covers it.
//!
//! This is the only implementation; the other languages call it.
//!
//! ```
//! use ixt_core::invocation::capability::{attenuates, covers};
//!
//! assert!(covers("fs.*", "fs.read.home"));
//! assert!(!covers("fs.*", "fs"));
//! assert!(attenuates(&["fs.*"], &["fs.read", "fs.home.*"]));
//! assert!(!attenuates(&["fs.read"], &["fs.*"]));
//! ```

/// Whether `granted`, a pattern, covers `required`, a concrete capability.
///
/// `false` where either is malformed, and where `required` holds a `*`.
#[must_use]
pub fn covers(granted: &str, required: &str) -> bool {
    is_concrete(required) && contains(granted, required)
}

/// Whether each pattern of `child` is covered by one of `parent`, so that handing on `child` hands on
/// no authority that `parent` lacks.
///
/// An empty `child` always is. A malformed pattern in `child` never is.
#[must_use]
pub fn attenuates<P: AsRef<str>, C: AsRef<str>>(parent: &[P], child: &[C]) -> bool {
    child.iter().all(|pattern| within(parent, pattern.as_ref()))
}

/// Whether one of `parent` covers all that `pattern` does.
pub(crate) fn within<P: AsRef<str>>(parent: &[P], pattern: &str) -> bool {
    is_pattern(pattern) && parent.iter().any(|granted| contains(granted.as_ref(), pattern))
}

/// Whether this is a well-formed pattern: concrete, or with `*` as its whole last segment.
#[must_use]
pub fn is_pattern(pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(front) => front.strip_suffix('.').is_some_and(is_concrete),
        None => is_concrete(pattern),
    }
}

/// Whether this is a well-formed capability without `*`.
#[must_use]
pub fn is_concrete(capability: &str) -> bool {
    capability.split('.').all(|segment| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_:/@-".contains(&byte);
        !segment.is_empty() && segment.bytes().all(allowed)
    })
}

/// Whether `granted` covers all that `pattern`, a well-formed one, does.
fn contains(granted: &str, pattern: &str) -> bool {
    // What is left of `fs.*` without its `*` is `fs.`, and a well-formed pattern never ends there.
    is_pattern(granted)
        && match granted.strip_suffix('*') {
            Some(front) => pattern.starts_with(front),
            None => granted == pattern,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_covers_one_or_more_further_segments() {
        for required in ["fs.read", "fs.read.home", "fs.a:b/c@d-e_f"] {
            assert!(covers("fs.*", required), "{required}");
            assert!(covers("*", required), "{required}");
        }
        for required in ["fs", "fsx", "fsx.read", "FS.read", "", "fs.", "fs..read", "fs.*", "*", "fs.re ad"] {
            assert!(!covers("fs.*", required), "{required}");
        }
        assert!(covers("*", "fs"));
        assert!(!covers("*", "*"));
    }

    #[test]
    fn what_is_malformed_covers_nothing_and_is_covered_by_nothing() {
        for pattern in
            ["", ".", "a.", ".a", "a..b", "*.a", "a.*.b", "a*", "**", "a.**", "ä", "a b", ".*", "a.b*"]
        {
            assert!(!is_pattern(pattern), "{pattern}");
            assert!(!covers(pattern, "a.b"), "{pattern}");
            assert!(!covers(pattern, pattern), "{pattern}");
            assert!(!attenuates(&["*", pattern], &[pattern]), "{pattern}");
        }
    }

    #[test]
    fn attenuation_is_decided_pattern_against_pattern() {
        let holds = |parent: &str, child: &str| attenuates(&[parent], &[child]);
        assert!(holds("*", "*"));
        assert!(holds("*", "fs.*"));
        assert!(holds("fs.*", "fs.*"));
        assert!(holds("fs.*", "fs.home.*"));
        assert!(holds("fs.*", "fs.read"));
        assert!(holds("fs.read", "fs.read"));
        assert!(!holds("fs.*", "*"));
        assert!(!holds("fs.*", "fs"));
        assert!(!holds("fs.home.*", "fs.*"));
        assert!(!holds("fs.read", "fs.*"));
        assert!(attenuates(&["fs.*", "net.dial"], &["net.dial", "fs.read"]));
        assert!(!attenuates(&["fs.*", "net.dial"], &["net.dial", "db.read"]));
        assert!(attenuates::<&str, &str>(&[], &[]));
        assert!(!attenuates::<&str, &str>(&[], &["a"]));
    }
}

//! What travels beside an invocation, and the conventional keys.

use crate::wire::MAX_METADATA_KEY;

/// One entry of the metadata (specification 21, "Metadata").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct MetadataEntry<T = String> {
    /// `[a-z0-9_.-]+` of at most 128 bytes, unique in its context.
    pub key: T,
    /// Any text without NUL of at most 4 KiB.
    pub value: T,
}

/// The keys that have a meaning everywhere.
pub mod keys {
    /// Whose data this is about; the ingress's to set.
    pub const TENANT: &str = "tenant";
    /// How strongly the caller was authenticated; the ingress's to set.
    pub const AUTH_STRENGTH: &str = "auth.strength";
    /// Which kind of ingress let the call in, such as `http`; the ingress's to set.
    pub const INGRESS_KIND: &str = "ingress.kind";
    /// Where the call came from; the ingress's to set.
    pub const INGRESS_SOURCE_IP: &str = "ingress.source_ip";
    /// The W3C `tracestate` header, as it came.
    pub const TRACESTATE: &str = "tracestate";
    /// The W3C `baggage` header, as it came.
    pub const BAGGAGE: &str = "baggage";
    /// Keys with this prefix are reserved for Ixt by convention; the codecs accept them.
    pub const RESERVED_PREFIX: &str = "ixt.";
    /// Keys with this prefix are the ingress's to set.
    pub const INGRESS_PREFIX: &str = "ingress.";
}

/// Whether a key is the ingress's to set, so that a child's value must equal its parent's.
#[must_use]
pub fn is_ingress_key(key: &str) -> bool {
    key == keys::TENANT || key == keys::AUTH_STRENGTH || key.starts_with(keys::INGRESS_PREFIX)
}

/// Whether this may be a metadata key: `[a-z0-9_.-]+` of at most 128 bytes.
#[must_use]
#[inline]
pub fn is_key(key: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
    !key.is_empty() && key.len() <= MAX_METADATA_KEY && key.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_lower_case_and_bounded() {
        assert!(is_key("ingress.source_ip") && is_key("a-0") && is_key(&"k".repeat(128)));
        assert!(
            !is_key("") && !is_key("Tenant") && !is_key("a b") && !is_key("ä") && !is_key(&"k".repeat(129))
        );
    }

    #[test]
    fn the_ingress_keys_are_these() {
        for key in
            [keys::TENANT, keys::AUTH_STRENGTH, keys::INGRESS_KIND, keys::INGRESS_SOURCE_IP, "ingress.x"]
        {
            assert!(is_ingress_key(key), "{key}");
        }
        for key in [keys::TRACESTATE, keys::BAGGAGE, "tenants", "ingress", "auth.strengths"] {
            assert!(!is_ingress_key(key), "{key}");
        }
    }
}

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
    // Every byte is looked at, for keys are short and seldom wrong.
    let allowed = |all: bool, byte| all & KEY_BYTES.get(usize::from(byte)).copied().unwrap_or(false);
    !key.is_empty() && key.len() <= MAX_METADATA_KEY && key.bytes().fold(true, allowed)
}

/// Which bytes a key may hold.
#[allow(clippy::indexing_slicing)] // By a byte, and by the compiler.
static KEY_BYTES: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut bytes: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789_.-";
    while let [byte, rest @ ..] = bytes {
        allowed[*byte as usize] = true;
        bytes = rest;
    }
    allowed
};

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

//! The limits of specification 20, section "Limits".

/// Most segments that a message is read with. Messages are written with one.
pub const MAX_SEGMENTS: usize = 16;
/// Largest payload of a data frame in bytes, unless an endpoint is set otherwise.
pub const MAX_PAYLOAD: usize = 1 << 20;
/// What a message may have beyond the payload limit, in bytes: room for a context and the frame.
pub const MESSAGE_OVERHEAD: usize = 20 << 10;
/// Largest encoded context in bytes.
pub const MAX_CONTEXT: usize = 16 << 10;
/// Most metadata entries.
pub const MAX_METADATA: usize = 64;
/// Longest metadata key in bytes.
pub const MAX_METADATA_KEY: usize = 128;
/// Longest metadata value in bytes.
pub const MAX_METADATA_VALUE: usize = 4 << 10;
/// What each metadata entry counts beside its key and value, in bytes (the rule of gRPC).
pub const METADATA_ENTRY_OVERHEAD: usize = 32;
/// Largest sum of key, value and overhead over all metadata entries, in bytes.
pub const MAX_METADATA_TOTAL: usize = 8 << 10;
/// Most capabilities.
pub const MAX_CAPABILITIES: usize = 64;
/// Longest capability in bytes.
pub const MAX_CAPABILITY: usize = 256;
/// Longest token reference in bytes.
pub const MAX_TOKEN: usize = 1 << 10;
/// Longest error or cancel message, and longest error details, in bytes each.
pub const MAX_TEXT: usize = 4 << 10;
/// Longest method of a HandlePayload in bytes.
pub const MAX_METHOD: usize = 256;
/// Deepest nesting of a message.
pub const MAX_NESTING: i32 = 8;
/// Most credit outstanding in one direction.
pub const MAX_CREDIT: u32 = (1 << 31) - 1;

/// The limits that an endpoint may set: today the largest payload. Both ends must agree on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    max_payload: u32,
}

impl Limits {
    /// Payloads of up to 1 MiB.
    pub const DEFAULT: Self = Self::with_max_payload(MAX_PAYLOAD);

    /// Payloads of up to `max_payload` bytes; no more than 256 MiB, so that a message keeps within
    /// Cap'n Proto's 2^29 − 1 bytes of one list.
    #[must_use]
    pub const fn with_max_payload(max_payload: usize) -> Self {
        const MOST: usize = 1 << 28;
        Self {
            max_payload: match max_payload {
                0..=MOST => max_payload as u32,
                _ => MOST as u32,
            },
        }
    }

    /// Largest payload of a data frame in bytes.
    #[must_use]
    pub const fn max_payload(self) -> usize {
        self.max_payload as usize
    }

    /// Largest whole message in bytes, as its segment table declares it.
    #[must_use]
    pub const fn max_message(self) -> usize {
        self.max_payload() + MESSAGE_OVERHEAD
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_limit_is_what_was_asked_for_up_to_the_most() {
        const MOST: usize = 256 << 20;
        for (asked, is) in [(0, 0), (9, 9), (MOST - 1, MOST - 1), (MOST, MOST), (usize::MAX, MOST)] {
            let limits = Limits::with_max_payload(asked);
            assert_eq!((limits.max_payload(), limits.max_message()), (is, is + 20_480));
        }
        assert_eq!(Limits::default(), Limits::with_max_payload(1_048_576));
        assert_eq!(MAX_CREDIT, 2_147_483_647);
    }
}

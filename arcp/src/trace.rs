//! Trace context (§11).

use std::fmt;

use arrayvec::ArrayString;
use serde::Serialize;

/// A `traceparent` of version 00, in bytes.
const TRACEPARENT: usize = 55;

/// Longest `traceparent` of a later version that is kept.
const LONGEST: usize = 256;

/// A trace id: 16 bytes that are not all zero, written as 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// Of random bytes. All zeros, which would be no trace id, become 1.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        if random == [0; 16] { Self(1_u128.to_be_bytes()) } else { Self(random) }
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Its 32 digits.
    #[must_use]
    pub fn text(self) -> ArrayString<32> {
        let mut digits = [0; 32];
        // 16 bytes are 32 digits, and the text has room for them.
        let _ = hex::encode_to_slice(self.0, &mut digits);
        let mut text = ArrayString::new();
        let _ = text.try_push_str(std::str::from_utf8(&digits).unwrap_or_default());
        text
    }

    fn parse(digits: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(digits, &mut bytes).ok()?;
        (bytes != [0; 16]).then_some(Self(bytes))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text())
    }
}

impl Serialize for TraceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

/// What a peer said of its trace: the id, and the whole `traceparent` if it gave one.
///
/// §11 has `trace_id` carry a `traceparent`, and its examples show the 32 digits of a trace id. So both are read, and
/// the digits alone are written there; the whole `traceparent` is passed on beside it, with its span and flags, as
/// who samples by them would otherwise lose the decision.
///
/// ```
/// use ixt_arcp::TraceContext;
///
/// let trace = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").ok_or("no trace")?;
/// assert_eq!(trace.id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(trace.traceparent(), Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
/// assert_eq!(trace.flags(), Some(1));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    id: TraceId,
    traceparent: Option<Box<str>>,
}

impl TraceContext {
    /// With an id alone.
    #[must_use]
    pub const fn new(id: TraceId) -> Self {
        Self { id, traceparent: None }
    }

    /// Reads 32 hexadecimal digits (in either case, as peers differ), or a `traceparent` as W3C Trace Context has it:
    /// lower case, version 00 of exactly 55 characters, later versions of up to 256 with what they may add. `None` for
    /// anything else, all zeros and version ff included.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() == 32 {
            return TraceId::parse(text).map(Self::new);
        }
        let (known, more) = text.split_at_checked(TRACEPARENT)?;
        let later = text.len() <= LONGEST && more.starts_with('-');
        let mut parts = known.split('-');
        let (version, id) = (parts.next()?, parts.next()?);
        let (span, flags) = (parts.next()?, parts.next()?);
        let digits = |part: &str, count| {
            part.len() == count && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let valid = digits(version, 2)
            && version != "ff"
            && digits(id, 32)
            && digits(span, 16)
            && span.bytes().any(|byte| byte != b'0')
            && digits(flags, 2)
            && (more.is_empty() || version != "00" && later);
        let id = valid.then(|| TraceId::parse(id)).flatten()?;
        Some(Self { id, traceparent: Some(text.into()) })
    }

    /// The trace id.
    #[must_use]
    pub const fn id(&self) -> TraceId {
        self.id
    }

    /// The whole `traceparent`, as it came.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// Its flags; bit 0 says that the trace is sampled. `None` without a `traceparent`.
    #[must_use]
    pub fn flags(&self) -> Option<u8> {
        let flags = self.traceparent()?.get(TRACEPARENT - 2..TRACEPARENT)?;
        u8::from_str_radix(flags, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn digits_alone() {
        let trace = TraceContext::parse(ID).unwrap();
        assert_eq!(trace.id().to_string(), ID);
        assert_eq!((trace.traceparent(), trace.flags()), (None, None));
        assert_eq!(TraceContext::parse(&ID.to_uppercase()), Some(trace), "written in lower case");
        assert_eq!(TraceId::new(*TraceContext::parse(ID).unwrap().id().as_bytes()).to_string(), ID);
        assert_eq!(TraceId::new([0; 16]).to_string(), format!("{}1", "0".repeat(31)));
    }

    #[test]
    fn a_traceparent_is_kept_whole() {
        for (text, flags) in [
            (format!("00-{ID}-00f067aa0ba902b7-00"), 0),
            (format!("00-{ID}-00f067aa0ba902b7-03"), 3),
            (format!("01-{ID}-00f067aa0ba902b7-01"), 1),
            (format!("cc-{ID}-00f067aa0ba902b7-01-what-the-future-will-be-like"), 1),
        ] {
            let trace = TraceContext::parse(&text).unwrap();
            assert_eq!(trace.id().to_string(), ID);
            assert_eq!(trace.traceparent(), Some(text.as_str()));
            assert_eq!(trace.flags(), Some(flags));
        }
    }

    #[test]
    fn anything_else_is_no_trace() {
        for text in [
            String::new(),
            "0".repeat(32),
            format!("{ID}0"),
            "4bf92f...".to_owned(),
            "g".repeat(32),
            "ä".repeat(16),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{ID}-0000000000000000-01"),
            format!("00-{ID}-00f067aa0ba902b7-01-more"),
            format!("00-{ID}-00f067aa0ba902b7-0"),
            format!("00-{ID}-00f067aa0ba902b7-0G"),
            format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            format!("ff-{ID}-00f067aa0ba902b7-01"),
            format!("01-{ID}-00f067aa0ba902b7-01.more"),
            format!("01-{ID}-00f067aa0ba902b7-01-{}", "x".repeat(256)),
            format!("00_{ID}-00f067aa0ba902b7-01"),
            "-".repeat(55),
            "ä".repeat(30),
        ] {
            assert_eq!(TraceContext::parse(&text), None, "{text}");
        }
    }
}

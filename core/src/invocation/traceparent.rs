//! The W3C `traceparent` header.

use std::fmt;

/// What a `traceparent` header says. Shown as the header, version 00.
///
/// ```
/// use ixt_core::invocation::from_traceparent;
///
/// let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let parsed = from_traceparent(header).ok_or("malformed")?;
/// assert_eq!(parsed.trace_flags, 1);
/// assert_eq!(parsed.to_string(), header);
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace-id, 16 bytes; not all zeros when it was read.
    pub correlation_id: [u8; 16],
    /// The parent-id, 8 bytes: the caller's span; not all zeros when it was read.
    pub span_id: [u8; 8],
    /// The trace-flags; bit 0 says sampled.
    pub trace_flags: u8,
}

/// Reads a `traceparent` header; `None` where it is malformed, which counts as absent.
///
/// Version 00 is read to the letter. Of a later version the four known fields are read, as W3C demands;
/// version ff is malformed, and so are upper-case digits and ids of zeros.
#[must_use]
pub fn from_traceparent(header: &str) -> Option<TraceParent> {
    let (known, more) = header.as_bytes().split_at_checked(55)?;
    let mut fields = known.split(|byte| *byte == b'-');
    let [version] = digits(fields.next()?)?;
    let correlation_id = digits(fields.next()?)?;
    let span_id = digits(fields.next()?)?;
    let [trace_flags] = digits(fields.next()?)?;
    let whole = match (version, more.first()) {
        (0xff, _) => false,
        (_, None) => true,
        (0, Some(_)) => false,
        (_, Some(next)) => *next == b'-',
    };
    let valid = whole && fields.next().is_none() && correlation_id != [0; 16] && span_id != [0; 8];
    valid.then_some(TraceParent { correlation_id, span_id, trace_flags })
}

/// Bytes of just so many lower-case hexadecimal digits.
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        if let [high, low] = pair {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
    }
    Some(bytes)
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trace = u128::from_be_bytes(self.correlation_id);
        let span = u64::from_be_bytes(self.span_id);
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", self.trace_flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_header_leads_back_to_itself() {
        assert_eq!(from_traceparent(HEADER).map(|parsed| parsed.to_string()).as_deref(), Some(HEADER));
    }

    #[test]
    fn later_versions_may_say_more() {
        let later = HEADER.replacen("00", "cc", 1);
        assert_eq!(from_traceparent(&later), from_traceparent(HEADER));
        assert_eq!(from_traceparent(&format!("{later}-what-ever")), from_traceparent(HEADER));
        assert_eq!(from_traceparent(&format!("{later}what")), None);
    }

    #[test]
    fn what_is_malformed_is_absent() {
        let cases = [
            String::new(),
            HEADER.to_uppercase(),
            HEADER[..54].into(),
            format!("{HEADER}-"),
            format!(" {HEADER}"),
            HEADER.replacen("00", "ff", 1),
            HEADER.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            HEADER.replace("b7ad6b7169203331", &"0".repeat(16)),
            HEADER.replace('-', "_"),
            HEADER.replace("af", "ä"),
            HEADER.replace("c-b", "-cb"),
            HEADER.replace("af", "ag"),
        ];
        for header in cases {
            assert_eq!(from_traceparent(&header), None, "{header}");
        }
    }
}

//! The envelope that every message travels in (ARCP §5).

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Code, Refusal, quoted};
use crate::json;
use crate::text::Text;

/// The protocol's version, as it stands in every frame that leaves.
pub const VERSION: &str = "1.1";

/// A message, read: its fields borrow from the frame.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// `arcp`: the version, where the peer says one.
    pub version: Option<Text<'a>>,
    /// Names the message; requests are answered by it. Any text that is not empty.
    pub id: Option<Text<'a>>,
    /// `type`, such as `job.submit`.
    pub kind: Text<'a>,
    /// The session, on all frames after the hello.
    pub session_id: Option<Text<'a>>,
    /// 32 hex digits, or a whole traceparent (§11).
    pub trace_id: Option<Text<'a>>,
    /// The job that the message is about.
    pub job_id: Option<Text<'a>>,
    /// The place in the session's stream of events (§8.3).
    pub event_seq: Option<u64>,
    /// What the message says. `{}` where it was left out.
    pub payload: &'a RawValue,
    /// Fields that this version does not know, as they came, in their order.
    pub unknown: Vec<(Text<'a>, &'a RawValue)>,
}

/// How large and how deep a frame may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// Bytes of a frame: 2 MiB.
    pub max_frame: usize,
    /// Objects and lists within each other: 64.
    pub max_depth: usize,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { max_frame: 2 << 20, max_depth: 64 }
    }
}

impl<'a> Envelope<'a> {
    /// Reads a frame, and of its payload no more than where it ends.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for what is too large or too deep, no JSON, no object, or has a field of another kind than §5
    /// says.
    pub fn read(frame: &'a [u8], limits: FrameLimits) -> Result<Self, Refusal> {
        json::check(frame, limits.max_frame, limits.max_depth)?;
        // Text that is known to be text is not looked at again, string by string.
        let read = match std::str::from_utf8(frame) {
            Ok(frame) => serde_json::from_str(frame),
            Err(_) => serde_json::from_slice(frame),
        };
        read.map_err(|error| Refusal::of_json("frame", &error))
    }

    /// The payload as what a message of this kind carries.
    ///
    /// # Errors
    /// `INVALID_REQUEST` with the field that is missing or of another kind.
    pub fn payload<T: Deserialize<'a>>(&self) -> Result<T, Refusal> {
        // A list would be taken for the fields in their order.
        if !self.payload.get().starts_with('{') {
            return Err(Refusal::invalid(format!("{}: the payload is not an object", quoted(&self.kind))));
        }
        serde_json::from_str(self.payload.get()).map_err(|error| Refusal::of_json(&self.kind, &error))
    }

    /// Whether the version is one that this engine speaks: `1`, or `1` and a minor number (later minor versions add
    /// only).
    ///
    /// # Errors
    /// `INVALID_REQUEST`, and the session cannot go on.
    pub fn check_version(&self) -> Result<(), Refusal> {
        let Some(version) = &self.version else { return Ok(()) };
        let minor = match version.strip_prefix('1') {
            Some("") => return Ok(()),
            Some(rest) => rest.strip_prefix('.'),
            None => None,
        };
        match minor {
            Some(minor) if !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
            _ => Err(Refusal::new(Code::InvalidRequest, "the protocol's version is not 1.x")),
        }
    }
}

/// The payload of a message that has none.
fn nothing() -> &'static RawValue {
    // It is JSON, and what cannot fail needs no name for its failure.
    serde_json::from_str("{}").unwrap_or(RawValue::NULL)
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let (mut version, mut id, mut kind) = (None, None, None);
        let (mut session_id, mut trace_id, mut job_id) = (None, None, None);
        let (mut event_seq, mut payload, mut unknown) = (None, None, Vec::new());
        /// A field twice leaves open which one counts, and peers must not differ in that.
        macro_rules! once {
            ($slot:ident, $name:literal) => {{
                if $slot.is_some() {
                    return Err(M::Error::duplicate_field($name));
                }
                $slot = Some(map.next_value()?);
            }};
        }
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.as_str() {
                "arcp" => once!(version, "arcp"),
                "id" => once!(id, "id"),
                "type" => once!(kind, "type"),
                "session_id" => once!(session_id, "session_id"),
                "trace_id" => once!(trace_id, "trace_id"),
                "job_id" => once!(job_id, "job_id"),
                "event_seq" => once!(event_seq, "event_seq"),
                "payload" => once!(payload, "payload"),
                _ if unknown.len() < MAX_UNKNOWN => unknown.push((key, map.next_value()?)),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let payload: Option<&RawValue> = payload;
        Ok(Envelope {
            version: version.flatten(),
            id: id.flatten(),
            kind: kind.ok_or_else(|| M::Error::missing_field("type"))?,
            session_id: session_id.flatten(),
            trace_id: trace_id.flatten(),
            job_id: job_id.flatten(),
            event_seq: event_seq.flatten(),
            payload: payload.filter(|payload| payload.get() != "null").unwrap_or_else(|| nothing()),
            unknown,
        })
    }
}

/// Unknown fields of an envelope that are kept; a peer that sends more is read, and these are not.
const MAX_UNKNOWN: usize = 64;

/// The head of a frame that leaves.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// A fresh id.
    pub id: &'a str,
    /// `type`.
    pub kind: &'a str,
    /// The session, unless there is none yet.
    pub session_id: Option<&'a str>,
    /// The job, where the message is about one.
    pub job_id: Option<&'a str>,
    /// 32 hex digits.
    pub trace_id: Option<&'a str>,
    /// Its place in the session's stream.
    pub event_seq: Option<u64>,
}

impl<'a> Head<'a> {
    /// Of a message that is about the session.
    #[must_use]
    pub fn new(id: &'a str, kind: &'a str, session_id: Option<&'a str>) -> Self {
        Self { id, kind, session_id, job_id: None, trace_id: None, event_seq: None }
    }

    /// Appends the frame with this payload, on one line.
    pub fn write(&self, payload: &impl Serialize, out: &mut Vec<u8>) {
        self.begin(out);
        put(payload, out);
        out.push(b'}');
    }

    /// Appends the frame with a payload that is JSON already.
    pub fn write_raw(&self, payload: &str, out: &mut Vec<u8>) {
        self.begin(out);
        out.extend_from_slice(payload.as_bytes());
        out.push(b'}');
    }

    fn begin(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"arcp\":\"");
        out.extend_from_slice(VERSION.as_bytes());
        out.extend_from_slice(b"\",\"id\":");
        put_text(self.id, out);
        out.extend_from_slice(b",\"type\":");
        put_text(self.kind, out);
        for (name, value) in
            [("session_id", self.session_id), ("job_id", self.job_id), ("trace_id", self.trace_id)]
        {
            if let Some(value) = value {
                out.extend_from_slice(b",\"");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
                put_text(value, out);
            }
        }
        if let Some(sequence) = self.event_seq {
            out.extend_from_slice(b",\"event_seq\":");
            put(&sequence, out);
        }
        out.extend_from_slice(b",\"payload\":");
    }
}

/// Appends a value as JSON. Writing to memory what has no other kinds of keys than strings cannot fail.
pub(crate) fn put(value: &impl Serialize, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, value);
}

/// The same of text. Ids and names have nothing to escape: that is seen in one look, and they are copied as they are.
fn put_text(text: &str, out: &mut Vec<u8>) {
    let plain = |byte| (byte >= b' ') & (byte != b'"') & (byte != b'\\');
    if text.bytes().fold(true, |all, byte| all & plain(byte)) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        put(&text, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_written_as_serde_writes_it() {
        for code in 0..=0x1ff {
            let text = format!("a{}b", char::from_u32(code).unwrap());
            let mut out = Vec::new();
            put_text(&text, &mut out);
            assert_eq!(out, serde_json::to_vec(&text).unwrap(), "{text:?}");
        }
    }

    fn read(frame: &str) -> Result<Envelope<'_>, Refusal> {
        Envelope::read(frame.as_bytes(), FrameLimits::default())
    }

    #[test]
    fn all_fields_are_read_and_unknown_ones_kept() {
        let frame = r#"{"arcp":"1.1","id":"m1","type":"job.event","session_id":"s","job_id":"j","trace_id":null,
            "event_seq":7,"x":{"deep":[1,2]},"payload":{"kind":"log"},"é\n":1}"#;
        let envelope = read(frame).unwrap();
        assert_eq!((envelope.kind.as_str(), envelope.event_seq), ("job.event", Some(7)));
        assert_eq!(envelope.trace_id, None, "null is nothing");
        assert_eq!(envelope.payload.get(), r#"{"kind":"log"}"#);
        let unknown: Vec<_> =
            envelope.unknown.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(unknown, [("x", r#"{"deep":[1,2]}"#), ("é\n", "1")]);
        assert!(matches!(envelope.id.unwrap().0, std::borrow::Cow::Borrowed("m1")));
    }

    #[test]
    fn what_is_no_envelope_is_refused_with_the_place() {
        for (frame, says) in [
            ("", "EOF"),
            ("[]", "expected an object"),
            ("{}", "type"),
            (r#"{"type":1}"#, "expected a string"),
            (r#"{"type":"a","type":"b"}"#, "duplicate"),
            (r#"{"type":"a","event_seq":-1}"#, "expected u64"),
            (r#"{"type":"a","event_seq":1.5}"#, "expected u64"),
            (r#"{"type":"a"} x"#, "trailing"),
        ] {
            let refusal = read(frame).unwrap_err();
            assert_eq!(refusal.code, Code::InvalidRequest);
            assert!(refusal.message.contains(says), "{frame}: {refusal}");
        }
    }

    #[test]
    fn versions_with_major_1_are_spoken() {
        for (version, spoken) in [
            ("1", true),
            ("1.0", true),
            ("1.1", true),
            ("1.27", true),
            ("2", false),
            ("1.", false),
            ("10", false),
            ("1.x", false),
            ("", false),
        ] {
            let frame = format!(r#"{{"type":"a","arcp":"{version}"}}"#);
            assert_eq!(read(&frame).unwrap().check_version().is_ok(), spoken, "{version}");
        }
        assert!(read(r#"{"type":"a"}"#).unwrap().check_version().is_ok());
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        let head = Head {
            job_id: Some("j"),
            trace_id: Some("t"),
            event_seq: Some(9),
            ..Head::new("i\"d", "job.event", Some("s"))
        };
        head.write_raw(r#"{"kind":"log"}"#, &mut out);
        let envelope = Envelope::read(&out, FrameLimits::default()).unwrap();
        assert_eq!(envelope.id.as_deref(), Some("i\"d"));
        assert_eq!(envelope.session_id.as_deref(), Some("s"));
        assert_eq!(envelope.job_id.as_deref(), Some("j"));
        assert_eq!(envelope.trace_id.as_deref(), Some("t"));
        assert_eq!(envelope.event_seq, Some(9));
        assert_eq!(envelope.payload.get(), r#"{"kind":"log"}"#);
        envelope.check_version().unwrap();
    }
}

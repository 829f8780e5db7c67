//! The text form of frames and contexts: JSON with bytes as lower-case hex (specification 20, "Text").
//!
//! What the command line reads and prints and the vectors hold. Fields that hold their default are
//! left out on output and optional on input; an unknown enumerant is its number; an unknown field is an
//! error on input, and so is a union member of a later schema.

mod context;
mod frame;
mod hex;
mod member;
mod trace;

pub use context::{
    ActorText, ContextText, MetadataText, SubjectText, TargetText, context_from_json, context_to_json,
};
pub use frame::{
    CancelText, CloseText, CreditText, DataText, ErrorText, FrameText, OpenText, frame_from_json,
    frame_to_json,
};
pub use hex::{Hex, from_hex, to_hex};
pub use member::{Enumeration, Named, UnknownText};
pub use trace::Trace;

use crate::{Error, ErrorKind, Result};

/// A refusal as the command line prints it in the place of a line: `{"error":{"kind":…,"message":…}}`.
#[must_use]
pub fn error_to_json(error: &Error) -> String {
    #[derive(serde::Serialize)]
    struct Line {
        error: Body,
    }
    #[derive(serde::Serialize)]
    struct Body {
        kind: &'static str,
        message: String,
    }
    write(&Line { error: Body { kind: error.kind().name(), message: error.to_string() } })
}

/// Reads one JSON object in full. What serde_json says is not passed on, for it can quote the input.
fn read<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    member::object(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| bad_json(text, &error))
}

/// A refusal of serde_json, at its byte of the text.
fn bad_json(text: &str, error: &serde_json::Error) -> Error {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let offset = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
    Error::new(ErrorKind::BadJson).at(offset)
}

/// Compact JSON.
fn write(value: &impl serde::Serialize) -> String {
    // Nothing here has a map with other keys than strings, which is all that could fail.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> (ErrorKind, Option<usize>) {
        let error = frame_from_json(text).unwrap_err();
        (error.kind(), error.offset())
    }

    fn context(text: &str) -> ErrorKind {
        context_from_json(text).unwrap_err().kind()
    }

    const ID: &str = r#""stream_id":"0102030405060708090a0b0c0d0e0f10""#;

    #[test]
    fn a_frame_is_an_object_with_one_member() {
        for bad in ["", "{}", "[]", "null", "7", &format!("{{{ID}}}"), &format!("{{{ID},\"data\":[]}}")] {
            assert_eq!(frame(bad).0, ErrorKind::BadJson, "{bad}");
        }
        for rest in [
            r#""data":null"#,
            r#""data":{},"close":{}"#,
            r#""data":{},"data":{}"#,
            r#""data":{"x":1}"#,
            r#""data":{"sequence":-1}"#,
            r#""data":{"sequence":1.0}"#,
            r#""data":{"sequence":18446744073709551616}"#,
            r#""data":{"payload":"0A"}"#,
            r#""credit":{"frames":4294967296}"#,
            r#""close":{"reason":"Completed"}"#,
            r#""close":{"reason":65536}"#,
            r#""close":{"reason":null}"#,
            r#""unknown":{"tag":6}"#,
            r#""data":{}} x"#,
        ] {
            let text = format!("{{{ID},{rest}}}");
            assert_eq!(frame(&text).0, ErrorKind::BadJson, "{text}");
        }
        assert_eq!(frame(r#"{"stream_id":"00","data":{}}"#).0, ErrorKind::BadIdLength);
        assert_eq!(frame(&format!(r#"{{"stream_id":"{:032}","data":{{}}}}"#, 0)).0, ErrorKind::NilStreamId);
    }

    #[test]
    fn the_place_is_a_byte_of_the_text() {
        assert_eq!(frame("{\"stream_id\":7}"), (ErrorKind::BadJson, Some(13)));
        assert_eq!(frame("{\n\"stream_id\":7}"), (ErrorKind::BadJson, Some(14)));
    }

    #[test]
    fn an_enumerant_is_read_by_name_and_by_number() {
        let read = |reason: &str| frame_from_json(&format!("{{{ID},\"close\":{{\"reason\":{reason}}}}}"));
        assert_eq!(read("\"completed\"").unwrap(), read("1").unwrap());
        let unknown = read("99").unwrap();
        assert_eq!(frame_to_json(&unknown.as_ref()), format!("{{{ID},\"close\":{{\"reason\":99}}}}"));
    }

    #[test]
    fn a_context_refuses_what_it_does_not_know() {
        for bad in [
            "[]",
            r#"{"x":1}"#,
            r#"{"trace_flags":256}"#,
            r#"{"span_id":null}"#,
            r#"{"target":{}}"#,
            r#"{"target":"service"}"#,
            r#"{"target":{"service":"a","module":"b"}}"#,
            r#"{"target":{"unknown":{"tag":9}}}"#,
            r#"{"target":null}"#,
            r#"{"actor":[]}"#,
            r#"{"actor":{"subject":{"system":false}}}"#,
            r#"{"actor":{"subject":{"unknown":{"tag":9}}}}"#,
            r#"{"actor":{"capabilities":null}}"#,
            r#"{"metadata":[]}"#,
            r#"{"metadata":{"a":1}}"#,
        ] {
            assert_eq!(context(bad), ErrorKind::BadJson, "{bad}");
        }
        assert_eq!(context(r#"{"span_id":""}"#), ErrorKind::BadIdLength);
        assert_eq!(context(r#"{"target":{"reply":"00"}}"#), ErrorKind::BadIdLength);
        assert_eq!(context(r#"{"metadata":{"a":"1","a":"2"}}"#), ErrorKind::DuplicateKey);
    }

    #[test]
    fn defaults_are_left_out() {
        let said = format!(
            r#"{{"correlation_id":"{:032}","span_id":"{:016}","deadline_ms":0,"trace_flags":0,"source_module":"","parent_span_id":"{:016}","target":{{"service":""}},"actor":{{"subject":{{"external":""}},"token_ref":"","capabilities":[]}},"metadata":{{}}}}"#,
            0, 0, 0
        );
        assert_eq!(context_to_json(&context_from_json(&said).unwrap()), "{}");
    }
}

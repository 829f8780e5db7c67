//! Replays `tests/vectors/`: values to bytes and back, and refusals, as its README says.

mod common;

use common::{in_two_segments, lines, members, string};
use ixt_core::invocation::{ContextRef, InvocationContext};
use ixt_core::stream::FrameRef;
use ixt_core::text::{context_from_json, context_to_json, frame_from_json, frame_to_json, from_hex};
use ixt_core::wire::MAX_CONTEXT;
use ixt_core::{Error, ErrorKind, Limits, Result};

/// The two kinds of message, by the calls that a user makes.
#[derive(Clone, Copy)]
enum Message {
    Frame,
    Context,
}

/// A decoded message: its text, and what it encodes to.
#[derive(Debug, PartialEq)]
struct Decoded {
    text: String,
    bytes: Vec<u8>,
}

impl Message {
    fn of(kind: &str) -> Self {
        match string(kind).as_str() {
            "frame" => Self::Frame,
            "context" => Self::Context,
            other => panic!("a message of type {other}"),
        }
    }

    fn encode(self, text: &str) -> Result<Vec<u8>> {
        match self {
            Self::Frame => frame_from_json(text)?.encode(),
            Self::Context => Ok(context_from_json(text)?.encode()),
        }
    }

    fn decode(self, bytes: &[u8], limits: Limits) -> Result<Decoded> {
        match self {
            Self::Frame => {
                let frame = FrameRef::decode_within(bytes, limits)?;
                let bytes = frame.encode()?;
                assert_eq!(frame.encoded_len(), bytes.len());
                assert_eq!(frame.into_owned().encode()?, bytes);
                let mut room = vec![0xaa; bytes.len() + 1];
                assert_eq!(frame.encode_to_slice(&mut room, limits)?, bytes.len());
                assert_eq!(room[..bytes.len()], bytes);
                assert_eq!(frame.encode_to_slice(&mut room[..bytes.len()], limits)?, bytes.len());
                let short = frame.encode_to_slice(&mut room[..bytes.len() - 1], limits);
                assert_eq!(kind(short), ErrorKind::BufferTooSmall);
                Ok(Decoded { text: frame_to_json(&frame), bytes })
            }
            Self::Context => {
                let context = ContextRef::decode(bytes)?;
                let bytes = context.encode();
                assert_eq!(context.encoded_len(), bytes.len());
                assert_eq!(context.to_owned().encode(), bytes);
                let mut room = vec![0xaa; bytes.len() + 1];
                assert_eq!(context.encode_to_slice(&mut room)?, bytes.len());
                assert_eq!(room[..bytes.len()], bytes);
                assert_eq!(context.encode_to_slice(&mut room[..bytes.len()])?, bytes.len());
                let short = context.encode_to_slice(&mut room[..bytes.len() - 1]);
                assert_eq!(kind(short), ErrorKind::BufferTooSmall);
                Ok(Decoded { text: context_to_json(&context), bytes })
            }
        }
    }

    fn decode_canonical(self, bytes: &[u8], limits: Limits) -> Result<()> {
        match self {
            Self::Frame => FrameRef::decode_canonical(bytes, limits).map(drop),
            Self::Context => InvocationContext::decode_canonical(bytes).map(drop),
        }
    }

    /// Whether there is room for a longer table.
    fn fits_in_two_segments(self, bytes: &[u8]) -> bool {
        match self {
            Self::Frame => true,
            Self::Context => bytes.len() + 8 <= MAX_CONTEXT,
        }
    }
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error.kind(),
    }
}

/// Does it with the same bytes at each distance from a word's boundary.
fn at_every_alignment(bytes: &[u8], check: impl Fn(&[u8])) {
    for offset in 0..8 {
        let mut shifted = vec![0; offset];
        shifted.extend_from_slice(bytes);
        check(&shifted[offset..]);
    }
}

fn replay_value(line: &str) {
    let line = members(line);
    let name = line["name"];
    let message = Message::of(line["type"]);
    let canonical = from_hex(&string(line["hex"])).expect("hex");
    let expected = Decoded { text: line["value"].to_owned(), bytes: canonical.clone() };

    if line.contains_key("unknown") {
        assert_eq!(kind(message.encode(line["value"])), ErrorKind::BadJson, "{name}");
    } else {
        let input = line.get("input").unwrap_or(&line["value"]);
        assert_eq!(message.encode(input), Ok(canonical.clone()), "{name}");
        assert_eq!(message.encode(line["value"]), Ok(canonical.clone()), "{name}");
        if message.fits_in_two_segments(&canonical) {
            let two = in_two_segments(&canonical);
            assert_eq!(message.decode(&two, Limits::DEFAULT).as_ref(), Ok(&expected), "{name}");
            assert_eq!(
                kind(message.decode_canonical(&two, Limits::DEFAULT)),
                ErrorKind::NotCanonical,
                "{name}"
            );
        }
    }
    at_every_alignment(&canonical, |bytes| {
        assert_eq!(message.decode(bytes, Limits::DEFAULT).as_ref(), Ok(&expected), "{name}");
        assert_eq!(message.decode_canonical(bytes, Limits::DEFAULT), Ok(()), "{name}");
    });

    let also: Vec<String> =
        line.get("also").map_or(vec![], |also| serde_json::from_str(also).expect("a list"));
    for other in also {
        let other = from_hex(&other).expect("hex");
        at_every_alignment(&other, |bytes| {
            assert_eq!(message.decode(bytes, Limits::DEFAULT).as_ref(), Ok(&expected), "{name}");
            if !bytes.is_empty() {
                let refused = message.decode_canonical(bytes, Limits::DEFAULT);
                assert_eq!(kind(refused), ErrorKind::NotCanonical, "{name}");
            }
        });
    }
}

fn replay_refusal(line: &str) {
    let line = members(line);
    let name = line["name"];
    let message = Message::of(line["type"]);
    let expected = string(line["kind"]);
    let limits = match line.get("max_payload") {
        Some(most) => Limits::with_max_payload(most.parse().expect("a number")),
        None => Limits::DEFAULT,
    };
    let check = |result: Result<(), Error>| assert_eq!(kind(result).name(), expected, "{name}");

    let operation = string(line["op"]);
    match operation.as_str() {
        "encode" => {
            let text = line.get("line").map_or_else(|| line["value"].to_owned(), |raw| string(raw));
            check(message.encode(&text).map(drop));
        }
        "decode" | "decode_canonical" => {
            at_every_alignment(&from_hex(&string(line["hex"])).expect("hex"), |bytes| {
                if operation == "decode" {
                    check(message.decode(bytes, limits).map(drop));
                }
                check(message.decode_canonical(bytes, limits));
            });
        }
        other => panic!("{name}: an operation {other}"),
    }
}

#[test]
fn every_vector_holds() {
    let values: Vec<_> = ["values.jsonl", "large.jsonl"].into_iter().flat_map(lines).collect();
    let refused: Vec<_> = ["refused.jsonl", "refused_large.jsonl"].into_iter().flat_map(lines).collect();
    values.iter().for_each(|line| replay_value(line));
    refused.iter().for_each(|line| replay_refusal(line));
    // Lines of raw text are for who parses the text form; every language replays all the others.
    let (raw, shared): (Vec<_>, Vec<_>) = refused.iter().partition(|line| members(line).contains_key("line"));
    println!("vectors: {} values, {} refused; and {} lines of text", values.len(), shared.len(), raw.len());
    assert!(values.len() >= 400 && shared.len() >= 100 && !raw.is_empty());
}

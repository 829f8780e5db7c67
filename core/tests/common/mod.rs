//! The files of `tests/vectors/`, line by line.

#![allow(dead_code, missing_docs)] // Each test takes what it needs.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::de::IgnoredAny;

/// The lines of a file of vectors.
pub(crate) fn lines(file: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(str::to_owned).collect()
}

/// The members of a line, each as it is written: the text form is compared to the letter.
pub(crate) fn members(line: &str) -> HashMap<String, &str> {
    let mut members = HashMap::new();
    let mut rest = line.strip_prefix('{').expect("an object");
    while rest != "}" {
        let (key, after) = value(rest.strip_prefix(',').unwrap_or(rest));
        let (text, after) = value(after.strip_prefix(':').expect("a value"));
        members.insert(serde_json::from_str(key).expect("a key"), text);
        rest = after;
    }
    members
}

/// The first JSON value of a text, and what follows it.
fn value(text: &str) -> (&str, &str) {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.next().expect("a value").expect("JSON");
    text.split_at(values.byte_offset())
}

/// A member that is a string.
pub(crate) fn string(json: &str) -> String {
    serde_json::from_str(json).expect("a string")
}

/// The same words behind a table of two segments, the second of them empty: what only the general
/// reader takes.
pub(crate) fn in_two_segments(message: &[u8]) -> Vec<u8> {
    let mut two = vec![1, 0, 0, 0];
    two.extend_from_slice(&message[4..8]);
    two.extend_from_slice(&[0; 8]);
    two.extend_from_slice(&message[8..]);
    two
}

//! Reads `tests/arcp/captures`.

use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) const GO: &str = "client-go__runtime-go";
pub(crate) const PYTHON: &str = "client-py__runtime-py";
pub(crate) const PYTHON_TS: &str = "client-py__runtime-ts";
pub(crate) const RUST: &str = "client-rs__runtime-rs";
pub(crate) const SUPERSET: &str = "client-ts__runtime-superset";
pub(crate) const TS: &str = "client-ts__runtime-ts";

/// What passed, or a direction that ended.
pub(crate) struct Line {
    /// Milliseconds since the recording began.
    pub(crate) t: u64,
    pub(crate) conn: u32,
    pub(crate) from_client: bool,
    /// As it was written; `None` where the direction ended.
    pub(crate) frame: Option<String>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    t: u64,
    conn: u32,
    dir: &'a str,
    #[serde(borrow, default)]
    frame: Option<&'a RawValue>,
    #[serde(default)]
    event: Option<&'a str>,
}

pub(crate) fn read(name: &str) -> Vec<Line> {
    let path = format!("{}/../tests/arcp/captures/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lines = text.lines().map(|line| {
        let raw: Raw<'_> = serde_json::from_str(line).unwrap();
        assert_eq!(raw.frame.is_none(), raw.event == Some("eof"), "{line}");
        Line {
            t: raw.t,
            conn: raw.conn,
            from_client: raw.dir == "c2s",
            frame: raw.frame.map(|frame| frame.get().to_owned()),
        }
    });
    lines.collect()
}

//! Replays `tests/traces/traces.jsonl`: every run, every step, against the engine.
#![cfg(feature = "text")]

use std::fs;

use ixt_core::text::Trace;
use serde_json::Value;

/// The rule of `tests/traces/README.md`: messages that the engine makes are not compared.
fn without_unsaid_messages(expected: &Value, mut actual: Value) -> Value {
    for (list, kinds) in [("transmit", ["error", "cancel"]), ("events", ["failed", "cancelled"])] {
        let Some(items) = actual[list].as_array_mut() else { continue };
        for (index, item) in items.iter_mut().enumerate() {
            for kind in kinds {
                let said = &expected[list][index][kind]["message"];
                let Some(body) = item.get_mut(kind).and_then(Value::as_object_mut) else { continue };
                if said.as_str().is_none_or(str::is_empty) {
                    body.remove("message");
                    if !said.is_null() {
                        body.insert("message".into(), said.clone());
                    }
                }
            }
        }
    }
    actual
}

#[test]
fn every_trace_gives_the_expected_outputs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/traces/traces.jsonl");
    let lines = fs::read_to_string(path).unwrap();
    let mut traces = 0;
    for line in lines.lines() {
        let run: Value = serde_json::from_str(line).unwrap();
        let mut trace = Trace::default();
        assert_eq!(trace.line(&run["endpoint"].to_string()), Ok(None), "{}", run["name"]);
        for (number, step) in run["steps"].as_array().unwrap().iter().enumerate() {
            let output = trace.line(&step["in"].to_string()).unwrap().unwrap();
            let actual = without_unsaid_messages(&step["out"], serde_json::from_str(&output).unwrap());
            assert_eq!(actual, step["out"], "{} step {number}: {}", run["name"], step["in"]);
        }
        traces += 1;
    }
    println!("traces: {traces}");
    assert!(traces >= 120, "the corpus is smaller than it may be");
}

//! Traces, line by line: nothing panics, every output is JSON, and a line that is refused changes nothing.
#![no_main]

use ixt_core::text::Trace;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Told the time 0, which is before every deadline, the engine does nothing.
const NOTHING: &str = r#"{"time":0}"#;

fuzz_target!(|text: &str| {
    let mut trace = Trace::default();
    let mut state = None;
    for line in text.split('\n') {
        match trace.line(line) {
            Ok(None) => state = Some(look(&mut trace)),
            Ok(Some(output)) => {
                let output: Value = serde_json::from_str(&output).expect("an output is JSON");
                assert!(state.is_some(), "an input before any endpoint: {line}");
                let now = look(&mut trace);
                assert_eq!(output["state"], now, "{line}");
                state = Some(now);
            }
            Err(error) => {
                assert!(error.offset().is_none_or(|offset| offset <= line.len()), "{error}: {line}");
                if state.is_some() {
                    assert_eq!(state, Some(look(&mut trace)), "refused, and something happened: {line}");
                }
            }
        }
    }
});

/// The state; nothing may be left to drain.
fn look(trace: &mut Trace) -> Value {
    let output = trace.line(NOTHING).expect("an input").expect("an output");
    let mut output: Value = serde_json::from_str(&output).expect("an output is JSON");
    assert_eq!(output["transmit"], Value::Array(vec![]));
    assert_eq!(output["events"], Value::Array(vec![]));
    output["state"].take()
}

//! Any bytes as JSON: the scan before the parser, and the canonical form.
#![no_main]

use ixt_arcp::json;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

fuzz_target!(|bytes: &[u8]| {
    let shallow = json::check(bytes, bytes.len(), json::MAX_DEPTH).is_ok();
    let Ok(value) = serde_json::from_slice::<&RawValue>(bytes) else { return };
    let form = json::canonical(value, json::MAX_DEPTH);
    assert_eq!(form.is_ok(), shallow, "both count the same levels");
    let Ok(form) = form else { return };
    let again: &RawValue = serde_json::from_slice(&form).expect("the canonical form is JSON");
    assert_eq!(json::canonical(again, json::MAX_DEPTH).as_ref(), Ok(&form));
    assert_eq!(json::fingerprint([("x", value)]), json::fingerprint([("x", again)]));
    if let Ok(parsed) = serde_json::from_str::<serde_json::Value>(value.get()) {
        let reparsed: serde_json::Value =
            serde_json::from_slice(&form).expect("and no number is out of range");
        assert!(alike(&parsed, &reparsed), "{}", value.get());
    }
});

/// The same values; numbers as floats, as 1 and 1e0 are different to the parser, which rounds the two in two ways.
fn alike(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (one, other) {
        (Number(one), Number(other)) => {
            let (one, other) = (one.as_f64().unwrap_or(0.0), other.as_f64().unwrap_or(0.0));
            (one - other).abs() <= one.abs() * 1e-15 + f64::MIN_POSITIVE
        }
        (Array(one), Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Object(one), Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| alike(value, other)))
        }
        _ => one == other,
    }
}

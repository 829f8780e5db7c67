//! Replays `tests/vectors/rules.jsonl`: capabilities, attenuation and `traceparent`.

mod common;

use common::{lines, members, string};
use ixt_core::invocation::capability::{attenuates, covers};
use ixt_core::invocation::from_traceparent;
use ixt_core::text::to_hex;

#[test]
fn every_rule_holds() {
    let rules = lines("rules.jsonl");
    for text in &rules {
        let rule = members(text);
        let list = |name| serde_json::from_str::<Vec<String>>(rule[name]).expect("a list");
        let found = match string(rule["op"]).as_str() {
            "covers" => covers(&string(rule["granted"]), &string(rule["required"])).to_string(),
            "attenuates" => attenuates(&list("parent"), &list("child")).to_string(),
            "traceparent" => match from_traceparent(&string(rule["header"])) {
                None => "null".to_owned(),
                Some(read) => format!(
                    r#"{{"trace_id":"{}","parent_id":"{}","flags":{}}}"#,
                    to_hex(&read.correlation_id),
                    to_hex(&read.span_id),
                    read.trace_flags
                ),
            },
            other => panic!("a rule {other}"),
        };
        assert_eq!(found, rule["expect"], "{text}");
    }
    println!("rules: {}", rules.len());
    assert!(rules.len() >= 100);
}

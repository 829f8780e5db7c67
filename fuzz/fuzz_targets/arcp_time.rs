//! Times: what is read is printed so that it reads as the same.
#![no_main]

use ixt_arcp::{AgentRef, JobId, Timestamp, TraceContext, Ulid};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(time) = Timestamp::parse(text) {
        assert!(time >= Timestamp::MIN && time <= Timestamp::MAX);
        let exact = time.exact_text();
        assert_eq!(Timestamp::parse(&exact), Ok(time));
        assert_eq!(time.text()[..23], exact[..23]);
        // But for a leap second, the text is that of the time up to its seconds.
        assert!(text[..19] == exact[..19] || text[11..19] == *"23:59:60");
    }
    // The other short texts of an envelope.
    if let Some(id) = Ulid::parse(text) {
        assert_eq!(id.text().as_str(), text);
    }
    if let Some(id) = JobId::parse(text) {
        assert_eq!(id.text().as_str(), text);
    }
    if let Ok(agent) = AgentRef::parse(text) {
        assert_eq!(agent.to_string(), text);
    }
    if let Some(trace) = TraceContext::parse(text) {
        assert_eq!(TraceContext::parse(&trace.id().text()).map(|again| again.id()), Some(trace.id()));
        assert_eq!(trace.traceparent().is_some(), text.len() > 32);
    }
});

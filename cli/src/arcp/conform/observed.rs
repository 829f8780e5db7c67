//! What holds of every frame of a runtime, looked at in all that it says.

use std::collections::{HashMap, HashSet};

use ixt::arcp::Code;
use serde_json::Value;

/// The first thing that was wrong, by the check that it breaks, and how often there was something to look at.
#[derive(Default)]
pub(super) struct Observed {
    wrong: HashMap<&'static str, (String, String)>,
    looked: HashMap<&'static str, u64>,
    /// The last number of each session.
    sequences: HashMap<String, u64>,
    /// Jobs that have ended, in each session.
    ended: HashSet<(String, String)>,
    /// The next part of each result.
    parts: HashMap<String, u64>,
    /// Sessions that went on: what they are told begins anywhere.
    resumed: HashSet<String>,
    /// Secret values of credentials, and whose they are.
    values: HashMap<String, String>,
}

impl Observed {
    /// Whether a check holds of all that was seen: `None` where nothing was to be seen, else what is wrong and the frame.
    pub(super) fn verdict(&self, check: &str) -> Option<Result<(), (String, String)>> {
        match self.wrong.get(check) {
            Some(wrong) => Some(Err(wrong.clone())),
            None => self.looked.get(check).map(|_| Ok(())),
        }
    }

    /// A session goes on behind this number.
    pub(super) fn resumed(&mut self, session: &str, last: u64) {
        self.sequences.insert(session.to_owned(), last);
        self.ended.retain(|(of, _)| of != session);
        self.parts.retain(|result, _| !result.starts_with(session));
        self.resumed.insert(session.to_owned());
    }

    pub(super) fn see(&mut self, frame: &Value, session: Option<&str>, shown: impl Fn() -> String) {
        let mut check = |name: &'static str, holds: bool, wrong: &str| {
            *self.looked.entry(name).or_default() += 1;
            if !holds {
                self.wrong.entry(name).or_insert_with(|| (wrong.to_owned(), shown()));
            }
        };
        let kind = frame["type"].as_str().unwrap_or_default();
        let payload = &frame["payload"];
        let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());

        check("envelope", is_text(&frame["type"]), "no `type`");
        check("envelope", is_text(&frame["id"]), "no `id`");
        let version = frame["arcp"].as_str().unwrap_or_default();
        check("envelope", version == "1" || version.starts_with("1."), "`arcp` is no version 1");
        check("envelope", payload.is_object(), "no `payload`");
        if let Some(session) = session {
            check("session_id_everywhere", frame["session_id"] == session, "another `session_id`, or none");
        }

        let counts = matches!(kind, "job.event" | "job.result")
            || (kind == "job.error" && frame["event_seq"].is_u64());
        match frame["event_seq"].as_u64() {
            Some(number) if counts => {
                if let Some(session) = session {
                    let last = self.sequences.insert(session.to_owned(), number).unwrap_or(0);
                    check(
                        "sequence",
                        number == last + 1,
                        &format!("number {number} behind {last}: neither lost nor twice nor late"),
                    );
                }
            }
            Some(_) => check("control_is_not_counted", false, "an `event_seq` on what is no event of a job"),
            None if counts => check("sequence", false, "no `event_seq`"),
            None => check("control_is_not_counted", true, ""),
        }

        if matches!(kind, "session.error" | "job.error") {
            let code = payload["code"].as_str().unwrap_or_default();
            let is_known = !matches!(Code::parse(code), Code::Other(_));
            check("error_codes", is_known, "a code that §12 does not have");
            check("errors_say_retryable", payload["retryable"].is_boolean(), "no `retryable`");
            if matches!(code, "LEASE_EXPIRED" | "BUDGET_EXHAUSTED") {
                check("hopeless_is_not_retryable", payload["retryable"] == false, "`retryable` is not false");
            }
            if code == "INTERNAL_ERROR" {
                check("internal_is_retryable", payload["retryable"] == true, "`retryable` is not true");
            }
        }

        let job = frame["job_id"].as_str().or(payload["job_id"].as_str()).unwrap_or_default();
        if let (Some(session), "job.accepted" | "job.subscribed") = (session, kind) {
            // What was told of it before may be told again, to who submits the same key or subscribes again.
            self.ended.remove(&(session.to_owned(), job.to_owned()));
            self.parts.retain(|result, _| !result.starts_with(&format!("{session} {job} ")));
        }
        if let (Some(session), "job.event" | "job.result" | "job.error") = (session, kind)
            && !job.is_empty()
        {
            let key = (session.to_owned(), job.to_owned());
            check("one_end", !self.ended.contains(&key), "it comes behind the end of its job");
            if kind != "job.event" {
                self.ended.insert(key);
            }
        }
        if kind == "job.event" {
            check("events_name_their_job", is_text(&frame["job_id"]), "no `job_id` on the envelope");
            check("events_have_kind_and_body", is_text(&payload["kind"]), "no `kind`");
            check("events_have_kind_and_body", payload["body"].is_object(), "no `body`");
            let body = &payload["body"];
            match payload["kind"].as_str().unwrap_or_default() {
                "progress" => {
                    let current = body["current"].as_f64();
                    check(
                        "progress_is_not_negative",
                        current.is_some_and(|current| current >= 0.0),
                        "`current` is no number of 0 or more",
                    );
                }
                "result_chunk" => {
                    let result = format!("{job} {}", body["result_id"].as_str().unwrap_or_default());
                    check("chunks_are_whole", is_text(&body["result_id"]), "no `result_id`");
                    check("chunks_are_whole", body["data"].is_string(), "no `data`");
                    check("chunks_are_whole", body["more"].is_boolean(), "no `more`");
                    let encoding = body["encoding"].as_str().unwrap_or_default();
                    check(
                        "chunks_are_whole",
                        matches!(encoding, "utf8" | "base64"),
                        "an `encoding` that is neither utf8 nor base64",
                    );
                    // By session, as a subscriber is told them again.
                    let session = session.unwrap_or_default();
                    let number = body["chunk_seq"].as_u64();
                    let first = if self.resumed.contains(session) { number.unwrap_or(0) } else { 0 };
                    let next = self.parts.entry(format!("{session} {result}")).or_insert(first);
                    check(
                        "chunks_come_in_order",
                        number == Some(*next),
                        &format!("`chunk_seq` is not {next}", next = *next),
                    );
                    *next = number.map_or(*next, |number| number + 1);
                }
                _ => {}
            }
        }

        if kind == "job.accepted"
            && let Some(credentials) = payload["credentials"].as_array()
        {
            for credential in credentials {
                let is_whole =
                    ["id", "scheme", "value", "endpoint"].iter().all(|field| is_text(&credential[field]));
                check("credentials_are_whole", is_whole, "one lacks `id`, `scheme`, `value` or `endpoint`");
                let value = credential["value"].as_str().unwrap_or_default();
                let whose = self.values.entry(value.to_owned()).or_insert_with(|| job.to_owned());
                check("credentials_are_of_one_job", whose == job, "two jobs have the same `value`");
            }
        }
        if matches!(kind, "session.jobs" | "job.subscribed") {
            let text = frame.to_string();
            let is_told = self.values.keys().any(|value| !value.is_empty() && text.contains(value));
            if !self.values.is_empty() {
                check("credentials_are_not_told", !is_told, "the `value` of a credential");
            }
        }
    }
}

//! Messages about jobs (ARCP §§7–9).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::lenient::or_default;
use crate::text::Text;

/// `job.submit` (§7.1).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Submit<'a> {
    /// `name` or `name@version` (§7.5).
    #[serde(borrow)]
    pub agent: Text<'a>,
    /// What the agent works on.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub input: Option<&'a RawValue>,
    /// What it shall be allowed (§9.2).
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub lease_request: Option<&'a RawValue>,
    /// Until when.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub lease_constraints: Option<&'a RawValue>,
    /// The same key with the same parameters is the same job (§7.2).
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Text<'a>>,
    /// How long it may run, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "crate::seconds::of_option")]
    pub max_runtime_sec: Option<f64>,
}

/// A credential of an upstream service (§9.8).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential<'a> {
    /// Names it within the job.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// `bearer`; who does not know the scheme ignores the credential.
    #[serde(borrow)]
    pub scheme: Text<'a>,
    /// The secret.
    #[serde(borrow)]
    pub value: Text<'a>,
    /// The base URL that it is for, and no other.
    #[serde(borrow)]
    pub endpoint: Text<'a>,
    /// Which protocol is spoken there, such as `openai`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Text<'a>>,
    /// What the upstream enforces, for people.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none", with = "raw_text")]
    pub constraints: Option<Text<'a>>,
}

/// JSON that is kept as its text, so that what holds it can be compared and owned.
mod raw_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
    use serde_json::value::RawValue;

    use crate::text::Text;

    pub(super) fn serialize<S: Serializer>(
        text: &Option<Text<'_>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = text.as_deref().unwrap_or("null");
        let raw: &RawValue = serde_json::from_str(text).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Text<'de>>, D::Error> {
        let raw: Option<&'de RawValue> = Deserialize::deserialize(deserializer).map_err(de::Error::custom)?;
        Ok(raw.map(|raw| Text::from(raw.get())))
    }
}

/// Never the value.
impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("id", &self.id)
            .field("scheme", &self.scheme)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// `job.accepted` (§7.1), as it is read.
#[derive(Debug, Clone, Deserialize)]
pub struct Accepted<'a> {
    /// The job; on the envelope too.
    #[serde(borrow, default)]
    pub job_id: Option<Text<'a>>,
    /// The submit that it answers; not every peer says it.
    #[serde(borrow, default)]
    pub request_id: Option<Text<'a>>,
    /// The version that was chosen.
    #[serde(borrow, default)]
    pub agent: Option<Text<'a>>,
    /// What the job may.
    #[serde(borrow, default)]
    pub lease: Option<&'a RawValue>,
    /// Until when.
    #[serde(borrow, default)]
    pub lease_constraints: Option<&'a RawValue>,
    /// What is left of each currency: numbers, or amounts such as `USD:1.00`.
    #[serde(borrow, default)]
    pub budget: Option<&'a RawValue>,
    /// Credentials of upstream services.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub credentials: Vec<Credential<'a>>,
    /// When.
    #[serde(borrow, default)]
    pub accepted_at: Option<Text<'a>>,
    /// The job's trace.
    #[serde(borrow, default)]
    pub trace_id: Option<Text<'a>>,
}

/// `job.cancel` (§7.4).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Cancel<'a> {
    /// The job, where it is not on the envelope.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<Text<'a>>,
    /// Why, for people.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<'a>>,
}

/// `job.cancelled` (§7.4).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Cancelled<'a> {
    /// The job; on the envelope too.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<Text<'a>>,
    /// The cancel that it answers.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Text<'a>>,
    /// As the cancel said.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<'a>>,
    /// The job had ended before: nothing follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not", deserialize_with = "or_default")]
    pub already_terminal: bool,
}

/// `job.subscribe` (§7.6).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Subscribe<'a> {
    /// The job, where it is not on the envelope.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<Text<'a>>,
    /// With `history`: only events behind this one of the job's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_event_seq: Option<u64>,
    /// Whether what has happened is told first.
    #[serde(default, deserialize_with = "or_default")]
    pub history: bool,
}

/// `job.unsubscribe` (§7.6).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Unsubscribe<'a> {
    /// The job, where it is not on the envelope.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<Text<'a>>,
}

/// `job.subscribed` (§7.6), as it is read.
#[derive(Debug, Clone, Deserialize)]
pub struct Subscribed<'a> {
    /// The subscribe that it answers; not every peer says it.
    #[serde(borrow, default)]
    pub request_id: Option<Text<'a>>,
    /// The job; on the envelope too.
    #[serde(borrow, default)]
    pub job_id: Option<Text<'a>>,
    /// `pending`, `running`, or how it ended.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub current_status: Text<'a>,
    /// `name@version`.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub agent: Text<'a>,
    /// What the job may.
    #[serde(borrow, default)]
    pub lease: Option<&'a RawValue>,
    /// Until when.
    #[serde(borrow, default)]
    pub lease_constraints: Option<&'a RawValue>,
    /// What is left of each currency.
    #[serde(borrow, default)]
    pub budget: Option<&'a RawValue>,
    /// The job that delegated it.
    #[serde(borrow, default)]
    pub parent_job_id: Option<Text<'a>>,
    /// Its trace.
    #[serde(borrow, default)]
    pub trace_id: Option<Text<'a>>,
    /// The job's cursor at which live events begin.
    #[serde(default)]
    pub subscribed_from: Option<u64>,
    /// Whether history comes first; some peers say how many events it has.
    #[serde(default, deserialize_with = "flag_or_count")]
    pub replayed: bool,
}

fn flag_or_count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Flag(bool),
        Count(u64),
        Nothing(()),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Flag(flag) => flag,
        Either::Count(count) => count > 0,
        Either::Nothing(()) => false,
    })
}

/// `job.event` (§8.1): one of the ten kinds, a vendor's, or a later version's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventPayload<'a> {
    /// What kind of event; see [`EventKind`](crate::event::EventKind).
    #[serde(borrow)]
    pub kind: Text<'a>,
    /// When the agent emitted it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<Text<'a>>,
    /// As its kind says.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub body: Option<&'a RawValue>,
}

/// How the bytes of a chunk are written (§8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As they are.
    Utf8,
    /// RFC 4648, with padding.
    Base64,
}

/// The body of a `result_chunk` (§8.4).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Chunk<'a> {
    /// The result that it is a part of.
    #[serde(borrow)]
    pub result_id: Text<'a>,
    /// Its place, from 0.
    pub chunk_seq: u64,
    /// A part of the result.
    #[serde(borrow)]
    pub data: Text<'a>,
    /// How `data` is written.
    pub encoding: Encoding,
    /// Whether another one follows.
    pub more: bool,
}

/// How a job ended (§7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalStatus {
    /// With a result.
    Success,
    /// With an error.
    Error,
    /// Its client cancelled it.
    Cancelled,
    /// It ran for too long.
    TimedOut,
}

impl FinalStatus {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
        }
    }
}

/// `job.result` (§7.3, §8.4), as it is read.
#[derive(Debug, Clone, Deserialize)]
pub struct JobResult<'a> {
    /// `success`; a peer that says another tells an error.
    #[serde(default)]
    pub final_status: Option<FinalStatus>,
    /// The result, inline.
    #[serde(borrow, default)]
    pub result: Option<&'a RawValue>,
    /// Some peers' name for it.
    #[serde(borrow, default)]
    pub output: Option<&'a RawValue>,
    /// Some peers' name for it.
    #[serde(borrow, default)]
    pub value: Option<&'a RawValue>,
    /// The result was streamed.
    #[serde(borrow, default)]
    pub result_id: Option<Text<'a>>,
    /// Bytes of a streamed result.
    #[serde(default)]
    pub result_size: Option<u64>,
    /// For people.
    #[serde(borrow, default)]
    pub summary: Option<Text<'a>>,
    /// When.
    #[serde(borrow, default)]
    pub completed_at: Option<Text<'a>>,
}

/// `job.error` (§7.3, §12).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobError<'a> {
    /// How the job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_status: Option<FinalStatus>,
    /// One of §12.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub code: Text<'a>,
    /// Why, for people.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub message: Text<'a>,
    /// Whether the same may work later.
    #[serde(default, deserialize_with = "or_default")]
    pub retryable: bool,
    /// More about it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub details: Option<&'a RawValue>,
    /// When.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Text<'a>>,
}

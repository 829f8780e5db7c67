//! Messages about the session (ARCP §6).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::lenient::{object, object_or_none, or_default};
use crate::text::Text;

/// Who speaks: a client's or a runtime's name and version, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Software<'a> {
    /// Its name.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// Its version.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub version: Text<'a>,
}

/// `auth` (§6.1).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth<'a> {
    /// `bearer`.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub scheme: Text<'a>,
    /// The secret.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub token: Text<'a>,
}

/// Never the token.
impl fmt::Debug for Auth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// `capabilities` of a hello (§6.2).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Capabilities<'a> {
    /// `["json"]`.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub encodings: Vec<Text<'a>>,
    /// The features that the client knows.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub features: Vec<Text<'a>>,
    /// A client has no agents; one official SDK says so.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub agents: Option<&'a RawValue>,
}

/// What a client that comes back presents (§6.3).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume<'a> {
    /// The session that goes on.
    #[serde(borrow)]
    pub session_id: Text<'a>,
    /// The token of the last welcome; a secret.
    #[serde(borrow)]
    pub resume_token: Text<'a>,
    /// The last event that came.
    #[serde(default, deserialize_with = "or_default")]
    pub last_event_seq: u64,
}

/// Never the token.
impl fmt::Debug for Resume<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resume")
            .field("session_id", &self.session_id)
            .field("last_event_seq", &self.last_event_seq)
            .finish_non_exhaustive()
    }
}

/// `session.hello` (§6.2).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Hello<'a> {
    /// The client's name and version.
    #[serde(borrow, default, deserialize_with = "object")]
    pub client: Software<'a>,
    /// Who it is.
    #[serde(borrow, default, deserialize_with = "object")]
    pub auth: Auth<'a>,
    /// What it can.
    #[serde(borrow, default, deserialize_with = "object")]
    pub capabilities: Capabilities<'a>,
    /// The session that it comes back to.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none", deserialize_with = "object_or_none")]
    pub resume: Option<Resume<'a>>,
}

/// `session.resume` (§6.3): the same as a hello that resumes.
#[derive(Debug, Clone, Deserialize)]
pub struct ResumeAgain<'a> {
    /// As in a hello.
    #[serde(borrow, default, deserialize_with = "object")]
    pub client: Software<'a>,
    /// As in a hello.
    #[serde(borrow, default, deserialize_with = "object")]
    pub auth: Auth<'a>,
    /// As in a hello; without it the session's features stay.
    #[serde(borrow, default, deserialize_with = "object_or_none")]
    pub capabilities: Option<Capabilities<'a>>,
    /// The session that goes on.
    #[serde(borrow)]
    pub session_id: Text<'a>,
    /// The token of the last welcome.
    #[serde(borrow)]
    pub resume_token: Text<'a>,
    /// The last event that came.
    #[serde(default, deserialize_with = "or_default")]
    pub last_event_seq: u64,
}

/// An agent, as a welcome lists it (§6.2, §7.5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Its versions; none for an agent that has no versions.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub versions: Vec<Text<'a>>,
    /// What a name without a version stands for.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Text<'a>>,
}

/// `capabilities` of a welcome.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct WelcomeCapabilities<'a> {
    /// `["json"]`.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub encodings: Vec<Text<'a>>,
    /// The features of both.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub features: Vec<Text<'a>>,
    /// The agents that jobs can be submitted to.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub agents: Vec<Agent<'a>>,
}

/// `session.welcome` (§6.2).
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Welcome<'a> {
    /// The runtime's name and version.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub runtime: Software<'a>,
    /// The session again, as on the envelope.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Text<'a>>,
    /// When.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Text<'a>>,
    /// What to come back with; a secret, and another one in every welcome.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub resume_token: Text<'a>,
    /// How long the session waits for that, in seconds.
    #[serde(default, deserialize_with = "or_default")]
    pub resume_window_sec: f64,
    /// How often something should come (§6.4), in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_interval_sec: Option<f64>,
    /// What the session can.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub capabilities: WelcomeCapabilities<'a>,
}

/// Never the token.
impl fmt::Debug for Welcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Welcome")
            .field("runtime", &self.runtime)
            .field("session_id", &self.session_id)
            .field("resume_window_sec", &self.resume_window_sec)
            .field("heartbeat_interval_sec", &self.heartbeat_interval_sec)
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

/// `session.ping` (§6.4).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ping<'a> {
    /// Comes back in the pong.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub nonce: Text<'a>,
    /// When.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Text<'a>>,
}

/// `session.pong` (§6.4).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Pong<'a> {
    /// The ping's nonce.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub ping_nonce: Text<'a>,
    /// When the ping came.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Text<'a>>,
}

/// `session.ack` (§6.5).
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Ack {
    /// The last event that the client is done with.
    pub last_processed_seq: u64,
}

/// Which jobs to list (§6.6).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Filter<'a> {
    /// Those in one of these states; all where none is named.
    #[serde(borrow, default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<Text<'a>>,
    /// Those of this agent: of one version, or of all.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Text<'a>>,
    /// Those that were accepted after this.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub created_after: Option<Text<'a>>,
    /// Those that were accepted before this.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub created_before: Option<Text<'a>>,
}

/// `session.list_jobs` (§6.6).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ListJobs<'a> {
    /// Which.
    #[serde(borrow, default, deserialize_with = "object")]
    pub filter: Filter<'a>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Where the last list ended.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<'a>>,
}

/// A job in a list (§6.6).
#[derive(Debug, Clone, Deserialize)]
pub struct Listed<'a> {
    /// The job.
    #[serde(borrow)]
    pub job_id: Text<'a>,
    /// `name@version`, or the name of an agent without versions.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub agent: Text<'a>,
    /// `pending`, `running`, or how it ended.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub status: Text<'a>,
    /// What it may.
    #[serde(borrow, default)]
    pub lease: Option<&'a RawValue>,
    /// The job that delegated it.
    #[serde(borrow, default)]
    pub parent_job_id: Option<Text<'a>>,
    /// When it was accepted; some peers say `submitted_at`.
    #[serde(borrow, default)]
    pub created_at: Option<Text<'a>>,
    /// The same.
    #[serde(borrow, default)]
    pub submitted_at: Option<Text<'a>>,
    /// Its trace.
    #[serde(borrow, default)]
    pub trace_id: Option<Text<'a>>,
    /// Its cursor: of its own last event.
    #[serde(default)]
    pub last_event_seq: Option<u64>,
}

/// `session.jobs` (§6.6), as it is read.
#[derive(Debug, Clone, Deserialize)]
pub struct Jobs<'a> {
    /// The `session.list_jobs` that it answers.
    #[serde(borrow, default)]
    pub request_id: Option<Text<'a>>,
    /// The jobs.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub jobs: Vec<Listed<'a>>,
    /// Where the next list goes on; none where this was the last.
    #[serde(borrow, default)]
    pub next_cursor: Option<Text<'a>>,
}

/// `session.close`, `session.bye` and `session.closed` (§6.7).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Close<'a> {
    /// Why, for people.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<'a>>,
}

/// `session.error`: a request is refused, or the session is, which then ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SessionError<'a> {
    /// One of §12.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub code: Text<'a>,
    /// Why, for people.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub message: Text<'a>,
    /// Whether the same may work later.
    #[serde(default, deserialize_with = "or_default")]
    pub retryable: bool,
    /// The request that is refused.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Text<'a>>,
    /// More about it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub details: Option<&'a RawValue>,
}

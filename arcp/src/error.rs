//! What a peer is told when something is refused: the codes of §12, and a refusal with one of them.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

/// The code of an error (ARCP §12).
///
/// ```
/// use ixt_arcp::Code;
///
/// assert_eq!(Code::parse("LEASE_EXPIRED"), Code::LeaseExpired);
/// assert_eq!(Code::parse("RATE_LIMITED").as_str(), "RATE_LIMITED", "a code of a later version stays what it is");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The lease does not allow the operation (§9.3), or a policy does not allow the request (§7.6).
    PermissionDenied,
    /// A delegated lease asks for more than the delegating one has (§9.4).
    LeaseSubsetViolation,
    /// There is no such job, or who asks may not know of it.
    JobNotFound,
    /// An idempotency key came again with other parameters (§7.2).
    DuplicateKey,
    /// No agent of that name is registered.
    AgentNotAvailable,
    /// The agent is registered, that version of it is not (§7.5).
    AgentVersionNotAvailable,
    /// The client cancelled the job (§7.4).
    Cancelled,
    /// The job ran longer than its `max_runtime_sec`.
    Timeout,
    /// The buffer no longer has what came after the client's last event (§6.3).
    ResumeWindowExpired,
    /// Nothing came from the peer for two heartbeat intervals (§6.4).
    HeartbeatLost,
    /// The lease's `expires_at` has come (§9.5).
    LeaseExpired,
    /// A budget counter is at zero or below (§9.6).
    BudgetExhausted,
    /// The message is malformed or breaks a rule.
    InvalidRequest,
    /// The token is missing or not valid.
    Unauthenticated,
    /// A fault of the runtime.
    InternalError,
    /// A code that §12 does not have, as the peer wrote it.
    Other(Box<str>),
}

impl Code {
    /// The fifteen codes of §12, in its order.
    pub const ALL: [Self; 15] = [
        Self::PermissionDenied,
        Self::LeaseSubsetViolation,
        Self::JobNotFound,
        Self::DuplicateKey,
        Self::AgentNotAvailable,
        Self::AgentVersionNotAvailable,
        Self::Cancelled,
        Self::Timeout,
        Self::ResumeWindowExpired,
        Self::HeartbeatLost,
        Self::LeaseExpired,
        Self::BudgetExhausted,
        Self::InvalidRequest,
        Self::Unauthenticated,
        Self::InternalError,
    ];

    /// As it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::LeaseSubsetViolation => "LEASE_SUBSET_VIOLATION",
            Self::JobNotFound => "JOB_NOT_FOUND",
            Self::DuplicateKey => "DUPLICATE_KEY",
            Self::AgentNotAvailable => "AGENT_NOT_AVAILABLE",
            Self::AgentVersionNotAvailable => "AGENT_VERSION_NOT_AVAILABLE",
            Self::Cancelled => "CANCELLED",
            Self::Timeout => "TIMEOUT",
            Self::ResumeWindowExpired => "RESUME_WINDOW_EXPIRED",
            Self::HeartbeatLost => "HEARTBEAT_LOST",
            Self::LeaseExpired => "LEASE_EXPIRED",
            Self::BudgetExhausted => "BUDGET_EXHAUSTED",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::InternalError => "INTERNAL_ERROR",
            Self::Other(text) => text,
        }
    }

    /// Reads a code. One that is not known is kept as it is, as codes may be added.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let known = Self::ALL.into_iter().find(|code| code.as_str() == text);
        known.unwrap_or_else(|| Self::Other(text.into()))
    }

    /// Whether the same request may succeed when it is sent again: after a fault of the runtime or a lost connection,
    /// and never otherwise. §12 requires it of `INTERNAL_ERROR`, and forbids it of `LEASE_EXPIRED` and
    /// `BUDGET_EXHAUSTED`; the others it leaves open, and there the same request meets the same rule again.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::InternalError | Self::HeartbeatLost)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why something is not done, as the peer or the agent is told.
///
/// The message is for people and goes to the other side: it names what was asked and the rule, and never a token, a
/// credential, or anything of another principal.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// What programs look at.
    pub code: Code,
    /// What people read.
    pub message: Cow<'static, str>,
    /// More about it, as JSON.
    pub details: Option<Box<RawValue>>,
}

impl Refusal {
    /// A refusal without details.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), details: None }
    }

    /// `INVALID_REQUEST`.
    #[must_use]
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    /// `PERMISSION_DENIED`.
    #[must_use]
    pub fn denied(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::PermissionDenied, message)
    }

    /// `INVALID_REQUEST` for JSON that is none, or that `what` does not have.
    pub(crate) fn of_json(what: &str, error: &serde_json::Error) -> Self {
        // What was found may be long, or a secret; what was expected says enough.
        let said = error.to_string();
        let said = match said.rsplit_once(", expected ") {
            Some((_, expected)) => format!("expected {expected}"),
            None => cut(&said),
        };
        Self::invalid(format!("{}: {said}", cut(what)))
    }

    /// With these details.
    #[must_use]
    pub fn with_details(mut self, details: Box<RawValue>) -> Self {
        self.details = Some(details);
        self
    }

    /// [`Code::retryable`] of its code.
    #[must_use]
    pub fn retryable(&self) -> bool {
        self.code.retryable()
    }
}

impl PartialEq for Refusal {
    fn eq(&self, other: &Self) -> bool {
        let text = |refusal: &Self| refusal.details.as_ref().map(|details| details.get().to_owned());
        self.code == other.code && self.message == other.message && text(self) == text(other)
    }
}

impl Eq for Refusal {}

/// What a peer wrote, short enough for a message: 64 characters at most, and in quotes with escapes, so that it can
/// neither fill a log nor forge a line of it.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 64;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// What a peer wrote, at most 200 characters of it.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_reads_as_itself() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), code);
            assert!(!matches!(code, Code::Other(_)));
        }
        assert_eq!(
            Code::parse("internal_error"),
            Code::Other("internal_error".into()),
            "codes have one case"
        );
    }

    #[test]
    fn two_codes_are_worth_another_attempt() {
        let retryable: Vec<_> = Code::ALL.into_iter().filter(Code::retryable).collect();
        assert_eq!(retryable, [Code::HeartbeatLost, Code::InternalError]);
        assert!(!Code::parse("RATE_LIMITED").retryable());
    }

    #[test]
    fn a_refusal_prints_its_code_and_message() {
        let refusal = Refusal::denied("fs.read of \"/etc/passwd\" is not granted");
        assert_eq!(refusal.to_string(), "PERMISSION_DENIED: fs.read of \"/etc/passwd\" is not granted");
        let details = RawValue::from_string("{\"namespace\":\"fs.read\"}".into()).unwrap();
        assert_ne!(refusal.clone().with_details(details), refusal);
        assert!(!refusal.retryable());
    }

    #[test]
    fn what_a_peer_wrote_is_quoted_short() {
        assert_eq!(quoted("a\nb"), r#""a\nb""#);
        assert_eq!(quoted(&"ä".repeat(64)).chars().count(), 66);
        assert_eq!(quoted(&"ä".repeat(65)).chars().count(), 67);
        assert!(quoted(&"ä".repeat(65)).ends_with("\"…"));
    }
}

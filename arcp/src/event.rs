//! The kinds of events (ARCP §8.2).

use crate::text::Text;

/// What kind of event a `job.event` is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind<'a> {
    /// `{level, message}`
    Log,
    /// `{text}`
    Thought,
    /// `{tool, args, call_id}`
    ToolCall,
    /// `{call_id, result | error}`
    ToolResult,
    /// `{phase, message?}`
    Status,
    /// `{name, value, unit?, dimensions?}`
    Metric,
    /// `{uri, content_type, byte_size?, sha256?}`
    ArtifactRef,
    /// `{delegate_id, agent, input, lease_request?, lease_constraints?, child_job_id?}`
    Delegate,
    /// `{current, total?, units?, message?}`
    Progress,
    /// A part of a streamed result (§8.4).
    ResultChunk,
    /// A vendor's, or a later version's.
    Other(Text<'a>),
}

impl<'a> EventKind<'a> {
    /// The kind with this name.
    #[must_use]
    pub fn of(name: Text<'a>) -> Self {
        match name.as_str() {
            "log" => Self::Log,
            "thought" => Self::Thought,
            "tool_call" => Self::ToolCall,
            "tool_result" => Self::ToolResult,
            "status" => Self::Status,
            "metric" => Self::Metric,
            "artifact_ref" => Self::ArtifactRef,
            "delegate" => Self::Delegate,
            "progress" => Self::Progress,
            "result_chunk" => Self::ResultChunk,
            _ => Self::Other(name),
        }
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Log => "log",
            Self::Thought => "thought",
            Self::ToolCall => "tool_call",
            Self::ToolResult => "tool_result",
            Self::Status => "status",
            Self::Metric => "metric",
            Self::ArtifactRef => "artifact_ref",
            Self::Delegate => "delegate",
            Self::Progress => "progress",
            Self::ResultChunk => "result_chunk",
            Self::Other(name) => name,
        }
    }
}

//! Streams that have ended: what tracing and metrics want to know of them.

use std::fmt;

use ixt_core::invocation::ContextRef;
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode, StreamId};

use crate::ends::LinkId;
use crate::host::Host;
use crate::open::describe;
use crate::routes::Route;

/// A stream that went through and is over, a broadcast that was accepted, or an open that was refused. It holds no
/// payload, no token, and no name that is a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndedStream {
    /// Its id.
    pub id: StreamId,
    /// Its kind.
    pub kind: InteractionKind,
    /// The module that called; empty where a connection without a module did.
    pub caller: String,
    /// The module that answered; `None` for a broadcast, and for what was refused.
    pub provider: Option<String>,
    /// As `service:thumbs`. Of a refused open it is what the caller wrote, and may name what does not exist.
    pub target: String,
    /// The context's: the W3C trace-id; all zeros for none.
    pub correlation_id: [u8; 16],
    /// The context's; all zeros for none.
    pub span_id: [u8; 8],
    /// The context's; all zeros for none.
    pub parent_span_id: [u8; 8],
    /// The context's W3C trace-flags; bit 0 says sampled.
    pub trace_flags: u8,
    /// When it was opened, in microseconds since the Unix epoch.
    pub opened_us: u64,
    /// When it ended, in microseconds since the Unix epoch.
    pub ended_us: u64,
    /// Data frames that have come, by who sent them, caller first.
    pub frames: [u64; 2],
    /// Bytes of their payloads, caller first.
    pub bytes: [u64; 2],
    /// For how long each had nothing to send with before it was allowed more, in microseconds, caller first.
    pub blocked_us: [u64; 2],
    /// How it ended.
    pub how: HowEnded,
}

/// How a stream ended, as its host saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HowEnded {
    /// In order. Only [`CloseReason::Completed`] is success.
    Closed(CloseReason),
    /// It failed, at either end or in the host, or was refused.
    Failed(StreamErrorCode),
    /// It was cancelled, or its deadline passed.
    Cancelled(CancelReason),
}

impl HowEnded {
    /// Whether all went well.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Closed(CloseReason::Completed))
    }

    /// Both directions count: one that was given up is no success.
    pub(crate) fn closed(reasons: [Option<CloseReason>; 2]) -> Self {
        let [caller, provider] = reasons;
        let given_up = |reason: &CloseReason| *reason != CloseReason::Completed;
        let reason = provider.filter(given_up).or(caller.filter(given_up));
        Self::Closed(reason.unwrap_or(CloseReason::Completed))
    }
}

/// `completed`, the name of an error's code, `cancelled.` and a reason, or `closed.` and a reason. What this version
/// has no name for is `other`, so that there are few of them.
impl fmt::Display for HowEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const OTHER: &str = "other";
        match self {
            Self::Closed(CloseReason::Completed) => f.write_str("completed"),
            Self::Closed(reason) => write!(f, "closed.{}", reason.name().unwrap_or(OTHER)),
            Self::Failed(code) => f.write_str(code.name().unwrap_or(OTHER)),
            Self::Cancelled(reason) => write!(f, "cancelled.{}", reason.name().unwrap_or(OTHER)),
        }
    }
}

impl Host {
    /// A stream that went through is over.
    pub(crate) fn tell_ended(&mut self, route: &Route, how: HowEnded) {
        if self.ended.len() >= self.settings.max_ended {
            return;
        }
        let Ok(context) = ContextRef::decode(&route.context) else { return };
        let [caller, provider] = route.names.as_deref().cloned().unwrap_or_default();
        self.ended.push_back(EndedStream {
            provider: Some(provider),
            opened_us: route.opened_us,
            frames: route.passed.into_array(),
            bytes: route.bytes.into_array(),
            blocked_us: route.was_blocked_us.into_array(),
            ..self.ended_now(route.id, route.kind, caller, &context, how)
        });
    }

    /// A stream that went nowhere is over: refused, or a broadcast.
    pub(crate) fn tell_not_routed(
        &mut self,
        link: LinkId,
        id: StreamId,
        kind: InteractionKind,
        context: &ContextRef<'_>,
        how: HowEnded,
        [frames, bytes]: [u64; 2],
    ) {
        if self.ended.len() >= self.settings.max_ended {
            return;
        }
        let caller = self.module_of(link).unwrap_or_default().to_owned();
        self.ended.push_back(EndedStream {
            frames: [frames, 0],
            bytes: [bytes, 0],
            ..self.ended_now(id, kind, caller, context, how)
        });
    }

    fn ended_now(
        &self,
        id: StreamId,
        kind: InteractionKind,
        caller: String,
        context: &ContextRef<'_>,
        how: HowEnded,
    ) -> EndedStream {
        EndedStream {
            id,
            kind,
            caller,
            provider: None,
            target: describe(context),
            correlation_id: context.correlation_id(),
            span_id: context.span_id(),
            parent_span_id: context.parent_span_id(),
            trace_flags: context.trace_flags(),
            opened_us: self.now_us,
            ended_us: self.now_us,
            frames: [0; 2],
            bytes: [0; 2],
            blocked_us: [0; 2],
            how,
        }
    }
}

//! Tells of streams that have ended.

use ixt_core::invocation::ContextRef;
use ixt_core::stream::{InteractionKind, StreamId};

use crate::ended::{EndedStream, HowEnded};
use crate::ends::LinkId;
use crate::host::Host;
use crate::routes::Route;

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
            target: context.target().to_string(),
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

"""Spans of calls by OpenTelemetry; needs ``ixt-sdk[otel]``.

The correlation id of a call is its trace id, its span id the span of the call, and the parent's
span id the parent: a chain of calls is one trace, whichever languages it goes through.

>>> from ixt_sdk import Module
>>> from ixt_sdk.otel import OpenTelemetry
>>> module = Module("media", interceptors=[OpenTelemetry()])

A host gives every stream its span (``ixt host --otlp URL``), so handlers have spans beneath those,
and calls have none of their own. Where the host does not trace, or there is none, ``calls=True``
gives every call its span too: two who export it would be seen as two spans of one id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TracerProvider,
    get_current_span,
    get_tracer,
    set_span_in_context,
)

from ._call import CallStream
from ._context import CURRENT, CallContext
from ._events import Outcome
from ._native import InvocationContext
from .errors import CallError
from .interceptors import Handler, Interceptor, Request, outcome_name
from .invocation import (
    BroadcastTarget,
    DynamicEndpointTarget,
    ModuleTarget,
    ReplyTarget,
    ServiceTarget,
    Target,
)

__all__ = ["OpenTelemetry"]

#: Ends of a call that are no error: whoever gives it up has none.
_ERRORS_OF_CANCELLED = ("cancelled.deadlineExceeded", "cancelled.backpressureTimeout")


class OpenTelemetry(Interceptor):
    """Spans by a tracer of OpenTelemetry.

    Every call that the module answers has a span beneath that of the call, and its handler runs
    within it: spans that the handler starts are its children. With ``calls`` every call that is
    made has its span too. Either way a call that is no child is put into the trace of the span
    that is current where it is made: that of an HTTP request, for one.

    Every call counts as sampled, since programs that trace nothing leave the flag at 0; with
    ``follow_flags`` the flag of the call decides where the sampler asks for it.
    """

    def __init__(
        self,
        provider: TracerProvider | None = None,
        *,
        calls: bool = False,
        follow_flags: bool = False,
    ) -> None:
        self._tracer = get_tracer("ixt", tracer_provider=provider)
        self._calls = calls
        self._follow_flags = follow_flags

    def _remote(self, context: InvocationContext) -> Context:
        flags = context.trace_flags
        caller = SpanContext(
            int.from_bytes(context.correlation_id),
            int.from_bytes(context.span_id),
            is_remote=True,
            trace_flags=TraceFlags(flags if self._follow_flags else flags | TraceFlags.SAMPLED),
        )
        return set_span_in_context(NonRecordingSpan(caller), Context())

    def call(self, request: Request, /) -> Callable[[InvocationContext, Outcome], None] | None:
        running = CURRENT.get()
        parent = None if running is None or request.actor is not None else running.invocation
        current = get_current_span().get_span_context()
        if parent is None and request.trace is None and current.is_valid:
            trace_id, span_id = _bytes(current)
            request.trace = (trace_id, span_id, int(current.trace_flags))
        if not self._calls:
            return None
        # Spans of the handler are between its call and this one; those of another trace are not.
        within: Context | None = None
        if parent is not None and _bytes(current)[0] != parent.correlation_id:
            within = self._remote(parent)
        elif parent is None and request.trace is not None and not current.is_valid:
            trace_id, span_id, flags = request.trace
            cause = SpanContext(
                int.from_bytes(trace_id),
                int.from_bytes(span_id),
                is_remote=True,
                trace_flags=TraceFlags(flags),
            )
            within = set_span_in_context(NonRecordingSpan(cause), Context())
        to = request.to
        target = f"service:{to}" if isinstance(to, str) else _target(to)
        span = self._tracer.start_span(
            target.removeprefix("service:"),
            within,
            SpanKind.PRODUCER if isinstance(to, BroadcastTarget) else SpanKind.CLIENT,
            {"rpc.system": "ixt", "ixt.target": target, "ixt.kind": str(request.kind)},
        )
        own = span.get_span_context()
        # A tracer that does nothing gives no ids of its own.
        if span.is_recording() and own.is_valid:
            trace_id, request.span_id = _bytes(own)
            caused_by = bytes(8) if request.trace is None else request.trace[1]
            request.trace = (trace_id, caused_by, int(own.trace_flags))

        def over(_context: InvocationContext, outcome: Outcome) -> None:
            _end(span, outcome_name(outcome))

        return over

    async def handle(
        self, stream: CallStream[Any, Any], context: CallContext, handler: Handler
    ) -> object:
        invocation = context.invocation
        target = _target(invocation.target)
        is_broadcast = isinstance(invocation.target, BroadcastTarget)
        with self._tracer.start_as_current_span(
            target.removeprefix("service:"),
            self._remote(invocation),
            SpanKind.CONSUMER if is_broadcast else SpanKind.SERVER,
            {
                "rpc.system": "ixt",
                "ixt.target": target,
                "ixt.kind": str(stream.kind),
                "ixt.caller": invocation.source_module,
            },
            # What an error says may be a secret, and its kind is told as the outcome.
            record_exception=False,
            set_status_on_exception=False,
            end_on_exit=False,
        ) as span:
            outcome = "completed"
            try:
                return await handler(stream, context)
            except CallError as error:
                outcome = str(error.code)
                raise
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            except BaseException:
                outcome = "internal"
                raise
            finally:
                _end(span, outcome)


def _bytes(context: SpanContext) -> tuple[bytes, bytes]:
    return context.trace_id.to_bytes(16), context.span_id.to_bytes(8)


def _end(span: Span, outcome: str) -> None:
    span.set_attribute("ixt.outcome", outcome)
    is_error = outcome != "completed"
    if outcome.startswith("cancelled."):
        is_error = outcome in _ERRORS_OF_CANCELLED
    if is_error:
        span.set_attribute("error.type", outcome)
        span.set_status(Status(StatusCode.ERROR, outcome))
    span.end()


def _target(target: Target) -> str:
    match target:
        case ServiceTarget(name):
            return f"service:{name}"
        case ModuleTarget(name):
            return f"module:{name}"
        case BroadcastTarget(topic):
            return f"broadcast:{topic}"
        # What names a reply or an endpoint lets its holder call it.
        case ReplyTarget():
            return "reply"
        case DynamicEndpointTarget():
            return "endpoint"
        case _:
            return "unknown"

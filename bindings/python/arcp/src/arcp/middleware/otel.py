"""Spans for frames, by OpenTelemetry. Needs its API: ``pip install "ixt-arcp[otel]"``.

A frame that is sent carries the context of its span in ``extensions``; the span of one that is
received is a child of that. Frames of a job belong to the trace that the job belongs to. Attributes
name types, ids, agents and namespaces: never a token, a credential, an input or a result.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, cast

from arcp._transport.base import Endpoint, Frames, Link, Transport
from arcp._transport.pump import attach
from ixt_sdk.arcp import ArcpSocket

try:
    from opentelemetry import propagate, trace
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanKind, Tracer
except ImportError as error:
    raise ImportError(
        'arcp.middleware.otel needs opentelemetry-api: pip install "ixt-arcp[otel]"'
    ) from error

__all__ = ("OTEL_EXTENSION_KEY", "with_tracing")

OTEL_EXTENSION_KEY = "x-vendor.opentelemetry.tracecontext"
"""Where the trace context stands in ``extensions`` of a frame: the fields of the propagator that is
set, W3C's ``traceparent`` and ``tracestate`` by default."""

Namer = Callable[[dict[str, Any]], str]

_REMEMBERED = 1024
"""Traces of which the last span is known, for the frames of their jobs."""
_SHOWN = 256
"""Characters of what a peer says that an attribute holds."""
_FIELDS = ("session_id", "job_id", "trace_id", "event_seq")


def with_tracing(
    inner: Transport,
    *,
    tracer: Tracer | None = None,
    send_span_name: Namer | None = None,
    recv_span_name: Namer | None = None,
) -> Transport:
    """A transport that makes a span for each frame, around any other one; at either end.

    A client on it submits jobs in the trace of the span that is current then.

    Args:
        inner: Carries the frames.
        tracer: Makes the spans; that of the global provider by default.
        send_span_name: Names the span of a frame that is sent; ``arcp.send …`` by its type.
        recv_span_name: The same for one that has come; ``arcp.recv …``.
    """
    chosen = tracer or trace.get_tracer("arcp.middleware.otel")
    return _TracedTransport(inner, _Spans(chosen, send_span_name, recv_span_name))


class _Spans:
    """Makes the spans of one transport."""

    __slots__ = ("_last", "_recv_name", "_send_name", "_tracer")

    def __init__(self, tracer: Tracer, send_name: Namer | None, recv_name: Namer | None) -> None:
        self._tracer = tracer
        self._send_name = send_name or _sent
        self._recv_name = recv_name or _received
        self._last: OrderedDict[str, Context] = OrderedDict()

    def current_trace(self) -> str | None:
        """The trace of the current span, whose child the frame will be that says this trace."""
        span = trace.get_current_span()
        context = span.get_span_context()
        if not context.is_valid:
            return None
        name = trace.format_trace_id(context.trace_id)
        self._remember(name, span)
        return name

    def sent(self, frame: dict[str, Any]) -> dict[str, Any]:
        """The frame, with the context of a span that tells it."""
        extensions = _table(frame.get("extensions"))
        parent = self._last.get(str(frame.get("trace_id")))
        if parent is None and (carrier := _carrier(extensions)):
            parent = propagate.extract(carrier)
        name = self._send_name(frame)
        with self._tracer.start_as_current_span(name, parent, SpanKind.PRODUCER) as span:
            _describe(span, frame, "out")
            fields: dict[str, str] = {}
            propagate.inject(fields)
        if not fields:
            return frame
        return {**frame, "extensions": {**extensions, OTEL_EXTENSION_KEY: fields}}

    def received(self, frame: dict[str, Any]) -> None:
        """Tells a frame that has come."""
        parent = propagate.extract(_carrier(_table(frame.get("extensions"))), Context())
        name = self._recv_name(frame)
        with self._tracer.start_as_current_span(name, parent, SpanKind.CONSUMER) as span:
            _describe(span, frame, "in")
            if isinstance(trace_id := frame.get("trace_id"), str) and len(trace_id) == 32:
                self._remember(trace_id, span)

    def _remember(self, trace_id: str, span: Span) -> None:
        self._last[trace_id] = trace.set_span_in_context(
            trace.NonRecordingSpan(span.get_span_context()), Context()
        )
        self._last.move_to_end(trace_id)
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)


class _TracedTransport:
    """Around another transport."""

    __slots__ = ("_inner", "_spans")

    def __init__(self, inner: Transport, spans: _Spans) -> None:
        self._inner = inner
        self._spans = spans

    async def send(self, envelope: dict[str, Any]) -> None:
        await self._inner.send(self._spans.sent(envelope))

    async def recv(self) -> dict[str, Any]:
        envelope = await self._inner.recv()
        self._spans.received(envelope)
        return envelope

    async def close(self) -> None:
        await self._inner.close()

    @property
    def is_closed(self) -> bool:
        return self._inner.is_closed

    # What the engines of this package ask besides.

    def _attach(self, endpoint: Endpoint) -> Link:
        return attach(self._inner, _TracedEndpoint(endpoint, self._spans))

    def _current_trace(self) -> str | None:
        return self._spans.current_trace()


class _TracedEndpoint:
    """Between an engine and its transport, which is joined as it is without spans."""

    __slots__ = ("_engine", "_spans")

    def __init__(self, engine: Endpoint, spans: _Spans) -> None:
        self._engine = engine
        self._spans = spans

    def take(self, frames: Frames) -> None:
        for frame in frames:
            try:
                decoded: Any = json.loads(frame)
            except (ValueError, RecursionError):
                # The engine's to answer.
                continue
            if isinstance(decoded, dict):
                self._spans.received(cast(dict[str, Any], decoded))
        self._engine.take(frames)

    def take_object(self, frame: dict[str, Any]) -> None:
        self._spans.received(frame)
        self._engine.take_object(frame)

    def take_socket(self, socket: ArcpSocket, data: bytes) -> bool:
        frames = socket.receive(data)
        if frames:
            self.take(frames)
        return not socket.is_closed

    def give(self) -> Frames:
        return [_with_context(frame, self._spans) for frame in self._engine.give()]

    def give_socket(self, socket: ArcpSocket) -> bytes | None:
        frames = self.give()
        return socket.send(frames) if frames else socket.output()

    def sent(self) -> None:
        self._engine.sent()

    def lost(self, why: BaseException | None) -> None:
        self._engine.lost(why)


def _with_context(frame: bytes, spans: _Spans) -> bytes:
    said = json.loads(frame)
    sent = spans.sent(said)
    if sent is said:
        return frame
    if "extensions" in said:
        return _dump(sent)
    # Spliced in: amounts in the payload stay as exact as they are written.
    return b'{"extensions":' + _dump(sent["extensions"]) + b"," + frame[frame.index(b"{") + 1 :]


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _sent(frame: dict[str, Any]) -> str:
    return f"arcp.send {_kind(frame)}"


def _received(frame: dict[str, Any]) -> str:
    return f"arcp.recv {_kind(frame)}"


def _kind(frame: dict[str, Any]) -> str:
    kind = frame.get("type")
    return kind[:64] if isinstance(kind, str) else "?"


def _carrier(extensions: dict[str, Any]) -> dict[str, str]:
    said = _table(extensions.get(OTEL_EXTENSION_KEY))
    return {name: text for name, text in said.items() if isinstance(text, str)}


def _table(value: Any) -> dict[str, Any]:
    """A JSON object; what is none is an empty one."""
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _describe(span: Span, frame: dict[str, Any], direction: str) -> None:
    """What may be seen of a frame. What is not named here stays out: payloads hold secrets."""
    if not span.is_recording():
        return
    span.set_attribute("arcp.direction", direction)
    span.set_attribute("arcp.type", _kind(frame))
    for field in _FIELDS:
        said = frame.get(field)
        if isinstance(said, str):
            span.set_attribute(f"arcp.{field}", said[:_SHOWN])
        elif isinstance(said, int) and abs(said) < 1 << 63:
            span.set_attribute(f"arcp.{field}", said)
    body = _table(frame.get("payload"))
    for field in ("agent", "kind", "code", "final_status"):
        if isinstance(said := body.get(field), str):
            span.set_attribute(f"arcp.{field}", said[:_SHOWN])
    if lease := _table(body.get("lease") or body.get("lease_request")):
        span.set_attribute("arcp.lease.capabilities", ",".join(sorted(lease))[:_SHOWN])
    until = _table(body.get("lease_constraints")).get("expires_at")
    if isinstance(until, str):
        span.set_attribute("arcp.lease.expires_at", until[:_SHOWN])

"""What happens around calls: at the caller before each and after each, in a module around handlers.

An interceptor is a class with the methods that it needs. Those given first stand outside.

>>> from ixt_sdk.interceptors import Deadline, Metrics
>>> metrics = Metrics()
>>> interceptors = [Deadline(30.0), metrics]
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from ._call import CallStream
from ._context import CallContext
from ._events import Cancelled, Completed, Failed, InteractionKind, Outcome
from ._native import ActorIdentity, InvocationContext

if TYPE_CHECKING:
    from .invocation import Target

__all__ = ["Audit", "Deadline", "Handler", "Interceptor", "Metrics", "Request", "Span", "Tracing"]

Handler: TypeAlias = Callable[[CallStream[Any, Any], CallContext], Awaitable[object]]
"""What answers a stream. What it returns is sent where the kind has one answer, unless it is
``None``."""


@dataclass(slots=True)
class Request:
    """A call that is about to be opened; an interceptor may change it."""

    to: str | Target
    """A service by its name, or any target."""
    kind: InteractionKind
    timeout: float | None = None
    """In seconds, from now."""
    deadline_ms: int | None = None
    capabilities: list[str] | None = None
    """What of the caller's authority the call gets; ``None`` for all."""
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    actor: ActorIdentity | None = None
    span_id: bytes | None = None
    """The 8 bytes that name the call; ``None`` for random ones."""
    trace: tuple[bytes, bytes, int] | None = None
    """What a call that is no child belongs to: trace id, the span that causes it, and flags;
    ``None`` for a trace of its own."""


class Interceptor:
    """Does nothing. Derive from it."""

    def call(self, request: Request, /) -> Callable[[InvocationContext, Outcome], None] | None:  # noqa: ARG002
        """Before a call of this end is opened. What it gives is called once the call is over."""
        return None

    async def handle(
        self, stream: CallStream[Any, Any], context: CallContext, handler: Handler
    ) -> object:
        """Around a handler: awaits ``handler(stream, context)`` and gives what that gives."""
        return await handler(stream, context)


class Deadline(Interceptor):
    """A timeout for calls that have no deadline, of their own or of the call that causes them."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def call(self, request: Request, /) -> None:
        if request.timeout is None and request.deadline_ms is None:
            request.timeout = self.seconds


def outcome_name(outcome: Outcome) -> str:
    """The word for how a call ended, of which there are few."""
    match outcome:
        case Completed():
            return "completed"
        case Failed(code):
            return str(code)
        case Cancelled(reason):
            return f"cancelled.{reason}"


def _target(context: InvocationContext) -> str:
    target = context.target
    # What names a reply or an endpoint lets its holder call it.
    name = getattr(target, "name", getattr(target, "topic", ""))
    kind = type(target).__name__.removesuffix("Target")
    return kind if kind in ("Reply", "DynamicEndpoint") else f"{kind}:{name}"


class Audit(Interceptor):
    """A line of JSON for each call: who, what, how it ended. Never payloads, never tokens."""

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self.logger = logging.getLogger("ixt_sdk.audit") if logger is None else logger

    def _line(self, side: str, context: InvocationContext, result: str) -> None:
        line = {
            "side": side,
            "source": context.source_module,
            "target": _target(context),
            "correlation_id": context.correlation_id.hex(),
            "subject": repr(context.actor.subject),
            "result": result,
        }
        self.logger.info("%s", json.dumps(line))

    def call(self, _request: Request, /) -> Callable[[InvocationContext, Outcome], None]:
        return lambda context, outcome: self._line("caller", context, outcome_name(outcome))

    async def handle(
        self, stream: CallStream[Any, Any], context: CallContext, handler: Handler
    ) -> object:
        result = "completed"
        try:
            return await handler(stream, context)
        except BaseException as error:
            result = type(error).__name__
            raise
        finally:
            self._line("handler", context.invocation, result)


class Metrics(Interceptor):
    """Counts calls and measures how long they take; :meth:`snapshot` gives them."""

    #: Upper bounds of the histogram, in seconds.
    BOUNDS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """By side, target and how they ended."""
        self.running = 0
        """Handlers that run."""
        self._seconds: dict[tuple[str, str], list[int]] = {}
        self._sums: Counter[tuple[str, str]] = Counter()

    def _note(self, side: str, target: str, result: str, seconds: float) -> None:
        self.counts[side, target, result] += 1
        buckets = self._seconds.setdefault((side, target), [0] * (len(self.BOUNDS) + 1))
        buckets[sum(seconds > bound for bound in self.BOUNDS)] += 1
        self._sums[side, target] += seconds  # type: ignore[assignment]  # pyright: ignore

    def snapshot(self) -> Mapping[str, object]:
        """Counts and histograms, as JSON takes them."""
        return {
            "running": self.running,
            "calls": {" ".join(key): count for key, count in self.counts.items()},
            "seconds": {
                " ".join(key): {"buckets": list(buckets), "sum": self._sums[key]}
                for key, buckets in self._seconds.items()
            },
        }

    def call(self, _request: Request, /) -> Callable[[InvocationContext, Outcome], None]:
        begun = self._clock()

        def over(context: InvocationContext, outcome: Outcome) -> None:
            self._note("caller", _target(context), outcome_name(outcome), self._clock() - begun)

        return over

    async def handle(
        self, stream: CallStream[Any, Any], context: CallContext, handler: Handler
    ) -> object:
        begun = self._clock()
        result = "completed"
        self.running += 1
        try:
            return await handler(stream, context)
        except BaseException as error:
            result = type(error).__name__
            raise
        finally:
            self.running -= 1
            target = _target(context.invocation)
            self._note("handler", target, result, self._clock() - begun)


@dataclass(frozen=True, slots=True)
class Span:
    """One invocation, as tracing systems want it. The correlation id is the trace id."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: str
    side: str
    """``"caller"`` or ``"handler"``."""
    started_ns: int
    ended_ns: int
    result: str


class Tracing(Interceptor):
    """Hands a :class:`Span` for each call to ``export``, when it has ended.

    Caller and handler speak of one invocation, so both of its spans have one span id. For
    OpenTelemetry there is :class:`ixt_sdk.otel.OpenTelemetry`.
    """

    def __init__(self, export: Callable[[Span], object]) -> None:
        self.export = export

    def _span(self, side: str, context: InvocationContext, started_ns: int, result: str) -> None:
        ids = (context.correlation_id, context.span_id, context.parent_span_id)
        self.export(Span(*ids, _target(context), side, started_ns, time.time_ns(), result))

    def call(self, _request: Request, /) -> Callable[[InvocationContext, Outcome], None]:
        started_ns = time.time_ns()
        return lambda context, outcome: self._span(
            "caller", context, started_ns, outcome_name(outcome)
        )

    async def handle(
        self, stream: CallStream[Any, Any], context: CallContext, handler: Handler
    ) -> object:
        started_ns = time.time_ns()
        result = "completed"
        try:
            return await handler(stream, context)
        except BaseException as error:
            result = type(error).__name__
            raise
        finally:
            self._span("handler", context.invocation, started_ns, result)

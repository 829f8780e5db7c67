"""The events of a job (§8.2): dicts ``{"kind", "ts", "body"}`` with their fields as properties.

What a peer left out or wrote as something else is an empty text, an empty dict or ``None`` in a
property; ``event["body"]`` is as it came.
"""

from __future__ import annotations

import base64
import reprlib
from typing import Any, cast

__all__ = (
    "EVENT_KINDS",
    "ArtifactRefEvent",
    "DelegateEvent",
    "Event",
    "LogEvent",
    "MetricEvent",
    "ProgressEvent",
    "ResultChunkEvent",
    "StatusEvent",
    "ThoughtEvent",
    "ToolCallEvent",
    "ToolResultEvent",
    "event_of",
)

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 120
_REPR.maxlevel = 3


class Event(dict[str, Any]):
    """An event of any kind, such as a vendor's; the ten of §8.2 have classes of their own.

    ``seq`` and ``job_id`` are no keys of the dict: they are the envelope's.
    """

    __slots__ = ("_job_id", "_seq")

    _job_id: str | None
    _seq: int | None

    @property
    def kind(self) -> str:
        """Such as ``log``, or ``x-vendor.acme.thing``."""
        return self._text("kind", of=self)

    @property
    def ts(self) -> str:
        """When the agent emitted it."""
        return self._text("ts", of=self)

    @property
    def body(self) -> dict[str, Any]:
        """As its kind says."""
        body: object = self.get("body")
        return cast("dict[str, Any]", body) if isinstance(body, dict) else {}

    @property
    def seq(self) -> int | None:
        """Its place among the session's events; ``None`` for one that did not come from a peer."""
        return getattr(self, "_seq", None)

    @property
    def job_id(self) -> str | None:
        """Whose it is."""
        return getattr(self, "_job_id", None)

    def _found(self, *names: str) -> Any:
        """The first of these that the body has: not all peers have one name for it."""
        body = self.body
        for name in names:
            if (value := body.get(name)) is not None:
                return value
        return None

    def _text(self, *names: str, of: dict[str, Any] | None = None) -> str:
        value = self._found(*names) if of is None else of.get(names[0])
        return value if isinstance(value, str) else ""

    def _text_or_none(self, *names: str) -> str | None:
        value = self._found(*names)
        return value if isinstance(value, str) else None

    def _number(self, *names: str) -> int | float | None:
        value = self._found(*names)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        return None

    def _whole(self, *names: str) -> int | None:
        value = self._number(*names)
        if isinstance(value, float):
            return int(value) if value.is_integer() else None
        return value

    def _object(self, *names: str) -> dict[str, Any]:
        value = self._found(*names)
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {}

    def _shown(self) -> Any:
        return self.get("body")

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(kind={_REPR.repr(self.kind)}, seq={self.seq}, "
            f"body={_REPR.repr(self._shown())})"
        )


class LogEvent(Event):
    """``log``: a line for people."""

    __slots__ = ()

    @property
    def level(self) -> str:
        """``debug``, ``info``, ``warn`` or ``error``, in lower case."""
        return self._text("level").lower()

    @property
    def message(self) -> str:
        """The line."""
        return self._text("message")

    @property
    def attributes(self) -> dict[str, Any]:
        """More about it."""
        return self._object("attributes")


class ThoughtEvent(Event):
    """``thought``: what the agent considers."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """Its words."""
        return self._text("text")


class ToolCallEvent(Event):
    """``tool_call``: a tool is called."""

    __slots__ = ()

    @property
    def call_id(self) -> str:
        """Names the call; its result has the same."""
        return self._text("call_id", "tool_call_id")

    @property
    def tool(self) -> str:
        """The tool's name."""
        return self._text("tool", "name")

    @property
    def args(self) -> Any:
        """What it is called with."""
        return self._found("args", "arguments")


class ToolResultEvent(Event):
    """``tool_result``: a call of a tool has ended."""

    __slots__ = ()

    @property
    def call_id(self) -> str:
        """The call."""
        return self._text("call_id", "tool_call_id")

    @property
    def result(self) -> Any:
        """What it gave; ``None`` where it failed."""
        return self._found("result", "output")

    @property
    def error(self) -> dict[str, Any] | None:
        """Why it failed: ``{code, message, retryable}``."""
        return self._object("error") or None


class StatusEvent(Event):
    """``status``: what the agent is at."""

    __slots__ = ()

    @property
    def phase(self) -> str:
        """The agent's own word for it, or the runtime's ``credential_rotated``."""
        return self._text("phase")

    @property
    def message(self) -> str | None:
        """For people."""
        return self._text_or_none("message")

    def _shown(self) -> Any:
        # That of a credential which was replaced (§9.8).
        return {**self.body, "value": "…"} if "value" in self.body else self.get("body")


class MetricEvent(Event):
    """``metric``: a number. One whose name begins with ``cost.`` is spent from the budget."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """What is measured."""
        return self._text("name")

    @property
    def value(self) -> int | float | None:
        """How much."""
        return self._number("value")

    @property
    def unit(self) -> str | None:
        """Of what; a currency for a cost."""
        return self._text_or_none("unit")

    @property
    def dimensions(self) -> dict[str, Any]:
        """More about it."""
        return self._object("dimensions", "attributes")


class ArtifactRefEvent(Event):
    """``artifact_ref``: something is there to be fetched."""

    __slots__ = ()

    @property
    def uri(self) -> str:
        """Where."""
        return self._text("uri")

    @property
    def content_type(self) -> str | None:
        """Its media type."""
        return self._text_or_none("content_type", "media_type")

    @property
    def byte_size(self) -> int | None:
        """Its size in bytes."""
        return self._whole("byte_size", "size_bytes")

    @property
    def sha256(self) -> str | None:
        """Its hash, in hexadecimal digits."""
        return self._text_or_none("sha256")


class DelegateEvent(Event):
    """``delegate``: another agent gets a part of the work (§10)."""

    __slots__ = ()

    @property
    def delegate_id(self) -> str:
        """Names the delegation; its ``tool_result`` has it as ``call_id``."""
        return self._text("delegate_id")

    @property
    def agent(self) -> str:
        """Who gets it."""
        return self._text("agent")

    @property
    def input(self) -> Any:
        """What it works on."""
        return self._found("input")

    @property
    def lease_request(self) -> dict[str, Any]:
        """What it shall be allowed."""
        return self._object("lease_request")

    @property
    def lease_constraints(self) -> dict[str, Any]:
        """Until when."""
        return self._object("lease_constraints")

    @property
    def child_job_id(self) -> str | None:
        """The job that it became."""
        return self._text_or_none("child_job_id")


class ProgressEvent(Event):
    """``progress``: how far the job is."""

    __slots__ = ()

    @property
    def current(self) -> int | float | None:
        """How many are done."""
        return self._number("current")

    @property
    def total(self) -> int | float | None:
        """Of how many, where that is known."""
        return self._number("total")

    @property
    def units(self) -> str | None:
        """Of what."""
        return self._text_or_none("units")

    @property
    def message(self) -> str | None:
        """For people."""
        return self._text_or_none("message")


class ResultChunkEvent(Event):
    """``result_chunk``: a part of a streamed result (§8.4)."""

    __slots__ = ()

    @property
    def result_id(self) -> str:
        """The result."""
        return self._text("result_id")

    @property
    def chunk_seq(self) -> int:
        """Its place, from 0."""
        return self._whole("chunk_seq") or 0

    @property
    def data(self) -> str:
        """The part, as ``encoding`` writes it."""
        return self._text("data")

    @property
    def encoding(self) -> str:
        """``utf8`` or ``base64``."""
        return self._text("encoding") or "utf8"

    @property
    def more(self) -> bool:
        """Whether another one follows."""
        return self._found("more") is True

    @property
    def data_bytes(self) -> bytes:
        """The part's bytes.

        Raises:
            ValueError: ``data`` is not what ``encoding`` says.
        """
        if self.encoding == "base64":
            return base64.b64decode(self.data, validate=True)
        return self.data.encode()


_BY_KIND: dict[str, type[Event]] = {
    "log": LogEvent,
    "thought": ThoughtEvent,
    "tool_call": ToolCallEvent,
    "tool_result": ToolResultEvent,
    "status": StatusEvent,
    "metric": MetricEvent,
    "artifact_ref": ArtifactRefEvent,
    "delegate": DelegateEvent,
    "progress": ProgressEvent,
    "result_chunk": ResultChunkEvent,
}

EVENT_KINDS: tuple[str, ...] = tuple(_BY_KIND)
"""The ten kinds of §8.2."""

_class_of = _BY_KIND.get


def event_of(kind: str, ts: str | None, body: Any, seq: int | None, job_id: str | None) -> Event:
    """An event as its kind's class. It runs for each that comes, so it checks nothing."""
    event = _class_of(kind, Event)(kind=kind, ts=ts, body=body)
    event._seq = seq
    event._job_id = job_id
    return event

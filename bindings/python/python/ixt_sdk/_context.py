"""What a handler knows of the call that it answers."""

from __future__ import annotations

from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

from ._native import ActorIdentity, InvocationContext

if TYPE_CHECKING:
    from ._link import Link


class CallContext:
    """Who calls, with which authority, until when: the invocation context, and what is mostly
    wanted of it."""

    __slots__ = ("_link", "invocation", "stream_id")

    invocation: InvocationContext
    """The whole context, as it came."""
    stream_id: bytes
    """The 16 bytes that name the call; a ``ReplyTarget`` of them reaches its caller."""

    def __init__(self, invocation: InvocationContext, stream_id: bytes, link: Link) -> None:
        self.invocation = invocation
        self.stream_id = stream_id
        self._link = link

    @property
    def correlation_id(self) -> bytes:
        """16 bytes that name the whole piece of work: a trace id."""
        return self.invocation.correlation_id

    @property
    def span_id(self) -> bytes:
        """8 bytes that name this call."""
        return self.invocation.span_id

    @property
    def source_module(self) -> str:
        """The module that calls."""
        return self.invocation.source_module

    @property
    def actor(self) -> ActorIdentity:
        """On whose behalf."""
        return self.invocation.actor

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The actor's capabilities."""
        return self.invocation.actor.capabilities

    @property
    def deadline_ms(self) -> int | None:
        """Until when, in milliseconds since the Unix epoch; ``None`` for no deadline."""
        return self.invocation.deadline_ms

    @property
    def metadata(self) -> MappingProxyType[str, str]:
        """What else was sent along."""
        return self.invocation.metadata

    def has_capability(self, required: str) -> bool:
        """Whether the actor may do this."""
        return self.invocation.has_capability(required)

    def remaining(self) -> float | None:
        """Seconds until the deadline; ``None`` without one."""
        deadline_ms = self.invocation.deadline_ms
        if deadline_ms is None:
            return None
        return max(0.0, deadline_ms / 1000 - self._link.now_us() / 1e6)

    def __repr__(self) -> str:
        return f"<CallContext {self.invocation!r}>"


CallContext.__module__ = "ixt_sdk.module"

CURRENT: ContextVar[CallContext | None] = ContextVar("ixt_sdk.call", default=None)

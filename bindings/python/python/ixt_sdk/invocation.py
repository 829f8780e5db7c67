"""Who invokes what, with which authority, until when (specification 21).

>>> from ixt_sdk.invocation import ActorIdentity, InvocationContext, OperatorSubject
>>> actor = ActorIdentity(OperatorSubject("alice"), capabilities=["fs.*"])
>>> context = InvocationContext(actor=actor)
>>> InvocationContext.from_bytes(context.to_bytes()) == context
True
>>> context.has_capability("fs.read"), context.has_capability("fs")
(True, False)
"""

from __future__ import annotations

from secrets import token_bytes
from typing import NamedTuple, TypeAlias

from . import _native, metadata_keys
from ._native import (
    ActorIdentity,
    BroadcastTarget,
    DynamicEndpointTarget,
    ExternalSubject,
    HandlePayload,
    InvocationContext,
    ModuleSubject,
    ModuleTarget,
    OperatorSubject,
    ReplyTarget,
    ServiceTarget,
    SystemSubject,
    TokenRef,
    UnknownSubject,
    UnknownTarget,
    attenuates,
    covers,
    is_concrete,
    is_ingress_key,
    is_pattern,
)

__all__ = [
    "MAX_CONTEXT",
    "ActorIdentity",
    "BroadcastTarget",
    "DynamicEndpointTarget",
    "ExternalSubject",
    "HandlePayload",
    "InvocationContext",
    "ModuleSubject",
    "ModuleTarget",
    "OperatorSubject",
    "ReplyTarget",
    "ServiceTarget",
    "Subject",
    "SystemSubject",
    "Target",
    "TokenRef",
    "TraceParent",
    "UnknownSubject",
    "UnknownTarget",
    "attenuates",
    "covers",
    "from_traceparent",
    "is_concrete",
    "is_ingress_key",
    "is_pattern",
    "metadata_keys",
    "new_correlation_id",
    "new_span_id",
]

MAX_CONTEXT: int = _native.MAX_CONTEXT
"""Largest encoded context in bytes."""

Subject: TypeAlias = (
    ExternalSubject | OperatorSubject | ModuleSubject | SystemSubject | UnknownSubject
)
"""Who is calling. It says who, and grants nothing: authority comes from capabilities alone."""

Target: TypeAlias = (
    ServiceTarget
    | ModuleTarget
    | BroadcastTarget
    | ReplyTarget
    | DynamicEndpointTarget
    | UnknownTarget
)
"""Where an invocation goes."""


class TraceParent(NamedTuple):
    """What a W3C ``traceparent`` header says."""

    correlation_id: bytes
    span_id: bytes
    trace_flags: int


def from_traceparent(header: str) -> TraceParent | None:
    """Reads a ``traceparent`` header; ``None`` where it is malformed, which counts as absent."""
    parsed = _native.from_traceparent(header)
    return None if parsed is None else TraceParent(*parsed)


def new_correlation_id() -> bytes:
    """16 random bytes for a piece of work that begins here."""
    return _not_nil(16)


def new_span_id() -> bytes:
    """8 random bytes for an invocation."""
    return _not_nil(8)


def _not_nil(length: int) -> bytes:
    while True:
        drawn = token_bytes(length)
        if any(drawn):
            return drawn

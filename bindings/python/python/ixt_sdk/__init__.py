"""Ixt for Python: modules that call each other, invocation contexts, credit-controlled streams.

Values, codecs and the stream's state machine are those of the Rust core, so bytes, limits and
errors are the same as in every other language. Python's own is the waiting: on asyncio's futures,
without a thread or a runtime of its own.
"""

from __future__ import annotations

from ._native import __version__
from .client import CallStream, Client
from .errors import CallError, IxtError
from .invocation import (
    ActorIdentity,
    HandlePayload,
    InvocationContext,
    Subject,
    Target,
    TokenRef,
)
from .module import CallContext, Module, message_handler
from .serialization import IpcSerializer
from .streaming import (
    CancelReason,
    CloseReason,
    FrameSink,
    InteractionKind,
    Stream,
    StreamCancel,
    StreamClose,
    StreamCredit,
    StreamData,
    StreamError,
    StreamErrorCode,
    StreamFrame,
    StreamHandle,
    StreamId,
    StreamOpen,
    StreamSender,
    UnknownFrame,
    decode_batch,
    encode_batch,
    split,
)

__all__ = [
    "ActorIdentity",
    "CallContext",
    "CallError",
    "CallStream",
    "CancelReason",
    "Client",
    "CloseReason",
    "FrameSink",
    "HandlePayload",
    "InteractionKind",
    "InvocationContext",
    "IpcSerializer",
    "IxtError",
    "Module",
    "Stream",
    "StreamCancel",
    "StreamClose",
    "StreamCredit",
    "StreamData",
    "StreamError",
    "StreamErrorCode",
    "StreamFrame",
    "StreamHandle",
    "StreamId",
    "StreamOpen",
    "StreamSender",
    "Subject",
    "Target",
    "TokenRef",
    "UnknownFrame",
    "__version__",
    "decode_batch",
    "encode_batch",
    "message_handler",
    "split",
]

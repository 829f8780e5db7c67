"""Calls in one message (specification 26): unary streams whose one message is a HandlePayload."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from ._call import CallStream
from ._context import CallContext
from ._events import StreamErrorCode as Code
from ._native import HandlePayload, InvocationContext
from .errors import CallError, InvalidArgumentError, IxtError
from .interceptors import Handler

MessageFunc: TypeAlias = Callable[[HandlePayload, CallContext], Awaitable[bytes]]

ANY_PAYLOAD = 1 << 28
"""As large as a payload may be anywhere: a connection holds each to what its ends agreed on."""


def encode(context: InvocationContext, method: str, body: Any) -> bytes:
    """The message of a call that is opened with this context."""
    return HandlePayload(context, method, body).to_bytes(max_payload=ANY_PAYLOAD)


def as_unary(handler: MessageFunc) -> Callable[[bytes, CallContext], Awaitable[bytes]]:
    """The handler as that of a unary service: from message to answer."""

    async def answer(message: bytes, context: CallContext) -> bytes:
        try:
            payload = HandlePayload.accept(message, context.invocation)
        except InvalidArgumentError:
            said = "the message says another context than its open"
            raise CallError(Code.INVALID_ARGUMENT, said) from None
        except IxtError as error:
            raise CallError(Code.INVALID_ARGUMENT, str(error)) from None
        return await handler(payload, context)

    return answer


def message_handler(handler: MessageFunc) -> Handler:
    """A handler of streams that answers calls in one message: for :meth:`Module.default
    <ixt_sdk.module.Module.default>`, ``replies``, ``topic`` and ``open_endpoint``.

    A message that is none, or says another context than its open, ends the call as
    ``invalidArgument``; the handler does not see it.
    """
    one = as_unary(handler)

    async def answer(stream: CallStream[Any, Any], context: CallContext) -> object:
        return await one(await anext(stream), context)

    return answer

"""Typed messages: what a call sends and gets, as values instead of bytes.

>>> from ixt_sdk.payload import Json
>>> Json().encode_request({"width": 64})
b'{"width":64}'

A codec is handed to a call and to a service: ``client.unary("thumbs", {"width": 64},
codec=Json())``, ``@module.unary("thumbs", codec=Json())``.
"""

from __future__ import annotations

import json
from typing import Any, Protocol, TypeVar

from .errors import PayloadError

__all__ = ["Capnp", "Codec", "Json"]

Q = TypeVar("Q")
A = TypeVar("A")


class Codec(Protocol[Q, A]):
    """Requests of one type and answers of another, to bytes and back.

    Decoding raises :class:`~ixt_sdk.errors.PayloadError` for bytes that it does not take.
    """

    def encode_request(self, message: Q, /) -> bytes: ...
    def decode_request(self, payload: bytes, /) -> Q: ...
    def encode_answer(self, message: A, /) -> bytes: ...
    def decode_answer(self, payload: bytes, /) -> A: ...


class Json:
    """JSON in UTF-8, of whatever :mod:`json` takes."""

    def encode_request(self, message: Any, /) -> bytes:
        return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()

    def decode_request(self, payload: bytes, /) -> Any:
        try:
            return json.loads(payload)
        except ValueError as error:
            raise PayloadError(f"no JSON: {error}") from error

    encode_answer = encode_request
    decode_answer = decode_request


class Capnp:
    """Cap'n Proto messages by pycapnp, which has to be installed: a struct for requests and one for
    answers, as ``capnp.load(…)`` gives them.

    What is sent is a builder, ``Struct.new_message(…)``; what arrives is a reader.
    """

    def __init__(self, request: Any, answer: Any) -> None:
        self.request = request
        self.answer = answer

    def encode_request(self, message: Any, /) -> bytes:
        encoded: bytes = message.to_bytes()
        return encoded

    def decode_request(self, payload: bytes, /) -> Any:
        return _read(self.request, payload)

    encode_answer = encode_request

    def decode_answer(self, payload: bytes, /) -> Any:
        return _read(self.answer, payload)


def _read(struct: Any, payload: bytes) -> Any:
    # pycapnp reads aligned words alone, and gives a context manager for what it borrows.
    try:
        with struct.from_bytes(payload) as reader:
            # A copy owns its memory, so it may outlive the message.
            return reader.as_builder().as_reader()
    except Exception as error:
        raise PayloadError(f"no message: {type(error).__name__}") from error

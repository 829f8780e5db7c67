"""The envelope of every message (§5.1)."""

from __future__ import annotations

import re
from typing import Any, Self

from ._field import field
from ._model import Model
from ._version import PROTOCOL_VERSION

__all__ = ("Envelope",)

_ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
_UUID7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_ID = re.compile(f"(?:[a-z]+_)?{_ULID}|{_UUID7}")
_TRACE_ID = re.compile("(?!0{32})[0-9a-f]{32}")
_SPOKEN = re.compile(r"1(?:\.[0-9]+)?")


def _our_version(version: str) -> str:
    if version != PROTOCOL_VERSION:
        raise ValueError(f"expected {PROTOCOL_VERSION!r}")
    return version


def _spoken(version: str) -> str:
    if _SPOKEN.fullmatch(version) is None:
        raise ValueError("expected version 1, or 1 and a minor number")
    return version


def _an_id(text: str) -> str:
    if _ID.fullmatch(text) is None:
        raise ValueError("expected a ULID, one behind a prefix as job_, or a UUIDv7")
    return text


def _a_trace(text: str) -> str:
    if _TRACE_ID.fullmatch(text) is None:
        raise ValueError("expected 32 lower-case hexadecimal digits, not all of them 0")
    return text


def _a_place(number: int) -> int:
    if number < 1:
        raise ValueError("expected 1 or more")
    return number


class Envelope(Model):
    """A message as it travels.

    The constructor takes what we may say: an id that is a ULID or a UUIDv7, and a trace id of 32
    digits. :meth:`from_wire` takes what peers say: any id, and whatever trace they have.
    """

    arcp: str = field(default=PROTOCOL_VERSION, check=_spoken, said=_our_version)
    id: str = field(said=_an_id, heard="")
    type: str
    session_id: str | None = None
    trace_id: str | None = field(default=None, said=_a_trace)
    job_id: str | None = None
    event_seq: int | None = field(default=None, said=_a_place)
    # Of a hello or an accepted job it holds secrets.
    payload: dict[str, Any] = field(default_factory=dict, shown=False)

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> Self:
        """Reads a frame. Fields that this version does not know are kept.

        Raises:
            ValidationError: it has no ``type``, or a field of another type than §5.1 says.
        """
        return cls.model_validate(data)

    def to_wire(self) -> dict[str, Any]:
        """The frame, for ``json.dumps``; what is ``None`` is left out."""
        return self.model_dump(mode="json", exclude_none=True)

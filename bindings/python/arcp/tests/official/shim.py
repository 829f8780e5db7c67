"""Lets the official package's tests find, by the names of its private modules, what is elsewhere.

A plugin of pytest for the process that runs those tests, and no other. It stands in for identifiers
and for pydantic's one exception; models, envelope, errors and versions have their names here.
"""

from __future__ import annotations

import os
import sys
import time
import types

import arcp

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid() -> str:
    """A ULID: 48 bits of time and 80 random ones, in 26 characters of 5 bits."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    return "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(26)))


def _module(name: str, **names: object) -> None:
    module = types.ModuleType(name)
    vars(module).update(names)
    sys.modules[name] = module


_module(
    "arcp._ulid",
    new_ulid=ulid,
    new_envelope_id=ulid,
    new_job_id=lambda: f"job_{ulid()}",
    new_session_id=lambda: f"sess_{ulid()}",
)
_module("pydantic", ValidationError=arcp.ValidationError)

"""What the native engines of ARCP 1.1 share with the package ``arcp`` (wheel ``ixt-arcp``).

Not made to be used alone: install ``ixt-arcp`` and import ``arcp``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ixt_sdk._native import ArcpClient, ArcpRuntime, ArcpSocket, ArcpStore

__all__ = ["BY_CODE", "ArcpClient", "ArcpRuntime", "ArcpSocket", "ArcpStore", "Refused"]


class Refused(Exception):  # noqa: N818 (it says what happened, as the engine's own type does)
    """What the engine refuses. With ``arcp`` imported, one of its classes comes instead."""

    code: str = ""
    """What programs look at: a code of the specification's §12."""

    def __init__(
        self,
        message: str,
        *,
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = bool(retryable)
        """Whether the same request may succeed when it is sent again."""
        self.details: dict[str, Any] = details or {}


BY_CODE: dict[str, Callable[..., Exception]] = {"": Refused}
"""The class for each code; under the empty code, the class for all that have none. Each is called
as ``Refused`` is, and whoever adds one keeps to that."""


def refused(code: str, message: str, retryable: bool, details: str | None) -> Exception:
    """The exception for a refusal; called by the native module. ``details`` is JSON."""
    more: object = None if details is None else json.loads(details)
    found = BY_CODE.get(code)
    error = (found or BY_CODE[""])(
        message, retryable=retryable, details=more if isinstance(more, dict) else None
    )
    if found is None:
        # The class does not tell it, so the exception does.
        vars(error)["code"] = code
    return error

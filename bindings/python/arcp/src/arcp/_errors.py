"""The exceptions: one base, and one class for each of the fifteen codes of the specification's §12.

Catch :class:`ARCPError` for all of them. ``code`` is what programs look at; the message is for
people. What the native engine refuses comes as these classes too.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

from ixt_sdk.arcp import BY_CODE as _NATIVE

__all__ = (
    "ERROR_CODES",
    "ARCPCancelledError",
    "ARCPError",
    "ARCPTimeoutError",
    "AgentNotAvailableError",
    "AgentVersionNotAvailableError",
    "BudgetExhaustedError",
    "CancelledError",
    "DuplicateKeyError",
    "HeartbeatLostError",
    "InternalError",
    "InvalidRequestError",
    "JobNotFoundError",
    "LeaseExpiredError",
    "LeaseSubsetViolationError",
    "PermissionDeniedError",
    "ResumeWindowExpiredError",
    "TimeoutError",
    "TransportClosed",
    "UnauthenticatedError",
    "UpstreamBudgetExhausted",
    "error_class_for",
    "error_from_payload",
)

_SHOWN = 200
"""So many characters of a message stand in a ``repr``: a peer may send a long one."""


class ARCPError(Exception):
    """Whatever is refused or fails in ARCP.

    ``retryable`` is whether the same request may succeed when it is sent again; where nothing is
    said, the code decides it. ``details`` is what the peer says more about it, as JSON.
    """

    code: str = "INTERNAL_ERROR"
    """A code of §12, or a peer's own that §12 does not have."""
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = self.default_retryable if retryable is None else retryable
        self.details: dict[str, Any] = details or {}

    def to_payload(self) -> dict[str, Any]:
        """The error as §12 writes it: ``code``, ``message``, ``retryable``, and ``details`` if it
        has any."""
        payload: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "retryable": self.retryable,
        }
        if self.details:
            payload["details"] = self.details
        return payload

    def __repr__(self) -> str:
        message = self.message
        if len(message) > _SHOWN:
            message = f"{message[:_SHOWN]}…"
        return f"{type(self).__name__}({message!r}, code={self.code[:_SHOWN]!r})"


class PermissionDeniedError(ARCPError):
    """The lease does not allow the operation, or a policy does not allow the request."""

    code = "PERMISSION_DENIED"


class LeaseSubsetViolationError(ARCPError):
    """A delegated lease asks for more than the delegating one has."""

    code = "LEASE_SUBSET_VIOLATION"


class JobNotFoundError(ARCPError):
    """There is no such job, or who asks may not know of it."""

    code = "JOB_NOT_FOUND"


class DuplicateKeyError(ARCPError):
    """An idempotency key came again with other parameters."""

    code = "DUPLICATE_KEY"


class AgentNotAvailableError(ARCPError):
    """No agent of that name is registered."""

    code = "AGENT_NOT_AVAILABLE"


class AgentVersionNotAvailableError(ARCPError):
    """The agent is registered, that version of it is not."""

    code = "AGENT_VERSION_NOT_AVAILABLE"


class CancelledError(ARCPError):
    """The job was cancelled. Not ``asyncio.CancelledError``."""

    code = "CANCELLED"


class TimeoutError(ARCPError):  # noqa: A001 (its name in the official package)
    """The job ran longer than its ``max_runtime_sec``. Not the built-in ``TimeoutError``."""

    code = "TIMEOUT"


class ResumeWindowExpiredError(ARCPError):
    """The runtime no longer has what came after the client's last event."""

    code = "RESUME_WINDOW_EXPIRED"


class HeartbeatLostError(ARCPError):
    """Nothing came from the peer for two heartbeat intervals."""

    code = "HEARTBEAT_LOST"
    default_retryable = True


class LeaseExpiredError(ARCPError):
    """The lease's ``expires_at`` has come."""

    code = "LEASE_EXPIRED"


class BudgetExhaustedError(ARCPError):
    """A budget of the lease is spent."""

    code = "BUDGET_EXHAUSTED"


class InvalidRequestError(ARCPError):
    """The message is malformed or breaks a rule."""

    code = "INVALID_REQUEST"


class UnauthenticatedError(ARCPError):
    """The token is missing or not valid."""

    code = "UNAUTHENTICATED"


class InternalError(ARCPError):
    """A fault of the runtime."""

    code = "INTERNAL_ERROR"
    default_retryable = True


ARCPCancelledError = CancelledError
ARCPTimeoutError = TimeoutError


class TransportClosed(Exception):  # noqa: N818 (its name in the official package)
    """The connection is at its end: of ``recv`` once the peer has closed it, of ``send`` from then
    on."""


class UpstreamBudgetExhausted(Exception):  # noqa: N818 (its name in the official package)
    """An agent raises it when the service behind it says that the credential's budget is spent; the
    job ends with ``BUDGET_EXHAUSTED``."""


_BY_CODE: dict[str, type[ARCPError]] = {found.code: found for found in ARCPError.__subclasses__()}

ERROR_CODES: tuple[str, ...] = tuple(_BY_CODE)
"""The fifteen codes of §12, in its order."""

_NATIVE.update(_BY_CODE)
_NATIVE[""] = ARCPError


def error_class_for(code: str) -> type[ARCPError]:
    """The class for a code; :class:`ARCPError` for one that §12 does not have."""
    return _BY_CODE.get(code, ARCPError)


def error_from_payload(payload: dict[str, Any]) -> ARCPError:
    """The exception that an error on the wire tells.

    It takes whatever a peer may send: a code that §12 does not have is kept in ``code``, and fields
    of a wrong type are left out.
    """
    code: object = payload.get("code")
    if not isinstance(code, str) or not code:
        code = InternalError.code
    message: object = payload.get("message")
    retryable: object = payload.get("retryable")
    details: object = payload.get("details")
    found = error_class_for(code)
    error = found(
        message if isinstance(message, str) else code,
        retryable=retryable if isinstance(retryable, bool) else None,
        details=cast("dict[str, Any]", details) if isinstance(details, dict) else None,
    )
    if found is ARCPError:
        error.code = code
    return error

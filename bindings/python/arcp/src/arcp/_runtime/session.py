"""The session that a job belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["SessionContext", "SessionState"]


class SessionContext:
    """The session that submitted a job, or the job at the head of what delegated it."""

    __slots__ = ("_principal", "_session_id")

    def __init__(self, session_id: str, principal: str) -> None:
        self._session_id = session_id
        self._principal = principal

    @property
    def session_id(self) -> str:
        """Its id; empty where it is over."""
        return self._session_id

    @property
    def principal(self) -> str:
        """Whose it is."""
        return self._principal


@dataclass(slots=True)
class SessionState:
    """What is known of a session beside its jobs: what ``SessionContext`` of the official package
    holds. The engine keeps it; this is for code that makes one for tests of its own."""

    session_id: str
    resume_token: str
    principal: str
    negotiated_features: tuple[str, ...]
    heartbeat_interval_sec: int | None
    resume_window_sec: int
    accepted_at: datetime
    last_acked_seq: int = 0

    def __repr__(self) -> str:
        # The token is a secret.
        return f"SessionState(session_id={self.session_id!r}, principal={self.principal!r})"

"""The payloads of messages about a session (§6)."""

from __future__ import annotations

import math
from typing import Any, Literal

from .._field import field
from .._model import Model
from ._checks import at_least, within

__all__ = (
    "AgentInventoryEntry",
    "AuthBearer",
    "Capabilities",
    "ClientInfo",
    "JobListEntry",
    "ListJobsFilter",
    "RuntimeInfo",
    "SessionAckPayload",
    "SessionByePayload",
    "SessionClosePayload",
    "SessionErrorPayload",
    "SessionHelloPayload",
    "SessionJobsPayload",
    "SessionListJobsPayload",
    "SessionPingPayload",
    "SessionPongPayload",
    "SessionResume",
    "SessionWelcomePayload",
)


def _seconds(value: object) -> object:
    # Peers may have parts of a second; the next whole one is soon enough.
    return math.ceil(value) if isinstance(value, float) and math.isfinite(value) else value


class ClientInfo(Model):
    """The client's software, for people."""

    name: str = field(heard="")
    version: str = field(heard="")


class RuntimeInfo(Model):
    """The runtime's software, for people."""

    name: str = field(heard="")
    version: str = field(heard="")


class AuthBearer(Model, extra="ignore"):
    """Who the client is (§6.1)."""

    scheme: Literal["bearer"] = "bearer"
    token: str = field(shown=False)


class AgentInventoryEntry(Model):
    """An agent that jobs can be submitted to (§7.5)."""

    name: str
    versions: tuple[str, ...] = ()
    default: str | None = None


class Capabilities(Model):
    """What a peer can (§6.2). ``agents`` are names alone from peers of version 1.0."""

    encodings: tuple[str, ...] = ("json",)
    features: tuple[str, ...] = ()
    agents: tuple[str, ...] | tuple[AgentInventoryEntry, ...] = ()


class SessionResume(Model, extra="ignore"):
    """What a client presents to go on with a session (§6.3)."""

    session_id: str
    resume_token: str = field(shown=False)
    last_event_seq: int = field(check=at_least(0), heard=0)


class SessionHelloPayload(Model):
    """``session.hello`` (§6.2)."""

    client: ClientInfo
    auth: AuthBearer
    capabilities: Capabilities = field(default_factory=Capabilities)
    resume: SessionResume | None = None


class SessionWelcomePayload(Model):
    """``session.welcome`` (§6.2)."""

    runtime: RuntimeInfo
    session_id: str = field(heard="")
    resume_token: str = field(heard="", shown=False)
    resume_window_sec: int = field(default=600, check=at_least(0), hear=_seconds)
    heartbeat_interval_sec: int | None = field(default=None, hear=_seconds)
    capabilities: Capabilities = field(default_factory=Capabilities)
    accepted_at: str = field(heard="")


class SessionByePayload(Model):
    """``session.bye``: the end of a session, as peers of 1.1.3 say it."""

    reason: str = field(heard="")
    code: str | None = None


class SessionClosePayload(Model):
    """``session.close`` and ``session.closed`` (§6.7)."""

    reason: str | None = None


class SessionErrorPayload(Model):
    """``session.error``: a request is refused, or the session is, which then ends."""

    code: str
    message: str = field(heard="")
    retryable: bool = False
    details: dict[str, Any] | None = None
    request_id: str | None = None


class SessionPingPayload(Model, extra="ignore"):
    """``session.ping`` (§6.4)."""

    nonce: str = field(heard="")
    sent_at: str = field(heard="")


class SessionPongPayload(Model, extra="ignore"):
    """``session.pong`` (§6.4)."""

    ping_nonce: str = field(heard="")
    received_at: str = field(heard="")


class SessionAckPayload(Model, extra="ignore"):
    """``session.ack`` (§6.5)."""

    last_processed_seq: int = field(check=at_least(0))


class ListJobsFilter(Model):
    """Which jobs to list (§6.6); those that fit all that is named."""

    status: tuple[str, ...] | None = None
    agent: str | None = None
    created_after: str | None = None
    created_before: str | None = None


class SessionListJobsPayload(Model):
    """``session.list_jobs`` (§6.6)."""

    filter: ListJobsFilter | None = None
    limit: int | None = field(default=None, check=within(1, 1000))
    cursor: str | None = None


class JobListEntry(Model):
    """A job in a list (§6.6)."""

    job_id: str
    agent: str = field(heard="")
    status: str = field(heard="")
    submitted_at: str = field(heard="", also=("created_at",))
    parent_job_id: str | None = None
    trace_id: str | None = None


class SessionJobsPayload(Model):
    """``session.jobs`` (§6.6)."""

    request_id: str = field(heard="")
    jobs: tuple[JobListEntry, ...] = ()
    next_cursor: str | None = None

"""The payloads of all messages, and which message has which."""

from __future__ import annotations

from typing import Any

from .._envelope import Envelope
from .._model import Model
from .execution import (
    CredentialConstraintsPayload,
    CredentialPayload,
    JobAcceptedPayload,
    JobCancelledPayload,
    JobCancelPayload,
    JobErrorPayload,
    JobEventPayload,
    JobResultPayload,
    JobSubmitPayload,
    JobSubscribedPayload,
    JobSubscribePayload,
    JobUnsubscribePayload,
    Lease,
    LeaseConstraints,
)
from .session import (
    AgentInventoryEntry,
    AuthBearer,
    Capabilities,
    ClientInfo,
    JobListEntry,
    ListJobsFilter,
    RuntimeInfo,
    SessionAckPayload,
    SessionByePayload,
    SessionClosePayload,
    SessionErrorPayload,
    SessionHelloPayload,
    SessionJobsPayload,
    SessionListJobsPayload,
    SessionPingPayload,
    SessionPongPayload,
    SessionResume,
    SessionWelcomePayload,
)

__all__ = (
    "PAYLOAD_REGISTRY",
    "AgentInventoryEntry",
    "AuthBearer",
    "Capabilities",
    "ClientInfo",
    "CredentialConstraintsPayload",
    "CredentialPayload",
    "Envelope",
    "JobAcceptedPayload",
    "JobCancelPayload",
    "JobCancelledPayload",
    "JobErrorPayload",
    "JobEventPayload",
    "JobListEntry",
    "JobResultPayload",
    "JobSubmitPayload",
    "JobSubscribePayload",
    "JobSubscribedPayload",
    "JobUnsubscribePayload",
    "Lease",
    "LeaseConstraints",
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
    "parse_payload",
)

PAYLOAD_REGISTRY: dict[str, type[Model]] = {
    "session.hello": SessionHelloPayload,
    "session.welcome": SessionWelcomePayload,
    "session.close": SessionClosePayload,
    "session.closed": SessionClosePayload,
    "session.bye": SessionByePayload,
    "session.error": SessionErrorPayload,
    "session.ping": SessionPingPayload,
    "session.pong": SessionPongPayload,
    "session.ack": SessionAckPayload,
    "session.list_jobs": SessionListJobsPayload,
    "session.jobs": SessionJobsPayload,
    "job.submit": JobSubmitPayload,
    "job.accepted": JobAcceptedPayload,
    "job.cancel": JobCancelPayload,
    "job.cancelled": JobCancelledPayload,
    "job.event": JobEventPayload,
    "job.result": JobResultPayload,
    "job.error": JobErrorPayload,
    "job.subscribe": JobSubscribePayload,
    "job.subscribed": JobSubscribedPayload,
    "job.unsubscribe": JobUnsubscribePayload,
}
"""The payload of each ``type``."""


def parse_payload(envelope_type: str, raw: dict[str, Any]) -> Model | dict[str, Any]:
    """The payload as its model; of a ``type`` that is not known, as it is.

    Raises:
        ValidationError: it does not fit its ``type``.
    """
    model = PAYLOAD_REGISTRY.get(envelope_type)
    return raw if model is None else model.model_validate(raw)

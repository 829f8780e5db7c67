"""ARCP 1.1, the Agent Runtime Control Protocol: client, runtime and what they share.

The names and signatures are those of the official package ``agentruntimecontrolprotocol`` 1.1; its
engines are native. :mod:`arcp.client` has the client, :mod:`arcp.runtime` the runtime.
"""

from __future__ import annotations

from ._client.connect import connect
from ._credentials import Credential, CredentialConstraints
from ._errors import (
    ERROR_CODES,
    AgentNotAvailableError,
    AgentVersionNotAvailableError,
    ARCPCancelledError,
    ARCPError,
    ARCPTimeoutError,
    BudgetExhaustedError,
    CancelledError,
    DuplicateKeyError,
    HeartbeatLostError,
    InternalError,
    InvalidRequestError,
    JobNotFoundError,
    LeaseExpiredError,
    LeaseSubsetViolationError,
    PermissionDeniedError,
    ResumeWindowExpiredError,
    TimeoutError,  # noqa: A004 (its name in the official package)
    TransportClosed,
    UnauthenticatedError,
    error_class_for,
    error_from_payload,
)
from ._events import (
    ArtifactRefEvent,
    DelegateEvent,
    Event,
    LogEvent,
    MetricEvent,
    ProgressEvent,
    ResultChunkEvent,
    StatusEvent,
    ThoughtEvent,
    ToolCallEvent,
    ToolResultEvent,
)
from ._field import ValidationError
from ._grammar import parse_agent_ref, parse_budget_amount
from ._messages import (
    Capabilities,
    ClientInfo,
    CredentialConstraintsPayload,
    CredentialPayload,
    Envelope,
    Lease,
    LeaseConstraints,
    ListJobsFilter,
    RuntimeInfo,
    SessionResume,
    SessionWelcomePayload,
)
from ._runtime.job import Job
from ._runtime.runtime import Agent, ARCPRuntime
from ._runtime.session import SessionContext as Session
from ._transport import (
    MemoryTransport,
    StdioTransport,
    Transport,
    WebSocketTransport,
    pair_memory_transports,
    serve_websocket,
)
from ._version import IMPL_VERSION, PROTOCOL_VERSION, V1_1_FEATURES, intersect_features

ARCPServer = ARCPRuntime
"""The same, by the name that other SDKs have for it."""

__all__ = (
    "ERROR_CODES",
    "IMPL_VERSION",
    "PROTOCOL_VERSION",
    "V1_1_FEATURES",
    "ARCPCancelledError",
    "ARCPError",
    "ARCPServer",
    "ARCPTimeoutError",
    "Agent",
    "AgentNotAvailableError",
    "AgentVersionNotAvailableError",
    "ArtifactRefEvent",
    "BudgetExhaustedError",
    "CancelledError",
    "Capabilities",
    "ClientInfo",
    "Credential",
    "CredentialConstraints",
    "CredentialConstraintsPayload",
    "CredentialPayload",
    "DelegateEvent",
    "DuplicateKeyError",
    "Envelope",
    "Event",
    "HeartbeatLostError",
    "InternalError",
    "InvalidRequestError",
    "Job",
    "JobNotFoundError",
    "Lease",
    "LeaseConstraints",
    "LeaseExpiredError",
    "LeaseSubsetViolationError",
    "ListJobsFilter",
    "LogEvent",
    "MemoryTransport",
    "MetricEvent",
    "PermissionDeniedError",
    "ProgressEvent",
    "ResultChunkEvent",
    "ResumeWindowExpiredError",
    "RuntimeInfo",
    "Session",
    "SessionResume",
    "SessionWelcomePayload",
    "StatusEvent",
    "StdioTransport",
    "ThoughtEvent",
    "TimeoutError",
    "ToolCallEvent",
    "ToolResultEvent",
    "Transport",
    "TransportClosed",
    "UnauthenticatedError",
    "ValidationError",
    "WebSocketTransport",
    "connect",
    "error_class_for",
    "error_from_payload",
    "intersect_features",
    "pair_memory_transports",
    "parse_agent_ref",
    "parse_budget_amount",
    "serve_websocket",
)

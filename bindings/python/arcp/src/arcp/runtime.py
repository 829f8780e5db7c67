"""The runtime of ARCP 1.1."""

from __future__ import annotations

from arcp._auth import BearerVerifier, Identity, JWTVerifier, StaticBearerVerifier
from arcp._credentials import (
    Credential,
    CredentialConstraints,
    CredentialProvisioner,
    InMemoryCredentialProvisioner,
    InMemoryRevocationLog,
    JobCredentialContext,
    RevocationLog,
)
from arcp._errors import UpstreamBudgetExhausted
from arcp._lease import (
    LeaseOpContext,
    assert_lease_subset,
    initial_budget_from_lease,
    is_lease_subset,
    validate_lease_constraints,
    validate_lease_op,
    validate_lease_shape,
)
from arcp._runtime.context import Delegated, JobContext
from arcp._runtime.job import Job
from arcp._runtime.runtime import Agent, ARCPRuntime, AuthorizationContext, JobAuthorizationPolicy
from arcp._runtime.session import SessionContext, SessionState
from arcp._runtime.storing import SqliteStore
from arcp._runtime.stream import ResultStream
from arcp._store import EventLog, InMemoryEventLog, SqliteEventLog
from arcp._version import features_for_runtime

__all__ = [
    "ARCPRuntime",
    "Agent",
    "AuthorizationContext",
    "BearerVerifier",
    "Credential",
    "CredentialConstraints",
    "CredentialProvisioner",
    "Delegated",
    "EventLog",
    "Identity",
    "InMemoryCredentialProvisioner",
    "InMemoryEventLog",
    "InMemoryRevocationLog",
    "JWTVerifier",
    "Job",
    "JobAuthorizationPolicy",
    "JobContext",
    "JobCredentialContext",
    "LeaseOpContext",
    "ResultStream",
    "RevocationLog",
    "SessionContext",
    "SessionState",
    "SqliteEventLog",
    "SqliteStore",
    "StaticBearerVerifier",
    "UpstreamBudgetExhausted",
    "assert_lease_subset",
    "features_for_runtime",
    "initial_budget_from_lease",
    "is_lease_subset",
    "validate_lease_constraints",
    "validate_lease_op",
    "validate_lease_shape",
]

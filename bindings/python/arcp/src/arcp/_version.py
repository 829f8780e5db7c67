"""The protocol's version, and the features that peers agree on (§6.2)."""

from __future__ import annotations

from collections.abc import Iterable

from ._grammar import parse_agent_ref, parse_budget_amount

__all__ = (
    "ALL_FEATURES",
    "IMPL_VERSION",
    "PROTOCOL_VERSION",
    "PROVISIONED_CREDENTIAL_FEATURES",
    "V1_1_FEATURES",
    "features_for_runtime",
    "intersect_features",
    "parse_agent_ref",
    "parse_budget_amount",
)

PROTOCOL_VERSION: str = "1.1"
"""What stands in ``arcp`` of every frame."""

IMPL_VERSION: str = "1.1.0"
"""As in the official package, whose interface this is."""

V1_1_FEATURES: tuple[str, ...] = (
    "heartbeat",
    "ack",
    "list_jobs",
    "subscribe",
    "lease_expires_at",
    "cost.budget",
    "progress",
    "result_chunk",
    "agent_versions",
)
"""What a runtime without a provisioner offers."""

PROVISIONED_CREDENTIAL_FEATURES: tuple[str, ...] = ("model.use", "provisioned_credentials")

ALL_FEATURES: tuple[str, ...] = V1_1_FEATURES + PROVISIONED_CREDENTIAL_FEATURES


def features_for_runtime(*, provisioner_configured: bool) -> tuple[str, ...]:
    """What a runtime offers: all, if it has a provisioner of credentials."""
    return ALL_FEATURES if provisioner_configured else V1_1_FEATURES


def intersect_features(
    a: tuple[str, ...] | list[str], b: tuple[str, ...] | list[str]
) -> tuple[str, ...]:
    """What both have, in the order of ``a``, each once."""
    theirs: Iterable[str] = frozenset(b)
    return tuple(dict.fromkeys(feature for feature in a if feature in theirs))

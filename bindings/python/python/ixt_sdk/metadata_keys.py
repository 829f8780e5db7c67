"""The metadata keys that have a meaning everywhere (specification 21, "Metadata")."""

from __future__ import annotations

from typing import Final

__all__ = [
    "AUTH_STRENGTH",
    "BAGGAGE",
    "INGRESS_KIND",
    "INGRESS_PREFIX",
    "INGRESS_SOURCE_IP",
    "RESERVED_PREFIX",
    "TENANT",
    "TRACESTATE",
]

TENANT: Final = "tenant"
"""Whose data this is about; the ingress's to set."""
AUTH_STRENGTH: Final = "auth.strength"
"""How strongly the caller was authenticated; the ingress's to set."""
INGRESS_KIND: Final = "ingress.kind"
"""Which kind of ingress let the call in, such as ``http``; the ingress's to set."""
INGRESS_SOURCE_IP: Final = "ingress.source_ip"
"""Where the call came from; the ingress's to set."""
TRACESTATE: Final = "tracestate"
"""The W3C ``tracestate`` header, as it came."""
BAGGAGE: Final = "baggage"
"""The W3C ``baggage`` header, as it came."""
RESERVED_PREFIX: Final = "ixt."
"""Keys with this prefix are reserved for Ixt by convention; the codecs accept them."""
INGRESS_PREFIX: Final = "ingress."
"""Keys with this prefix are the ingress's to set."""

"""Who a client is."""

from __future__ import annotations

from .bearer import BearerVerifier, Identity, StaticBearerVerifier
from .jwt import JWTVerifier

__all__ = ("BearerVerifier", "Identity", "JWTVerifier", "StaticBearerVerifier")

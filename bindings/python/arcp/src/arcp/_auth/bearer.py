"""Who a client is, by the bearer token of its hello (§6.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from .._errors import UnauthenticatedError
from .._model import Model

__all__ = ("BearerVerifier", "Identity", "StaticBearerVerifier")


class Identity(Model, extra="ignore", frozen=True):
    """Whom a token stands for. Two sessions of one ``principal`` may see each other's jobs."""

    principal: str
    scopes: tuple[str, ...] = ()


@runtime_checkable
class BearerVerifier(Protocol):
    """Who checks tokens."""

    async def verify(self, token: str) -> Identity:
        """Whom the token stands for.

        Raises:
            UnauthenticatedError: nobody. Its message goes to the client.
        """
        ...


class StaticBearerVerifier:
    """A table of tokens and their principals."""

    def __init__(self, tokens: dict[str, str]) -> None:
        # By their hashes: how long it takes to find one tells nothing of the others, and no dump of
        # this table has a token.
        self._principals: Mapping[bytes, str] = {
            _hash(token): principal for token, principal in tokens.items()
        }

    async def verify(self, token: str) -> Identity:
        """Whom the token stands for.

        Raises:
            UnauthenticatedError: it is not in the table.
        """
        principal = self._principals.get(_hash(token))
        if principal is None:
            raise UnauthenticatedError("invalid bearer token")
        return Identity(principal=principal)


def _hash(token: str) -> bytes:
    # What came from a peer may have half a surrogate pair.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()

"""The hosts that a runtime is called by, where another server has the socket."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

__all__ = ["Hosts", "is_known_host"]


def is_known_host(host: str, names: Sequence[str]) -> bool:
    """Whether a ``Host`` header names an address, ``localhost``, or one of these names, which are
    in lower case. The core's rule, which has it for its own servers: a page of a foreign site that
    makes its name point here says that name (DNS rebinding), and must get nowhere (§14)."""
    name, colon, port = host.rpartition(":")
    if not colon or not all(digit in "0123456789" for digit in port):
        name = host
    lower = _lower(name)
    return _is_address(name.lstrip("[").rstrip("]")) or lower == "localhost" or lower in names


class Hosts:
    """The names that a server is called by, besides addresses and ``localhost``; ``"*"`` is all."""

    __slots__ = ("_all", "_names")

    def __init__(self, allowed: Sequence[str] | None) -> None:
        names = tuple(allowed or ())
        self._all = "*" in names
        self._names = tuple(_lower(name) for name in names)

    def knows(self, hosts: Sequence[str]) -> bool:
        """Whether a request with these ``Host`` headers is meant for here; it has one."""
        return self._all or (len(hosts) == 1 and is_known_host(hosts[0], self._names))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    # A zone is no part of an address that others can say.
    return "%" not in text


def _lower(text: str) -> str:
    """ASCII alone, as the core does."""
    return text.encode("utf-8", "surrogateescape").lower().decode("utf-8", "surrogateescape")

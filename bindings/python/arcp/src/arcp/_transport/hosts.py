"""The hosts that a runtime is called by, where another server has the socket."""

from __future__ import annotations

from collections.abc import Sequence

from ixt_sdk._native import arcp_is_known_host

__all__ = ["Hosts"]


class Hosts:
    """The names that a server is called by, besides addresses and ``localhost``; ``"*"`` is all.
    The rule is the core's."""

    __slots__ = ("_all", "_names")

    def __init__(self, allowed: Sequence[str] | None) -> None:
        names = list(allowed or ())
        self._all = "*" in names
        # A name of a host is ASCII; what is not is the name of none.
        self._names = [name.lower() for name in names if name.isascii()]

    def knows(self, hosts: Sequence[str]) -> bool:
        """Whether a request with these ``Host`` headers is meant for here; it has one."""
        if self._all:
            return True
        return len(hosts) == 1 and hosts[0].isascii() and arcp_is_known_host(hosts[0], self._names)

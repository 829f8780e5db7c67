"""Where there is NATS: ``nats://[user[:password]@]host[:port][,host[:port]...][?creds=FILE]``."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote

SCHEME = "nats://"
PORT = 4222


@dataclass(frozen=True, slots=True)
class NatsUrl:
    """Servers of NATS, any of which will do. What is secret is in no text of it."""

    servers: tuple[str, ...]
    """``host:port`` of each."""
    user: str | None = field(default=None, repr=False)
    """Without a password it is a token."""
    password: str | None = field(default=None, repr=False)
    creds: str | None = None
    """A file of credentials, as ``nsc`` makes them."""

    def __str__(self) -> str:
        return SCHEME + ",".join(self.servers)


def parse(url: str) -> NatsUrl:
    """Reads a URL. Raises ``ValueError``, which says what is wrong without what is secret."""
    authority, asks, query = url.removeprefix(SCHEME).partition("?")
    before, at, hosts = authority.removesuffix("/").rpartition("@")
    shown = f"{SCHEME}{'…@' if at else ''}{hosts}"
    try:
        user, colon, password = (_decoded(part) for part in before.partition(":"))
        name, _, creds = query.partition("=")
        if asks and (name != "creds" or not creds):
            raise ValueError("creds=FILE is the only parameter")
        return NatsUrl(
            tuple(_with_port(host) for host in hosts.split(",")),
            user if at else None,
            password if colon else None,
            _decoded(creds) or None,
        )
    except ValueError as error:
        # Without its cause, which may say what is secret.
        why = "it has no text in UTF-8" if isinstance(error, UnicodeError) else str(error)
        raise ValueError(f"{shown!r} is no {SCHEME}host:port: {why}") from None


def _decoded(part: str) -> str:
    return unquote(part, errors="strict")


def _with_port(host: str) -> str:
    # The colons of an address in brackets are none of a port.
    name, colon, port = host[host.rfind("]") + 1 :].partition(":")
    if not host.removesuffix(colon + port) or "/" in host or ":" in port:
        raise ValueError("a host is not named")
    if host.startswith("[") != ("]" in host) or (host.startswith("[") and name):
        raise ValueError("an address in brackets is not whole")
    if not colon:
        return f"{host}:{PORT}"
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise ValueError("a port is no number up to 65535")
    return host

"""ARCP within other servers: :mod:`~arcp.middleware.asgi` and :mod:`~arcp.middleware.aiohttp`; and
:mod:`~arcp.middleware.otel` for traces."""

from __future__ import annotations

__all__: tuple[str, ...] = ()

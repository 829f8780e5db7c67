"""What carries frames: WebSocket, standard streams, memory, and whatever has the four methods."""

from __future__ import annotations

from arcp._errors import TransportClosed
from arcp._transport.base import Transport
from arcp._transport.memory import MemoryTransport, pair_memory_transports
from arcp._transport.serve import Server, serve_websocket
from arcp._transport.stdio import StdioTransport
from arcp._transport.websocket import WebSocketTransport

__all__ = [
    "MemoryTransport",
    "Server",
    "StdioTransport",
    "Transport",
    "TransportClosed",
    "WebSocketTransport",
    "pair_memory_transports",
    "serve_websocket",
]

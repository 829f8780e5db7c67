"""A module on NATS: its node, between a pipe within the process and a client.

Specification 27. Needs ``ixt-sdk[nats]``.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl as _ssl
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from nats.aio.client import Client, RawCredentials, Server
from nats.aio.msg import Msg
from nats.errors import Error, OutboundBufferLimitError

from ._native import Node
from ._nats_url import NatsUrl

#: The name of every queue group.
QUEUE = "ixt"
#: Bytes of messages that one turn publishes.
TURN = 128 << 10
#: Bytes that the client holds before publishing waits for it to write them.
PENDING = 256 << 10
#: What the module may have written before it is told to wait.
HIGH_WATER = 256 << 10
#: Messages that wait at most: far more than credit lets come.
CAPACITY = 1 << 16
#: Seconds for which the client tries to reach a server again: a node's lease.
LEASE = 5.0
#: Seconds that the last words may take.
LINGER = 1.0
#: What the server's answer says where nobody listens.
NO_RESPONDERS = "503"


async def connect(
    url: NatsUrl, protocol: asyncio.BufferedProtocol, ssl: _ssl.SSLContext | None, name: str
) -> None:
    """Connects a client, and a protocol to its node. Raises ``OSError`` where nobody can be
    reached or the server takes nobody of this user."""
    carrier = _Carrier(protocol)
    await carrier.dial(url, ssl, name)


class _Client(Client):
    """Whose flushes reach what was said before them."""

    async def flush(self, timeout: int = int(LEASE)) -> None:  # noqa: ASYNC109
        # The ping of a flush overtakes what the client has not written yet; all of it is written
        # when the answer is there, so a second ping follows it.
        await super().flush(timeout)
        await super().flush(timeout)


class _Carrier(asyncio.Transport):
    """The module's end of the pipe, and what carries between its node and the client.

    After every input of any kind its task takes a turn of the node, behind what else has come
    meanwhile.
    """

    def __init__(self, protocol: asyncio.BufferedProtocol) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._epoch_us = time.time_ns() // 1000 - int(self._loop.time() * 1e6)
        self._protocol = protocol
        self._client = _Client()
        self._node: Node | None = None
        self._task: asyncio.Task[None] | None = None
        self._input = asyncio.Event()
        self._written: list[bytes] = []
        self._unread = 0
        self._paused = False
        self._messages: list[tuple[str, bytes | None]] = []
        # The client's types do not say all of a subscription.
        self._listening: dict[str, Any] = {}
        self._draining: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._closing = False
        self._leaving = False
        self._last_error: Exception | None = None

    # The client.

    async def dial(self, url: NatsUrl, ssl: _ssl.SSLContext | None, name: str) -> None:
        """Connects the client, and then the protocol."""
        creds = None if url.creds is None else _credentials(url.creds)
        is_token = url.password is None
        try:
            await self._client.connect(
                [f"nats://{server}" for server in url.servers],
                name=name,
                no_echo=True,
                tls=ssl,
                user=None if is_token else url.user,
                password=url.password,
                token=url.user if is_token else None,
                user_credentials=creds,
                error_cb=self._on_error,
                disconnected_cb=self._on_disconnected,
                reconnected_cb=self._on_reconnected,
                closed_cb=self._on_closed,
                reconnect_to_server_handler=_next_server,
                # Each server once more; the module has a backoff of its own.
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                # Also what ends a client whose reader has failed.
                ping_interval=2,
                max_outstanding_pings=2,
                pending_size=PENDING,
            )
        except BaseException as error:
            self._leaving = True
            await self._close_client()
            if not isinstance(error, Exception):
                raise
            why = self._last_error or error
            raise ConnectionRefusedError(f"{url}: {why or type(why).__name__}") from None
        # From now on the lease alone says for how long.
        self._client.options["max_reconnect_attempts"] = -1
        self._node = Node(self._now_us(), max_message=self._client.max_payload)
        self._task = self._loop.create_task(self._carry(self._node))
        self._protocol.connection_made(self)

    async def _on_error(self, error: Exception) -> None:
        self._last_error = error
        if self._leaving:
            # A client that is closed may have missed it, and try to reach a server for ever.
            raise asyncio.CancelledError
        if self._node is not None:
            self._node.server_error(str(error), self._now_us())
            self._input.set()
        elif isinstance(error, _ssl.SSLError) or "authorization" in str(error).lower():
            # The client would wait for the end of a connection that has none, or try the same at
            # all servers of a cluster, and again at those of which they tell it.
            raise error

    async def _on_disconnected(self) -> None:
        if self._giving_up is None and not self._leaving:
            self._giving_up = self._loop.call_later(LEASE, self.abort)

    async def _on_reconnected(self) -> None:
        if self._leaving:
            await self._client.close()
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        self._input.set()

    async def _on_closed(self) -> None:
        self.abort()

    async def _on_message(self, message: Msg) -> None:
        # What is dropped is missed by its number.
        if len(self._messages) < CAPACITY:
            headers = message.headers
            nobody = (
                headers is not None and not message.data and headers.get("Status") == NO_RESPONDERS
            )
            self._messages.append((message.subject, None if nobody else message.data))
            self._input.set()

    # What the module's connection knows.

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._closing or self._leaving:
            return
        self._written.append(bytes(data))
        self._unread += len(data)
        if self._unread > HIGH_WATER and not self._paused:
            self._paused = True
            self._protocol.pause_writing()
        self._input.set()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def is_closing(self) -> bool:
        return self._closing or self._leaving

    def close(self) -> None:
        self._closing = True
        self._input.set()

    def abort(self) -> None:
        if self._task is not None and not self._leaving:
            self._task.cancel()

    # Turns.

    def _now_us(self) -> int:
        return self._epoch_us + int(self._loop.time() * 1e6)

    async def _carry(self, node: Node) -> None:
        task = asyncio.current_task()
        try:
            # The client's methods may swallow a cancellation.
            while not self._closing and task is not None and not task.cancelling():
                self._input.clear()
                await self._turn(node)
                if not self._closing:
                    await self._input.wait()
        except (Error, OSError):
            # The client is closed, say: the module connects again.
            pass
        finally:
            await self._leave(node)

    async def _turn(self, node: Node) -> None:
        more = True
        while more and not self._closing:
            messages, self._messages = self._messages, []
            written = self._take_written()
            most = TURN if self._client.is_connected else 0
            local, publishes, changes, timeout, more = node.turn(
                self._now_us(), written, messages, most
            )
            if local is not None:
                self._deliver(local)
            elif node.has_ended:
                self.close()
            if changes is not None:
                await self._listen(node, changes)
                more = True
            if publishes is not None:
                await self._publish(publishes)
            if not more:
                self._set_timer(timeout)

    def _take_written(self) -> bytes | None:
        if not self._written:
            return None
        written = self._written[0] if len(self._written) == 1 else b"".join(self._written)
        self._written.clear()
        self._unread = 0
        if self._paused:
            self._paused = False
            self._protocol.resume_writing()
        return written

    def _deliver(self, data: bytes) -> None:
        while data and not self._closing:
            buffer = memoryview(self._protocol.get_buffer(len(data)))
            part, data = data[: len(buffer)], data[len(buffer) :]
            buffer[: len(part)] = part
            self._protocol.buffer_updated(len(part))

    async def _publish(self, messages: list[tuple[str, bytes, str]]) -> None:
        for message in messages:
            # Where the connection breaks meanwhile it is lost as on the way: its number tells.
            with contextlib.suppress(OutboundBufferLimitError):
                await self._client.publish(*message)

    async def _publish_all(self, node: Node) -> None:
        more = True
        while more and self._client.is_connected:
            messages, self._messages = self._messages, []
            _, publishes, _, _, more = node.turn(self._now_us(), None, messages, TURN)
            await self._publish(publishes or [])

    def _set_timer(self, at_us: int | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at_us is not None:
            # Up to the next whole microsecond, so that it is not woken before its time.
            at = (at_us - self._epoch_us + 1) / 1e6
            self._timer = self._loop.call_at(at, self._input.set)

    async def _listen(self, node: Node, changes: list[tuple[str, bool, bool]]) -> None:
        client: Any = self._client
        given_up: list[Any] = []
        confirms = False
        for subject, is_shared, is_wanted in changes:
            if is_wanted:
                self._listening[subject] = await client.subscribe(
                    subject,
                    QUEUE if is_shared else "",
                    self._on_message,
                    pending_msgs_limit=CAPACITY,
                    pending_bytes_limit=0,
                )
                confirms = True
            elif subject in self._listening:
                given_up.append(self._listening.pop(subject))
        if confirms:
            await self._client.flush(int(LEASE))
            node.subscribed()
        if given_up:
            draining = self._loop.create_task(_drain(given_up))
            self._draining.add(draining)
            draining.add_done_callback(self._draining.discard)

    # The end.

    async def _leave(self, node: Node) -> None:
        self._leaving = True
        for timer in (self._timer, self._giving_up):
            if timer is not None:
                timer.cancel()
        by_module, self._closing = self._closing, True
        if not by_module:
            self._protocol.connection_lost(None)
        try:
            await _within(LINGER, self._last_words(node))
        finally:
            await self._close_client()
            if by_module:
                self._protocol.connection_lost(None)

    async def _close_client(self) -> None:
        try:
            await _within(LINGER, self._client.close())
        finally:
            # A client that was cancelled or is stuck while it closes keeps its socket, and says so
            # nowhere.
            transport = getattr(self._client, "_transport", None)
            if transport is not None:
                transport.close()

    async def _last_words(self, node: Node) -> None:
        """What the module wrote last, and what tells the others that it is gone."""
        _, _, changes, _, _ = node.turn(self._now_us(), self._take_written(), [], 0)
        if changes is not None:
            await self._listen(node, changes)
        if self._draining:
            # What the server has sent on before it knew that nobody listens is answered too.
            await asyncio.wait(self._draining)
        await self._publish_all(node)
        node.local_ended(self._now_us())
        await self._publish_all(node)
        if self._client.is_connected:
            await self._client.flush()


async def _drain(subscriptions: list[Any]) -> None:
    """Gives subscriptions up; what comes until the server knows is still taken."""
    await asyncio.gather(*(each.drain() for each in subscriptions), return_exceptions=True)


async def _within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    """Waits for it for so long at most, whatever it does about a cancellation or raises."""
    task = asyncio.ensure_future(work)
    await asyncio.wait((task,), timeout=seconds)
    task.cancel()
    # Its failure is seen, so that nobody is warned of it.
    task.add_done_callback(lambda task: task.cancelled() or task.exception())


def _next_server(servers: list[Server], _: dict[str, Any]) -> tuple[Server, float]:
    """The server to try next, and in how many seconds."""
    server = min(servers, key=lambda each: each.reconnects)
    return server, 0.02 * 2 ** min(server.reconnects, 4)


def _credentials(file: str) -> RawCredentials:
    text = Path(file).read_text(encoding="utf-8")
    for part in ("-----BEGIN NATS USER JWT-----", "-----BEGIN USER NKEY SEED-----"):
        if part not in text:
            raise ValueError(f"{file} is no file of NATS credentials: it has no {part}")
    return RawCredentials(text)

"""Joins an engine to a transport that has only methods to wait for: two tasks."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

from arcp._errors import TransportClosed
from arcp._transport.base import Endpoint, Frames, FrameTransport, Link, Transport
from ixt_sdk._native import arcp_loads

__all__ = ["attach"]


def attach(transport: Transport, endpoint: Endpoint) -> Link:
    """Joins them: what comes is taken by the endpoint, what it gives is sent."""
    join = getattr(transport, "_attach", None)
    if join is not None:
        link = cast(Link | None, join(endpoint))
        if link is not None:
            return link
    return _Pump(transport, endpoint)


class _Pump:
    """Reads in one task and writes in another."""

    __slots__ = (
        "_closing",
        "_endpoint",
        "_is_lost",
        "_read",
        "_readable",
        "_tasks",
        "_transport",
        "_work",
    )

    def __init__(self, transport: Transport, endpoint: Endpoint) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._work = asyncio.Event()
        self._readable = asyncio.Event()
        self._readable.set()
        self._closing = False
        self._is_lost = False
        loop = asyncio.get_running_loop()
        self._tasks = (loop.create_task(self._reading()), loop.create_task(self._writing()))

    def flush(self) -> None:
        self._work.set()

    def close(self) -> None:
        self._closing = True
        self._work.set()

    def pause(self) -> None:
        self._readable.clear()

    def resume(self) -> None:
        self._readable.set()

    async def _reading(self) -> None:
        why: BaseException | None = None
        try:
            if hasattr(self._transport, "recv_frame"):
                frames = cast(FrameTransport, self._transport)
                while True:
                    await self._readable.wait()
                    self._endpoint.take([await frames.recv_frame()])
            while True:
                await self._readable.wait()
                self._endpoint.take_object(await self._transport.recv())
        except TransportClosed:
            pass
        except asyncio.CancelledError:
            return
        except Exception as error:  # whatever a transport of others raises
            why = error
        self._lose(why)
        # The peer has ended it, or it failed: what it holds here is given back.
        with contextlib.suppress(Exception):
            await self._transport.close()

    async def _writing(self) -> None:
        why: BaseException | None = None
        try:
            send = self._sender()
            while True:
                await self._work.wait()
                self._work.clear()
                while frames := self._endpoint.give():
                    await send(frames)
                    self._endpoint.sent()
                if self._closing:
                    break
        except TransportClosed:
            pass
        except asyncio.CancelledError:
            return
        except Exception as error:
            why = error
        with contextlib.suppress(Exception):
            await self._transport.close()
        self._lose(why)

    def _sender(self) -> Any:
        if hasattr(self._transport, "send_frames"):
            return cast(FrameTransport, self._transport).send_frames
        return self._send_objects

    async def _send_objects(self, frames: Frames) -> None:
        for frame in frames:
            await self._transport.send(arcp_loads(frame))

    def _lose(self, why: BaseException | None) -> None:
        if self._is_lost:
            return
        self._is_lost = True
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        self._endpoint.lost(why)

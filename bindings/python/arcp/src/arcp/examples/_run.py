"""What every example needs and none is about: two processes, a port, and an exit status."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, NoReturn
from urllib.parse import urlsplit

from arcp import (
    ARCPError,
    Capabilities,
    ClientInfo,
    RuntimeInfo,
    TransportClosed,
    WebSocketTransport,
    serve_websocket,
)
from arcp.client import ARCPClient
from arcp.runtime import ARCPRuntime, StaticBearerVerifier

__all__ = [
    "PRINCIPAL",
    "TOKEN",
    "child",
    "example",
    "expect",
    "get",
    "make_runtime",
    "new_client",
    "serve",
    "session",
]

TOKEN = os.environ.get("ARCP_DEMO_TOKEN", "demo-token")
PRINCIPAL = "demo-principal"
_PATIENCE = 30.0
"""Seconds that an example may take. Most take less than one."""

Client = Callable[[str], Awaitable[None]]
"""The client's side: given where the runtime is."""
Serve = Callable[[int], Awaitable[None]]
"""The runtime's side: given the port to listen on; runs until it is cancelled."""


def example(*, port: int, client: Client, serve: Serve, own_runtime: bool = False) -> NoReturn:
    """The ``main`` of an example: both sides, or the one that the command line asks for.

    Args:
        port: Where ``--serve`` listens, unless ``ARCP_DEMO_PORT`` says another.
        client: The client's side; raises what is wrong.
        serve: The runtime's side.
        own_runtime: The client starts its runtime itself.
    """
    asked = argparse.ArgumentParser()
    asked.add_argument("--serve", action="store_true", help="the runtime alone")
    asked.add_argument("--port", type=int, default=int(os.environ.get("ARCP_DEMO_PORT", port)))
    asked.add_argument("--url", help="the client alone, against this runtime")
    options = asked.parse_args()
    if options.serve:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_until_stopped(serve(options.port)))
        sys.exit(0)
    try:
        asyncio.run(_drive(client, "" if own_runtime else options.url))
    except (AssertionError, ARCPError, TransportClosed, OSError, TimeoutError) as error:
        print(f"failed: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)


def expect(what: str, is_so: object) -> None:
    """Ends the example as failed, with words, where something is not so."""
    if not is_so:
        raise AssertionError(what)


def make_runtime(name: str, **options: Any) -> ARCPRuntime:
    """A runtime that knows one token. It offers all features unless ``features`` names some."""
    features = options.pop("features", None)
    if features is not None:
        options["capabilities"] = Capabilities(encodings=("json",), features=tuple(features))
    options.setdefault("bearer", StaticBearerVerifier({TOKEN: PRINCIPAL}))
    return ARCPRuntime(runtime=RuntimeInfo(name=f"{name}-server", version="1.0.0"), **options)


async def serve(runtime: ARCPRuntime, port: int, accept: Any = None) -> None:
    """Serves it on a WebSocket of this machine alone."""
    async with (
        runtime,
        await serve_websocket(accept or runtime.accept, host="127.0.0.1", port=port) as server,
    ):
        print(f"listening on ws://127.0.0.1:{server.port}/arcp", flush=True)
        await server.serve_forever()


def new_client(name: str, *, token: str = TOKEN, **options: Any) -> ARCPClient:
    """A client that is not connected yet."""
    info = ClientInfo(name=f"{name}-client", version="1.0.0")
    return ARCPClient(client=info, token=token, **options)


@contextlib.asynccontextmanager
async def session(url: str, name: str, **options: Any) -> AsyncGenerator[ARCPClient]:
    """A client with a session, which is closed at the end."""
    async with new_client(name, **options) as client:
        await client.connect(await WebSocketTransport.connect(url))
        yield client


async def get(url: str, path: str) -> str:
    """What the server of this WebSocket answers to a plain GET."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n\r\n".encode()
    )
    answer = (await reader.read()).decode()
    writer.close()
    return answer.partition("\r\n\r\n")[2]


@contextlib.asynccontextmanager
async def child(*args: str, **pipes: Any) -> AsyncGenerator[Process]:
    """This example once more, as a second process, which is stopped at the end."""
    main: Any = sys.modules["__main__"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", main.__spec__.name, *args, stdout=PIPE, **pipes
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _drive(client: Client, url: str | None) -> None:
    async with asyncio.timeout(_PATIENCE):
        if url is not None:
            await client(url)
            return
        async with child("--serve", "--port", "0") as process:
            assert process.stdout is not None
            line = (await process.stdout.readline()).decode()
            expect("the runtime did not start", line.startswith("listening on "))
            await client(line.split()[-1])


async def _until_stopped(work: Awaitable[None]) -> None:
    task = asyncio.ensure_future(work)
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task

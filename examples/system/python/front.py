"""The Python module of the system demo: it stands in front and calls the module in Go."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ixt_sdk import CallContext, CallError, CallStream, InteractionKind, Module

module = Module("python")


@contextmanager
def telling(what: str, ctx: CallContext) -> Iterator[None]:
    """Says when the handler was stopped: by its cancellation, or by an error of the call that it made."""
    try:
        yield
    except (asyncio.CancelledError, CallError):
        print(f"python: {what} for {ctx.source_module} was stopped", flush=True)
        raise


@module.unary("front.shout")
async def shout(message: bytes, ctx: CallContext) -> bytes:
    answer = await module.client.unary("go.shout", message)
    return answer + f", called by Python for {ctx.source_module}".encode()


@module.unary("front.nap")
async def nap(message: bytes, ctx: CallContext) -> bytes:
    with telling("nap", ctx):
        return await module.client.unary("go.nap", message)


@module.service("front.ticks", kind=InteractionKind.SERVER_STREAM)
async def ticks(stream: CallStream[bytes, bytes], ctx: CallContext) -> None:
    with telling("ticks", ctx):
        async for message in stream:
            async with module.client.server_stream("go.ticks", message) as found:
                async for tick in found:
                    await stream.send(tick)


if __name__ == "__main__":
    module.run(sys.argv[1])

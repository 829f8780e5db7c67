"""The Python module of the system demo: it stands in front and calls the module in Go."""

import asyncio
import sys

from ixt_sdk import CallContext, CallStream, InteractionKind, Module

module = Module("python")


def told(what: str, ctx: CallContext) -> None:
    print(f"python: {what} for {ctx.source_module} was stopped", flush=True)


@module.unary("front.shout")
async def shout(message: bytes, ctx: CallContext) -> bytes:
    answer = await module.client.unary("go.shout", message)
    return answer + f", called by Python for {ctx.source_module}".encode()


@module.unary("front.nap")
async def nap(message: bytes, ctx: CallContext) -> bytes:
    try:
        return await module.client.unary("go.nap", message)
    except asyncio.CancelledError:
        told("nap", ctx)
        raise


@module.service("front.ticks", kind=InteractionKind.SERVER_STREAM)
async def ticks(stream: CallStream[bytes, bytes], ctx: CallContext) -> None:
    try:
        async for message in stream:
            async with module.client.server_stream("go.ticks", message) as found:
                async for tick in found:
                    await stream.send(tick)
    except asyncio.CancelledError:
        told("ticks", ctx)
        raise


if __name__ == "__main__":
    module.run(sys.argv[1])

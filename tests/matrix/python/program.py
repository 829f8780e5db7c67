"""Python's program of the matrix; see tests/matrix/README.md."""

import asyncio
import ssl
import sys

from ixt_sdk import (
    CallContext,
    CallError,
    CallStream,
    Client,
    HandlePayload,
    InteractionKind,
    Module,
    StreamErrorCode,
)

Bytes = CallStream[bytes, bytes]


def trusting(roots: str) -> ssl.SSLContext | None:
    return None if roots == "-" else ssl.create_default_context(cafile=roots)


def serve(url: str, roots: str) -> None:
    module = Module("python", ssl=trusting(roots))

    @module.unary("python.unary")
    async def unary(message: bytes, ctx: CallContext) -> bytes:
        return message[::-1]

    @module.handle_message("python.message")
    async def message(payload: HandlePayload, ctx: CallContext) -> bytes:
        if payload.method != "backwards":
            raise CallError(StreamErrorCode.NOT_FOUND, payload.method)
        return payload.body[::-1]

    @module.service("python.client", kind=InteractionKind.CLIENT_STREAM)
    async def client(stream: Bytes, ctx: CallContext) -> bytes:
        sizes = [len(message) async for message in stream]
        return b"%d:%d" % (len(sizes), sum(sizes))

    @module.service("python.server", kind=InteractionKind.SERVER_STREAM)
    async def server(stream: Bytes, ctx: CallContext) -> None:
        async for message in stream:
            for number in range(int(message)):
                await stream.send(b"%d" % number)

    @module.service("python.bidi", kind=InteractionKind.BIDI_STREAM)
    async def bidi(stream: Bytes, ctx: CallContext) -> None:
        async for message in stream:
            await stream.send(message[::-1])

    module.run(url)


class Digest:
    """FNV-1a over the length and the bytes of each message."""

    def __init__(self) -> None:
        self.value = 0xCBF29CE484222325

    def add(self, message: bytes) -> None:
        value = self.value
        for byte in len(message).to_bytes(8, "little") + message:
            value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
        self.value = value

    def __str__(self) -> str:
        return f"{self.value:016x}"


async def call(url: str, roots: str, provider: str) -> None:
    async with Client(f"python-calls-{provider}", url, ssl=trusting(roots)) as client:
        digest = Digest()
        for size in (0, 1, 64, 70_000, 1 << 20):
            message = (bytes(range(251)) * (size // 251 + 1))[:size]
            digest.add(await client.unary(f"{provider}.unary", message))
        print(f"unary {digest}")

        digest = Digest()
        for size in (0, 1, 64, 70_000, 1_000_000):
            body = (bytes(range(251)) * (size // 251 + 1))[:size]
            digest.add(await client.message(f"{provider}.message", "backwards", body))
        try:
            await client.message(f"{provider}.message", "forwards")
        except CallError as error:
            if error.code != StreamErrorCode.NOT_FOUND:
                raise
            print(f"message {digest}")

        async with client.client_stream(f"{provider}.client") as stream:
            for size in range(300):
                await stream.send(b"\7" * size)
            print(f"client {(await stream.result()).decode()}")

        digest = Digest()
        async with client.server_stream(f"{provider}.server", b"1000") as stream:
            async for message in stream:
                digest.add(message)
        print(f"server {digest}")

        digest = Digest()
        async with client.bidi_stream(f"{provider}.bidi") as stream:
            for number in range(300):
                await stream.send(b"%d" % number)
                digest.add(await stream.receive())
            stream.close()
            if [message async for message in stream]:
                raise SystemExit("a message too many")
        print(f"bidi {digest}")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:4])
    else:
        asyncio.run(call(*sys.argv[2:5]))

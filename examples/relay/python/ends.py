"""Both ends of the relay, in one module: the source, which opens the stream and sends the file, and the sink, which the
last hop calls."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from ixt_sdk import (
    CallContext,
    CallStream,
    Client,
    InteractionKind,
    Module,
    metadata_keys,
)
from ixt_sdk.invocation import ActorIdentity, OperatorSubject
from ixt_sdk.transport import ConnectionSettings
from leg import Leg
from program import RelayError

CHUNK = 16 << 10
WINDOW = 8
READS_AT_ONCE = 40
"""After so many messages the sink stops reading for a while."""
TAP_BEHIND = 256
"""How many messages a tap may be behind: few enough for the host to keep them for it."""
DEADLINE = 600.0
Bytes = CallStream[bytes, bytes]


class Ends:
    """The module in Python."""

    def __init__(
        self, file: Path, legs: Sequence[Leg], pause: Callable[[], Awaitable[None]]
    ) -> None:
        self.file = file
        self.size = file.stat().st_size
        self.legs = legs
        self.pause = pause
        self.sent = self.waits = 0
        self.waited = self.seconds = 0.0
        self.equal = False
        self.module = Module("python", settings=ConnectionSettings(window=WINDOW))
        self.module.service(
            "relay.sink", kind=InteractionKind.BIDI_STREAM, requires="relay.stream"
        )(self.sink)

    async def source(self, client: Client) -> None:
        """Sends the file, and checks the answer."""
        actor = ActorIdentity(OperatorSubject("alice"), capabilities=["relay.*"])
        metadata = {metadata_keys.TENANT: "acme", metadata_keys.INGRESS_KIND: "relay"}
        sha = hashlib.sha256()
        began = time.perf_counter()
        call = client.bidi_stream("relay.go", timeout=DEADLINE, actor=actor, metadata=metadata)
        with self.file.open("rb") as file:
            async with call as stream:
                while chunk := file.read(CHUNK):
                    sha.update(chunk)
                    if not stream.try_send(chunk):
                        waits = time.perf_counter()
                        await stream.send(chunk)
                        self.waits += 1
                        self.waited += time.perf_counter() - waits
                    self.sent += 1
                stream.close()
                answers = [json.loads(answer) async for answer in stream]
        self.seconds = time.perf_counter() - began
        if answers != [{"bytes": self.size, "sha256": sha.hexdigest()}] or not self.equal:
            raise RelayError("what the sink says that it got is not the file")

    async def sink(self, stream: Bytes, ctx: CallContext) -> None:
        """Compares what comes with the file, and answers with what it got."""
        sha = hashlib.sha256()
        count = size = 0
        equal = True
        with self.file.open("rb") as file:
            async for payload in stream:
                count += 1
                size += len(payload)
                sha.update(payload)
                equal = equal and payload == file.read(len(payload))
                # No tap is left so far behind that it would lose a frame.
                for leg in self.legs:
                    await leg.has(count - TAP_BEHIND)
                if count == READS_AT_ONCE:
                    await self.pause()
            self.equal = equal and not file.read(1)
        await stream.send(json.dumps({"bytes": size, "sha256": sha.hexdigest()}).encode())

"""Our Python SDK as a runtime, with the agent that does as it is told: prints its URL and serves."""

from __future__ import annotations

import asyncio

import runtime
from conform import Nowhere, conform

import arcp

if __name__ == "__main__":
    who = arcp.RuntimeInfo(name="ixt", version=arcp.IMPL_VERSION)
    asyncio.run(runtime.serve(who, conform, Nowhere()))

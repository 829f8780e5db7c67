"""Our Python SDK as a runtime, with the agent that does as it is told: prints its URL and serves."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import runtime

import arcp

sys.path.append(str(Path(__file__).resolve().parents[3] / "bindings" / "python" / "arcp" / "tests"))

from conform_agent import Nowhere, conform

if __name__ == "__main__":
    who = arcp.RuntimeInfo(name="ixt", version=arcp.IMPL_VERSION)
    asyncio.run(runtime.serve(who, conform, Nowhere()))

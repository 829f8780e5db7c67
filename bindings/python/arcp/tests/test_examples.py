"""The examples run, and their runtimes serve the clients of the official package's examples."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from official import run as distribution

from arcp import examples

FOLDER = Path(examples.__path__[0])
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
WITHOUT_URL = {"stdio"}

# A Python that has the official package installed, for its clients on its own library too.
PYTHONS = [sys.executable, *filter(None, [os.environ.get("ARCP_OFFICIAL_PYTHON")])]

SERVED = (
    "agent_versions",
    "cancel",
    "cost_budget",
    "custom_auth",
    "host_aiohttp",
    "host_asgi",
    "host_tracing",
    "idempotent_retry",
    "lease_expires_at",
    "lease_violation",
    "list_jobs",
    "progress",
    "provisioned_credentials",
    "result_chunk",
    "resume",
    "submit_and_stream",
    "vendor_extensions",
)
NOT_SERVED = {
    "ack_backpressure": "its agent reads the runtime's own record of acks",
    "delegate": "it delegates without agent.delegate in its lease (§10)",
    "heartbeat": "it asks for an interval of 5 s and takes 12 s",
    "stdio": "it starts its own server",
    "subscribe": "it expects its cancel to end the subscription instead of the call",
}
NEEDS = {"host_aiohttp": "aiohttp", "host_tracing": "opentelemetry.sdk", "host_asgi": "httpx"}


async def run(*command: str, seconds: float = 30, **env: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=PIPE, env={**os.environ, **env}
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.fixture(scope="session")
def official() -> Path:
    """The examples of the official package: of the source distribution at ``ARCP_OFFICIAL_SRC``, or
    of the one that is downloaded for its tests."""
    if given := os.environ.get("ARCP_OFFICIAL_SRC"):
        return Path(given) / "examples"
    if os.environ.get("ARCP_OFFICIAL_TESTS") == "skip":
        pytest.skip("ARCP_OFFICIAL_TESTS=skip, and ARCP_OFFICIAL_SRC is not set")
    distribution.fetch()
    return distribution.TESTS.parent / "examples"


def test_all_examples_are_there(official: Path) -> None:
    theirs = {path.name for path in official.iterdir() if path.is_dir()}
    assert theirs == set(NAMES)
    assert theirs == {*SERVED, *NOT_SERVED}


@pytest.mark.parametrize("name", NAMES)
async def test_an_example_runs(name: str) -> None:
    began = time.monotonic()
    code, out, err = await run(sys.executable, "-m", f"arcp.examples.{name}")
    assert code == 0, out + err
    assert out.strip()
    assert "Traceback" not in err
    # A machine that has much else to do is given more.
    assert time.monotonic() - began < 5 * (1 + os.getloadavg()[0])


@pytest.mark.parametrize("name", sorted(set(NAMES) - WITHOUT_URL))
async def test_a_client_alone_says_that_nobody_is_there(name: str) -> None:
    module = f"arcp.examples.{name}"
    code, _, err = await run(sys.executable, "-m", module, "--url", "ws://127.0.0.1:1/arcp")
    assert code == 1
    assert err.startswith("failed: ")
    assert len(err.splitlines()) == 1


async def test_an_example_that_sees_something_else_fails() -> None:
    # The agent of another example answers here.
    server = await serve("vendor_extensions")
    try:
        module = "arcp.examples.submit_and_stream"
        code, _, err = await run(sys.executable, "-m", module, "--url", server[1])
    finally:
        await stop(server[0])
    assert (code, err.split(":")[:2]) == (1, ["failed", " AgentNotAvailableError"])


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", SERVED)
async def test_an_official_client_is_served(name: str, python: str, official: Path) -> None:
    if name in NEEDS and (await run(python, "-c", f"import {NEEDS[name]}"))[0] != 0:
        pytest.skip(f"{NEEDS[name]} is not installed there")
    process, url = await serve(name)
    try:
        client = official / name / "client.py"
        port = url.split(":")[2].split("/")[0]
        code, out, err = await run(python, str(client), ARCP_DEMO_PORT=port, ARCP_DEMO_URL=url)
        assert code == 0, out + err
    finally:
        await stop(process)


async def serve(name: str) -> tuple[asyncio.subprocess.Process, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"arcp.examples.{name}", "--serve", "--port", "0", stdout=PIPE
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    assert line.startswith("listening on ws://"), line
    return process, line.split()[-1]


async def stop(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0

"""The command ``arcp``, as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

TOKEN = "cli-secret"
AGENTS = """
import asyncio


async def shout(given, ctx):
    await ctx.status("shouting")
    return given.upper()


async def stream(given, ctx):
    async with ctx.stream_result() as result:
        for line in given:
            await result.write(line)


async def fail(given, ctx):
    raise ValueError("no good")


async def wait(given, ctx):
    await asyncio.sleep(1)
    return "waited"


number = 5
"""


async def start(*args: str, token: str | None = TOKEN, cwd: Path | None = None) -> Process:
    env = {name: value for name, value in os.environ.items() if name != "ARCP_TOKEN"}
    if token is not None:
        env["ARCP_TOKEN"] = token
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "arcp", *args, stdout=PIPE, stderr=PIPE, env=env, cwd=cwd
    )


async def run(*args: str, token: str | None = TOKEN) -> tuple[int | None, str, str]:
    process = await start(*args, token=token)
    out, err = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, out.decode(), err.decode()


@contextlib.asynccontextmanager
async def serving(*args: str, cwd: Path | None = None) -> AsyncGenerator[str]:
    process = await start("serve", "--port", "0", *args, cwd=cwd)
    assert process.stderr is not None
    line = (await asyncio.wait_for(process.stderr.readline(), 20)).decode()
    assert line.startswith("arcp serve listening on ws://127.0.0.1:"), line
    try:
        yield line.split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = await asyncio.wait_for(process.communicate(), 20)
    # An agent that fails is logged there.
    assert (process.returncode, b"Traceback" in err) == (0, b"no good" in err), err


async def test_submit_prints_the_result_of_echo() -> None:
    async with serving() as url:
        code, out, err = await run("submit", "--url", url, "--agent", "echo", "--input", '{"a": 1}')
        assert code == 0
        done = json.loads(out)
        assert done["final_status"] == "success"
        assert done["result"] == {"echoed": {"a": 1}}
        assert err.startswith("session sess_")


async def test_agents_of_ones_own_and_how_they_end(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(AGENTS)
    agents = ["mine:shout", "loud@1.0=mine:shout", "mine:stream", "mine:fail"]
    named = [word for agent in agents for word in ("--agent", agent)]
    async with serving(*named, cwd=tmp_path) as url:
        for agent in ("shout", "loud", "loud@1.0"):
            code, out, _ = await run("submit", "--url", url, "--agent", agent, "--input", '"hi"')
            assert (code, json.loads(out)["result"]) == (0, "HI")
        code, out, _ = await run(
            "submit", "--url", url, "--agent", "stream", "--input", '["a\\n", "b"]'
        )
        assert (code, json.loads(out)["result"]) == (0, "a\nb")
        code, out, err = await run("submit", "--url", url, "--agent", "fail")
        assert (code, out) == (1, "")
        assert err.splitlines()[-1] == "arcp: INTERNAL_ERROR: no good"
        code, _, err = await run("submit", "--url", url, "--agent", "echo")
        assert (code, err.split(":")[1]) == (1, " AGENT_NOT_AVAILABLE")


async def test_tail_follows_a_job_and_replay_tells_it_again(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(AGENTS)
    db = tmp_path / "events.db"
    async with serving("--db", str(db), "--agent", "mine:wait", cwd=tmp_path) as url:
        submit = await start("submit", "--url", url, "--agent", "wait")
        assert submit.stderr is not None
        said = (await asyncio.wait_for(submit.stderr.readline(), 20)).decode().split()
        session, job = said[1].rstrip(","), said[3]
        code, out, _ = await run("tail", "--url", url, "--job-id", job)
        assert code == 0
        assert json.loads(out.splitlines()[-1])["result"] == "waited"
        await submit.communicate()
        code, _, err = await run("tail", "--url", url, "--job-id", "job_none")
        assert code == 1
        assert "job_none" in err or "NOT_FOUND" in err or "DENIED" in err
    code, out, _ = await run("replay", "--db", str(db), "--session", session, token=None)
    assert code == 0
    kept = [json.loads(line) for line in out.splitlines()]
    assert [frame["event_seq"] for frame in kept] == list(range(1, len(kept) + 1))
    assert kept[-1]["payload"]["result"] == "waited"
    after = str(len(kept))
    code, out, _ = await run(
        "replay", "--db", str(db), "--session", session, "--after-seq", after, token=None
    )
    assert (code, out) == (0, "")


async def test_a_wrong_token_is_refused() -> None:
    async with serving() as url:
        code, out, err = await run("submit", "--url", url, "--token", "wrong", "--agent", "echo")
        assert (code, out) == (1, "")
        assert err.startswith("arcp: UNAUTHENTICATED: ")
        assert "wrong" not in err


@pytest.mark.parametrize(
    ("args", "code", "why"),
    [
        (["submit", "--url", "ws://127.0.0.1:1/arcp", "--agent", "echo"], 3, "Connect call failed"),
        (["submit", "--url", "http://127.0.0.1:1/", "--agent", "echo"], 3, "not ws://"),
        (["submit", "--url", "ws://x/", "--agent", "echo", "--input", "{"], 2, "--input: no JSON"),
        (
            ["submit", "--url", "ws://x/", "--agent", "echo", "--lease", "[]"],
            2,
            "not a JSON object",
        ),
        (["serve", "--agent", "nothing"], 2, "not MODULE:FUNCTION"),
        (["serve", "--agent", "no.such:thing"], 2, "No module named"),
        (["serve", "--agent", "math:pi"], 2, "not a function"),
        (["replay", "--db", "/no/such", "--session", "s"], 3, "no such file"),
        (["fly"], 2, "invalid choice"),
        ([], 2, "required"),
    ],
)
async def test_what_cannot_be_done_is_said_in_one_line(
    args: list[str], code: int, why: str
) -> None:
    status, out, err = await run(*args)
    assert (status, out) == (code, "")
    assert why in err.splitlines()[-1]


async def test_a_token_is_needed_and_is_not_shown_by_help() -> None:
    status, _, err = await run("serve", token=None)
    assert (status, err) == (2, "arcp: no token: --token, or ARCP_TOKEN in the environment\n")
    status, out, _ = await run("serve", "--help")
    assert status == 0
    assert "--principal" in out
    assert TOKEN not in out

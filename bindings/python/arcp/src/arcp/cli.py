"""The command ``arcp``: serves agents, submits jobs, follows them, and replays a log.

It exits with 0 where all went well, 1 where the runtime or the job says no, 2 for a command line
that is none, and 3 where a file or the network is not to be had. Why is a line on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import importlib
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn, cast

from arcp._client.client import ARCPClient
from arcp._client.handle import JobHandle
from arcp._errors import ARCPError, TransportClosed
from arcp._messages import ClientInfo, Lease, RuntimeInfo
from arcp._runtime.context import JobContext
from arcp._runtime.runtime import Agent, ARCPRuntime
from arcp._store import SqliteEventLog
from arcp._transport import WebSocketTransport, serve_websocket
from arcp._version import IMPL_VERSION
from arcp.runtime import StaticBearerVerifier

__all__ = ["main"]

_FAILED, _USAGE, _UNREACHABLE = 1, 2, 3
_TOKEN = "ARCP_TOKEN"


class _Usage(Exception):  # noqa: N818 (it says what happened)
    """A command line that is none."""


def main(argv: list[str] | None = None) -> NoReturn:
    """Runs the command, and exits with its status."""
    options = _parser().parse_args(argv)
    work: Callable[[argparse.Namespace], Coroutine[Any, Any, None]] = options.work
    try:
        if options.needs_token:
            options.token = options.token or os.environ.get(_TOKEN)
            if not options.token:
                raise _Usage(f"no token: --token, or {_TOKEN} in the environment")
        asyncio.run(work(options))
        sys.stdout.flush()
    except _Usage as error:
        _quit(_USAGE, str(error))
    except ARCPError as error:
        _quit(_FAILED, f"{error.code}: {error.message}")
    except (OSError, TimeoutError, TransportClosed, ValueError) as error:
        if isinstance(error, BrokenPipeError):
            # Whoever read has seen enough; nor is there anybody for what is left.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        _quit(_UNREACHABLE, str(error) or type(error).__name__)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    sys.exit(0)


def _quit(status: int, why: str) -> NoReturn:
    print("arcp:", " ".join(why.split()), file=sys.stderr)
    sys.exit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="arcp", description="ARCP 1.1 on the command line.")
    parser.add_argument("--version", action="version", version=f"arcp, version {IMPL_VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, work: Any, what: str, *, token: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=what, description=what)
        made.set_defaults(work=work, needs_token=token)
        if token:
            made.add_argument("--token", help=f"bearer token; {_TOKEN} in the environment hides it")
        return made

    serve = command("serve", _serve, "Serve agents on a WebSocket.")
    serve.add_argument("--host", default="127.0.0.1", help="where to listen [%(default)s]")
    serve.add_argument(
        "--port", default=7777, type=int, help="on which port; 0 takes any [%(default)s]"
    )
    serve.add_argument("--principal", default="cli-user", help="whose the token is [%(default)s]")
    serve.add_argument("--db", help="SQLite file that events are kept in, for replay")
    serve.add_argument(
        "--agent",
        action="append",
        default=[],
        metavar="[NAME=]MODULE:FUNCTION",
        help="an agent, once for each; without any, echo",
    )

    submit = command("submit", _submit, "Submit a job and print the payload of its result.")
    submit.add_argument("--url", required=True, help="ws://host:port/arcp")
    submit.add_argument("--agent", required=True, help="name, or name@version")
    submit.add_argument("--input", default="null", help="JSON [%(default)s]")
    submit.add_argument("--lease", default="{}", help="JSON, patterns by namespace [%(default)s]")

    tail = command("tail", _tail, "Follow a job: its events, then its result, a line of JSON each.")
    tail.add_argument("--url", required=True, help="ws://host:port/arcp")
    tail.add_argument("--job-id", required=True, help="which")

    replay = command("replay", _replay, "Print what serve --db has kept.", token=False)
    replay.add_argument("--db", required=True, help="the SQLite file")
    replay.add_argument("--session", required=True, help="which session")
    replay.add_argument(
        "--after-seq", default=0, type=int, help="from behind this event on [%(default)s]"
    )
    return parser


# serve


class _Journal(SqliteEventLog):
    """Events for ``arcp replay``: kept when their session has seen them, and when it is over."""

    async def release_through(self, session_id: str, through_seq: int) -> None:
        del session_id, through_seq

    async def drop_session(self, session_id: str) -> None:
        del session_id


async def _echo(given: Any, ctx: JobContext) -> Any:
    await ctx.log("info", "echo started")
    return {"echoed": given}


async def _serve(options: argparse.Namespace) -> None:
    runtime = ARCPRuntime(
        runtime=RuntimeInfo(name="arcp-cli", version=IMPL_VERSION),
        bearer=StaticBearerVerifier({options.token: options.principal}),
        event_log=_Journal(options.db) if options.db else None,
    )
    for name, agent in [_agent(one) for one in options.agent] or [("echo", _echo)]:
        base, _, version = name.partition("@")
        if version:
            runtime.register_agent_version(base, version, agent)
        else:
            runtime.register_agent(name, agent)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # not on Windows, where Ctrl-C raises
            loop.add_signal_handler(one, stopped.set)
    host = f"[{options.host}]" if ":" in options.host else options.host
    async with (
        runtime,
        await serve_websocket(
            runtime.accept, host=options.host, port=options.port, path="/arcp"
        ) as server,
    ):
        print(
            f"arcp serve listening on ws://{host}:{server.port}/arcp", file=sys.stderr, flush=True
        )
        await stopped.wait()


def _agent(said: str) -> tuple[str, Agent]:
    """``[name=]module:function``; the function's name is the agent's otherwise."""
    name, _, place = said.rpartition("=")
    module, colon, function = place.partition(":")
    if not (module and colon and function):
        raise _Usage(f"--agent {said}: not MODULE:FUNCTION")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module)
        for part in function.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise _Usage(f"--agent {said}: {error}") from error
    if not callable(found):
        raise _Usage(f"--agent {said}: not a function")
    return name or function.rpartition(".")[2], cast(Agent, found)


# submit, tail


@contextlib.asynccontextmanager
async def _client(options: argparse.Namespace) -> AsyncGenerator[ARCPClient]:
    client = ARCPClient(
        client=ClientInfo(name="arcp-cli", version=IMPL_VERSION), token=options.token, auto_ack=True
    )
    async with client:
        await client.connect(await WebSocketTransport.connect(options.url))
        yield client


def _json(option: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise _Usage(f"--{option}: no JSON: {error}") from error


async def _submit(options: argparse.Namespace) -> None:
    given, lease = _json("input", options.input), _json("lease", options.lease)
    if not isinstance(lease, dict):
        raise _Usage("--lease: not a JSON object")
    async with _client(options) as client:
        handle = await client.submit(
            agent=options.agent, input=given, lease_request=cast(Lease, lease) or None
        )
        print(f"session {client.session_id}, job {handle.job_id}", file=sys.stderr, flush=True)
        collected = await handle.collect_chunks()
        done = (await handle.done).model_dump(mode="json", exclude_none=True)
    if "result_id" in done:
        try:
            done["result"] = collected.decode()
        except UnicodeDecodeError:
            done["result_base64"] = base64.b64encode(collected).decode()
    print(json.dumps(done, indent=2))


async def _tail(options: argparse.Namespace) -> None:
    async with _client(options) as client:
        handle = (await client.subscribe(options.job_id, history=True)).handle
        await asyncio.gather(_print_events(handle), _print_chunks(handle))
        done = await handle.done
        print(json.dumps(done.model_dump(mode="json", exclude_none=True)))


async def _print_events(handle: JobHandle) -> None:
    async for event in handle.events():
        print(json.dumps(event), flush=True)


async def _print_chunks(handle: JobHandle) -> None:
    async for body in handle.chunks():
        print(json.dumps({"kind": "result_chunk", "body": body}), flush=True)


# replay


async def _replay(options: argparse.Namespace) -> None:
    if not Path(options.db).is_file():  # noqa: ASYNC240 (nothing else runs)
        raise FileNotFoundError(f"{options.db}: no such file")
    log = SqliteEventLog(options.db)
    try:
        async for envelope in log.read_since_seq(options.session, options.after_seq):
            print(json.dumps(envelope))
    finally:
        await log.close()

"""A verifier of one's own: tokens that are signed, and end (§6.1)."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

from arcp import UnauthenticatedError
from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import Identity, JobContext

SECRET = b"demo-shared-secret"


def sign(text: str) -> str:
    return hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()


def make_token(principal: str, seconds: int = 60) -> str:
    """``principal.expiry.signature``."""
    said = f"{principal}.{int(time.time()) + seconds}"
    return f"{said}.{sign(said)}"


class SignedTokens:
    """Any object with ``verify`` is a verifier."""

    async def verify(self, token: str) -> Identity:
        said, _, signature = token.rpartition(".")
        principal, _, until = said.rpartition(".")
        if not hmac.compare_digest(sign(said).encode(), signature.encode()):
            raise UnauthenticatedError("the signature is none")
        if int(until) < time.time():
            raise UnauthenticatedError("the token has ended")
        return Identity(principal=principal)


async def echo(_: Any, ctx: JobContext) -> Any:
    return {"hello": ctx.job.submitter_principal}


async def serve(port: int) -> None:
    runtime = make_runtime("custom-auth", bearer=SignedTokens())
    await serve_runtime(runtime.register_agent("echo", echo), port)


async def client(url: str) -> None:
    async with session(url, "custom-auth", token=make_token("alice")) as arcp:
        done = await (await arcp.submit(agent="echo")).done
        print(f"result: {done.result}")
        expect("the principal is another", done.result == {"hello": "alice"})
    for what, token in (("old", make_token("alice", -1)), ("forged", make_token("alice") + "0")):
        try:
            async with session(url, "custom-auth", token=token):
                expect(f"a token that is {what} was taken", False)
        except UnauthenticatedError as error:
            print(f"{what}: {error.code}: {error.message}")


if __name__ == "__main__":
    example(port=7894, client=client, serve=serve)

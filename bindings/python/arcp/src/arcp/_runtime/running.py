"""A job whose agent runs here."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

from arcp._errors import ARCPError, InvalidRequestError, error_class_for
from ixt_sdk.arcp import ArcpRuntime

__all__ = ["Running"]


class _ValueRefused(InvalidRequestError, ValueError):  # noqa: N818 (it says what happened)
    """An event that its kind does not allow. Agents written for the official package expect a
    ``ValueError``."""


class Running:
    """What the runtime and the context of one job share."""

    __slots__ = (
        "_children",
        "_counted",
        "_engine",
        "_poke",
        "_ready",
        "is_finished",
        "is_streamed",
        "key",
        "signal",
        "stopped",
        "task",
    )

    def __init__(self, engine: ArcpRuntime, poke: Callable[[], None], key: int) -> None:
        self._engine = engine
        # What is said when the engine was told something.
        self._poke = poke
        self.key = key
        self.task: asyncio.Task[Any] | None = None
        self.signal = asyncio.Event()
        self.stopped: ARCPError | None = None
        self.is_streamed = False
        self.is_finished = False
        self._counted = 0
        self._ready: asyncio.Future[None] | None = None
        self._children: dict[str, asyncio.Future[Any]] = {}

    def emit(self, kind: str, body: Any) -> bool:
        """Hands an event to the engine; true where the agent has to wait before the next one."""
        try:
            waits = self._engine.emit(self.key, kind, body)
        except InvalidRequestError as error:
            raise _ValueRefused(error.message) from None
        self._poke()
        return waits

    async def ready(self) -> None:
        """Waits until a slow reader, or the store, has taken in what was emitted."""
        if self._ready is None:
            self._ready = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._ready)

    def is_ready(self) -> None:
        """The next event may follow."""
        ready, self._ready = self._ready, None
        if ready is not None and not ready.done():
            ready.set_result(None)

    def stop(self, status: str, why: tuple[str, str, bool, dict[str, Any] | None]) -> None:
        """The job has ended under its agent, which is cancelled."""
        code, message, retryable, details = why
        self.stopped = error_class_for(code)(message, retryable=retryable, details=details)
        self.signal.set()
        if self.task is not None:
            self.task.cancel(f"{status}: {message}")

    def child(self, delegate_id: str) -> asyncio.Future[Any]:
        """What a delegated job will give."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        # Nobody has to ask.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._children[delegate_id] = future
        return future

    def child_ended(
        self,
        delegate_id: str,
        result: Any,
        why: tuple[str, str, bool, dict[str, Any] | None] | None,
    ) -> None:
        """A delegated job has ended."""
        future = self._children.pop(delegate_id, None)
        if future is None or future.done():
            return
        if why is None:
            future.set_result(result)
        else:
            code, message, retryable, details = why
            future.set_exception(
                error_class_for(code)(message, retryable=retryable, details=details)
            )

    # Results.

    async def result_chunk(self, body: dict[str, Any]) -> None:
        """A part of a result, as its body says it; the engine names and numbers it."""
        data, encoding = body.get("data"), body.get("encoding", "utf8")
        if not isinstance(data, str) or encoding not in ("utf8", "base64"):
            raise InvalidRequestError("result_chunk: data is a text, and encoding utf8 or base64")
        part: str | bytes = data
        if encoding == "base64":
            try:
                part = base64.b64decode(data, validate=True)
            except ValueError as error:
                raise InvalidRequestError(f"result_chunk.data: {error}") from None
        await self.chunk(part, more=bool(body.get("more", False)))

    async def chunk(self, data: bytes | str, *, more: bool) -> None:
        """A part of a result."""
        if self.is_finished:
            # Results are inline or in parts (§8.4).
            raise InvalidRequestError("the job has ended with another result")
        self.is_streamed = True
        waits = self._engine.chunk(self.key, data, more)
        self._poke()
        if waits:
            await self.ready()

    def finish(self, result: Any, summary: str | None = None) -> None:
        """The job has succeeded; once."""
        if self.is_finished:
            return
        streamed = self.is_streamed and result is None
        self._engine.finish(self.key, result, summary, streamed)
        self.is_finished = True
        self._poke()

    def fail(self, why: tuple[str, str, dict[str, Any] | None]) -> None:
        """The job has failed; once."""
        if self.is_finished:
            return
        self._engine.fail(self.key, why)
        self.is_finished = True
        self._poke()

    # Delegation.

    def delegate(self, body: dict[str, Any]) -> tuple[str, str, asyncio.Future[Any]]:
        """Delegates as the body of ``delegate`` says it: gives how it is named here, the job's name
        and what it will give."""
        delegate_id = str(body.get("delegate_id") or f"d{len(self._children) + 1}-{self._counted}")
        self._counted += 1
        future = self.child(delegate_id)
        try:
            _, job_id = self._engine.delegate(
                self.key,
                delegate_id,
                str(body.get("agent", "")),
                body.get("input"),
                body.get("lease_request"),
                body.get("lease_constraints"),
            )
        except BaseException:
            self._children.pop(delegate_id, None)
            raise
        finally:
            self._poke()
        return delegate_id, job_id or "", future

    # Authority.

    def authorize(self, namespace: str, target: str) -> str:
        """Whether the job may do this."""
        try:
            return self._engine.authorize(self.key, namespace, target)
        finally:
            # A lease that is over ends the job.
            self._poke()

    def rotate(self, credential_id: str, value: str) -> None:
        """A credential has a new value."""
        self._engine.rotate(self.key, credential_id, value)
        self._poke()

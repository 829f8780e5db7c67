"""A runtime: agents, and the connections that it serves them on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, cast

from arcp._auth import BearerVerifier
from arcp._credentials import (
    Credential,
    CredentialConstraints,
    CredentialProvisioner,
    JobCredentialContext,
    RevocationLog,
)
from arcp._errors import (
    AgentVersionNotAvailableError,
    ARCPError,
    InvalidRequestError,
    TimeoutError,  # noqa: A004 (the protocol's name)
    UpstreamBudgetExhausted,
)
from arcp._lease import initial_budget_from_lease
from arcp._messages import AgentInventoryEntry, Capabilities, LeaseConstraints, RuntimeInfo
from arcp._runtime.context import JobContext
from arcp._runtime.driver import Driver, Why, why_of
from arcp._runtime.job import Job
from arcp._runtime.running import Running
from arcp._runtime.session import SessionContext
from arcp._runtime.storing import SqliteStore, Storing
from arcp._store import EventLog
from arcp._transport.base import Transport
from arcp._version import ALL_FEATURES
from ixt_sdk.arcp import ArcpRuntime

_CREDENTIALS = "provisioned_credentials"

__all__ = ["ARCPRuntime", "Agent", "AuthorizationContext", "JobAuthorizationPolicy"]

Agent = Callable[[Any, JobContext], Awaitable[Any]]
"""``async def agent(input, ctx)``: what it returns is the job's result."""


@dataclass(frozen=True)
class AuthorizationContext:
    """Who asks what about which job."""

    requester_principal: str
    job: Job
    operation: str
    """``list``, ``subscribe`` or ``cancel``."""


JobAuthorizationPolicy = Callable[[AuthorizationContext], bool]
"""Whether somebody may see, or cancel, a job of another session."""


class ARCPRuntime:
    """Serves agents to clients. Used from one event loop; with ``async with`` it is closed at the
    end.

    Args:
        runtime: Who this is, as clients are told.
        bearer: Says whose a token is.
        capabilities: What it can; by default all.
        heartbeat_interval_sec: How often something has to come of a client (§6.4); None: never.
        resume_window_sec: How long a session without a connection can be gone on with (§6.3).
        idempotency_ttl_sec: How long an idempotency key stands for its job (§7.2).
        max_concurrent_jobs: Agents that run at once; others wait.
        chunk_size_cap: Bytes of one part of a streamed result.
        job_authorization_policy: Asked about jobs of other principals that somebody lists or
            subscribes to. Without it nobody sees the jobs of others.
        event_log: Is told every event before its client is.
        credential_provisioner: Makes credentials for jobs (§9.8); needs ``revocation_log``.
        revocation_log: Remembers which of them may be live.
        logger: Takes warnings; by default ``logging``'s ``arcp``.
        store: Keeps jobs and sessions where they survive the process: they are listed, followed,
            gone on with and answered to their idempotency keys again. Register the agents before
            the first ``accept``.
        settings: Limits of the engine, by name: ``max_frame``, ``max_jobs``, ``backlog`` and
            others.
        cancel_authorization_policy: Asked about cancels by other sessions than the one that
            submitted the job. Without it there are none: who may see a job may not cancel it
            (§7.6).
        audit: Is told who asked to see whose jobs, leases that ended, credentials that could not be
            revoked.
    """

    def __init__(
        self,
        *,
        runtime: RuntimeInfo,
        bearer: BearerVerifier,
        capabilities: Capabilities | None = None,
        heartbeat_interval_sec: int | None = 30,
        resume_window_sec: int = 600,
        idempotency_ttl_sec: float = 24 * 60 * 60,
        max_concurrent_jobs: int = 100,
        chunk_size_cap: int = 1024 * 1024,
        job_authorization_policy: JobAuthorizationPolicy | None = None,
        event_log: EventLog | None = None,
        credential_provisioner: CredentialProvisioner | None = None,
        revocation_log: RevocationLog | None = None,
        logger: Any = None,
        store: SqliteStore | str | None = None,
        cancel_authorization_policy: JobAuthorizationPolicy | None = None,
        settings: dict[str, Any] | None = None,
        audit: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        if credential_provisioner is not None and revocation_log is None:
            raise InvalidRequestError("credential_provisioner: needs a revocation_log beside it")
        self.runtime_info = runtime
        self.bearer = bearer
        self.capabilities = _offered(capabilities, credential_provisioner is not None)
        self.heartbeat_interval_sec = heartbeat_interval_sec
        self.resume_window_sec = resume_window_sec
        self.max_concurrent_jobs = max_concurrent_jobs
        self.chunk_size_cap = chunk_size_cap
        self.policy = job_authorization_policy
        self.cancel_policy = cancel_authorization_policy
        self.event_log = event_log
        self.credential_provisioner = credential_provisioner
        self.revocation_log = revocation_log
        self.logger = logger or logging.getLogger("arcp")
        self._audit = audit
        chosen: dict[str, Any] = {
            "name": runtime.name,
            "version": runtime.version,
            "features": self._features(),
            "heartbeat_ms": round((heartbeat_interval_sec or 30) * 1000),
            "resume_window_ms": round(resume_window_sec * 1000),
            "idempotency_ms": min(round(idempotency_ttl_sec * 1000), 0xFFFF_FFFF),
            # Clients of one service often share a token; all of them together are bounded too.
            "max_sessions": 10_000,
            # So many events an agent may emit before others of the loop have their turn.
            "backlog": 256,
            "max_chunk": chunk_size_cap,
            # A lease that says nothing of models allows none, as in the official package (§9.7
            # leaves it open).
            "any_model_by_default": False,
            "credentials": credential_provisioner is not None,
            "policy": self.policy is not None or self.cancel_policy is not None,
        }
        self._settings = {**chosen, **(settings or {})}
        # With a store another one takes its place once the agents are known.
        self._engine = ArcpRuntime(self._settings)
        self.store = SqliteStore(store) if isinstance(store, str) else store
        self._storing: Storing | None = None
        self._restartable: set[str] = set()
        self._agents: dict[str, Agent] = {}
        self._versions: dict[str, list[str]] = {}
        self._defaults: dict[str, str] = {}
        self._driver: Driver | None = None
        self._places = asyncio.Semaphore(max_concurrent_jobs)
        self._is_closed = False

    def _features(self) -> list[str]:
        named = self.capabilities.features
        without: set[str] = set()
        if self.heartbeat_interval_sec is None:
            without.add("heartbeat")
        return [name for name in named if name not in without]

    # Agents.

    def register_agent(self, name: str, fn: Agent, *, restartable: bool = False) -> Self:
        """Adds an agent without versions. One that is ``restartable`` is started again with its
        input where the runtime ended under its job; other jobs end as ``INTERNAL_ERROR`` then.

        Raises:
            InvalidRequestError: The name is none, or is there already.
        """
        self._engine.register(name)
        self._agents[name] = fn
        self._versions[name] = []
        if restartable:
            self._restartable.add(name)
        return self

    def register_agent_version(
        self, name: str, version: str, fn: Agent, *, restartable: bool = False
    ) -> Self:
        """Adds a version of an agent. The first one is what its bare name means. ``restartable`` is
        said of all versions.

        Raises:
            InvalidRequestError: The name or the version is none, or is there already, also without
                one.
        """
        self._engine.register(f"{name}@{version}")
        self._agents[f"{name}@{version}"] = fn
        if restartable:
            self._restartable.add(name)
        versions = self._versions.setdefault(name, [])
        versions.append(version)
        self._engine.set_default(name, self._defaults.setdefault(name, version))
        return self

    def set_default_agent_version(self, name: str, version: str) -> Self:
        """Says which version the bare name means.

        Raises:
            AgentVersionNotAvailableError: There is no such one.
        """
        if version not in self._versions.get(name, ()):
            raise AgentVersionNotAvailableError(f"there is no agent {name}@{version}")
        self._engine.set_default(name, version)
        self._defaults[name] = version
        return self

    def agent_inventory(self) -> tuple[AgentInventoryEntry, ...]:
        """The agents, as a welcome lists them."""
        return tuple(
            AgentInventoryEntry(
                name=name, versions=tuple(versions), default=self._defaults.get(name)
            )
            for name, versions in self._versions.items()
        )

    # Connections.

    async def accept(self, transport: Transport) -> None:
        """Serves a client until its connection is over. Jobs go on."""
        if self._is_closed:
            await transport.close()
            return
        driver = self._started()
        await driver.serve(transport)

    async def close(self) -> None:
        """Ends all connections and stops all agents. Once more does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        async with AsyncExitStack() as ends:
            if self.event_log is not None:
                ends.push_async_callback(self.event_log.close)
            if self._storing is not None:
                ends.push_async_callback(self._storing.close)
            if self._driver is not None:
                await self._driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _started(self) -> Driver:
        if self._driver is None:
            if self.store is not None:
                self._restore(self.store)
            driver = Driver(self._engine, self.bearer, self.logger)
            driver.start = self._start
            driver.log = self.event_log
            driver.has_store = self.store is not None
            driver.audit = self._audit
            if self.policy is not None or self.cancel_policy is not None:
                driver.permit = self._permit
            if self.credential_provisioner is not None:
                driver.provision = self._provision
                driver.revoke = self._revoke
                driver.spawn(self._revoke_outstanding())
            self._driver = driver
            if self._storing is not None:
                self._storing.begin(driver.loop, self._stored)
                # Jobs that go on.
                driver.poke()
        return self._driver

    def _restore(self, store: SqliteStore) -> None:
        opened = store._open()
        agents = list(self._agents)
        self._engine = ArcpRuntime(self._settings, opened, agents, self._restartable)
        for name, version in self._defaults.items():
            self._engine.set_default(name, version)
        self._storing = Storing(opened)

    def _stored(self) -> None:
        driver = self._started()
        driver.turn()
        if (why := self._engine.store_failure) is not None and not driver.is_closed:
            self.logger.error("the store has failed, and nobody is served any more: %s", why)
            driver.spawn(driver.close())

    # Jobs.

    def _start(self, event: tuple[Any, ...]) -> None:
        _, key, names, given, lease, expires_at, trace, parent, attempt, credentials = event
        driver = self._started()
        job_id, agent, principal, session_id = names
        job = Job(self._engine, key, job_id, principal, agent)
        job.session = SessionContext(session_id or "", principal)
        job.lease = lease
        if expires_at is not None:
            job.lease_constraints = LeaseConstraints(expires_at=expires_at)
        job.initial_budget = initial_budget_from_lease(lease) if "cost.budget" in lease else {}
        job.trace_id, job.traceparent = trace
        job.attempt = attempt
        if parent is not None and (about := self._engine.about(parent)) is not None:
            job.parent_job_id = about[0]
        job.credentials = tuple(_credential(one) for one in credentials)
        running = Running(self._engine, driver.poke, key)
        job._running = running
        driver.jobs[key] = running
        running.task = driver.loop.create_task(self._run(job, running, given))

    async def _run(self, job: Job, running: Running, given: Any) -> None:
        agent = self._agents.get(job.agent_ref)
        ctx = JobContext(job, self, running.signal, self.logger, self.chunk_size_cap)
        try:
            async with self._places:
                if agent is None:
                    raise ARCPError("the agent is not here")
                result = await agent(given, ctx)
            if not running.is_finished:
                running.finish(result)
        except asyncio.CancelledError:
            # Who was stopped has ended already. An agent that cancels itself is cancelled.
            if running.stopped is None and not self._is_closed and not running.is_finished:
                running.fail(("CANCELLED", "the agent was cancelled", None))
        except BaseException as error:
            # Whatever it is, the job does not wait for ever.
            self._failed(job, running, error)
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
        finally:
            self._started().jobs.pop(running.key, None)

    def _failed(self, job: Job, running: Running, error: BaseException) -> None:
        if running.is_finished or running.stopped is not None:
            return
        cause = _cause(error)
        why: Why
        if isinstance(cause, UpstreamBudgetExhausted):
            why = ("BUDGET_EXHAUSTED", str(cause) or "the upstream says so", None)
        elif isinstance(cause, TimeoutError) or type(cause) is _BuiltinTimeout:
            why = ("TIMEOUT", str(cause) or "the agent ran out of time", None)
        else:
            if not isinstance(cause, ARCPError):
                self.logger.error("the agent of job %s failed", job.job_id, exc_info=error)
            why = why_of(cause)
        try:
            running.fail(why)
        except ARCPError:
            # It has ended meanwhile.
            return

    def _permit(self, principal: str, operation: str, jobs: list[int]) -> list[int]:
        policy = self.cancel_policy if operation == "cancel" else self.policy
        if policy is None:
            return []
        allowed: list[int] = []
        for key in jobs:
            about = self._engine.about(key)
            if about is None:
                continue
            job_id, owner, agent, _ = about
            job = Job(self._engine, key, job_id, owner, agent)
            try:
                if policy(AuthorizationContext(principal, job, operation)):
                    allowed.append(key)
            except Exception:
                # Who cannot be asked says no.
                self.logger.exception("the policy failed for job %s", job_id)
        return allowed

    # Credentials.

    async def _provision(self, event: tuple[Any, ...]) -> None:
        _, key, job_id, lease, expires_at, _budget = event
        assert self.credential_provisioner is not None
        assert self.revocation_log is not None
        about = self._engine.about(key)
        if about is None:
            return
        name, _, version = about[2].partition("@")
        context = JobCredentialContext(
            job_id=job_id,
            agent=name,
            agent_version=version or None,
            submitter_principal=about[1],
            parent_job_id=None,
            lease=lease,
            lease_constraints=None
            if expires_at is None
            else LeaseConstraints(expires_at=expires_at),
        )
        try:
            issued = await self.credential_provisioner.issue(lease, context)
            for credential in issued:
                await self.revocation_log.record(job_id, credential.id)
        except ARCPError as error:
            self._engine.provisioned(key, [], why_of(error))
        except Exception:
            # What went wrong there may name a secret.
            self.logger.exception("no credentials for job %s", job_id)
            self._engine.provisioned(
                key, [], ("INTERNAL_ERROR", "the credentials could not be made", None)
            )
        else:
            self._engine.provisioned(key, [_issued(one) for one in issued])
        self._started().poke()

    async def _revoke(self, event: tuple[Any, ...]) -> None:
        _, key, job_id, credential = event
        is_revoked = await self._revoke_one(job_id, credential)
        self._engine.revoked(key, credential, is_revoked)
        self._started().poke()

    async def _revoke_one(self, job_id: str, credential: str) -> bool:
        assert self.credential_provisioner is not None
        assert self.revocation_log is not None
        try:
            await self.credential_provisioner.revoke(credential)
            await self.revocation_log.forget(job_id, credential)
        except Exception:
            self.logger.exception(
                "a credential of job %s could not be revoked; tried again", job_id
            )
            return False
        return True

    async def _revoke_outstanding(self) -> None:
        """Those of a runtime that ended before it had revoked them."""
        assert self.revocation_log is not None
        for job_id, credential in await self.revocation_log.outstanding():
            if self._engine.job(job_id) is None:
                await self._revoke_one(job_id, credential)


_BuiltinTimeout = asyncio.TimeoutError


def _offered(capabilities: Capabilities | None, can_provision: bool) -> Capabilities:
    """What clients are offered: what was said, or all; credentials only where somebody makes
    them."""
    named = Capabilities(features=ALL_FEATURES) if capabilities is None else capabilities
    features = [name for name in named.features if can_provision or name != _CREDENTIALS]
    if can_provision and _CREDENTIALS not in features:
        features.append(_CREDENTIALS)
    return named.model_copy(update={"features": tuple(features)})


def _cause(error: BaseException) -> BaseException:
    """What an exception group of a ``TaskGroup`` is about: an error of the protocol, or the first
    one."""
    found = _leaf(error, ARCPError)
    return found if found is not None else (_leaf(error, BaseException) or error)


def _leaf(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    if not isinstance(error, BaseExceptionGroup):
        return error if isinstance(error, kind) else None
    inner = cast(BaseExceptionGroup[BaseException], error).exceptions
    return next((leaf for one in inner if (leaf := _leaf(one, kind)) is not None), None)


def _credential(one: tuple[Any, ...]) -> Credential:
    ident, scheme, value, endpoint, profile, constraints = one
    said: dict[str, Any] | None = constraints
    held = None
    if said is not None:
        held = CredentialConstraints(
            cost_budget=tuple(said.get("cost.budget") or ()),
            model_use=tuple(said.get("model.use") or ()),
            expires_at=said.get("expires_at"),
        )
    return Credential(
        id=ident, scheme=scheme, value=value, endpoint=endpoint, profile=profile, constraints=held
    )


def _issued(one: Credential) -> tuple[Any, ...]:
    constraints: dict[str, Any] | None = None
    if one.constraints is not None:
        constraints = {}
        if one.constraints.cost_budget:
            constraints["cost.budget"] = list(one.constraints.cost_budget)
        if one.constraints.model_use:
            constraints["model.use"] = list(one.constraints.model_use)
        if one.constraints.expires_at is not None:
            constraints["expires_at"] = one.constraints.expires_at
    return one.id, one.scheme, one.value, one.endpoint, one.profile, constraints

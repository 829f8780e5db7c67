"""Credentials of an upstream service, made for one job and revoked at its end (§9.8)."""

from __future__ import annotations

from typing import Any

from arcp import Credential, PermissionDeniedError
from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import (
    InMemoryCredentialProvisioner,
    InMemoryRevocationLog,
    JobContext,
    JobCredentialContext,
)

FEATURES = ("model.use", "provisioned_credentials", "cost.budget")


def issue(lease: dict[str, list[str]], asked: JobCredentialContext) -> tuple[Credential, ...]:
    """A real provisioner asks its upstream for a key with the lease's limits."""
    return (
        Credential(
            id=f"cred-{asked.job_id}",
            scheme="bearer",
            value="a-secret",
            endpoint="https://models.example.com/v1",
            profile="fast" if lease.get("model.use") else None,
        ),
    )


async def serve(port: int) -> None:
    provisioner = InMemoryCredentialProvisioner(factory=issue)

    async def model_user(given: Any, ctx: JobContext) -> Any:
        model = given["model"]
        ctx.authorize_model(model)
        await ctx.status("using_model", model)
        return {"model": model, "credential_count": len(ctx.credentials)}

    async def revoked(_: Any, __: JobContext) -> Any:
        return list(provisioner.revoked)

    runtime = make_runtime(
        "provisioned-credentials",
        credential_provisioner=provisioner,
        revocation_log=InMemoryRevocationLog(),
    )
    runtime.register_agent("model-user", model_user).register_agent("revoked", revoked)
    await serve_runtime(runtime, port)


async def client(url: str) -> None:
    async with session(url, "provisioned-credentials", features=FEATURES) as arcp:
        lease = {"model.use": ["tier-fast/*"], "cost.budget": ["USD:1.00"]}
        job = await arcp.submit(
            agent="model-user", input={"model": "tier-fast/demo"}, lease_request=lease
        )
        (credential,) = job.credentials
        print(f"{credential.id} for {credential.endpoint}")
        expect("the credential has another value", credential.value == "a-secret")
        expect("the value is shown", "a-secret" not in repr(credential))
        result = await job.result()
        print(f"result: {result}")
        expect("the agent had none", result["credential_count"] == 1)
        try:
            slow = {"model": "tier-slow/demo"}
            await (await arcp.submit(agent="model-user", input=slow, lease_request=lease)).done
        except PermissionDeniedError as error:
            print(f"{error.code}: {error.message}")
        else:
            expect("another model was used", False)
        revoked = await (await arcp.submit(agent="revoked")).result()
        expect("the credential was not revoked", credential.id in revoked)


if __name__ == "__main__":
    example(port=7892, client=client, serve=serve)

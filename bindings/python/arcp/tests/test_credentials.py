"""Credentials, and who issues them."""

from __future__ import annotations

import pickle

from arcp._credentials import (
    Credential,
    CredentialConstraints,
    CredentialProvisioner,
    InMemoryCredentialProvisioner,
    InMemoryRevocationLog,
    JobCredentialContext,
    RevocationLog,
)
from arcp._messages import LeaseConstraints

LEASE = {"cost.budget": ["USD:5"], "model.use": ["a/*"]}
CONTEXT = JobCredentialContext(
    job_id="job_1",
    agent="a",
    agent_version=None,
    submitter_principal="alice",
    parent_job_id=None,
    lease=LEASE,
    lease_constraints=LeaseConstraints(expires_at="2026-05-13T19:42:13Z"),
)


def test_a_repr_has_no_value() -> None:
    credential = Credential("c", "bearer", "s3cret", "https://a.example")
    assert "s3cret" not in repr(credential)
    assert "s3cret" not in str([credential])
    assert credential.value == "s3cret"
    assert pickle.loads(pickle.dumps(credential)) == credential


async def test_credentials_are_issued_within_the_lease() -> None:
    provisioner = InMemoryCredentialProvisioner()
    assert isinstance(provisioner, CredentialProvisioner)
    issued = await provisioner.issue(LEASE, CONTEXT)
    assert [one.id for one in issued] == ["cred_job_1"]
    assert issued[0].constraints == CredentialConstraints(
        ("USD:5",), ("a/*",), "2026-05-13T19:42:13Z"
    )
    assert provisioner.issued == issued
    await provisioner.revoke("cred_job_1")
    assert provisioner.revoked == ("cred_job_1",)


async def test_a_factory_makes_what_is_issued() -> None:
    made = (Credential("c", "bearer", "v", "https://a.example"),)
    provisioner = InMemoryCredentialProvisioner(factory=lambda lease, _: made if lease else ())
    assert await provisioner.issue({}, CONTEXT) == ()
    assert await provisioner.issue(LEASE, CONTEXT) == made
    assert provisioner.issued == made


async def test_what_is_outstanding_is_kept_in_order() -> None:
    log = InMemoryRevocationLog()
    assert isinstance(log, RevocationLog)
    for job, credential in (("j", "b"), ("j", "a"), ("i", "a"), ("j", "b")):
        await log.record(job, credential)
    assert await log.outstanding() == (("j", "b"), ("j", "a"), ("i", "a"))
    await log.forget("j", "a")
    await log.forget("j", "a")
    assert await log.outstanding() == (("j", "b"), ("i", "a"))

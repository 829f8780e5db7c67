"""What peers say, and what we may say."""

from __future__ import annotations

from typing import Any

import pytest

from arcp import _messages as messages
from arcp._field import ValidationError

ULID = "01J0QZ8X9V7G6S5R4P3N2M1K0H"
UUID7 = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
TRACE = "0af7651916cd43dd8448eb211c80319c"
NOW = "2026-05-13T19:42:13Z"


def test_an_envelope_travels_unchanged() -> None:
    wire: dict[str, Any] = {
        "arcp": "1.1",
        "id": ULID,
        "type": "job.event",
        "session_id": "sess_1",
        "trace_id": TRACE,
        "job_id": "job_1",
        "event_seq": 3,
        "payload": {"kind": "log", "body": {"message": None}},
        "x-vendor.acme": {"a": 1},
    }
    envelope = messages.Envelope.from_wire(wire)
    assert envelope.to_wire() == wire
    assert envelope.payload is wire["payload"], "a payload is not copied"
    assert messages.Envelope(id=ULID, type="session.ping").to_wire() == {
        "arcp": "1.1",
        "id": ULID,
        "type": "session.ping",
        "payload": {},
    }


@pytest.mark.parametrize("id_", [ULID, UUID7, f"job_{ULID}"])
def test_ids_that_we_may_say(id_: str) -> None:
    assert messages.Envelope(id=id_, type="x").id == id_


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("arcp", "1"),
        ("arcp", "2"),
        ("id", ""),
        ("id", "7"),
        ("id", ULID.lower()),
        ("id", f"{ULID}\n"),
        ("trace_id", TRACE.upper()),
        ("trace_id", "0" * 32),
        ("trace_id", f"00-{TRACE}-00f067aa0ba902b7-01"),
        ("event_seq", 0),
        ("event_seq", True),
        ("type", None),
        ("payload", []),
    ],
)
def test_what_we_may_not_say_in_an_envelope(field: str, value: object) -> None:
    said: dict[str, Any] = {"id": ULID, "type": "session.ping", field: value}
    with pytest.raises(ValidationError, match=f"Envelope.{field}"):
        messages.Envelope(**said)


@pytest.mark.parametrize(
    "heard",
    [
        {"id": "7"},
        {"id": None},
        {"arcp": "1"},
        {"arcp": "1.4"},
        {"arcp": None},
        {"trace_id": f"00-{TRACE}-00f067aa0ba902b7-01"},
        {"payload": None},
        {"event_seq": 0},
    ],
)
def test_what_peers_may_say_in_an_envelope(heard: dict[str, Any]) -> None:
    messages.Envelope.from_wire({"type": "session.ping", **heard})


@pytest.mark.parametrize("heard", [{}, {"type": 1}, {"type": "x", "arcp": "2"}, {"arcp": "1."}])
def test_what_no_envelope_is(heard: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        messages.Envelope.from_wire(heard)


# By message, what the leanest of peers sends.
LEAN: dict[str, dict[str, Any]] = {
    "session.hello": {"client": {}, "auth": {"token": "t"}},
    "session.welcome": {"runtime": {}},
    "session.close": {},
    "session.closed": {},
    "session.bye": {},
    "session.error": {"code": "INTERNAL_ERROR"},
    "session.ping": {},
    "session.pong": {},
    "session.ack": {"last_processed_seq": 0},
    "session.list_jobs": {},
    "session.jobs": {},
    "job.submit": {"agent": "a"},
    "job.accepted": {},
    "job.cancel": {},
    "job.cancelled": {},
    "job.event": {"kind": "log"},
    "job.result": {},
    "job.error": {},
    "job.subscribe": {},
    "job.subscribed": {},
    "job.unsubscribe": {},
}


def test_every_message_is_read_from_the_leanest_of_peers() -> None:
    assert set(LEAN) == set(messages.PAYLOAD_REGISTRY)
    for kind, lean in LEAN.items():
        read = messages.parse_payload(kind, lean)
        assert isinstance(read, messages.PAYLOAD_REGISTRY[kind])
        nulls = dict.fromkeys(type(read).model_fields) | lean
        assert messages.parse_payload(kind, nulls) == read, "null is nothing"
        more = messages.parse_payload(kind, {**lean, "x-vendor.more": 1})
        assert not isinstance(more, dict)
        assert more.model_dump() == {**read.model_dump(), **(more.model_extra or {})}


def test_a_message_that_is_not_known_stays_as_it_is() -> None:
    raw = {"a": 1}
    assert messages.parse_payload("x-vendor.acme.thing", raw) is raw


@pytest.mark.parametrize(
    ("model", "complete"),
    [
        (messages.SessionByePayload, {"reason": "done"}),
        (messages.SessionPingPayload, {"nonce": "n", "sent_at": NOW}),
        (messages.SessionErrorPayload, {"code": "CANCELLED", "message": "m"}),
        (messages.JobCancelPayload, {"reason": "r"}),
        (messages.JobResultPayload, {"final_status": "success", "completed_at": NOW}),
        (messages.JobErrorPayload, {"code": "X", "message": "m", "completed_at": NOW}),
        (messages.JobAcceptedPayload, {"job_id": "j", "agent": "a", "accepted_at": NOW}),
        (messages.SessionResume, {"session_id": "s", "resume_token": "t", "last_event_seq": 0}),
    ],
)
def test_what_we_say_is_complete(model: type[Any], complete: dict[str, Any]) -> None:
    model(**complete)
    for name in complete:
        with pytest.raises(ValidationError, match=f"{name}: a value is required"):
            model(**{key: value for key, value in complete.items() if key != name})


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (messages.AuthBearer, {"scheme": "basic", "token": "t"}),
        (messages.SessionAckPayload, {"last_processed_seq": -1}),
        (messages.SessionListJobsPayload, {"limit": 0}),
        (messages.SessionListJobsPayload, {"limit": 1001}),
        (messages.SessionResume, {"session_id": "s", "resume_token": "t", "last_event_seq": -1}),
        (messages.JobSubmitPayload, {"agent": "@bad"}),
        (messages.JobSubmitPayload, {"agent": "a", "idempotency_key": ""}),
        (messages.JobSubmitPayload, {"agent": "a", "idempotency_key": "x" * 257}),
        (messages.JobSubmitPayload, {"agent": "a", "max_runtime_sec": 0}),
        (messages.JobSubmitPayload, {"agent": "a", "max_runtime_sec": 86_401}),
        (messages.JobSubscribePayload, {"job_id": "j", "from_event_seq": -1}),
        (messages.JobResultPayload, {"final_status": "error", "completed_at": NOW}),
        (messages.LeaseConstraints, {"expires_at": "not-a-date"}),
        (messages.LeaseConstraints, {"expires_at": "2026-05-13T19:42:13+02:00"}),
        (messages.LeaseConstraints, {"expires_at": "2026-05-13T19:42:13"}),
        (messages.CredentialPayload, {"id": "c", "scheme": "bearer", "value": "v"}),
    ],
)
def test_what_is_out_of_bounds_is_refused(model: type[Any], wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model(**wrong)
    with pytest.raises(ValidationError):
        model.model_validate(wrong)


def test_kinds_of_later_versions_are_heard_and_not_said() -> None:
    assert messages.JobEventPayload.model_validate({"kind": "later"}).kind == "later"
    assert messages.JobEventPayload(kind="x-vendor.a", ts=NOW).kind == "x-vendor.a"
    with pytest.raises(ValidationError, match="kind"):
        messages.JobEventPayload(kind="later", ts=NOW)


@pytest.mark.parametrize("name", ["result", "output", "value"])
def test_a_result_has_three_names(name: str) -> None:
    read = messages.JobResultPayload.model_validate({name: {"a": 1}})
    assert (read.result, read.final_status) == ({"a": 1}, "success")


def test_a_budget_is_numbers_or_amounts() -> None:
    heard = {"USD": 1.5, "EUR": "EUR:2.00", "small": 1e-7, "whole": 3}
    read = messages.JobAcceptedPayload.model_validate({"budget": heard})
    assert read.budget == {
        "USD": "USD:1.5",
        "EUR": "EUR:2.00",
        "small": "small:0.0000001",
        "whole": "whole:3",
    }
    with pytest.raises(ValidationError, match=r"budget\['a'\]"):
        messages.JobAcceptedPayload.model_validate({"budget": {"a": True}})


def test_a_credential_of_a_scheme_that_is_not_known_is_ignored() -> None:
    known = {"id": "c", "scheme": "bearer", "value": "s3cret", "endpoint": "https://a.example"}
    other = {"id": "d", "scheme": "mtls", "certificate": "s3cret"}
    read = messages.JobAcceptedPayload.model_validate({"credentials": [other, known]})
    assert read.credentials is not None
    assert [one.id for one in read.credentials] == ["c"]
    assert "s3cret" not in repr(read)


def test_a_credential_has_dots_in_its_names() -> None:
    raw = {
        "id": "c",
        "scheme": "bearer",
        "value": "s3cret",
        "endpoint": "https://a.example",
        "profile": "openai",
        "constraints": {"cost.budget": ["USD:5"], "model.use": ["a/*"], "expires_at": NOW},
    }
    read = messages.CredentialPayload.model_validate(raw)
    assert read.constraints is not None
    assert read.constraints.cost_budget == ("USD:5",)
    assert read.model_dump(by_alias=True, mode="json") == raw


def test_a_subscription_says_whether_or_how_much() -> None:
    for heard, count in ((True, 1), (False, 0), (7, 7), (None, 0)):
        read = messages.JobSubscribedPayload.model_validate({"replayed": heard})
        assert read.replayed == count
        assert type(read.replayed) is int


def test_a_listed_job_has_two_names_for_its_time() -> None:
    for name in ("submitted_at", "created_at"):
        assert messages.JobListEntry.model_validate({"job_id": "j", name: NOW}).submitted_at == NOW
    with pytest.raises(ValidationError, match="job_id"):
        messages.JobListEntry.model_validate({"submitted_at": NOW})


def test_parts_of_a_second_are_whole_ones() -> None:
    read = messages.SessionWelcomePayload.model_validate(
        {"runtime": {}, "resume_window_sec": 0.5, "heartbeat_interval_sec": 29.5}
    )
    assert (read.resume_window_sec, read.heartbeat_interval_sec) == (1, 30)
    with pytest.raises(ValidationError, match="resume_window_sec"):
        messages.SessionWelcomePayload.model_validate(
            {"runtime": {}, "resume_window_sec": float("inf")}
        )


def test_agents_are_names_or_more() -> None:
    read = messages.Capabilities.model_validate({"agents": ["a", "b"]})
    assert read.agents == ("a", "b")
    read = messages.Capabilities.model_validate({"agents": [{"name": "a", "versions": ["1"]}]})
    assert read.agents == (messages.AgentInventoryEntry(name="a", versions=("1",)),)


def test_the_time_that_python_writes_is_the_time_of_the_protocol() -> None:
    constraints = messages.LeaseConstraints(expires_at="2026-05-13T19:42:13.5+00:00")
    assert constraints.expires_at == "2026-05-13T19:42:13.5Z"


def test_no_repr_has_a_secret() -> None:
    secret = "s3cret"
    said = [
        messages.AuthBearer(token=secret),
        messages.SessionResume(session_id="s", resume_token=secret, last_event_seq=0),
        messages.SessionWelcomePayload.model_validate({"runtime": {}, "resume_token": secret}),
        messages.Envelope(id=ULID, type="session.hello", payload={"auth": {"token": secret}}),
        messages.JobEventPayload(kind="status", ts=NOW, body={"value": secret}),
        messages.SessionHelloPayload.model_validate({"client": {}, "auth": {"token": secret}}),
    ]
    for one in said:
        assert secret not in repr(one)
        assert secret in str(one.model_dump()), "it is there all the same"

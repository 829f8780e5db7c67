"""The events of a job."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcp import _events as events
from arcp._events import Event, event_of

NOW = "2026-05-13T19:42:13Z"


def made(kind: str, body: Any) -> Any:
    """Of whatever class it is, so that all properties can be asked for."""
    return event_of(kind, NOW, body, 3, "job_1")


def properties(event: Event) -> list[str]:
    return [name for name, one in vars(type(event)).items() if isinstance(one, property)]


def test_an_event_is_a_dict_of_three_keys() -> None:
    event = made("log", {"level": "INFO", "message": "m"})
    assert event == {"kind": "log", "ts": NOW, "body": {"level": "INFO", "message": "m"}}
    assert json.loads(json.dumps(event)) == event
    assert (event.kind, event.ts, event.seq, event.job_id) == ("log", NOW, 3, "job_1")
    assert not hasattr(event, "__dict__")
    match event:
        case {"kind": "log", "body": {"message": message}}:
            assert message == "m"
        case _:
            pytest.fail("no dict")


def test_each_kind_has_a_class() -> None:
    assert len(events.EVENT_KINDS) == 10
    classes = {type(event_of(kind, NOW, {}, 3, "j")) for kind in events.EVENT_KINDS}
    assert len(classes) == 10
    assert Event not in classes
    assert type(made("x-vendor.acme.thing", {})) is Event
    assert type(made("later", {})) is Event


FULL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "log": (
        {"level": "WARN", "message": "m", "attributes": {"a": 1}},
        {"level": "warn", "message": "m", "attributes": {"a": 1}},
    ),
    "thought": ({"text": "hm"}, {"text": "hm"}),
    "status": ({"phase": "p", "message": "m"}, {"phase": "p", "message": "m"}),
    "tool_call": (
        {"tool": "t", "args": [1], "call_id": "c"},
        {"tool": "t", "args": [1], "call_id": "c"},
    ),
    "tool_result": (
        {"call_id": "c", "result": False},
        {"call_id": "c", "result": False, "error": None},
    ),
    "metric": (
        {"name": "cost.llm", "value": 0.5, "unit": "USD", "dimensions": {"a": 1}},
        {"name": "cost.llm", "value": 0.5, "unit": "USD", "dimensions": {"a": 1}},
    ),
    "artifact_ref": (
        {"uri": "u", "content_type": "c", "byte_size": 7, "sha256": "s"},
        {"uri": "u", "content_type": "c", "byte_size": 7, "sha256": "s"},
    ),
    "delegate": (
        {"delegate_id": "d", "agent": "a", "input": 1, "lease_request": {"x": []}},
        {
            "delegate_id": "d",
            "agent": "a",
            "input": 1,
            "lease_request": {"x": []},
            "lease_constraints": {},
            "child_job_id": None,
        },
    ),
    "progress": (
        {"current": 1, "total": 2, "units": "u", "message": "m"},
        {"current": 1, "total": 2, "units": "u", "message": "m"},
    ),
    "result_chunk": (
        {"result_id": "r", "chunk_seq": 1, "data": "YQ==", "encoding": "base64", "more": True},
        {
            "result_id": "r",
            "chunk_seq": 1,
            "data": "YQ==",
            "encoding": "base64",
            "more": True,
            "data_bytes": b"a",
        },
    ),
}


@pytest.mark.parametrize("kind", events.EVENT_KINDS)
def test_bodies_have_properties(kind: str) -> None:
    body, expected = FULL[kind]
    event = made(kind, body)
    assert {name: getattr(event, name) for name in properties(event)} == expected
    assert event.body is body


def test_other_names_of_released_peers_are_understood() -> None:
    call = made("tool_call", {"tool_call_id": "c", "name": "t", "arguments": {"a": 1}})
    assert (call.call_id, call.tool, call.args) == ("c", "t", {"a": 1})
    result = made("tool_result", {"tool_call_id": "c", "output": 1, "error": {"code": "X"}})
    assert (result.call_id, result.result, result.error) == ("c", 1, {"code": "X"})
    metric = made("metric", {"name": "n", "value": 1, "attributes": {"a": 1}})
    assert metric.dimensions == {"a": 1}
    reference = made("artifact_ref", {"media_type": "t", "size_bytes": 3.0})
    assert (reference.content_type, reference.byte_size) == ("t", 3)


anything = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.floats()
bodies = anything | st.lists(anything, max_size=2)


@given(
    st.sampled_from([*events.EVENT_KINDS, "other"]),
    bodies
    | st.dictionaries(
        st.sampled_from(sorted({name for body, _ in FULL.values() for name in body})), bodies
    ),
)
def test_no_property_fails_whatever_a_peer_sends(kind: str, body: Any) -> None:
    event = made(kind, body)
    assert event["body"] is body
    assert isinstance(event.body, dict)
    for name in {*properties(event), "kind", "ts", "seq", "job_id"} - {"data_bytes"}:
        getattr(event, name)
    assert len(repr(event)) < 1_000


def test_a_chunk_is_bytes() -> None:
    assert made("result_chunk", {"data": "ä"}).data_bytes == "ä".encode()
    with pytest.raises(ValueError, match="base64"):
        _ = made("result_chunk", {"data": "Y*Q==", "encoding": "base64"}).data_bytes


def test_an_event_of_ones_own_has_no_place() -> None:
    event = Event(kind="x", ts=NOW, body={})
    assert (event.seq, event.job_id) == (None, None)
    assert made("x", None).body == {}


def test_events_are_pickled_and_copied() -> None:
    event = made("log", {"message": ["m"]})
    for same in (pickle.loads(pickle.dumps(event)), copy.copy(event), copy.deepcopy(event)):
        assert type(same) is events.LogEvent
        assert same == event
        assert (same.seq, same.job_id) == (3, "job_1")


def test_a_repr_is_short_and_has_no_secret() -> None:
    assert (
        repr(made("log", {"message": "m"})) == "LogEvent(kind='log', seq=3, body={'message': 'm'})"
    )
    assert len(repr(made("x" * 10_000, {"a": "b" * 10_000}))) < 1_000
    rotated = {"phase": "credential_rotated", "id": "c", "value": "s3cret"}
    event = made("status", rotated)
    assert "s3cret" not in repr(event)
    assert event["body"]["value"] == "s3cret"

"""The exceptions, and what the native engine refuses."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from arcp import _errors as errors
from ixt_sdk import _native
from ixt_sdk import arcp as native

CLASSES = [errors.error_class_for(code) for code in errors.ERROR_CODES]


def test_there_is_a_class_for_each_code() -> None:
    assert len(errors.ERROR_CODES) == 15
    assert [one.code for one in CLASSES] == list(errors.ERROR_CODES)
    assert len(set(CLASSES)) == 15


def test_two_codes_are_worth_another_attempt() -> None:
    retryable = [one.code for one in CLASSES if one("x").retryable]
    assert retryable == ["HEARTBEAT_LOST", "INTERNAL_ERROR"]
    assert errors.PermissionDeniedError("x", retryable=True).retryable
    assert not errors.InternalError("x", retryable=False).retryable


def test_two_names_are_not_the_built_in_ones() -> None:
    assert errors.ARCPTimeoutError is errors.TimeoutError
    assert errors.ARCPCancelledError is errors.CancelledError
    assert not issubclass(errors.TimeoutError, TimeoutError)


def test_a_payload_has_details_only_where_there_are_some() -> None:
    error = errors.JobNotFoundError("no such job")
    plain = {"code": "JOB_NOT_FOUND", "message": "no such job", "retryable": False}
    assert error.to_payload() == plain
    error = errors.JobNotFoundError("no such job", details={"job_id": "j"})
    assert error.to_payload() == {**plain, "details": {"job_id": "j"}}


def test_a_payload_is_read_as_it_was_written() -> None:
    for one in CLASSES:
        error = one("why", retryable=True, details={"a": 1})
        read = errors.error_from_payload(error.to_payload())
        assert type(read) is one
        assert read.to_payload() == error.to_payload()


def test_a_code_of_a_later_version_is_kept() -> None:
    error = errors.error_from_payload({"code": "RATE_LIMITED", "message": "slow down"})
    assert type(error) is errors.ARCPError
    assert error.code == error.to_payload()["code"] == "RATE_LIMITED"
    assert errors.ARCPError.code == "INTERNAL_ERROR", "the class is as it was"
    assert errors.error_class_for("RATE_LIMITED") is errors.ARCPError


@pytest.mark.parametrize(
    ("payload", "code", "message", "retryable"),
    [
        ({}, "INTERNAL_ERROR", "INTERNAL_ERROR", True),
        ({"code": 7, "message": 8, "retryable": "no", "details": []}, "INTERNAL_ERROR", None, True),
        ({"code": None, "message": None, "retryable": None}, "INTERNAL_ERROR", None, True),
        ({"code": "CANCELLED"}, "CANCELLED", "CANCELLED", False),
    ],
)
def test_a_malformed_payload_is_an_error_all_the_same(
    payload: dict[str, Any], code: str, message: str | None, retryable: bool
) -> None:
    error = errors.error_from_payload(payload)
    assert error.code == code
    assert error.message == (message or code)
    assert error.retryable is retryable
    assert error.details == {}


def test_errors_are_pickled_and_copied() -> None:
    unknown = errors.error_from_payload({"code": "X", "message": "m", "details": {"a": [1]}})
    unknown.retryable = True
    for error in [one("m", retryable=True, details={"a": 1}) for one in CLASSES] + [unknown]:
        for same in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
            assert type(same) is type(error)
            assert same.to_payload() == error.to_payload()
            assert str(same) == str(error) == "m"


def test_a_repr_is_short() -> None:
    assert repr(errors.CancelledError("why")) == "CancelledError('why', code='CANCELLED')"
    long = errors.error_from_payload({"code": "c" * 10_000, "message": "m" * 10_000})
    assert len(repr(long)) < 500
    assert len(str(long)) == 10_000


def test_the_engine_raises_these_classes() -> None:
    with pytest.raises(errors.PermissionDeniedError) as raised:
        _native.arcp_lease_check("{}", "fs.read", "/a", False)
    assert raised.value.code == "PERMISSION_DENIED"
    assert not raised.value.retryable
    assert raised.value.details == {}


def test_the_engine_has_a_class_for_each_code_and_for_others() -> None:
    for code in errors.ERROR_CODES:
        error = native.refused(code, "m", False, '{"a": 1}')
        assert type(error) is errors.error_class_for(code)
        assert error.details == {"a": 1}
    error = native.refused("RATE_LIMITED", "m", True, "[1]")
    assert type(error) is errors.ARCPError
    assert (error.code, error.retryable, error.details) == ("RATE_LIMITED", True, {})


def test_without_this_package_the_engine_has_one_class_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(native, "BY_CODE", {"": native.Refused})
    error = native.refused("CANCELLED", "m", False, None)
    assert type(error) is native.Refused
    assert (error.code, error.message, error.retryable) == ("CANCELLED", "m", False)
    assert error.details == {}

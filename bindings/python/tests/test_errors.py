"""The table of kinds is the core's, and the exceptions behave as Python's do."""

from __future__ import annotations

import copy
import pickle

import pytest

import ixt_sdk
from ixt_sdk import _native, errors
from ixt_sdk.errors import (
    BY_KIND,
    InvalidArgumentError,
    IxtError,
    RefusedError,
    StreamCancelledError,
    StreamEndedError,
    StreamFailedError,
    stream_ended,
)
from ixt_sdk.streaming import (
    By,
    Cancelled,
    CancelReason,
    CloseReason,
    Completed,
    Failed,
    StreamErrorCode,
    StreamFrame,
)


def test_one_class_for_each_kind_of_the_core() -> None:
    table = {kind: (cls.__name__, cls.code, cls.kind) for kind, cls in BY_KIND.items()}
    assert table == {kind: (f"{kind}Error", code, kind) for kind, code, _ in _native.ERROR_KINDS}


@pytest.mark.parametrize("cls", BY_KIND.values(), ids=lambda cls: cls.kind)
def test_class(cls: type[IxtError]) -> None:
    assert cls.__module__ == "ixt_sdk.errors"
    assert cls.__name__ in errors.__all__
    assert issubclass(cls, RefusedError) == (cls.code < 100)
    assert issubclass(cls, ValueError) == (cls.code < 100 or cls is InvalidArgumentError)
    error = cls("what it says", "a.field", 7)
    again: IxtError = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert (str(again), again.field, again.offset) == ("what it says", "a.field", 7)
    assert str(cls()) == cls.kind


def test_names_are_public() -> None:
    assert set(errors.__all__) >= {cls.__name__ for cls in BY_KIND.values()}
    assert all(hasattr(ixt_sdk, name) for name in ixt_sdk.__all__)
    for name in ixt_sdk.__all__:
        module = getattr(getattr(ixt_sdk, name), "__module__", "ixt_sdk.")
        assert not module.endswith("._native") or name in {"decode_batch", "encode_batch", "split"}


def test_field_and_offset_come_from_the_core() -> None:
    message = bytes.fromhex("00000000010000000500000000000000")
    with pytest.raises(RefusedError) as refused:
        StreamFrame.from_bytes(message)
    assert refused.value.code > 0
    assert refused.value.kind in str(refused.value)
    with pytest.raises(errors.TruncatedError) as truncated:
        StreamFrame.from_bytes(b"\0\0\0")
    assert truncated.value.offset == 3


@pytest.mark.parametrize(
    ("outcome", "cls"),
    [
        (None, StreamEndedError),
        (Completed(CloseReason.COMPLETED), StreamEndedError),
        (Failed(StreamErrorCode.INTERNAL, "why", b"", By.PEER), StreamFailedError),
        (Cancelled(CancelReason.SHUTDOWN, "why", By.LOCAL), StreamCancelledError),
    ],
)
def test_stream_ended_tells_the_outcome(
    outcome: Completed | Failed | Cancelled | None, cls: type[StreamEndedError]
) -> None:
    error = stream_ended(outcome)
    assert type(error) is cls
    assert (error.kind, error.code, error.outcome) == ("StreamEnded", 104, outcome)
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is cls
        assert again.outcome == outcome
        assert str(again) == str(error)

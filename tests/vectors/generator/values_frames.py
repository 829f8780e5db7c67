"""The values of `StreamFrame`: each member, each enumerant, each limit from inside."""

from __future__ import annotations

from collections.abc import Iterator

from .lines import UNICODE, Line, line, pattern, repeated
from .textform import CANCEL_REASONS, CLOSE_REASONS, ERROR_CODES, INTERACTIONS, Value

ID = "0102030405060708090a0b0c0d0e0f10"
U32 = (1, 2, 127, 128, 255, 256, 65535, 65536, 2**24, 2**31 - 2, 2**31 - 1, 2**31, 2**32 - 1)
U64 = (1, 7, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1)
U64_TOP = (2**63, 2**64 - 2, 2**64 - 1)
UNKNOWN = (14, 127, 255, 256, 32767, 32768, 65535)


def frame(name: str, member: str, stream_id: str = ID, **fields: object) -> Line:
    """Makes one line for a frame."""
    return line(f"frame/{name}", "frame", {"stream_id": stream_id, member: fields})


def frames() -> Iterator[Line]:
    """Gives every line for frames but the open frames that carry a real context."""
    yield from _stream_ids()
    yield from _open()
    yield from _data()
    yield from _error()
    yield from _close()
    yield from _cancel()
    yield from _credit()
    yield from _roundabout()


def _stream_ids() -> Iterator[Line]:
    ids = {
        "all-ones": "ff" * 16,
        "one": "00" * 15 + "01",
        "high-word-only": "0102030405060708" + "00" * 8,
        "low-word-only": "00" * 8 + "090a0b0c0d0e0f10",
        "top-bit": "80" + "00" * 15,
        "low-word-top-bit": "00" * 8 + "80" + "00" * 7,
        "high-word-last-bit": "00" * 7 + "01" + "00" * 8,
        "uuid-v7": "018f3c5e7d2a7b4c9e1f0a2b3c4d5e6f",
        "uuid-v4": "f81d4fae7dec41d0a76500a0c91e6bf6",
        "alternating": "aa55" * 8,
        "countdown": "fedcba98765432100123456789abcdef",
    }
    for name, stream_id in ids.items():
        yield frame(f"stream-id/{name}", "data", stream_id, sequence=1, payload="2a")
    for member in ("open", "error", "close", "cancel", "credit"):
        yield frame(f"stream-id/all-ones-{member}", member, "ff" * 16)


def _open() -> Iterator[Line]:
    yield frame("open/empty", "open")
    for kind in INTERACTIONS:
        yield frame(f"open/{kind}", "open", interaction=kind, initial_credit=8)
    for kind in INTERACTIONS[1:]:
        yield frame(f"open/{kind}-no-credit", "open", interaction=kind)
    for number in (4, 5, *UNKNOWN):
        yield frame(f"open/unknown-kind-{number}", "open", interaction=number, initial_credit=1)
    for credit in U32:
        yield frame(
            f"open/credit-{credit}", "open", interaction="bidiStream", initial_credit=credit
        )
    for size in (*range(1, 10), 15, 16, 17, 255, 256, 16383):
        yield frame(f"open/opaque-context-{size}", "open", context=pattern(size).hex())
    # 16 KiB of context is the most an open may carry; the codec does not look inside it.
    yield frame("open/opaque-context-16384", "open", context=(bytes(range(128)) * 128).hex())
    yield frame("open/zero-context-bytes", "open", context="00" * 24)


def _data() -> Iterator[Line]:
    yield frame("data/empty", "data")
    for sequence in (*U64, *U64_TOP):
        yield frame(f"data/sequence-{sequence}", "data", sequence=sequence, payload="6978740a")
    for sequence in (1, 2**64 - 1):
        yield frame(f"data/empty-payload-sequence-{sequence}", "data", sequence=sequence)
    sizes = [*range(1, 26), 31, 32, 33, 39, 40, 41, 63, 64, 65, 127, 128, 129, 255, 256, 257]
    for size in (*sizes, 511, 512, 513, 1023, 1024, 1025, 4095, 4096, 4097):
        payload = pattern(size, size).hex()
        yield frame(f"data/payload-len-{size}", "data", sequence=3, payload=payload)
    for size in (1, 7, 8, 9, 16, 64):
        yield frame(f"data/zero-bytes-{size}", "data", payload="00" * size)
        yield frame(f"data/ff-bytes-{size}", "data", payload="ff" * size)
    yield frame("data/trailing-zeros", "data", sequence=2, payload="01" + "00" * 23)
    yield frame("data/wire-page", "data", sequence=7, payload="73646b2d64617461")
    yield frame("data/payload-65536", "data", sequence=1, payload=("69787421" * 16384))


def _error() -> Iterator[Line]:
    yield frame("error/empty", "error")
    for code in ERROR_CODES:
        yield frame(f"error/{code}", "error", code=code, sequence=3, message=f"it was {code}")
    for code in ERROR_CODES[1:]:
        yield frame(f"error/{code}-bare", "error", code=code)
    for number in (13, *UNKNOWN):
        yield frame(f"error/unknown-code-{number}", "error", code=number, message="from later")
    for sequence in (*U64[-3:], *U64_TOP):
        yield frame(f"error/sequence-{sequence}", "error", code="internal", sequence=sequence)
    yield frame("error/sequence-only", "error", sequence=1)
    yield frame("error/message-only", "error", message="m")
    yield frame("error/details-only", "error", details="00")
    yield frame("error/message-and-details", "error", message="m", details="64657461696c73")
    for size in (1, 6, 7, 8, 9, 15, 16, 4095, 4096):
        message = repeated("abcdefg", size)
        yield frame(f"error/message-len-{size}", "error", code="internal", message=message)
        details = pattern(size).hex()
        yield frame(f"error/details-len-{size}", "error", code="internal", details=details)
    both: Value = {"message": repeated("ü€😀", 4096), "details": "a5" * 4096}
    yield frame("error/all-largest", "error", code=65535, sequence=2**64 - 1, **both)
    for name, text in UNICODE.items():
        yield frame(f"error/unicode-{name}", "error", code="unavailable", message=text)


def _close() -> Iterator[Line]:
    yield frame("close/empty", "close")
    for reason in CLOSE_REASONS[1:]:
        yield frame(f"close/{reason}", "close", reason=reason)
    for reason in CLOSE_REASONS:
        yield frame(f"close/{reason}-after-3", "close", reason=reason, final_sequence=3)
    for number in (5, *UNKNOWN):
        yield frame(f"close/unknown-reason-{number}", "close", reason=number, final_sequence=1)
    for sequence in (*U64, *U64_TOP):
        yield frame(f"close/final-{sequence}", "close", reason="completed", final_sequence=sequence)


def _cancel() -> Iterator[Line]:
    yield frame("cancel/empty", "cancel")
    for reason in CANCEL_REASONS[1:]:
        yield frame(f"cancel/{reason}", "cancel", reason=reason)
    for reason in CANCEL_REASONS:
        yield frame(f"cancel/{reason}-why", "cancel", reason=reason, message="because")
    for number in (8, *UNKNOWN):
        yield frame(f"cancel/unknown-reason-{number}", "cancel", reason=number)
    for size in (1, 7, 8, 9, 4095, 4096):
        yield frame(f"cancel/message-len-{size}", "cancel", message=repeated("stop ", size))
    largest = repeated("😀", 4096)
    yield frame("cancel/largest-astral", "cancel", reason="shutdown", message=largest)
    for name, text in UNICODE.items():
        yield frame(f"cancel/unicode-{name}", "cancel", reason="userRequested", message=text)


def _credit() -> Iterator[Line]:
    yield frame("credit/zero", "credit")
    for credit in (*U32, 5):
        yield frame(f"credit/{credit}", "credit", frames=credit)


def _roundabout() -> Iterator[Line]:
    """Inputs that say defaults aloud, or name a known enumerant by its number."""
    yield frame("input/open-defaults", "open", interaction="unary", initial_credit=0, context="")
    yield frame("input/data-defaults", "data", sequence=0, payload="")
    error: Value = {"code": "unknown", "sequence": 0, "message": "", "details": ""}
    yield frame("input/error-defaults", "error", **error)
    yield frame("input/close-defaults", "close", reason="unspecified", final_sequence=0)
    yield frame("input/cancel-defaults", "cancel", reason="unspecified", message="")
    yield frame("input/credit-default", "credit", frames=0)
    yield frame("input/open-kind-by-number", "open", interaction=3, initial_credit=2)
    yield frame("input/error-code-by-number", "error", code=12)
    yield frame("input/close-reason-by-number", "close", reason=1)
    yield frame("input/cancel-reason-by-number", "cancel", reason=7)
    yield frame("input/fields-out-of-order", "data", payload="ab", sequence=9)


def large_frames() -> Iterator[Line]:
    """Gives the payloads at the default limit; few, and repetitive so that they pack small."""
    mebibyte = 1024 * 1024
    for name, size in (("1-mib", mebibyte), ("1-mib-minus-1", mebibyte - 1)):
        payload = (b"ixt-data" * (mebibyte // 8))[:size].hex()
        yield frame(f"data/payload-{name}", "data", sequence=1, payload=payload)
    zeros = "00" * (mebibyte - 8)
    yield frame("data/payload-1-mib-minus-8-of-zeros", "data", sequence=2**64 - 1, payload=zeros)

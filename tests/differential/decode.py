"""The verdicts of Python: lines `frame HEX` and `context HEX` in, a verdict a line out."""

from __future__ import annotations

import sys

from ixt_sdk.errors import IxtError, NotCanonicalError
from ixt_sdk.invocation import InvocationContext
from ixt_sdk.streaming import StreamFrame


def verdict(of: str, data: bytes) -> str:
    """The kind of a refusal, or whether it is canonical and what it encodes to."""
    type_: type[StreamFrame] | type[InvocationContext]
    type_ = StreamFrame if of == "frame" else InvocationContext
    try:
        again = type_.from_bytes(data).to_bytes()
    except IxtError as error:
        kind = error.kind
        try:
            type_.from_bytes(data, canonical=True)
        except IxtError as canonical:
            return kind if canonical.kind == kind else f"{kind}, but canonically {canonical.kind}"
        return f"{kind}, but canonical"
    try:
        type_.from_bytes(data, canonical=True)
    except NotCanonicalError:
        return f"NotCanonical {again.hex()}"
    return f"canonical {again.hex()}"


def main() -> None:
    """Answers line by line."""
    for line in sys.stdin:
        of, _, text = line.rstrip("\n").partition(" ")
        sys.stdout.write(verdict(of, bytes.fromhex(text)) + "\n")


if __name__ == "__main__":
    main()

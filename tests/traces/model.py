"""The reference model: one endpoint of one stream, as specification 23 has it.

It is written to be read beside the tables: every branch cites the row that it implements, by the
names of `rows.py`. Nothing is clever and nothing is fast. `step` takes an input of the trace form
(specification 20) and gives its output; `cited` collects the rows that were executed.

`python model.py --serve` speaks the protocol of `ixt trace` on stdin and stdout.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, TextIO

from reference import frames
from reference.frames import BadJson, Body, Json
from reference.opening import Opening
from reference.receiver import Receiver
from reference.sender import Sender
from reference.state import (
    CANCELLED,
    CLOSED,
    ENDED,
    FAILED,
    MESSAGE_LIMIT,
    OK,
    OPEN,
    Result,
    misuse,
)


class Endpoint(Opening, Sender, Receiver):
    """One endpoint of one stream: its inputs, and the table "The whole stream"."""

    def step(self, given: Json) -> Json:
        """One input of the trace form, and its output after the engine is drained."""
        self.transmit, self.events = [], []
        result = self._dispatch(given)
        return {
            "result": result,
            "transmit": self.transmit,
            "events": self.events,
            "state": {
                "sender": self.sender,
                "receiver": self.receiver,
                "credit": self.credit if self.sender == OPEN else 0,
                "outstanding": self.outstanding if self.receiver == OPEN else 0,
                "ignored": self.ignored,
            },
        }

    def _dispatch(self, given: Json) -> Result:
        match given:
            case {"send": payload, "ticket": ticket, **rest} if not rest:
                return self._send(frames.octets(payload), frames.number(32)(ticket))
            case {"receive": frame, **rest} if not rest:
                return self._receive(*frames.parse_frame(frame))
        if len(given) != 1:
            raise BadJson(f"not an input: {given!r}")
        ((name, value),) = given.items()
        simple: dict[str, Callable[[Any], Result]] = {
            "open": self._open,
            "send": lambda payload: self._send(frames.octets(payload), None),
            "wait": lambda ticket: self._wait(frames.number(32)(ticket)),
            "drop": lambda ticket: self._drop(frames.number(32)(ticket)),
            "grant": lambda grant: self._grant(frames.number(32)(grant)),
            "consume": lambda count: self._consume(frames.number(32)(count)),
            "close": lambda reason: self._close(frames.close_reason(reason)),
            "fail": self._fail,
            "cancel": self._cancel,
            "time": lambda now: self._time(frames.number(64)(now)),
        }
        if name not in simple:
            raise BadJson(f"no such input: {name!r}")
        return simple[name](value)

    # The whole stream.

    def _halves(self) -> str:
        """Which half, if any, is already closed when the whole stream ends."""
        if self.sender == CLOSED:
            return "sender closed"
        return "receiver closed" if self.receiver == CLOSED else "both open"

    def _refuse_message(self, what: str, message: str) -> Result | None:
        row = "Text: fail or cancel with a message past its limit"
        if len(message.encode()) > MESSAGE_LIMIT:
            self.cite(row, f"{what}, too long")
            return misuse("MessageTextTooLong")
        if "\0" in message:
            self.cite(row, f"{what}, NUL")
            return misuse("BadText")
        return None

    def _fail(self, given: Any) -> Result:
        code, message = frames.fields(
            given,
            {"code": frames.error_code, "message": frames.string},
            {"code": "unknown", "message": ""},
        )
        if self.idle:
            self.cite("Opening: Idle | send, close, fail, cancel, grant", "fail")
            return misuse("NotOpen")
        if self.ended:
            self.cite("Stream: ended | fail, cancel", "fail")
            return ENDED
        if refusal := self._refuse_message("fail", message):
            return refusal
        self.cite("Stream: not ended | fail(code)", self._halves())
        self._emit(frames.Error(code, self.sent, message, b""))
        self._end(FAILED)
        return OK

    def _cancel(self, given: Any) -> Result:
        reason, message = frames.fields(
            given,
            {"reason": frames.cancel_reason, "message": frames.string},
            {"reason": "unspecified", "message": ""},
        )
        if self.idle:
            self.cite("Opening: Idle | send, close, fail, cancel, grant", "cancel")
            return misuse("NotOpen")
        if self.ended:
            self.cite("Stream: ended | fail, cancel", "cancel")
            return ENDED
        if refusal := self._refuse_message("cancel", message):
            return refusal
        self.cite("Stream: not ended | cancel, deadline", f"cancel, {self._halves()}")
        self._emit(frames.Cancel(reason, message))
        self._end(CANCELLED)
        return OK

    def _time(self, now: int) -> Result:
        if self.idle:
            self.cite("Opening: Idle | time")
        elif self.ended:
            self.cite("Text: a time after the end")
        elif not self.deadline or now < self.deadline:
            self.cite(
                "Text: a time before the deadline, or none", "before" if self.deadline else "none"
            )
        else:
            self.cite("Stream: not ended | cancel, deadline", f"deadline, {self._halves()}")
            self._emit(frames.Cancel("deadlineExceeded", ""))
            told = {"reason": "deadlineExceeded", "message": "", "by": "local"}
            self.events.append({"cancelled": told})
            self._end(CANCELLED)
        return OK

    # A frame of the peer.

    def _receive(self, stream: str, body: Body) -> Result:
        if self.idle:
            if self.role == "responder" and isinstance(body, frames.Open):
                return self._accept(stream, body)
            self.cite(
                "Opening: Idle | any other frame; at the opener an open too",
                type(body).__name__.lower(),
            )
            return self._violation("UnknownStream")
        if stream != self.stream_id:
            self.cite("Text: a frame of another stream")
            return self._violation("UnknownStream")
        match body:
            case frames.Credit(frames=grant):
                return self._receive_credit(grant)
            case frames.Data():
                return self._receive_data(body)
            case frames.Close():
                return self._receive_close(body)
            case frames.Unknown():
                return self._receive_unknown()
            case frames.Open() | frames.Error() | frames.Cancel() if self.ended:
                self.cite("Stream: ended | open, error, cancel", type(body).__name__.lower())
                return self._ignore()
            case frames.Open():
                self.cite("Opening: stream not ended | a second open; at the opener any open")
                return self._fail_peer("protocolViolation")
            case frames.Error(code=code, message=message):
                self.cite("Stream: not ended | peer's error, cancel", f"error, {self._halves()}")
                told = {"code": code, "message": message, "by": "peer"}
                self.events.append({"failed": told})
                self._end(FAILED)
            case frames.Cancel(reason=reason, message=message):
                self.cite("Stream: not ended | peer's error, cancel", f"cancel, {self._halves()}")
                told = {"reason": reason, "message": message, "by": "peer"}
                self.events.append({"cancelled": told})
                self._end(CANCELLED)
        return OK

    def _receive_unknown(self) -> Result:
        if self.ended:
            self.cite("Text: an unknown frame kind after the end")
        else:
            self.cite("Text: an unknown frame kind is surfaced and counted")
            self.events.append({"violation": "UnknownFrame"})
        return self._ignore()


def line(value: Json) -> str:
    """A value as one line: compact, and UTF-8 as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def serve(lines: TextIO, answers: TextIO, make: Callable[[Json], Endpoint] = Endpoint) -> None:
    """What `ixt trace` does: a header starts an endpoint, an input gives a line of output."""
    endpoint: Endpoint | None = None
    for text in lines:
        given = json.loads(text)
        if "endpoint" in given:
            endpoint = make(given)
        elif endpoint is None:
            raise BadJson("an input before the header")
        else:
            print(line(endpoint.step(given)), file=answers)


if __name__ == "__main__":
    if sys.argv[1:] != ["--serve"]:
        sys.exit("usage: model.py --serve")
    serve(sys.stdin, sys.stdout)

"""Every trace of the repository, driven through the public ``Stream``."""

from __future__ import annotations

from typing import Any

from ixt_sdk.errors import IxtError
from ixt_sdk.streaming import (
    Cancelled,
    CancelReason,
    CloseReason,
    CreditGrown,
    Event,
    Failed,
    Finished,
    InteractionKind,
    PeerClosed,
    Stream,
    StreamData,
    StreamErrorCode,
    StreamFrame,
    StreamId,
    StreamOpen,
    TicketEnded,
    TicketReady,
    Violation,
)

from conftest import counts, lines
from textform import enumerant, from_body, from_frame, to_frame

Json = dict[str, Any]


class Replay:
    """One endpoint, and the names that its trace gave to tickets."""

    def __init__(self, header: Json) -> None:
        settings = {
            name: header[name]
            for name in ("max_payload", "window", "agreed_credit")
            if name in header
        }
        if header["endpoint"] == "opener":
            self.stream = Stream.opener(enumerant(InteractionKind, header["kind"]), **settings)
        else:
            self.stream = Stream.responder(**settings)
        self.tickets: dict[int, int] = {}
        self.names: dict[int, int] = {}

    def ticket(self, name: int) -> int:
        return self.tickets.get(name, 2**64 - 1)

    def give(self, step: Json) -> str:
        stream = self.stream
        done = True
        match step:
            case {"open": opened}:
                context = bytes.fromhex(opened.get("context", ""))
                stream_id = StreamId(bytes.fromhex(opened["stream_id"]))
                stream.open(stream_id, opened.get("initial_credit", 0), context)
            case {"send": payload, "ticket": name}:
                stream.send_with(self.ticket(name), bytes.fromhex(payload))
            case {"send": payload}:
                stream.try_send(bytes.fromhex(payload))
            case {"wait": name}:
                ticket = stream.wait()
                self.tickets[name] = ticket
                self.names[ticket] = name
            case {"drop": name}:
                stream.drop_ticket(self.ticket(name))
            case {"grant": frames}:
                stream.grant(frames)
            case {"consume": frames}:
                stream.consume(frames)
            case {"close": reason}:
                done = stream.close(enumerant(CloseReason, reason))
            case {"fail": what}:
                code = enumerant(StreamErrorCode, what["code"])
                done = stream.fail(code, what.get("message", ""))
            case {"cancel": what}:
                why = enumerant(CancelReason, what["reason"])
                done = stream.cancel(why, what.get("message", ""))
            case {"time": now}:
                stream.handle_timeout(now)
            case {"receive": frame}:
                return "ok" if stream.receive(to_frame(frame)) else "ignored"
            case _:
                raise AssertionError(step)
        return "ok" if done else "ended"

    def step(self, step: Json) -> Json:
        result: str | Json
        try:
            result = self.give(step)
        except IxtError as error:
            result = {"error": error.kind}
        frames = [StreamFrame.from_bytes(frame) for frame in self.stream.take_transmit()]
        state = self.stream.state
        return {
            "result": result,
            "transmit": [from_frame(frame) for frame in frames],
            "events": [self.event(event) for event in self.stream.take_events()],
            "state": {name: getattr(state, name) for name in state.__slots__},
        }

    def event(self, event: Event) -> Json:
        match event:
            case StreamOpen(interaction, _, context):
                return {"opened": {"kind": interaction, "context": context.hex()}}
            case StreamData():
                return dict([from_body(event)])
            case CreditGrown(frames):
                return {"credit": frames}
            case TicketReady(ticket):
                return {"ready": self.names[ticket]}
            case TicketEnded(ticket):
                return {"ended": self.names[ticket]}
            case PeerClosed(reason):
                return {"closed": reason}
            case Finished():
                return {"finished": True}
            case Failed(code, message, _, by):
                return {"failed": {"code": code, "message": message, "by": by}}
            case Cancelled(reason, message, by):
                return {"cancelled": {"reason": reason, "message": message, "by": by}}
            case Violation():
                return {"violation": event}


def without_messages(expected: Json, actual: Json) -> None:
    """Takes out of both what is not compared: messages that an engine made for people."""
    for wanted, found in zip(expected["transmit"], actual["transmit"], strict=False):
        for kind in {"error", "cancel"} & wanted.keys() & found.keys():
            if "message" not in wanted[kind]:
                found[kind].pop("message", None)
    for wanted, found in zip(expected["events"], actual["events"], strict=False):
        for kind in {"failed", "cancelled"} & wanted.keys() & found.keys():
            if wanted[kind]["message"] == "":
                found[kind]["message"] = ""


def test_traces() -> None:
    for trace in lines("traces/traces.jsonl"):
        replay = Replay(trace["endpoint"])
        for number, step in enumerate(trace["steps"]):
            actual, expected = replay.step(step["in"]), step["out"]
            without_messages(expected, actual)
            assert actual == expected, f"{trace['name']}, step {number}: {step['in']}"
        counts["traces"] += 1

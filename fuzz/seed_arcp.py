"""Seeds of `arcp_client` and `arcp_runtime`, from the recorded sessions in `tests/arcp/captures`.

Each connection becomes one seed: what was said to the target, and what was done beside it. The targets say what the
first character of a line stands for.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CAPTURES = Path(__file__).resolve().parent.parent / "tests" / "arcp" / "captures"
EVENTS = 4  # in a seed: more say nothing new


def connections() -> Iterator[list[dict[str, Any]]]:
    for path in sorted(CAPTURES.glob("*.jsonl")):
        found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        with path.open(encoding="utf-8", newline="\n") as file:
            for line in map(json.loads, file):
                if "frame" in line:
                    found[line["conn"]].append(line)
        for lines in found.values():
            kept, events = [], 0
            for line in lines:
                events += line["frame"]["type"] == "job.event"
                if line["frame"]["type"] != "job.event" or events <= EVENTS:
                    kept.append(line)
            yield kept


def short(seed: str) -> str:
    """The same with names of a few letters: what they are is no matter, and short inputs are tried sooner."""
    names: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        return names.setdefault(found[0], f"{found[0][0]}{len(names)}")

    return re.sub(r"\b(sess|job|res|rtk?)_[0-9A-Za-z]{9,}|(?<=\"id\":\")[^\"]+", name, seed)


def text(frame: dict[str, Any]) -> str:
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def asked(frame: dict[str, Any]) -> str | None:
    """What the client was asked to do, so that it said this."""
    payload = frame["payload"]
    job = frame.get("job_id") or payload.get("job_id", "")
    commands: dict[str, str] = {
        "job.submit": "s" + text(payload["input"]) if "input" in payload else "s",
        "job.cancel": f"c{job}",
        "job.subscribe": f"u{job}",
        "session.list_jobs": "l",
        "session.ack": f"a{payload.get('last_processed_seq')}",
        "session.close": "qdone",
        "session.bye": "q",
    }
    return commands.get(str(frame["type"]))


def client() -> Iterator[bytes]:
    for lines in connections():
        seed = []
        for line in lines:
            frame = line["frame"]
            if line["dir"] == "c2s":
                seed.append(asked(frame))
                continue
            if "request_id" in frame["payload"]:
                frame = {**frame, "payload": {**frame["payload"], "request_id": "$R"}}
            # A peer may tell an end again.
            again = 2 if frame["type"] in ("job.result", "job.error") else 1
            seed.extend(["<" + text(frame)] * again)
        yield short("\n".join(filter(None, seed))).encode()


def done(frame: dict[str, Any]) -> str | None:
    """What an agent did, so that the runtime said this."""
    payload = frame["payload"]
    match frame["type"], payload.get("kind"):
        case "job.event", "result_chunk":
            return f"{'k' if payload['body']['more'] else 'K'}{payload['body']['data']}"
        case "job.event", kind:
            return f"e{kind} {text(payload['body'])}"
        case "job.result", _:
            result = payload.get("result", payload.get("output"))
            return "f" + ("" if "result_id" in payload else text(result))
        case "job.error", _:
            return f"x{payload['message']}"
    return None


def runtime() -> Iterator[bytes]:
    for number, lines in enumerate(connections()):
        seed = []
        for line in lines:
            frame = json.loads(text(line["frame"]))
            if line["dir"] == "s2c":
                seed.append(done(frame))
                continue
            if "session_id" in frame:
                frame["session_id"] = "$S"
            for holder in (frame, frame["payload"]):
                if "job_id" in holder:
                    holder["job_id"] = "$J"
            if resume := frame["payload"].get("resume"):
                seed.append(
                    '0{"id":"h","type":"session.hello","payload":{"auth":{"token":"tok-a"}}}\nc0'
                )
                resume.update(session_id="$S", resume_token="$T", last_event_seq=0)
            seed.append("0" + text(frame))
        # Some of them over a store, which is slow to store and to load.
        lines_of_it = list(filter(None, seed))
        yield (
            "S\n" + "\ns\ns\nl\n".join(lines_of_it) if number % 3 == 0 else "\n".join(lines_of_it)
        ).encode()

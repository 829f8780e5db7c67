"""Every name of the official package is here, and is called as there.

The official package has the same import name, so it lives in an interpreter of its own, which
``ARCP_OFFICIAL_PYTHON`` names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

OFFICIAL = os.environ.get("ARCP_OFFICIAL_PYTHON", "")
LISTING = Path(__file__).parent / "official" / "listing.py"
MODULES = (
    "arcp",
    "arcp.client",
    "arcp.runtime",
    "arcp.middleware",
    "arcp.middleware.asgi",
    "arcp.middleware.aiohttp",
    "arcp.middleware.otel",
)

MADE_HERE = "the runtime alone makes one, of what the engine says"
KEPT_BY_THE_ENGINE = (
    "sequence numbers, subscribers, keys and frames that were sent are the engine's; an agent or a "
    "policy has no use of them"
)

# What is meant to differ, and why. One that no longer differs fails the test.
DIFFERENCES: dict[str, str] = {
    "arcp.HeartbeatLostError.default_retryable": (
        "§12 leaves it open; a job lives on when its connection is lost, so the same request may "
        "succeed"
    ),
    "arcp.runtime.Job()": MADE_HERE,
    **{
        f"arcp.runtime.Job.{name}": KEPT_BY_THE_ENGINE
        for name in (
            "chunked_result_started",
            "delegate_id",
            "idempotency_key",
            "inline_result_emitted",
            "last_terminal_envelope",
        )
    },
    "arcp.runtime.SessionContext()": MADE_HERE,
    **{
        f"arcp.runtime.SessionContext.{name}": KEPT_BY_THE_ENGINE
        for name in (
            "add_subscriber",
            "has_feature",
            "last_inbound_at",
            "latest_event_seq",
            "negotiated_features",
            "next_event_seq",
            "record_ack",
            "record_inbound",
            "remove_subscriber",
            "send",
            "set_event_seq",
            "stamp_and_enqueue",
        )
    },
}

Listing = dict[str, Any]


def listing(python: str) -> Listing:
    ran = subprocess.run(
        [python, str(LISTING), *MODULES], check=True, capture_output=True, text=True, timeout=60
    )
    told: Listing = json.loads(ran.stdout)
    return told


def differences(official: Listing, ours: Listing) -> dict[str, str]:
    """Where ours cannot be used as the official one: a path, and what differs."""
    found: dict[str, str] = {}
    for module, names in official.items():
        if isinstance(names, str):
            found[module] = f"the official one cannot be imported: {names}"
        elif isinstance(ours[module], str):
            found[module] = ours[module]
        else:
            for name, theirs in names.items():
                compare(f"{module}.{name}", theirs, ours[module].get(name), found)
    return found


def compare(path: str, theirs: Listing, mine: Listing | None, found: dict[str, str]) -> None:
    if mine is None:
        found[path] = "not there"
        return
    if theirs["is"] != mine["is"]:
        found[path] = f"{mine['is']}, not {theirs['is']}"
        return
    if theirs.get("value") != mine.get("value"):
        found[path] = f"{mine.get('value')!r}, not {theirs.get('value')!r}"
    if theirs.get("waits") != mine.get("waits"):
        found[path] = f"{mine.get('waits')}, not {theirs.get('waits')}"
    elif "parameters" in theirs:
        takes(path, theirs["parameters"], mine["parameters"], found)
    if "constructor" in theirs:
        told = mine.get("constructor", {"parameters": []})
        takes(f"{path}()", theirs["constructor"]["parameters"], told["parameters"], found)
    for name in set(theirs.get("attributes", ())) - set(mine.get("attributes", ())):
        found[f"{path}.{name}"] = "not there"
    for name, default in theirs.get("fields", {}).items():
        told = mine["fields"].get(name, "not there")
        if told != default:
            found[f"{path}.{name}"] = f"{told}, not {default}"
    for name in set(mine.get("fields", {})) - set(theirs.get("fields", ())):
        if mine["fields"][name] == "required":
            found[f"{path}.{name}"] = "required, and the official one has none"
    for name, member in theirs.get("members", {}).items():
        compare(f"{path}.{name}", member, mine["members"].get(name), found)


def takes(
    path: str, theirs: list[list[str]], mine: list[list[str]] | str, found: dict[str, str]
) -> None:
    """Ours may take more: by keyword, and with a default."""
    if isinstance(mine, str):
        found[path] = mine
        return
    names = {one[0] for one in theirs}
    kept = [one for one in mine if one[0] in names]
    more = [one for one in mine if one[0] not in names]
    if kept != theirs:
        found[path] = f"{kept}, not {theirs}"
    for name, kind, default in more:
        if kind not in ("KEYWORD_ONLY", "VAR_KEYWORD") or (
            kind == "KEYWORD_ONLY" and default == "required"
        ):
            found[path] = f"{name} is {kind}, {default}, and the official one has none"


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    if not OFFICIAL:
        pytest.skip("ARCP_OFFICIAL_PYTHON does not name an interpreter")
    return differences(listing(OFFICIAL), listing(sys.executable))


@pytest.mark.parametrize("module", MODULES)
def test_every_name_is_here_and_is_called_as_there(module: str, found: dict[str, str]) -> None:
    others = tuple(f"{one}." for one in MODULES if one.startswith(f"{module}."))
    of_it = {
        path: what
        for path, what in found.items()
        if (path == module or path.startswith(f"{module}."))
        and not path.startswith(others)
        and path + "." not in others
        and path not in DIFFERENCES
    }
    assert not of_it, "\n".join(f"{path}: {what}" for path, what in sorted(of_it.items()))


def test_what_is_meant_to_differ_does(found: dict[str, str]) -> None:
    assert set(DIFFERENCES) <= set(found)


def test_the_comparison_sees_what_it_should() -> None:
    def method(*parameters: list[str], waits: str = "sync") -> Listing:
        return {"is": "method", "waits": waits, "parameters": list(parameters)}

    x = ["x", "POSITIONAL_OR_KEYWORD", "required"]
    theirs: Listing = {
        "m": {
            "gone": method(),
            "same": method(x),
            "waits": method(x, waits="async"),
            "default": method(["x", "KEYWORD_ONLY", "1"]),
            "more": method(x),
            "harmless": method(x),
            "value": {"is": "value", "value": 1},
            "model": {"is": "model", "fields": {"a": "required", "b": "None"}, "members": {}},
            "class": {"is": "class", "attributes": ["a"], "members": {"f": method()}},
        }
    }
    ours: Listing = {
        "m": {
            "same": method(x),
            "waits": method(x),
            "default": method(["x", "KEYWORD_ONLY", "2"]),
            "more": method(x, ["y", "KEYWORD_ONLY", "required"]),
            "harmless": method(x, ["y", "KEYWORD_ONLY", "None"]),
            "value": {"is": "value", "value": 2},
            "model": {"is": "model", "fields": {"a": "None", "c": "required"}, "members": {}},
            "class": {"is": "class", "attributes": [], "members": {}},
        }
    }
    assert set(differences(theirs, ours)) == {
        "m.gone",
        "m.waits",
        "m.default",
        "m.more",
        "m.value",
        "m.model.a",
        "m.model.b",
        "m.model.c",
        "m.class.a",
        "m.class.f",
    }
    assert set(differences({"n": {}}, {"n": "ImportError: no"})) == {"n"}

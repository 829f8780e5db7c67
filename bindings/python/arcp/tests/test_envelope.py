"""Envelopes as they come: a field may have the name of something that Python has."""

from __future__ import annotations

from typing import Any

from arcp import Envelope


def test_a_frame_with_the_least_fields_is_read() -> None:
    frame: dict[str, Any] = {"arcp": "1.1", "id": "1", "type": "session.ping", "payload": {}}
    read = Envelope.from_wire(frame)
    assert (read.type, read.session_id) == ("session.ping", None)
    assert read.to_wire() == frame

"""The client of ARCP 1.1."""

from __future__ import annotations

from arcp._client.client import ARCPClient, AutoAckOptions
from arcp._client.connect import connect
from arcp._client.handle import JobHandle, JobSubscription

__all__ = ["ARCPClient", "AutoAckOptions", "JobHandle", "JobSubscription", "connect"]

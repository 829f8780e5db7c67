"""``python -m arcp``: the command ``arcp``."""

from __future__ import annotations

from arcp.cli import main

main()

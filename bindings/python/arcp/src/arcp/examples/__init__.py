"""One feature each: ``python -m arcp.examples.submit_and_stream`` and so on.

Alone, an example starts its runtime as a second process, drives it, and checks what it sees.
``--serve`` runs the runtime alone, ``--url`` the client alone, against one that runs elsewhere.
"""

from __future__ import annotations

__all__: tuple[str, ...] = ()

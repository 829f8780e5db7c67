"""The schemas, for who uses pycapnp beside this package.

Nothing here is needed to encode or decode: this package does that by itself, and faster. It is for
programs that have pycapnp anyway and want builders and readers of the same types.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from importlib.resources import as_file, files
from typing import Any

from .streaming import StreamFrame

__all__ = ["IpcSerializer"]


class IpcSerializer:
    """Loads the schemas of this package with pycapnp, which has to be installed.

    Messages that pycapnp writes are decoded by ``from_bytes`` like any others; only what this
    package encodes is canonical.
    """

    SCHEMAS = ("module.capnp", "ipc_streaming.capnp")

    @staticmethod
    def schema(name: str) -> str:
        """The text of one of :attr:`SCHEMAS`."""
        return files("ixt_sdk").joinpath("schemas", name).read_text(encoding="utf-8")

    @cached_property
    def module(self) -> Any:
        """pycapnp's module of ``module.capnp``."""
        return _load("module.capnp")

    @cached_property
    def ipc_streaming(self) -> Any:
        """pycapnp's module of ``ipc_streaming.capnp``."""
        return _load("ipc_streaming.capnp")

    @property
    def invocation_context(self) -> Any:
        """pycapnp's type of ``InvocationContext``."""
        return self.module.InvocationContext

    @property
    def stream_frame(self) -> Any:
        """pycapnp's type of ``StreamFrame``."""
        return self.ipc_streaming.StreamFrame

    def canonical(self, builder: Any) -> bytes:
        """The canonical bytes of a ``StreamFrame`` that pycapnp holds."""
        return StreamFrame.from_bytes(builder.to_bytes()).to_bytes()


def _load(name: str) -> Any:
    with as_file(files("ixt_sdk").joinpath("schemas", name)) as path:
        return import_module("capnp").load(str(path))

"""Fields of a :class:`~arcp._model.Model`, and what is said of a value that does not fit one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

__all__ = ("MISSING", "Field", "ValidationError", "field")


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final[Any] = _Missing()
"""Where ``None`` is a value."""

Check = Callable[[Any], Any]


class ValidationError(ValueError):
    """A value that a model does not take. The message names the field and never the value, which
    may be a secret."""

    def __init__(self, model: str, field: str, problem: str) -> None:
        super().__init__(model, field, problem)
        self.model = model
        """The model's name."""
        self.field = field
        """The path of the field within it, such as ``lease['fs.read'][0]``."""
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.model}.{self.field}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Field:
    """A field, as ``model_fields`` shows it."""

    name: str
    annotation: Any
    default: Any = MISSING
    default_factory: Callable[[], Any] | None = None
    wire: str | None = None
    also: tuple[str, ...] = ()
    heard: Any = MISSING
    hear: Check | None = None
    check: Check | None = None
    said: Check | None = None
    shown: bool = True

    def is_required(self) -> bool:
        """Whether the constructor demands it."""
        return self.default is MISSING and self.default_factory is None

    def get_default(self) -> Any:
        """A value of its own for each that asks, where it is made by a factory."""
        return self.default_factory() if self.default_factory else self.default


def field(
    *,
    default: Any = MISSING,
    default_factory: Callable[[], Any] | None = None,
    wire: str | None = None,
    also: tuple[str, ...] = (),
    heard: Any = MISSING,
    hear: Check | None = None,
    check: Check | None = None,
    said: Check | None = None,
    shown: bool = True,
) -> Any:
    """A field with more to it than a type and a default.

    ``wire`` is its name on the wire, where that is no Python name; ``also`` are other names that
    peers have for it. ``heard`` is what a required field is where a peer left it out, and ``hear``
    makes what peers send into what the field takes. ``check`` gives the value, or raises
    ``ValueError``; ``said`` does so in the constructor alone, for what we must say but need not
    hear. What is not ``shown`` is no part of the ``repr``: secrets.
    """
    # Its name and type are set by the model.
    return Field("", None, default, default_factory, wire, also, heard, hear, check, said, shown)

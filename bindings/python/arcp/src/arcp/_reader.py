"""From an annotation to the function that reads such a value. Made once for each field."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol, TypeAlias, Union, cast, get_args, get_origin

from ._field import ValidationError

__all__ = ("Reader", "Wrong", "reader_of")

Reader: TypeAlias = Callable[[Any], Any]


class Wrong(Exception):  # noqa: N818 (it never leaves the package)
    """A value that does not fit; ``where`` is its path within the field."""

    def __init__(self, problem: str, where: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where


class _Readable(Protocol):
    @classmethod
    def model_validate(cls, obj: Any) -> Any: ...


def reader_of(annotation: Any) -> Reader | None:
    """The function that gives the value, as the type has it, or raises :class:`Wrong`; ``None``
    where every value fits.

    Raises:
        TypeError: there is no reader for such a type.
    """
    if annotation is Any or annotation is object:
        return None
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _literal(arguments)
    if origin is Union or origin is types.UnionType:
        return _union(arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return _sequence(tuple, arguments[0])
    if origin is list:
        return _sequence(list, arguments[0])
    if origin is dict and arguments[0] is str:
        return _mapping(arguments[1])
    if isinstance(annotation, type) and hasattr(annotation, "model_validate"):
        return _model(cast("type[_Readable]", annotation))
    raise TypeError(f"no reader for {annotation!r}")


def _expected(what: str, value: object) -> Wrong:
    return Wrong(f"expected {what}, not {type(value).__name__}")


def _text(value: object) -> object:
    if isinstance(value, str):
        return value
    raise _expected("text", value)


def _whole(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    # JSON has one kind of number, and some peers write 1.0.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise _expected("a whole number", value)


def _number(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise _expected("a number", value)


def _flag(value: object) -> object:
    if isinstance(value, bool):
        return value
    raise _expected("true or false", value)


def _nothing(value: object) -> object:
    if value is None:
        return None
    raise _expected("nothing", value)


_PLAIN: dict[Any, Reader] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: _flag,
    type(None): _nothing,
}


def _literal(choices: tuple[Any, ...]) -> Reader:
    says = "one of " + ", ".join(repr(choice) for choice in choices)

    def read(value: object) -> object:
        # Not by a set: what came need not be hashable.
        if value in choices:
            return value
        raise Wrong(f"expected {says}")

    return read


def _union(options: tuple[Any, ...]) -> Reader | None:
    readers = [reader_of(option) for option in options if option is not type(None)]
    last = readers[-1]
    # Every value fits one of them.
    if None in readers or last is None:
        return None
    others = [reader for reader in readers[:-1] if reader is not None]
    optional = type(None) in options

    def read(value: object) -> object:
        if value is None and optional:
            return None
        for reader in others:
            try:
                return reader(value)
            except Wrong:
                continue
        return last(value)

    return read


def _sequence(kind: type[tuple[Any, ...] | list[Any]], item: Any) -> Reader:
    reader = reader_of(item)

    def read(value: object) -> object:
        # A text or an object is iterable too, and never what is meant.
        if not isinstance(value, list | tuple | set | frozenset):
            raise _expected("a list", value)
        items = cast("Iterable[object]", value)
        if reader is None:
            return kind(items)
        if item is str and all([type(one) is str for one in items]):  # noqa: C419 (faster)
            return kind(items)
        found: list[object] = []
        try:
            for one in items:
                found.append(reader(one))
        except Wrong as wrong:
            raise Wrong(wrong.problem, f"[{len(found)}]{wrong.where}") from None
        return found if kind is list else kind(found)

    return read


def _mapping(item: Any) -> Reader:
    reader = reader_of(item)

    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise _expected("an object", value)
        entries = cast("dict[object, object]", value)
        if reader is None:
            # Kept as it is: a payload may be large.
            return entries
        found: dict[object, object] = {}
        for key, one in entries.items():
            if not isinstance(key, str):
                raise Wrong(f"expected keys that are text, not {type(key).__name__}")
            try:
                found[key] = reader(one)
            except Wrong as wrong:
                raise Wrong(wrong.problem, f"[{key[:64]!r}]{wrong.where}") from None
        return found

    return read


def _model(model: type[_Readable]) -> Reader:
    def read(value: object) -> object:
        if isinstance(value, model):
            return value
        if not isinstance(value, Mapping):
            raise _expected("an object", value)
        try:
            return model.model_validate(value)
        except ValidationError as error:
            raise Wrong(error.problem, f".{error.field}") from None

    return read

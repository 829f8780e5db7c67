"""The two functions of a model, as source: its constructor, and the reader of what peers send.

Written out, a field costs a comparison of types instead of a walk over its description. Nobody
else's text becomes source: names of fields do, and those are names of Python. Names of the source's
own begin with an underscore, and no field's does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ._field import MISSING, Field, ValidationError
from ._reader import Reader, Wrong, reader_of

__all__ = ("Compiled", "compiled")

# Values of these are taken without a call when their type is the very one.
_INLINE = {str: "_str", int: "_int", bool: "_bool", str | None: "_str", int | None: "_int"}


class Compiled(NamedTuple):
    """What a model's class gets."""

    constructor: Callable[..., None]
    read: Callable[[Mapping[str, Any]], Any]


def compiled(model: type, fields: dict[str, Field], keeps_extra: bool, frozen: bool) -> Compiled:
    """The functions for a class with these fields, each of which has a slot."""
    names = list(fields)
    scope: dict[str, Any] = {
        "_MISSING": MISSING,
        "_Wrong": Wrong,
        "_failed": _failure(model.__name__, names),
        "_model": model,
        "_new": object.__new__,
        # Fields may have the names of these.
        "_type": type,
        "_dict": dict,
        "_str": str,
        "_int": int,
        "_bool": bool,
        "_ValueError": ValueError,
    }

    def store(name: str, value: str) -> str:
        if not frozen:
            return f"_self.{name} = {value}"
        scope[f"_set_{name}"] = getattr(model, name).__set__
        return f"_set_{name}(_self, {value})"

    said: list[str] = []
    heard: list[str] = []
    for number, one in enumerate(fields.values()):
        taken = _Taken(number, one, scope)
        said += [f"_n = {number}", *taken.said(), store(one.name, one.name)]
        heard += [f"_n = {number}", *taken.heard(), store(one.name, one.name)]
    parameters = ", ".join(f"{name}=_MISSING" for name in names)
    rescue = ["except (_Wrong, _ValueError) as _error:", "    raise _failed(_n, _error) from None"]
    kept = store("_extra", "_extra or None" if keeps_extra else "None")
    source = [
        f"def constructor(_self, /, *, {parameters}, **_extra):"
        if names
        else "def constructor(_self, /, **_extra):",
        *_indented(["_n = 0", "try:", *_indented([*said, "pass"]), *rescue, kept]),
        "def read(_data):",
        "    _self = _new(_model)",
        *_indented(
            ["_extra = _dict(_data)", "_pop = _extra.pop"] if keeps_extra else ["_pop = _data.get"]
        ),
        *_indented(["_n = 0", "try:", *_indented([*heard, "pass"]), *rescue, kept]),
        "    return _self",
    ]
    exec(compile("\n".join(source), f"<{model.__name__}>", "exec"), scope)
    for made, name in (("constructor", "__init__"), ("read", "_read")):
        scope[made].__name__, scope[made].__module__ = name, model.__module__
        scope[made].__qualname__ = f"{model.__qualname__}.{name}"
    return Compiled(scope["constructor"], scope["read"])


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _failure(model: str, names: list[str]) -> Callable[[int, Exception], ValidationError]:
    def failed(number: int, error: Exception) -> ValidationError:
        if isinstance(error, Wrong):
            return ValidationError(model, names[number] + error.where, error.problem)
        return ValidationError(model, names[number], str(error))

    return failed


class _Taken:
    """The lines that take one field's value. What they call goes into ``scope``."""

    def __init__(self, number: int, field: Field, scope: dict[str, Any]) -> None:
        self.number = number
        self.field = field
        self.scope = scope
        self.reader = reader_of(field.annotation)
        self.takes_none = _takes_none(self.reader)

    def said(self) -> list[str]:
        """In the constructor."""
        one = self.field
        lines: list[str] = []
        if one.wire:
            lines += [f"if {one.name} is _MISSING:", f"    {self._popped('_extra.pop', one.wire)}"]
        return [
            *lines,
            f"if {one.name} is _MISSING:",
            f"    {self._absent(MISSING)}",
            "else:",
            *_indented(self._read()),
            *_indented(self._called("check", one.check)),
            *_indented(self._called("said", one.said)),
        ]

    def heard(self) -> list[str]:
        """In the reader."""
        one = self.field
        names = [one.wire, one.name, *one.also] if one.wire else [one.name, *one.also]
        absent = f"{one.name} is _MISSING"
        if not self.takes_none or one.also:
            absent += f" or {one.name} is None"
        lines = [self._popped("_pop", names[0])]
        for name in names[1:]:
            lines += [f"if {absent}:", f"    {self._popped('_pop', name)}"]
        return [
            *lines,
            f"if {absent}:",
            f"    {self._absent(one.heard)}",
            "else:",
            *_indented(self._called("hear", one.hear)),
            *_indented(self._read()),
            *_indented(self._called("check", one.check)),
        ]

    def _popped(self, pop: str, name: str) -> str:
        return f"{self.field.name} = {pop}({name!r}, _MISSING)"

    def _bind(self, what: str, value: Any) -> str:
        name = f"_{what}{self.number}"
        self.scope[name] = value
        return name

    def _absent(self, heard: Any) -> str:
        one = self.field
        if one.default_factory is not None:
            return f"{one.name} = {self._bind('made', one.default_factory)}()"
        if one.default is not MISSING:
            return f"{one.name} = {self._bind('default', one.default)}"
        if heard is not MISSING:
            return f"{one.name} = {self._bind('heard', heard)}"
        return "raise _Wrong('a value is required')"

    def _read(self) -> list[str]:
        if self.reader is None:
            return ["pass"]
        name = self.field.name
        line = f"{name} = {self._bind('read', self.reader)}({name})"
        inline = _INLINE.get(self.field.annotation)
        if inline is None:
            return [line]
        unless_none = f"{name} is not None and " if self.takes_none else ""
        return [f"if {unless_none}_type({name}) is not {inline}:", f"    {line}"]

    def _called(self, what: str, function: Callable[[Any], Any] | None) -> list[str]:
        if function is None:
            return []
        name = self.field.name
        called = f"{name} = {self._bind(what, function)}({name})"
        return [f"if {name} is not None:", f"    {called}"]


def _takes_none(reader: Reader | None) -> bool:
    if reader is None:
        return True
    try:
        reader(None)
    except Wrong:
        return False
    return True

"""Models: classes with typed, slotted fields that are checked when they are made or read.

They answer as pydantic's do where the official package has those: ``model_validate``,
``model_dump``, ``model_copy``. What a class needs is compiled once, when it is made: one function
for the constructor and one for what peers send.
"""

from __future__ import annotations

import copy
import inspect
import json
import reprlib
import sys
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    Self,
    TypeVar,
    cast,
    dataclass_transform,
    get_origin,
    get_type_hints,
)

from ._compile import compiled
from ._field import MISSING, Field, ValidationError, field

__all__ = ("Model",)

# Dumped as they are.
_SIMPLE = frozenset({str, int, float, bool, type(None)})

_M = TypeVar("_M", bound="Model")

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 120
_REPR.maxlevel = 3


def _annotations(namespace: dict[str, Any]) -> dict[str, Any]:
    own = namespace.get("__annotations__")
    if own is None and sys.version_info >= (3, 14):
        import annotationlib

        annotate = annotationlib.get_annotate_from_class_namespace(namespace)
        if annotate is not None:
            own = annotationlib.call_annotate_function(annotate, annotationlib.Format.VALUE)
    return own or {}


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
class _Meta(type):
    """Makes fields of annotations: a metaclass, as a class that is made gets no more slots."""

    def __new__(
        cls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        extra: Literal["allow", "ignore"] | None = None,
        frozen: bool | None = None,
    ) -> _Meta:
        own = _annotations(namespace)
        # By a class that has nothing else: only of classes does `get_type_hints` take a `ClassVar`.
        bare = {"__annotations__": own, "__module__": namespace["__module__"]}
        types = get_type_hints(type(name, (), bare))
        fields: dict[str, Field] = {}
        for base in reversed(bases):
            fields |= getattr(base, "model_fields", {})
        slots: list[str] = []
        for at, kind in types.items():
            if get_origin(kind) is ClassVar or kind is ClassVar:
                continue
            if at not in fields:
                slots.append(at)
            given = namespace.pop(at, MISSING)
            if isinstance(given, list | dict | set):
                # Each instance its own.
                given = Field("", None, default_factory=cast("Any", given).copy)
            known = given if isinstance(given, Field) else Field("", None, given)
            if at.startswith("_"):
                raise TypeError(f"a field's name cannot begin with an underscore: {at}")
            fields[at] = replace(known, name=at, annotation=kind)
        namespace["__slots__"] = tuple(slots)
        namespace["model_fields"] = fields
        made = super().__new__(cls, name, bases, namespace)
        # The base itself has nothing to make.
        if any(isinstance(base, cls) for base in bases):
            made._compile(extra, frozen)
        return made

    def _compile(cls, extra: str | None, frozen: bool | None) -> None:
        model = cast("Any", cls)
        if extra is not None:
            model._keeps_extra = extra == "allow"
        if frozen is not None:
            model._frozen = frozen
        made = compiled(cls, model.model_fields, model._keeps_extra, model._frozen)
        model._read = staticmethod(made.read)
        fields = cast("dict[str, Field]", model.model_fields).values()
        model._keys = (
            [(one.name, one.name) for one in fields],
            [(one.name, one.wire or one.name) for one in fields],
        )
        if "__init__" not in vars(cls):
            model.__init__ = made.constructor
        if model._frozen:
            model.__setattr__ = model.__delattr__ = _refuse_set
            model.__hash__ = _hash
        model.__signature__ = _signature(model)


def _refuse_set(self: Model, name: str, _: object = None) -> None:
    raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be set")


def _hash(self: Model) -> int:
    return hash((type(self), *(getattr(self, name) for name in type(self).model_fields)))


class _Factory:
    def __repr__(self) -> str:
        return "<factory>"


def _shown_default(one: Field) -> Any:
    if one.is_required():
        return inspect.Parameter.empty
    return _Factory() if one.default_factory else one.default


def _signature(model: type[Model]) -> inspect.Signature:
    parameters = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_shown_default(one),
            annotation=one.annotation,
        )
        for one in model.model_fields.values()
    ]
    parameters.append(inspect.Parameter("extra", inspect.Parameter.VAR_KEYWORD, annotation=Any))
    return inspect.Signature(parameters, return_annotation=None)


class _Kept:
    """What peers send besides a model's fields."""

    __slots__ = ("_extra",)

    # Were it declared in the model itself, type checkers would take it for a field.
    _extra: dict[str, Any] | None


class Model(_Kept, metaclass=_Meta):
    """The base. A subclass names its fields by annotations::

        class RuntimeInfo(Model):
            name: str
            version: str

    ``extra="allow"`` (which is so unless said otherwise) keeps fields that the class does not have:
    they are attributes too, and in ``model_extra``. ``"ignore"`` drops them. ``frozen=True`` makes
    values that cannot be changed and can be hashed.

    What is set later is not checked. Dicts of anything are kept as they are, and not copied.
    """

    model_fields: ClassVar[dict[str, Field]]
    """The fields by their names."""

    _keeps_extra: ClassVar[bool] = True
    _frozen: ClassVar[bool] = False
    # Each field with its name here, and on the wire.
    _keys: ClassVar[tuple[list[tuple[str, str]], list[tuple[str, str]]]]
    _read: ClassVar[Callable[[Mapping[str, Any]], Any]]

    if not TYPE_CHECKING:
        # Hidden from type checkers: they would take every name for a field.
        def __getattr__(self, name: str) -> Any:
            if not name.startswith("_") and self._extra and name in self._extra:
                return self._extra[name]
            raise AttributeError(f"{type(self).__name__} has no field {name[:64]!r}")

    @property
    def model_extra(self) -> dict[str, Any] | None:
        """The fields that the class does not have; ``None`` where it drops them."""
        if not self._keeps_extra:
            return None
        if self._extra is None:
            # Made when it is asked for: hardly any message has one.
            object.__setattr__(self, "_extra", {})
        return self._extra

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """Reads what a peer sent.

        It takes more than the constructor: other names of a field, ``null`` for what has a default,
        and fields left out that many peers leave out.

        Raises:
            ValidationError: it is no object, or a field does not fit.
        """
        if type(obj) is dict:
            return cast("Self", cls._read(cast("dict[str, Any]", obj)))
        if isinstance(obj, cls):
            return obj
        if not isinstance(obj, Mapping):
            raise ValidationError(
                cls.__name__, "", f"expected an object, not {type(cast('object', obj)).__name__}"
            )
        return cast("Self", cls._read(cast("Mapping[str, Any]", obj)))

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray) -> Self:
        """Reads JSON, as :meth:`model_validate` does.

        Raises:
            ValidationError: it is no JSON, or does not fit.
        """
        try:
            obj = json.loads(json_data)
        except (ValueError, RecursionError) as error:
            raise ValidationError(cls.__name__, "", f"no JSON: {error}") from None
        return cls.model_validate(obj)

    def model_dump(
        self,
        *,
        mode: str = "python",
        include: AbstractSet[str] | None = None,
        exclude: AbstractSet[str] | None = None,
        by_alias: bool | None = None,
        exclude_none: bool = False,
    ) -> dict[str, Any]:
        """The fields as a dict, and models within them too.

        ``mode="json"`` makes what ``json.dumps`` takes; ``by_alias`` names the fields as they are
        on the wire; ``exclude_none`` leaves out what is ``None``.
        """
        as_json, by_wire = mode == "json", bool(by_alias)
        values = [(key, getattr(self, name)) for name, key in self._keys[by_wire]]
        if self._extra:
            values += self._extra.items()
        dumped = {
            key: value if type(value) in _SIMPLE else _dumped(value, as_json, by_wire, exclude_none)
            for key, value in values
            if value is not None or not exclude_none
        }
        if include is not None:
            dumped = {name: value for name, value in dumped.items() if name in include}
        if exclude is not None:
            dumped = {name: value for name, value in dumped.items() if name not in exclude}
        return dumped

    def model_dump_json(
        self,
        *,
        indent: int | None = None,
        include: AbstractSet[str] | None = None,
        exclude: AbstractSet[str] | None = None,
        by_alias: bool | None = None,
        exclude_none: bool = False,
    ) -> str:
        """The fields as JSON; see :meth:`model_dump`."""
        dumped = self.model_dump(
            mode="json",
            include=include,
            exclude=exclude,
            by_alias=by_alias,
            exclude_none=exclude_none,
        )
        separators = (",", ":") if indent is None else None
        return json.dumps(dumped, ensure_ascii=False, indent=indent, separators=separators)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Another one with the same fields but for those of ``update``, which are not checked."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        extra = dict(self._extra or {})
        if deep:
            fields, extra = copy.deepcopy((fields, extra))
        for name, value in (update or {}).items():
            (fields if name in fields else extra)[name] = value
        return _rebuilt(type(self), fields, extra if self._keeps_extra else None)

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return _rebuilt, (type(self), fields, self._extra)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = type(self).model_fields
        same = all(getattr(self, name) == getattr(other, name) for name in names)
        return same and (self._extra or None) == (other._extra or None)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = [
            f"{name}={_REPR.repr(getattr(self, name))}" if one.shown else f"{name}=…"
            for name, one in type(self).model_fields.items()
        ]
        if self._extra:
            # By their names alone: nobody knows what they hold.
            shown.append(f"model_extra={_REPR.repr(list(self._extra))}")
        return f"{type(self).__name__}({', '.join(shown)})"


def _rebuilt(cls: type[_M], fields: dict[str, Any], extra: dict[str, Any] | None) -> _M:
    made = cls.__new__(cls)
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    object.__setattr__(made, "_extra", extra or None)
    return made


def _dumped(value: Any, as_json: bool, by_wire: bool, exclude_none: bool) -> Any:
    if type(value) in _SIMPLE:
        return value
    if isinstance(value, Model):
        mode = "json" if as_json else "python"
        return value.model_dump(mode=mode, by_alias=by_wire, exclude_none=exclude_none)
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        return {key: _dumped(one, as_json, by_wire, exclude_none) for key, one in entries.items()}
    if isinstance(value, list | tuple):
        many = cast("Sequence[Any]", value)
        items = [_dumped(one, as_json, by_wire, exclude_none) for one in many]
        return items if as_json or isinstance(value, list) else tuple(items)
    return _plain(value) if as_json else value


def _plain(value: Any) -> Any:
    """What JSON has no value for, in the form in which it is usually written."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, set | frozenset):
        items = cast("AbstractSet[Any]", value)
        return [_dumped(one, True, False, False) for one in items]
    return value if isinstance(value, str | int | float) else str(value)

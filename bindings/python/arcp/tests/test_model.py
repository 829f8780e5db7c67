"""The base of all models."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import types
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcp._field import ValidationError, field
from arcp._model import Model


def _number(value: object) -> object:
    return int(value) if isinstance(value, bool) else value


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("expected an even number")
    return value


def _short(value: str) -> str:
    if len(value) > 3:
        raise ValueError("expected 3 characters")
    return value.upper()


class Part(Model):
    name: str
    size: int = 0


class Whole(Model):
    id: str
    parts: tuple[Part, ...] = ()
    named: tuple[str, ...] | tuple[Part, ...] = ()
    lease: dict[str, list[str]] = field(default_factory=dict)
    anything: Any = None
    flag: bool = False
    ratio: float = 0.0
    mode: Literal["a", "b"] = "a"
    note: str | None = None
    number: int | None = None
    part: Part | None = None
    raw: dict[str, Any] = field(default_factory=dict)


class Odd(Model):
    budget: tuple[str, ...] = field(default=(), wire="cost.budget")
    at: str = field(heard="", also=("created_at", "when"))
    count: int = field(default=0, hear=_number)
    even: int = field(default=0, check=_even)
    ours: str = field(default="x", said=_short)
    secret: str = field(default="hidden", shown=False)


class Point(Model, extra="ignore", frozen=True):
    x: int
    y: int = 0


class Colour(Enum):
    RED = "red"


def test_fields_have_their_defaults_and_no_dict() -> None:
    whole = Whole(id="w")
    assert (whole.parts, whole.lease, whole.anything, whole.mode) == ((), {}, None, "a")
    assert not hasattr(whole, "__dict__")
    assert Whole(id="w").lease is not whole.lease


def test_values_become_what_the_field_has() -> None:
    whole = Whole(
        id="w",
        parts=[{"name": "p"}, Part(name="q", size=2)],  # type: ignore[arg-type]
        lease={"fs.read": ("/a",)},  # type: ignore[dict-item]
        number=3.0,  # type: ignore[arg-type]
        part={"name": "r", "more": 1},  # type: ignore[arg-type]
    )
    assert whole.parts == (Part(name="p"), Part(name="q", size=2))
    assert whole.lease == {"fs.read": ["/a"]}
    assert whole.number == 3
    assert type(whole.number) is int
    assert whole.part is not None
    assert whole.part.model_extra == {"more": 1}
    assert Whole(id="w", named=("a",)).named == ("a",)
    assert Whole(id="w", named=[{"name": "a"}]).named == (Part(name="a"),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({}, "Whole.id: a value is required"),
        ({"id": 1}, "Whole.id: expected text, not int"),
        ({"id": None}, "Whole.id: expected text, not NoneType"),
        ({"id": "w", "parts": "ab"}, "Whole.parts: expected a list, not str"),
        ({"id": "w", "parts": [{"name": "a"}, {"size": 1}]}, "Whole.parts[1].name: a value"),
        ({"id": "w", "parts": [{"name": "a", "size": "1"}]}, "Whole.parts[0].size: expected a wh"),
        ({"id": "w", "parts": [7]}, "Whole.parts[0]: expected an object, not int"),
        ({"id": "w", "named": [7]}, "Whole.named[0]: expected an object, not int"),
        ({"id": "w", "lease": {"a": [1]}}, "Whole.lease['a'][0]: expected text, not int"),
        ({"id": "w", "lease": {"a": "b"}}, "Whole.lease['a']: expected a list, not str"),
        ({"id": "w", "lease": []}, "Whole.lease: expected an object, not list"),
        ({"id": "w", "lease": {1: []}}, "Whole.lease: expected keys that are text"),
        ({"id": "w", "flag": 1}, "Whole.flag: expected true or false, not int"),
        ({"id": "w", "ratio": "1"}, "Whole.ratio: expected a number, not str"),
        ({"id": "w", "ratio": True}, "Whole.ratio: expected a number, not bool"),
        ({"id": "w", "number": True}, "Whole.number: expected a whole number, not bool"),
        ({"id": "w", "number": 1.5}, "Whole.number: expected a whole number, not float"),
        ({"id": "w", "mode": "c"}, "Whole.mode: expected one of 'a', 'b'"),
        ({"id": "w", "mode": []}, "Whole.mode: expected one of 'a', 'b'"),
        ({"id": "w", "raw": 1}, "Whole.raw: expected an object, not int"),
    ],
)
def test_what_does_not_fit_names_its_field(given_: dict[str, Any], says: str) -> None:
    for heard in (False, True):
        if given_.get("id", "") is None and heard:
            says = "Whole.id: a value is required"
        with pytest.raises(ValidationError) as raised:
            Whole.model_validate(given_) if heard else Whole(**given_)
        assert str(raised.value).startswith(says)
        assert isinstance(raised.value, ValueError)
        same = pickle.loads(pickle.dumps(raised.value))
        assert str(same) == str(raised.value)
        assert same.field == raised.value.field


def test_an_error_never_has_the_value() -> None:
    with pytest.raises(ValidationError) as raised:
        Odd.model_validate({"secret": ["t0ken"]})
    assert "t0ken" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("value", [None, 1, "x", [], [["id", "w"]]])
def test_only_objects_are_read(value: object) -> None:
    with pytest.raises(ValidationError, match="expected an object"):
        Whole.model_validate(value)


def test_json_is_read() -> None:
    assert Part.model_validate_json('{"name": "a"}') == Part(name="a")
    assert Part.model_validate_json(b'{"name": "a"}') == Part(name="a")
    for bad in ("{", "[]", b"\xff", "[" * 100_000):
        with pytest.raises(ValidationError):
            Part.model_validate_json(bad)


def test_an_instance_is_read_as_itself() -> None:
    part = Part(name="a")
    assert Part.model_validate(part) is part


def test_null_is_a_field_that_was_left_out() -> None:
    read = Whole.model_validate(dict.fromkeys(Whole.model_fields) | {"id": "w"})
    assert read == Whole(id="w")
    with pytest.raises(ValidationError):
        Whole(id="w", mode=None)  # type: ignore[arg-type]


def test_unknown_fields_are_kept() -> None:
    part = Part(name="a", x=1)  # type: ignore[call-arg]
    assert part.model_extra == {"x": 1}
    assert part.x == 1  # type: ignore[attr-defined]
    assert part.model_dump() == {"name": "a", "size": 0, "x": 1}
    read = Part.model_validate({"name": "a", "x-vendor.flag": None, "self": 2})
    assert read.model_dump() == {"name": "a", "size": 0, "x-vendor.flag": None, "self": 2}
    assert read.model_dump(exclude_none=True) == {"name": "a", "size": 0, "self": 2}
    with pytest.raises(AttributeError, match="Part has no field 'y'"):
        _ = part.y  # type: ignore[attr-defined]


def test_unknown_fields_can_be_added() -> None:
    part = Part(name="a")
    assert part.model_extra == {}
    assert part == Part(name="a")
    extra = part.model_extra
    assert extra is not None
    extra["x"] = 1
    assert part.model_dump()["x"] == 1


def test_some_models_drop_unknown_fields() -> None:
    read = Point.model_validate({"x": 1, "z": 3})
    assert read == Point(x=1, z=3)  # type: ignore[call-arg]
    assert read.model_extra is None
    assert read.model_dump() == {"x": 1, "y": 0}


def test_a_frozen_model_is_a_value() -> None:
    point = Point(x=1)
    assert hash(point) == hash(Point(x=1))
    assert {point, Point(x=1, y=0)} == {point}
    with pytest.raises(AttributeError, match="frozen"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="frozen"):
        delattr(point, "x")
    assert point.model_copy(update={"x": 2}) == Point(x=2)
    with pytest.raises(TypeError):
        hash(Part(name="a"))


def test_other_names_are_read_and_one_is_written() -> None:
    for name in ("at", "created_at", "when"):
        assert Odd.model_validate({name: "t"}).at == "t"
        assert Odd.model_validate({"at": None, name: "t"} if name != "at" else {"at": "t"}).at
    assert Odd.model_validate({}).at == "", "what is heard may lack what is said"
    with pytest.raises(ValidationError, match=r"Odd\.at"):
        Odd()  # type: ignore[call-arg]
    for name in ("budget", "cost.budget"):
        given_: dict[str, Any] = {"at": "", name: ["a"]}
        for odd in (Odd.model_validate(given_), Odd(**given_)):
            assert odd.budget == ("a",)
            assert odd.model_dump()["budget"] == ("a",)
            assert odd.model_dump(by_alias=True)["cost.budget"] == ("a",)
            assert not odd.model_extra


def test_checks_are_made() -> None:
    assert Odd.model_validate({"count": True}).count == 1
    with pytest.raises(ValidationError):
        Odd(at="", count=True)
    with pytest.raises(ValidationError, match=r"Odd\.even: expected an even number"):
        Odd(at="", even=3)
    with pytest.raises(ValidationError, match=r"Odd\.even: expected an even number"):
        Odd.model_validate({"even": 3})
    assert Odd(at="", ours="abc").ours == "ABC"
    with pytest.raises(ValidationError, match=r"Odd\.ours"):
        Odd(at="", ours="abcd")
    assert Odd.model_validate({"ours": "abcd"}).ours == "abcd", "a peer may say more"


def test_a_repr_is_short_and_has_no_secret() -> None:
    assert repr(Part(name="a")) == "Part(name='a', size=0)"
    odd = Odd.model_validate({"at": "t", "secret": "t0ken", "token": "t0ken"})
    assert "t0ken" not in repr(odd)
    assert "model_extra=['token']" in repr(odd)
    parts = tuple(Part(name="n" * 10_000, size=size) for size in range(10_000))
    long = Whole(id="w" * 10_000, parts=parts, raw={str(n): "x" * 1000 for n in range(1000)})
    assert len(repr(long)) < 2_000


def test_dumps_are_what_was_asked_for() -> None:
    whole = Whole(id="w", parts=(Part(name="a"),), anything={"a": (None, 1)}, note=None)
    as_is = whole.model_dump()
    assert as_is["parts"] == ({"name": "a", "size": 0},)
    assert as_is["anything"] == {"a": (None, 1)}
    assert as_is["note"] is None
    as_json = whole.model_dump(mode="json", exclude_none=True)
    assert as_json["parts"] == [{"name": "a", "size": 0}]
    assert as_json["anything"] == {"a": [None, 1]}, "what is null in a payload stays"
    assert "note" not in as_json
    assert set(whole.model_dump(include={"id", "flag"})) == {"id", "flag"}
    assert "id" not in whole.model_dump(exclude={"id"})
    assert json.loads(whole.model_dump_json()) == whole.model_dump(mode="json")
    assert Part(name="ä").model_dump_json(exclude={"size"}) == '{"name":"ä"}'
    assert Part(name="a").model_dump_json(indent=1) == '{\n "name": "a",\n "size": 0\n}'


def test_json_is_made_of_what_json_has_not() -> None:
    moment = datetime(2026, 5, 13, tzinfo=UTC)
    anything = [Colour.RED, moment, b"x", {1}, Part(name="a")]
    dumped = Whole(id="w", anything=anything).model_dump(mode="json")["anything"]
    assert dumped == ["red", "2026-05-13T00:00:00Z", "x", [1], {"name": "a", "size": 0}]


def test_copies_are_apart() -> None:
    whole = Whole(id="w", raw={"a": []}, x=1)  # type: ignore[call-arg]
    assert whole.model_copy() == whole
    assert whole.model_copy().raw is whole.raw
    deep = whole.model_copy(deep=True)
    assert deep == whole
    assert deep.raw["a"] is not whole.raw["a"]
    changed = whole.model_copy(update={"id": "v", "y": 2})
    assert (changed.id, changed.model_extra, whole.model_extra) == ("v", {"x": 1, "y": 2}, {"x": 1})


def test_models_are_pickled() -> None:
    whole = Whole(id="w", parts=(Part(name="a"),), x=1)  # type: ignore[call-arg]
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(whole, protocol)) == whole
    assert pickle.loads(pickle.dumps(Point(x=1))) == Point(x=1)
    assert copy.copy(whole) == copy.deepcopy(whole) == whole


def test_equal_is_the_same_class_and_all_fields() -> None:
    assert Part(name="a") == Part(name="a", size=0)
    assert Part(name="a") != Part(name="b")
    assert Part(name="a") != Part(name="a", x=1)  # type: ignore[call-arg]
    assert Part(name="a") != {"name": "a", "size": 0}


def test_a_subclass_has_the_fields_of_its_base() -> None:
    class Larger(Part):
        colour: str = "red"
        size: int = 7

    larger = Larger(name="a")
    assert larger.model_dump() == {"name": "a", "size": 7, "colour": "red"}
    assert list(Larger.model_fields) == ["name", "size", "colour"]
    assert not hasattr(larger, "__dict__")
    assert Part(name="a").size == 0


def test_lists_as_defaults_are_not_shared() -> None:
    class Listed(Model):
        items: list[str] = []  # noqa: RUF012 (it is made a factory)

    Listed().items.append("a")
    assert Listed().items == []


def test_a_model_tells_its_fields() -> None:
    assert list(Odd.model_fields) == ["budget", "at", "count", "even", "ours", "secret"]
    assert Odd.model_fields["at"].is_required()
    assert Odd.model_fields["budget"].get_default() == ()
    assert Whole.model_fields["lease"].get_default() == {}
    signature = inspect.signature(Part)
    assert str(signature) == "(*, name: str, size: int = 0, **extra: Any) -> None"


def namespace_of(own: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda namespace: namespace.update(own)


def test_a_type_without_a_reader_is_found_when_the_class_is_made() -> None:
    for name, annotation, says in (("a", complex, "no reader"), ("_a", str, "underscore")):
        namespace = {"__annotations__": {name: annotation}, "__module__": __name__}
        with pytest.raises(TypeError, match=says):
            types.new_class("Bad", (Model,), {}, namespace_of(namespace))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*Whole.model_fields, "x"]) | st.text(), json_values))
def test_reading_anything_gives_a_model_or_says_why(values: dict[str, Any]) -> None:
    try:
        read = Whole.model_validate(values)
    except ValidationError:
        return
    assert Whole.model_validate(read.model_dump(mode="json")) == read
    assert Whole.model_validate_json(read.model_dump_json()) == read
    assert pickle.loads(pickle.dumps(read)) == read
    assert len(repr(read)) < 5_000

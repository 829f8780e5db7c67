"""Prints the public interface of the package ``arcp`` of this interpreter as JSON: for each name
what it is, and of what is called its parameters. It runs with the official package too, so it needs
nothing but the standard library."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from typing import Any

OF_MODELS = (
    "model_copy",
    "model_dump",
    "model_dump_json",
    "model_extra",
    "model_validate",
    "model_validate_json",
)


def listing(module: str) -> dict[str, Any] | str:
    """Each name of ``__all__``; or why the module cannot be imported."""
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        return f"{type(error).__name__}: {error}"
    names = sorted(found.__all__)
    return {name: described(getattr(found, name, None)) for name in names if hasattr(found, name)}


def described(thing: Any) -> dict[str, Any]:
    if inspect.isclass(thing):
        return of_class(thing)
    if inspect.isfunction(thing):
        return {"is": "function", **of_function(thing)}
    if isinstance(thing, str | tuple):
        return {"is": "value", "value": thing}
    return {"is": "alias"}


def of_class(one: type[Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"is": "class", "members": {}, "attributes": attributes(one)}
    raised = Exception in one.__mro__
    for name in ("code", "default_retryable"):
        if raised and isinstance(getattr(one, name, None), str | bool):
            told["members"][name] = {"is": "value", "value": getattr(one, name)}
    fields = getattr(one, "model_fields", None)
    if fields is not None:
        told["is"] = "model"
        told["fields"] = {
            name: "required" if field.is_required() else default_of(field.default)
            for name, field in fields.items()
        }
        told["members"] = {name: {"is": "model's"} for name in OF_MODELS if hasattr(one, name)}
    elif not getattr(one, "_is_protocol", False) and is_constructed(one):
        told["constructor"] = of_function(one)
    for attribute in inspect.classify_class_attrs(one):
        if attribute.name.startswith("_") or not is_ours(attribute.defining_class):
            continue
        member = of_member(attribute)
        if member is not None:
            told["members"][attribute.name] = member
    return told


def attributes(one: type) -> list[str]:
    """What instances have, however they have it."""
    names: set[str] = set()
    for base in filter(is_ours, one.__mro__):
        names |= set(vars(base).get("__annotations__", ())) | set(vars(base).get("__slots__", ()))
    every = inspect.classify_class_attrs(one)
    names |= {
        each.name for each in every if each.kind == "property" and is_ours(each.defining_class)
    }
    return sorted(name for name in names if not name.startswith("_"))


def is_constructed(one: type) -> bool:
    """Whether the package says how it is made."""
    return any("__init__" in vars(base) for base in one.__mro__ if is_ours(base))


def is_ours(one: type) -> bool:
    return one.__module__.split(".")[0] == "arcp" and one.__name__ != "Model"


def of_member(attribute: inspect.Attribute) -> dict[str, Any] | None:
    if attribute.kind == "property":
        return {"is": "property"}
    if attribute.kind in ("method", "class method", "static method"):
        function = attribute.object
        return {"is": attribute.kind, **of_function(getattr(function, "__func__", function))}
    return None


def of_function(function: Any) -> dict[str, Any]:
    if inspect.isasyncgenfunction(function):
        waits = "async generator"
    else:
        waits = "async" if inspect.iscoroutinefunction(function) else "sync"
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        return {"waits": waits, "parameters": "not told"}
    return {
        "waits": waits,
        "parameters": [
            [one.name, one.kind.name, default_of(one.default)]
            for one in parameters
            if one.name not in ("self", "cls")
        ],
    }


def default_of(value: Any) -> str:
    simple = (str, int, float, bool, tuple, type(None))
    if value is inspect.Parameter.empty:
        return "required"
    if type(value) in simple:
        return repr(value)
    # Of a factory, or a value that has no form of its own.
    return "made"


if __name__ == "__main__":
    json.dump({module: listing(module) for module in sys.argv[1:]}, sys.stdout)

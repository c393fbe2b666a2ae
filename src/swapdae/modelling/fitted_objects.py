"""Fitted objects of scikit-learn and of a user's own classes as JSON values and arrays: kept without pickle.

An object is told as pickle tells it, by a callable, its arguments and a state (`object.__reduce_ex__`); but callables
and classes are names that are looked up again, and only in the libraries of ROOTS and in modules that the reader names.
"""

import importlib
from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOTS = ("collections", "copyreg", "numpy", "pandas", "scipy", "sklearn")
Arrays = dict[str, NDArray[Any]]


def told(value: Any, arrays: Arrays, modules: Collection[str]) -> Any:
    """`value` as JSON values; what is an array goes into `arrays`. modules: whose names may be told, beside ROOTS.

    Raises ValueError for what cannot be told, such as a function without a name of its own.
    """

    def tell(value: Any) -> Any:
        if value is None or isinstance(value, bool | str) or type(value) is int:
            return value
        if type(value) is float:
            return value if np.isfinite(value) else {"float": repr(value)}
        if type(value) in (list, tuple, dict):
            items = [[k, v] for k, v in value.items()] if isinstance(value, dict) else value
            return {type(value).__name__: [tell(item) for item in items]}
        if isinstance(value, np.dtype):
            return {"dtype": value.str}
        if isinstance(value, np.ndarray | np.generic):
            return tell_array(value)
        if hasattr(value, "__qualname__"):  # a class or a function
            if name := _name(value, modules):
                return {"name": name}
            raise ValueError(f"{value.__qualname__} has no name of its own in a module")
        reduced = value.__reduce_ex__(4)
        if isinstance(reduced, str):
            raise ValueError(f"a {type(value).__name__}")
        made, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        return {"made": [tell(part) for part in (made, arguments, state, list(items or ()), list(pairs or ()))]}

    def tell_array(value: Any) -> Any:
        array = np.asarray(value)
        if array.dtype.hasobject:
            if array.dtype.names:
                raise ValueError("an array of records with objects")
            return {"objects": [tell(item) for item in array.ravel()], "shape": list(array.shape)}
        name = f"a{len(arrays)}"
        arrays[name] = array
        return {"scalar" if isinstance(value, np.generic) else "array": name}

    try:
        return tell(value)
    except (RecursionError, TypeError) as error:
        raise ValueError(f"a {type(value).__name__} ({error})") from error


def made_of(found: Any, arrays: Mapping[str, NDArray[Any]], modules: Collection[str]) -> Any:
    """The object that was told. Raises ValueError for a name outside ROOTS and modules."""

    def make(found: Any) -> Any:
        if not isinstance(found, dict):
            return found
        ((kind, value),) = [(k, v) for k, v in found.items() if k != "shape"]
        if kind in ("list", "tuple"):
            return {"list": list, "tuple": tuple}[kind](make(item) for item in value)
        if kind == "dict":
            return dict(make(item) for item in value)
        if kind == "objects":
            array = np.empty(len(value), dtype=object)
            array[:] = [make(item) for item in value]
            return array.reshape(found["shape"])
        if kind == "made":
            return _made(*(make(part) for part in value))
        return SIMPLE[kind](value)

    SIMPLE: dict[str, Callable[[Any], Any]] = {
        "float": float,
        "dtype": np.dtype,
        "array": lambda name: np.array(arrays[name]),
        "scalar": lambda name: arrays[name][()],
        "name": lambda name: _found(name, modules),
    }
    return make(found)


def _made(made: Any, arguments: Any, state: Any, items: Any, pairs: Any) -> Any:
    value = made(*arguments)
    if state is not None:
        if hasattr(value, "__setstate__"):
            value.__setstate__(state)
        else:
            plain, slots = state if isinstance(state, tuple) else (state, None)
            vars(value).update(plain or {})
            for name, part in (slots or {}).items():
                setattr(value, name, part)
    for item in items:
        value.append(item)
    for key, item in pairs:
        value[key] = item
    return value


def _name(value: Any, modules: Collection[str]) -> str | None:
    """module:name under which `value` is found again; None where it is not."""
    name = f"{getattr(value, '__module__', None)}:{getattr(value, '__qualname__', None)}"
    try:
        return name if _found(name, modules) is value else None
    except (ImportError, AttributeError, ValueError):
        return None


def _found(name: str, modules: Collection[str]) -> Any:
    module, _, inner = name.partition(":")
    if module.split(".")[0] in (*ROOTS, "builtins") or module in modules:  # before it is imported, which runs it
        value = attrgetter(inner)(importlib.import_module(module))
        if module != "builtins" or isinstance(value, type):
            return value
    raise ValueError(f"{name} is of none of the libraries that fitted objects are made of")

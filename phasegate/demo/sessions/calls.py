"""The methods of the store that other processes may call, and how what goes in and out becomes JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from phasegate.demo.sessions.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One method; `arguments` is the tuple of them."""

    method: Callable[..., Any]
    arguments: TypeAdapter[Any]
    result: TypeAdapter[Any]


def _call(method: Callable[..., Any]) -> Call:
    hints = get_type_hints(method)
    result = hints.pop("return")
    arguments: Any = tuple.__class_getitem__(tuple(hints.values()))
    return Call(method=method, arguments=TypeAdapter(arguments), result=TypeAdapter(result))


CALLS: Mapping[str, Call] = {
    method.__name__: _call(method)
    for method in (
        Store.schema,
        Store.functions,
        Store.function,
        Store.open_session,
        Store.session,
        Store.recall,
        Store.remember,
        Store.log,
    )
}

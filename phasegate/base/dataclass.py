"""`dataclass` as Python has it, but that the methods of a frozen class are made when they are first used.

A command imports hundreds of classes and makes objects of few. Python compiles six methods for each of them,
which would be a third of the time of a short run. Classes that are not frozen are left to Python. So are
those of `wire`, `http` and `load` that requests are made of: the first object of a class takes longer, and
there requests are timed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, fields
from functools import cache, partial
from operator import attrgetter
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, NoReturn

_PARAMETERS = "__dataclass_params__"


def _frozen(cls: type, *, slots: bool, kw_only: bool) -> type:
    own = dict(vars(cls))
    if not cls.__doc__:
        cls.__doc__ = cls.__name__  # else Python works out a signature for it
    above = [getattr(base, _PARAMETERS) for base in cls.__mro__[1:] if hasattr(base, _PARAMETERS)]
    frozen = [one for one in above if one.frozen]
    for one in frozen:
        one.frozen = False  # else Python insists on making the methods of a frozen class, for nothing
    try:
        make = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)
        made: type = make(cls)
    finally:
        for one in frozen:
            one.frozen = True
    getattr(made, _PARAMETERS).frozen = True  # for classes of Python's making that inherit from it
    methods: dict[str, Callable[..., Any]]
    methods = {"__init__": _late_init(made), "__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
    methods |= {"__repr__": _show, "__eq__": _equal, "__hash__": _hash}
    if slots:
        methods |= {"__getstate__": _state, "__setstate__": _set_state}
    for name, method in methods.items():
        if own.get(name) is None:
            setattr(made, name, method)
    return made


def _late_init(cls: type) -> Callable[..., None]:
    """What puts the real one in its place when the first object is made."""

    def __init__(self: Any, *args: Any, **values: Any) -> None:  # noqa: N807
        init = cls.__init__ = _init_of(cls)  # type: ignore[misc]
        init(self, *args, **values)

    return __init__


def _init_of(cls: Any) -> Callable[..., None]:
    names: dict[str, Any] = {"_put": object.__setattr__, "_MISSING": MISSING}
    plain, keyed, body = ["self"], ["*"], []
    for one in fields(cls):
        name, value = one.name, one.name
        if one.default is not MISSING:
            names[f"_{name}"] = one.default
            default = f"=_{name}"
        elif one.default_factory is not MISSING:
            names[f"_{name}"] = one.default_factory
            default = "=_MISSING"
            value = f"_{name}() if {name} is _MISSING else {name}"
        else:
            default = ""
        if one.init:
            (keyed if one.kw_only else plain).append(f"{name}{default}")
        elif default:
            value = f"_{name}()" if default == "=_MISSING" else f"_{name}"
        if one.init or default:
            slot = getattr(cls, name, None)
            if isinstance(slot, MemberDescriptorType):  # a third faster
                names[f"_set_{name}"] = slot.__set__
                body.append(f" _set_{name}(self, {value})")
            else:
                body.append(f" _put(self, {name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        body.append(" self.__post_init__()")
    parameters = ", ".join(plain + (keyed if keyed[1:] else []))
    exec("\n".join([f"def __init__({parameters}):", *(body or [" pass"])]), names)
    init: Callable[..., None] = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _refuse_to_set(self: Any, name: str, value: Any) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _show(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


@cache
def _values(cls: Any) -> Callable[[Any], Any]:
    """What gives the values that two objects are equal by."""
    names = [one.name for one in fields(cls) if one.compare]
    return attrgetter(*names) if names else lambda value: ()


def _equal(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    values = _values(self.__class__)
    return values(self) == values(other)


def _hash(self: Any) -> int:
    return hash(_values(self.__class__)(self))


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, *, frozen=False, slots=False, kw_only=False, **others):
        if frozen and not others:
            make = partial(_frozen, slots=slots, kw_only=kw_only)
        else:
            make = dataclasses.dataclass(frozen=frozen, slots=slots, kw_only=kw_only, **others)
        return make if cls is None else make(cls)

"""What is found out once while something lasts, such as the load of a plan that names one file often."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_Known = dict[Hashable, tuple[Any, Exception | None]]
_KNOWN: ContextVar[_Known | None] = ContextVar("known", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """While it lasts, what is `remembered` answers as it did first, also with the error that it raised."""
    token = _KNOWN.set({})
    try:
        yield
    finally:
        _KNOWN.reset(token)


def has_left(what: str, used: int, most: int) -> bool:
    """Whether there is any of an effort left after so much more of it; outside of `remembering` there is."""
    known = _KNOWN.get()
    if known is None:
        return True
    before = known.get(what, (0, None))[0]
    known[what] = before + used, None
    return bool(before + used <= most)


def remembered(find: Callable[P, R]) -> Callable[P, R]:
    """A function of hashable arguments, whose result nobody changes; as it is outside of `remembering`."""

    @wraps(find)
    def answer(*args: P.args, **kwargs: P.kwargs) -> R:
        known = _KNOWN.get()
        if known is None:
            return find(*args, **kwargs)
        key = (find, args, tuple(kwargs.items()))
        if key not in known:
            try:
                known[key] = find(*args, **kwargs), None
            except (OSError, ValueError) as error:
                known[key] = None, error
        result, failed = known[key]
        if failed is not None:
            raise failed.with_traceback(None)
        return result  # type: ignore[no-any-return]

    return answer


def remembered_of(find: Callable[[T], R]) -> Callable[[T], R]:
    """The same for what is found of one object that never changes: by which it is, not by what is in it."""

    @wraps(find)
    def answer(one: T) -> R:
        known = _KNOWN.get()
        if known is None:
            return find(one)
        key = (find, id(one))
        if key not in known:
            known[key] = (one, find(one)), None  # with the object, so that no other gets its number
        return known[key][0][1]  # type: ignore[no-any-return]

    return answer

"""Several problems at once, each at its own place, from within one pydantic validator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, PydanticKnownError

Location: TypeAlias = tuple[str | int, ...]
"""Keys and indexes below the model that is being validated."""


def refuse(model: str, problems: Iterable[tuple[Location, str]]) -> None:
    """Do nothing without problems.

    Errors: ValidationError, whose parts pydantic merges into the outer one with their locations.
    """
    details = [_detail(location, message) for location, message in problems]
    if details:
        raise ValidationError.from_exception_data(model, details, hide_input=True)


def refuse_also(model: str, error: ValidationError, problems: Iterable[tuple[Location, str]]) -> None:
    """Add problems to those that a validation has found; do nothing without any.

    Errors: ValidationError with all of them, what was found before keeping its type.
    """
    more = [_detail(location, message) for location, message in problems]
    if more:
        found = [_again(one) for one in error.errors(include_url=False)]
        raise ValidationError.from_exception_data(model, [*found, *more], hide_input=True)


def _detail(location: Location, message: str) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError("malformed", "{message}", {"message": message}), loc=location, input=None
    )


def _again(error: ErrorDetails) -> InitErrorDetails:
    """An error as it was found, to be raised once more."""
    kind, context = error["type"], error.get("ctx") or {}
    try:
        PydanticKnownError(kind, context)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError):  # a type that pydantic does not know
        return _detail(error["loc"], error["msg"])
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"], ctx=context)

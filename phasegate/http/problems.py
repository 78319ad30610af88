"""Several problems at once, each at its own place, from within one pydantic validator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Location: TypeAlias = tuple[str | int, ...]
"""Keys and indexes below the model that is being validated."""


def refuse(model: str, problems: Iterable[tuple[Location, str]]) -> None:
    """Do nothing without problems.

    Errors: ValidationError, whose parts pydantic merges into the outer one with their locations.
    """
    details = [
        InitErrorDetails(
            type=PydanticCustomError("malformed", "{message}", {"message": message}),
            loc=location,
            input=None,
        )
        for location, message in problems
    ]
    if details:
        raise ValidationError.from_exception_data(model, details, hide_input=True)

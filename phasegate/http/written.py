"""Types of what people write of a request and its answer: text as it is written, one header for each name,
and JSON that there is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from phasegate.base.fields import Text, scalar_text
from phasegate.base.problems import Location, refuse

_OF_TEXT = frozenset({"eq", "ne", "contains", "one_of", "matches", "not_matches"})
"""Operators that take text where the value is text."""


def _distinct(headers: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, str] = {}
    again = [name for name in headers if first.setdefault(name.lower(), name) != name]
    refuse(
        "headers",
        [((name,), f"{first[name.lower()]!r} and {name!r} are one header; keep one") for name in again],
    )
    return headers


def _to_text(written: Any) -> Any:
    """Scalars as text, so that `1.10` is looked for as it is written."""
    if not isinstance(written, Mapping):
        return _texts(written)
    return {name: _texts(wanted) if name in _OF_TEXT else wanted for name, wanted in written.items()}


def _texts(wanted: Any) -> Any:
    return [scalar_text(one) for one in wanted] if isinstance(wanted, list | tuple) else scalar_text(wanted)


def _json(document: Any) -> Any:
    refuse("json", _no_numbers(document, ()))
    return document


def _no_numbers(document: Any, location: Location) -> Iterator[tuple[Location, str]]:
    match document:
        case float() if not math.isfinite(document):
            yield location, f"{document} is not a JSON number; quote it if it is text"
        case Mapping():
            for name, value in document.items():
                yield from _no_numbers(value, (*location, name))
        case list() | tuple():
            for index, value in enumerate(document):
                yield from _no_numbers(value, (*location, index))


def address_like(path: str) -> AfterValidator:
    """For the address of a request: `path` is how one on the target may look, as an example."""

    def check(url: str) -> str:
        if not url.startswith(("/", "http://", "https://", "${")):
            raise ValueError(f"{url!r} is neither a path like {path} nor a URL like https://host{path}")
        return url

    return AfterValidator(check)


Json = Annotated[Any, AfterValidator(_json)]
"""What is sent as JSON, or held against it."""
Headers = Annotated[dict[str, Text], AfterValidator(_distinct)]
"""Headers by name, whose case makes no difference."""
Fields = dict[str, Text | list[Text]]
"""Names and values of a query or a form; a list repeats the name."""
ExpectedText = Annotated[Any, AfterValidator(_to_text)]
"""Text, or operators on it."""
ExpectedHeaders = Annotated[dict[str, ExpectedText], AfterValidator(_distinct)]

"""`${name}` in text: put values in, leave what is not known yet, and never evaluate anything.

`$$` stands for one dollar. Substitution happens in stages (variables, then target addresses, then captures);
until the last stage text stays in template form, so inserted dollars are doubled and `$$` is kept. `finish`
ends the stages. A `$` before anything but `{` or `$` is an ordinary character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from phasegate.fields import Located
from phasegate.scalars import as_text

_TOKEN = re.compile(r"\$\$|\$\{([^{}]*)\}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")


class UnknownNameError(LookupError):
    """A `${name}` for which there is no value; `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def names_in(value: Any) -> Iterator[str]:
    """Every name referred to in a tree of mappings, lists and text, in order, with repetitions."""
    match value:
        case str():
            yield from (match[1] for match in _TOKEN.finditer(value) if match[1] is not None)
        case Mapping():
            for item in value.values():
                yield from names_in(item)
        case list() | tuple():
            for item in value:
                yield from names_in(item)


def put_in(value: Any, values: Mapping[str, Any], *, keep: Callable[[str], bool] = lambda _: False) -> Any:
    """One stage: insert values into a tree, leaving names for which `keep` is true for a later stage.

    A text that is one `${x}` and nothing else becomes the value itself, with its type.
    Errors: UnknownNameError for a name that is neither in `values` nor kept.
    """
    match value:
        case str():
            return _in_text(value, values, keep)
        case Located():
            return Located(((k, put_in(v, values, keep=keep)) for k, v in value.items()), at=value.at)
        case Mapping():
            return {k: put_in(v, values, keep=keep) for k, v in value.items()}
        case list():
            return [put_in(item, values, keep=keep) for item in value]
        case tuple():
            return tuple(put_in(item, values, keep=keep) for item in value)
        case _:
            return value


def finish(value: Any) -> Any:
    """The last stage: every `$$` becomes one dollar; names that were kept stay as they are written."""
    match value:
        case str():
            return value.replace("$$", "$") if "$$" in value else value
        case Located():
            return Located(((k, finish(v)) for k, v in value.items()), at=value.at)
        case Mapping():
            return {k: finish(v) for k, v in value.items()}
        case list():
            return [finish(item) for item in value]
        case tuple():
            return tuple(finish(item) for item in value)
        case _:
            return value


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """All stages at once: insert values and resolve `$$`."""
    return finish(put_in(value, values))


def expand(text: str, templates: Mapping[str, Any]) -> str:
    """Put templates into one; what they name themselves gets its value later."""
    return _TOKEN.sub(lambda token: as_text(templates.get(token[1] or "", token[0])), text)


def _in_text(text: str, values: Mapping[str, Any], keep: Callable[[str], bool]) -> Any:
    if "${" not in text:
        return text
    whole = _TOKEN.fullmatch(text)
    if whole is not None and whole[1] is not None:
        if whole[1] in values:
            return _doubled(values[whole[1]])
        if keep(whole[1]):
            return text
        raise UnknownNameError(whole[1])

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0]
        if name in values:
            return as_text(values[name]).replace("$", "$$")
        if keep(name):
            return match[0]
        raise UnknownNameError(name)

    return _TOKEN.sub(replace, text)


def _doubled(value: Any) -> Any:
    """A value in template form, so that its own dollars survive the last stage."""
    match value:
        case str():
            return value.replace("$", "$$")
        case Mapping():
            return {k: _doubled(v) for k, v in value.items()}
        case list() | tuple():
            return [_doubled(item) for item in value]
        case _:
            return value

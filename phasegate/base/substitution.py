"""`${name}` in text: put values in, leave what is not known yet, and never evaluate anything.

`$$` stands for one dollar. Substitution happens in stages (variables, then target addresses, then captures);
until the last stage text stays in template form, so inserted dollars are doubled and `$$` is kept. `finish`
ends the stages. A `$` before anything but `{` or `$` is an ordinary character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import PlanError, Problem
from phasegate.base.fields import Located
from phasegate.base.remember import has_left
from phasegate.base.scalars import as_text

_TOKEN = re.compile(r"\$\$|\$\{([^{}]*)\}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")


MOST_INSERTED = 50_000_000
"""Characters that are put in for names while a plan is loaded, by `size_of`."""
_VALUE = 32
"""Characters that a value comes to, beside its text."""


class UnknownNameError(LookupError):
    """A `${name}` for which there is no value; `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Hole:
    """A `${name}` in a text."""

    name: str


def parse(text: str) -> Iterator[str | Hole]:
    """The literals and holes of a text, each `$$` as the one dollar that it stands for."""
    position = 0
    for token in _TOKEN.finditer(text):
        if token[1] is None:
            yield text[position : token.start()] + "$"
        else:
            yield text[position : token.start()]
            yield Hole(token[1])
        position = token.end()
    yield text[position:]


def whole_name(text: str) -> str | None:
    """The name, where a text is one `${name}` and nothing else."""
    whole = _TOKEN.fullmatch(text)
    return None if whole is None else whole[1]


def texts_in(tree: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in a tree of mappings and lists, and where it stands; keys are none."""
    left = [(path, tree)]
    while left:
        path, tree = left.pop()
        match tree:
            case str():
                yield path, tree
            case int() | float() | None:  # told faster than that it is no mapping
                pass
            case list() | tuple():
                left += [((*path, index), item) for index, item in enumerate(tree)][::-1]
            case dict() | Mapping():  # the first is told faster
                left += [((*path, key), item) for key, item in tree.items()][::-1]


def names_in(value: Any) -> Iterator[str]:
    """Every name referred to in a tree of mappings, lists and text, in order, with repetitions."""
    left = [value]
    while left:  # as `texts_in`, without the places
        one = left.pop()
        match one:
            case str():
                if "${" in one:
                    yield from (match[1] for match in _TOKEN.finditer(one) if match[1] is not None)
            case int() | float() | None:
                pass
            case list() | tuple():
                left += one[::-1]
            case dict() | Mapping():
                left += [*one.values()][::-1]


def size_of(tree: Any) -> int:
    """What a tree comes to in memory, and in time for whoever goes through it, in characters."""
    size, left = 0, [tree]
    while left:
        one = left.pop()
        size += _VALUE
        match one:
            case str():
                size += len(one)
            case int() | float() | None:
                pass
            case list() | tuple():
                left += one
            case dict() | Mapping():
                left += one.values()
    return size


def changes(tree: Any) -> bool:
    """Whether anything in a tree is another when values are put in and `$$` is resolved."""
    return any(True for _ in names_in(tree)) or finish(tree) != tree


def insert_values(
    value: Any, values: Mapping[str, Any], *, keep: Callable[[str], bool] = lambda _: False
) -> Any:
    """One stage: insert values into a tree, leaving names for which `keep` is true for a later stage.

    A text that is one `${x}` and nothing else becomes the value itself, with its type.
    Errors: UnknownNameError for a name that is neither in `values` nor kept; PlanError where a plan that is
    loaded comes to too much by it.
    """
    return _mapped(value, lambda text: _in_text(text, values, keep))


def finish(value: Any) -> Any:
    """The last stage: every `$$` becomes one dollar; names that were kept stay as they are written."""
    return _mapped(value, lambda text: text.replace("$$", "$") if "$$" in text else text)


def escape(value: Any) -> Any:
    """A tree in template form in which every dollar stands for itself; it stands elsewhere than it did."""
    return _mapped(value, lambda text: text.replace("$", "$$"), placed=False)


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """All stages at once: insert values and resolve `$$`."""
    return finish(insert_values(value, values))


def expand(text: str, templates: Mapping[str, Any]) -> str:
    """Put templates into one; what they name themselves gets its value later."""
    return _TOKEN.sub(lambda token: as_text(templates.get(token[1] or "", token[0])), text)


def _mapped(tree: Any, change: Callable[[str], Any], *, placed: bool = True) -> Any:
    """The tree with its texts changed. `placed`: mappings keep their positions."""
    match tree:
        case str():
            return change(tree)
        case int() | float() | None:
            return tree
        case list() | tuple():
            return type(tree)(_mapped(item, change, placed=placed) for item in tree)
        case dict() | Mapping():
            items = {key: _mapped(item, change, placed=placed) for key, item in tree.items()}
            return Located(items, at=tree.at) if placed and isinstance(tree, Located) else items
        case _:
            return tree


def _afforded(name: str, value: Any) -> Any:
    """A value that is put in: variables made of variables can double at each step."""
    if not has_left("values put in", size_of(value), MOST_INSERTED):
        message = f"what is put in for names comes to more than {MOST_INSERTED:,} characters, at ${{{name}}}"
        raise PlanError([Problem(message=message, help="use shorter variables, or fewer times")])
    return value


def _in_text(text: str, values: Mapping[str, Any], keep: Callable[[str], bool]) -> Any:
    if "${" not in text:
        return text
    name = whole_name(text)
    if name is not None and name in values:
        return escape(_afforded(name, values[name]))

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0]
        if name in values:
            return str(escape(_afforded(name, as_text(values[name]))))
        if keep(name):
            return match[0]
        raise UnknownNameError(name)

    return _TOKEN.sub(replace, text)

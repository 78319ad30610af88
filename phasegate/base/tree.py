"""Trees of mappings, lists and scalars, as YAML gives them: places in them, changed copies, their models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from phasegate.base.fields import Located

M = TypeVar("M", bound=BaseModel)

TreePath = tuple[str | int, ...]
"""Keys and indices that lead to a value."""


def value_at(tree: Any, path: TreePath) -> Any:
    """Errors: LookupError or TypeError when nothing stands there."""
    for step in path:
        tree = tree[step]
    return tree


def is_plain(tree: Any) -> bool:
    """Whether no text of a tree holds a dollar, so that there is nothing to put in and nothing to finish."""
    if isinstance(tree, str):
        return "$" not in tree
    for item in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        if "$" in item if type(item) is str else isinstance(item, dict | list) and not is_plain(item):
            return False
    return True


def replace_at(tree: Any, path: TreePath, value: Any) -> Any:
    """A copy of a tree with the value at `path` replaced; positions are kept."""
    return with_values(tree, {path: value})


def with_values(tree: Any, values: Mapping[TreePath, Any]) -> Any:
    """The same for many places, none of them inside another."""
    if () in values:
        return values[()]
    below: dict[str | int, dict[TreePath, Any]] = {}
    for (first, *rest), value in values.items():
        below.setdefault(first, {})[tuple(rest)] = value
    if isinstance(tree, Mapping):
        return _like(tree, ((k, with_values(v, below[k]) if k in below else v) for k, v in tree.items()))
    return [with_values(item, below[at]) if at in below else item for at, item in enumerate(tree)]


def without(tree: Any, paths: Iterable[TreePath]) -> Any:
    """A copy of a tree that lacks the keys at some paths."""
    below: dict[str | int, list[TreePath]] = {}
    for first, *rest in paths:
        below.setdefault(first, []).append(tuple(rest))
    if isinstance(tree, Mapping):
        kept = ((key, item) for key, item in tree.items() if () not in below.get(key, ()))
        return _like(tree, ((k, without(v, below[k]) if k in below else v) for k, v in kept))
    return [without(item, below[at]) if at in below else item for at, item in enumerate(tree)]


def path_text(path: TreePath) -> str:
    """`expect.json`, `flows[0].id`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else (f".{step}" if text else step)
    return text


def model_of(model: type[M], tree: Any, *, context: Any = None) -> M:
    """The model of a tree; `x-*` keys that it does not know are left out. `context`: see `UNCHOSEN`.

    Errors: ValidationError.
    """
    try:
        return model.model_validate(tree, context=context)
    except ValidationError as error:
        extensions = frozenset(_extensions(error.errors(include_url=False), tree))
        if not extensions:
            raise
    return model_of(model, without(tree, extensions), context=context)


def _extensions(details: Sequence[ErrorDetails], tree: Any) -> Iterator[TreePath]:
    for detail in details:
        last = detail["loc"][-1] if detail["loc"] else None
        if detail["type"] == "extra_forbidden" and isinstance(last, str) and last.startswith("x-"):
            yield path_of(detail["loc"], tree)


def path_of(loc: tuple[int | str, ...], tree: Any) -> TreePath:
    """The path in the tree that an error of pydantic speaks of, key included when it is missing.

    pydantic puts the branch of a union and `[key]` between the steps; those are not in the tree.
    """
    path: list[str | int] = []
    for index, step in enumerate(loc):
        match tree, step:
            case Mapping(), str() if step in tree:
                tree = tree[step]
                path.append(step)
            case list() | tuple(), int() if 0 <= step < len(tree):
                tree = tree[step]
                path.append(step)
            case _ if index == len(loc) - 1:
                path.append(step)
            case _:
                continue
    return tuple(path)


def _like(tree: Any, items: Iterator[tuple[str, Any]]) -> Any:
    return Located(items, at=tree.at) if isinstance(tree, Located) else dict(items)

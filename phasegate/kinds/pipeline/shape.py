"""Whether a tree has the keys and the types that a pipeline may have, from a table of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.tree import TreePath, path_text
from phasegate.base.yaml import Document
from phasegate.inspection.finding import Finding, Rule
from phasegate.kinds.pipeline import rules

_TYPES = {"text": (str, int, float, bool), "list": (list,), "mapping": (dict,), "nothing": (type(None),)}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value may be."""

    of: str = "text"
    """Types that it may have: `text or list`; empty for any."""
    keys: Mapping[str, Shape] = field(default_factory=dict)
    """Keys of a mapping; none for any."""
    each: Shape | None = None
    """What the items of a list are, or the values of a mapping of any keys."""
    required: tuple[str, ...] = ()
    """Keys of which there must be one: `run/uses`."""
    filled: bool = False
    """Whether it must not be empty."""


ANYTHING = Shape("")


def check_shape(
    document: Document, value: Any, shape: Shape, path: TreePath, late: str = "\0"
) -> Iterator[Finding]:
    """`late`: what stands in a text that becomes another value only when the pipeline runs."""
    if isinstance(value, str) and late in value:
        return
    types = [one for name in shape.of.split(" or ") if name for one in _TYPES[name]]
    if types and not isinstance(value, tuple(types)):
        yield at(rules.SHAPE, document, path, _title(path), shape.of)
    elif shape.filled and value in ("", [], {}):
        yield at(rules.EMPTY, document, path, _title(path))
    elif isinstance(value, dict):
        yield from _check_mapping(document, value, shape, path, late)
    elif isinstance(value, list) and shape.each is not None:
        for index, item in enumerate(value):
            yield from check_shape(document, item, shape.each, (*path, index), late)


def _check_mapping(
    document: Document, value: dict[str, Any], shape: Shape, path: TreePath, late: str
) -> Iterator[Finding]:
    for needed in shape.required:
        if not any(key in value for key in needed.split("/")):
            yield at(rules.MISSING_KEY, document, path, _title(path), needed.replace("/", " or "))
    for key, inner in value.items():
        known = shape.keys.get(key, shape.each)
        if known is not None:
            yield from check_shape(document, inner, known, (*path, key), late)
        elif shape.keys and late not in key:
            yield at(rules.UNKNOWN_KEY, document, (*path, key), key, _title(path))


def at(rule: Rule, document: Document, path: TreePath, *details: str) -> Finding:
    """A finding in one place of a document."""
    file, line = document.find(path)[0].file, document.key_at(path).line
    return rule.finding(*details, file=file, line=line, place=path_text(path))


def _title(path: TreePath) -> str:
    return path_text(path) or "the pipeline"

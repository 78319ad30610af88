"""A piece of the plan against its model; pydantic's complaints in the words of the plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from phasegate.base.dataclass import dataclass
from phasegate.base.fields import ID_PATTERN
from phasegate.base.tree import TreePath, model_of, path_of, path_text, value_at
from phasegate.base.yaml import Document
from phasegate.plan.text.annotations import alternatives_of, inside, is_model, keys_of
from phasegate.plan.text.findings import Findings, did_you_mean
from phasegate.plan.written.plan import ID_RULE

M = TypeVar("M", bound=BaseModel)


class Place(NamedTuple):
    """Where a piece of the plan stands, and where the files that it names do.

    A tuple, since large plans have many, and a frozen dataclass takes twice the time to make.
    """

    document: Document
    path: TreePath = ()
    subject: str = ""
    """How messages begin: `check 'alive'`."""
    documents: tuple[tuple[TreePath, Document], ...] = ()
    """Files put in, by the place of their name below `path`."""
    known: tuple[str, ...] = ()
    """Keys that others have taken from the mapping already, for suggestions."""

    def find(self, path: TreePath) -> tuple[Document, TreePath]:
        """The file and the path in it of something below this place."""
        for prefix, document in self.documents:
            if path[: len(prefix)] == prefix:
                return document, path[len(prefix) :]
        return self.document, self.path + path

    def below(self, *steps: str | int, subject: str | None = None) -> Place:
        return Place(
            document=self.document,
            path=self.path + steps,
            subject=self.subject if subject is None else subject,
        )


def validate(
    model: type[M], tree: Any, place: Place, findings: Findings, *, silent: Iterable[TreePath] = ()
) -> M | None:
    """The model of a tree, or None and problems that say why; `x-*` keys are left out first.

    Nothing is said about what stands at or below the paths in `silent`: it is known to be wrong.
    """
    try:
        return model_of(model, tree)
    except ValidationError as error:
        details = error.errors(include_url=False)
    hidden = frozenset(silent)
    for group in _group_details(details, tree):
        around = (group.path[:length] for length in range(len(group.path) + 1))
        if hidden.isdisjoint(around) and not _is_extension(group):
            _report(group, model, place, findings)
    return None


def _is_extension(group: _Group) -> bool:
    return group.details[0]["type"] == "extra_forbidden" and str(group.path[-1]).startswith("x-")


@dataclass(frozen=True, slots=True)
class _Group:
    """What pydantic says about one value: more than one detail where a union has more than one branch."""

    path: TreePath
    details: tuple[ErrorDetails, ...]


def _group_details(details: list[ErrorDetails], tree: Any) -> Iterator[_Group]:
    """One group per wrong value.

    Of the branches of a union those speak that got furthest into the value: what is wrong inside a mapping
    says more than that it is not text.
    """
    plain: dict[TreePath, list[ErrorDetails]] = {}
    branched: dict[tuple[TreePath, str], list[tuple[TreePath, ErrorDetails]]] = {}
    for detail in details:
        union = _union_at(detail, tree)
        if union is None:
            path = _exact(detail, tree)
            plain.setdefault(path, []).append(detail)
        else:
            path, branch = union
            branched.setdefault((path, branch), []).append((_exact(detail, tree), detail))
    unions: dict[TreePath, list[list[tuple[TreePath, ErrorDetails]]]] = {}
    for (path, _), found in branched.items():
        unions.setdefault(path, []).append(found)
    for path, candidates in unions.items():
        inside = [found for found in candidates if any(_fits(path, where, detail) for where, detail in found)]
        for where, detail in min(inside, key=len) if inside else ():
            plain.setdefault(where, []).append(detail)
        if not inside:
            plain.setdefault(path, []).extend(detail for found in candidates for _, detail in found)
    for path, group in plain.items():
        yield _Group(path, tuple(group))


def _fits(union: TreePath, where: TreePath, detail: ErrorDetails) -> bool:
    """Whether a branch of a union was the right one for the value, which is wrong in some other way."""
    return len(where) > len(union) or not detail["type"].endswith("_type")


def _exact(detail: ErrorDetails, tree: Any) -> TreePath:
    path = path_of(detail["loc"], tree)
    if detail["type"] in ("missing", "extra_forbidden") or not path:
        return path
    try:
        value_at(tree, path)
    except (LookupError, TypeError):
        return path[:-1]
    return path


def _union_at(detail: ErrorDetails, tree: Any) -> tuple[TreePath, str] | None:
    """The outermost union on the way to an error: where it is, and which branch."""
    path: list[str | int] = []
    loc, missing = detail["loc"], detail["type"] == "missing"
    for index, step in enumerate(loc):
        match tree, step:
            case Mapping(), str() if step in tree:
                tree = tree[step]
            case list() | tuple(), int() if 0 <= step < len(tree):
                tree = tree[step]
            case Mapping(), str() if missing and index == len(loc) - 1:
                return None
            case _:
                return tuple(path), str(step)
        path.append(step)
    return None


def _report(group: _Group, model: type[BaseModel], place: Place, findings: Findings) -> None:
    document, path = place.find(group.path)
    # A file that two checks name is wrong once, whoever names it: its problems are said without them.
    own = document is place.document
    subject = f"{place.subject}: " if place.subject and own else ""
    named = group.path if own else path
    detail, name = group.details[0], path_text(named)
    match detail["type"]:
        case "missing":
            owner = path_text(named[:-1])
            message = f"{subject}{str(named[-1])!r} is missing{f' in {owner!r}' if owner else ''}"
            findings.add(document, path[:-1], message)
        case "extra_forbidden":
            key, owner = str(named[-1]), path_text(named[:-1])
            # Its own keys first: a long list is cut.
            known = sorted(_keys_at(model, group.path[:-1]))
            known += sorted(() if len(group.path) > 1 else place.known)
            message = f"{subject}unknown key {key!r}{f' in {owner!r}' if owner else ''}"
            findings.add(document, path, message, help=did_you_mean(key, known, "keys"), key=True)
        case _:
            sentence = _sentence(group.details)
            whole = sentence if own or _says_all(detail) else f"the file {sentence}"
            colon = ":" if any(map(_says_all, group.details)) else ""
            joined = f"{name!r}{colon} {sentence}" if name else whole
            findings.add(document, path, f"{subject}{joined}")


def _says_all(detail: ErrorDetails) -> bool:
    """Whether the message is a whole sentence, written by a validator of ours."""
    return detail["type"] not in _SENTENCES and not detail["msg"].startswith("Input should")


_SENTENCES: dict[str, str] = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "path_type": "must be the path of a file",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "frozen_set_type": "must be a list",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dataclass_type": "must be a mapping",
    "none_required": "must be empty",
    "string_too_short": "must not be empty",
    "too_short": "must have at least {min_length} {entries}",
    "too_long": "must have at most {max_length} entries",
    "string_too_long": "must be at most {max_length} characters long",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_pattern_mismatch": "must match {pattern}",
}


def _sentence(details: tuple[ErrorDetails, ...]) -> str:
    """What is wrong with one value, and what it is: `must be a whole number, not 'many'`."""
    wanted: list[str] = []
    for detail in details:
        template = _SENTENCES.get(detail["type"])
        if template is None:
            if detail["type"] == "value_error":
                return str(detail.get("ctx", {}).get("error", detail["msg"]))
            message = detail["msg"]
            if not message.startswith("Input should"):
                return message[:1].lower() + message[1:] if message[1:2].islower() else message
            template = "must" + message.removeprefix("Input should").lower()
        context = dict(detail.get("ctx", {}))
        if context.get("pattern") == ID_PATTERN:
            template = f"must be an id ({ID_RULE})"
        context["entries"] = "entry" if context.get("min_length") == 1 else "entries"
        sentence = template.format(**context)
        if sentence not in wanted:
            wanted.append(sentence)
    first, *others = wanted
    return (
        first + "".join(" or" + other.removeprefix("must be") for other in others) + _input_text(details[0])
    )


def _input_text(detail: ErrorDetails) -> str:
    match detail["input"]:
        case None:
            return "; it is empty"
        case bool() as value:
            return f", not {str(value).lower()}"
        case int() | float() as value:
            return f", not {value}"
        case "":
            return ""
        case str() as value:
            return f", not {value if len(value) <= 60 else value[:60] + '...'!r}"
        case Mapping() if not detail["type"].startswith("too_"):
            return ", not a mapping"
        case list() | tuple() if not detail["type"].startswith("too_"):
            return ", not a list"
        case _:
            return ""


def _keys_at(model: type[BaseModel], path: TreePath) -> list[str]:
    """Keys that are known in the mapping at a path, over all models that may stand there."""
    kinds: list[Any] = [model]
    for step in path:
        kinds = [inner for kind in kinds for inner in inside(kind, step)]
    keys: list[str] = []
    for kind in kinds:
        for candidate, _ in alternatives_of(kind):
            if is_model(candidate):
                keys += [key for key in keys_of(candidate) if key not in keys]
    return keys

"""OpenAPI 3.0 and 3.1: the operations of a document, with examples to ask them with and what they may answer.

A document is written by others, so nothing in it is taken for granted: what has not the form that it should
have counts as not there, and an operation that cannot be understood says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any
from urllib.parse import unquote, urlsplit

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import MessageError, ObservationError, PlanError, message_of
from phasegate.base.facts import Code, Message, fact
from phasegate.base.scalars import json_text
from phasegate.base.yaml import Dialect, decode, parse
from phasegate.http.messages.json_text import read_json

SIZE = 16 << 20
"""Bytes of a document."""
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
NOTHING = object()
"""No value: None is one."""
_FORM = "application/x-www-form-urlencoded"
_HOPS = 32
"""References that lead to one another."""
_DEPTH = 12
"""Levels of a schema that an example is put together from."""
_VERSION = re.compile(r"3\.[01](\.|$)")
_IN_PATH = re.compile(r"\{([^{}]+)\}")
_DESCRIBED_ELSEWHERE = ("accept", "content-type", "authorization")
_DIALECT = Dialect(plain=True, depth=128)


class UnresolvedError(MessageError):
    """What leads nowhere, in a circle, outside of the document, or to another server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A parameter of an operation, or its body."""

    name: str
    place: str
    """`path`, `query`, `header`, `cookie` or `body`."""
    required: bool
    example: Any = NOTHING
    media: str = ""
    """The type that it is written in; empty for a parameter that is text."""
    style: str = "simple"
    explode: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    method: str
    path: str
    tags: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By status (`200`, `2XX`, `default`): the media types that are documented, each with its schema."""
    broken: Message = ""
    """Why it cannot be asked; empty where it can."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def documented(self, status: int) -> str | None:
        """The status under which an answer is documented; None where it is not."""
        wanted = (str(status), f"{status // 100}XX", "default")
        return next((name for name in wanted if name in self.answers), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    tree: Mapping[str, Any]
    old: bool
    """Whether it is OpenAPI 3.0, whose schemas are not those of JSON Schema."""
    base: str
    """The path of the first server, without a slash at its end."""
    operations: tuple[Operation, ...]


def read_contract(content: bytes, name: str) -> Contract:
    """Errors: ObservationError where it is no OpenAPI document, or one without operations."""
    try:
        if content.lstrip()[:1] == b"{":
            return contract_of(read_json(content.decode("utf-8-sig")), name)
        document = parse(decode(content, name), name, _DIALECT)
        if document.problems:
            raise PlanError(document.problems)
        return contract_of(read_json(json_text(document.tree)), name)  # without NaN and the like
    except PlanError as error:
        problem = error.problems[0]
        why, line = problem.message, problem.at.line if problem.at else None
    except ValueError as error:
        why, line = message_of(error), None
    raise ObservationError(fact(Code.OPENAPI_UNREADABLE, path=name, why=why, line=line))


def contract_of(tree: Any, name: str) -> Contract:
    """As `read_contract`, of a document that is parsed."""
    document = mapping(tree)
    version = str(document.get("openapi"))
    if not _VERSION.match(version):
        found = document.get("openapi") or document.get("swagger") or ""
        raise ObservationError(fact(Code.OPENAPI_VERSION, path=name, found=str(found)[:40]))
    operations = tuple(_operations(document))
    if not operations:
        raise ObservationError(fact(Code.OPENAPI_EMPTY, path=name))
    base = _base(document.get("servers"))
    return Contract(tree=document, old=version.startswith("3.0"), base=base, operations=operations)


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def listing(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def resolve(node: Any, tree: Mapping[str, Any]) -> Any:
    """What a node is, its references followed. Errors: UnresolvedError."""
    target: Any = ""
    for _ in range(_HOPS):
        target = mapping(node).get("$ref")
        if not isinstance(target, str):
            return node
        node = lookup(target, tree)
    raise UnresolvedError(fact(Code.REFERENCE_CIRCLE, text=target[:200]))


def lookup(reference: str, tree: Mapping[str, Any]) -> Any:
    """What a JSON pointer in a reference leads to (RFC 6901). Errors: UnresolvedError."""
    first, *pieces = reference.split("/")
    if first != "#":
        raise UnresolvedError(fact(Code.REFERENCE_OUTSIDE, text=reference[:200]))
    node: Any = tree
    for piece in pieces:
        key = unquote(piece).replace("~1", "/").replace("~0", "~")
        members = {str(index): one for index, one in enumerate(listing(node))} or mapping(node)
        if key not in members:
            raise UnresolvedError(fact(Code.REFERENCE_NOWHERE, text=reference[:200]))
        node = members[key]
    return node


def _base(servers: Any) -> str:
    server = mapping(next(iter(listing(servers)), None))
    url = str(server.get("url") or "")
    for name, variable in mapping(server.get("variables")).items():
        url = url.replace(f"{{{name}}}", str(mapping(variable).get("default", "")))
    try:
        path = urlsplit(url).path.strip("/")
    except ValueError:
        path = ""
    return f"/{path}" if path else ""


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, written in mapping(document.get("paths")).items():
        if not path.startswith("/"):
            continue
        try:
            item = mapping(resolve(written, document))
        except UnresolvedError as error:
            yield Operation(method="ANY", path=path, broken=error.message)
            continue
        for method in METHODS:
            if isinstance(item.get(method), Mapping):
                yield _operation(method.upper(), path, item, document)


def _operation(method: str, path: str, item: Mapping[str, Any], tree: Mapping[str, Any]) -> Operation:
    written = item[method.lower()]
    tags = tuple(tag for tag in listing(written.get("tags")) if isinstance(tag, str) and tag)
    try:
        if item.get("servers") or written.get("servers"):
            raise UnresolvedError(fact(Code.OPENAPI_SERVERS))
        return Operation(
            method=method,
            path=path,
            tags=tags,
            inputs=(*_parameters(path, item, written, tree), *_body(written, tree)),
            answers={
                status if status == "default" else status.upper(): _content(answer, tree)
                for status, answer in mapping(written.get("responses")).items()
                if not status.startswith("x-")
            },
        )
    except UnresolvedError as error:
        return Operation(method=method, path=path, tags=tags, broken=error.message)


def _content(written: Any, tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is documented by media type."""
    content = mapping(mapping(resolve(written, tree)).get("content"))
    return {media.lower(): mapping(resolve(one, tree)) for media, one in content.items()}


def _parameters(
    path: str, item: Mapping[str, Any], written: Mapping[str, Any], tree: Mapping[str, Any]
) -> Iterator[Input]:
    """Those of the operation win over those of its path; one that only the path names has no example."""
    names = _IN_PATH.findall(path)
    found = {("path", name): Input(name=name, place="path", required=True) for name in names}
    for one in (*listing(item.get("parameters")), *listing(written.get("parameters"))):
        parameter = mapping(resolve(one, tree))
        name, place = str(parameter.get("name")), parameter.get("in")
        if place in ("path", "query", "header", "cookie") and (
            place != "header" or name.lower() not in _DESCRIBED_ELSEWHERE
        ):
            found[place, name] = _parameter(name, place, parameter, tree)
    yield from found.values()


def _parameter(name: str, place: str, written: Mapping[str, Any], tree: Mapping[str, Any]) -> Input:
    content = _content(written, tree)
    style = str(written.get("style") or ("form" if place in ("query", "cookie") else "simple"))
    media = next(iter(content), "")
    return Input(
        name=name,
        place=place,
        required=written.get("required") is True or place == "path",
        example=_example(content.get(media, written), tree),
        media=media,
        style=style,
        explode=written.get("explode", style == "form") is True,
    )


def _body(written: Mapping[str, Any], tree: Mapping[str, Any]) -> Iterator[Input]:
    body = mapping(resolve(written.get("requestBody"), tree))
    content = _content(body, tree)
    if content:
        media = next(
            (one for one in content if is_json(one)), _FORM if _FORM in content else next(iter(content))
        )
        required = body.get("required") is True
        example = _example(content[media], tree)
        yield Input(name="body", place="body", required=required, example=example, media=media)


def is_json(media: str) -> bool:
    kind = media.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _example(written: Mapping[str, Any], tree: Mapping[str, Any]) -> Any:
    """The example of a parameter or a body, or what its schema says of one; NOTHING without."""
    if "example" in written:
        return written["example"]
    named = (mapping(resolve(one, tree)) for one in mapping(written.get("examples")).values())
    found = next((one["value"] for one in named if "value" in one), NOTHING)
    return _of_schema(written.get("schema"), tree, 0) if found is NOTHING else found


def _of_schema(written: Any, tree: Mapping[str, Any], depth: int) -> Any:
    """A value that a schema names, or that its required members name together."""
    schema = mapping(resolve(written, tree))
    for key in ("example", "default", "const"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if listing(schema.get(key)):
            return schema[key][0]
    properties = mapping(schema.get("properties"))
    required = [name for name in listing(schema.get("required")) if isinstance(name, str)]
    if depth == _DEPTH or not properties or not required:
        return NOTHING
    members = {name: _of_schema(properties.get(name), tree, depth + 1) for name in required}
    return NOTHING if NOTHING in members.values() else members

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
from phasegate.base.yaml import Dialect, decode, parse
from phasegate.http.messages.json_text import read_json

SIZE = 16 << 20
"""Bytes of a document."""
SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing (RFC 9110, 9.2.1), without TRACE, which servers should refuse."""
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_HOPS = 32
"""References that lead to one another."""
_DEPTH = 12
"""Levels of a schema that an example is put together from."""
_VERSION = re.compile(r"3\.[01](\.|$)")
_IN_PATH = re.compile(r"\{([^{}]+)\}")
_IGNORED = ("accept", "content-type", "authorization")
"""Headers that OpenAPI describes elsewhere."""
_DIALECT = Dialect(plain=True, depth=128)


class UnresolvedError(MessageError):
    """A reference that leads nowhere, in a circle, or outside of the document."""


class _Nothing:
    """No value: None is one."""


NOTHING = _Nothing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    name: str
    place: str
    """`path`, `query`, `header` or `cookie`."""
    required: bool
    example: Any = NOTHING
    style: str = ""
    explode: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    required: bool
    media: str
    """Its type; empty where none of JSON or a form is taken."""
    example: Any = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    method: str
    path: str
    tags: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
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

    @property
    def succeeds(self) -> bool:
        """Whether any answer but an error is documented."""
        return any(status[:1] in "123" for status in self.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    tree: Mapping[str, Any]
    version: str
    base: str
    """The path of the first server, without a slash at its end."""
    operations: tuple[Operation, ...]


def read_contract(content: bytes, name: str) -> Contract:
    """Errors: ObservationError where it is no OpenAPI document, or one without operations."""
    return contract_of(_tree(content, name), name)


def _tree(content: bytes, name: str) -> Any:
    try:
        if content.lstrip()[:1] == b"{":
            return read_json(content.decode("utf-8-sig"))
        document = parse(decode(content, name), name, _DIALECT)
        if document.problems:
            raise PlanError(document.problems)
        return document.tree
    except PlanError as error:
        problem = error.problems[0]
        why, line = problem.message, problem.at.line if problem.at else None
    except (ValueError, MessageError) as error:
        why, line = message_of(error), None
    raise ObservationError(fact(Code.OPENAPI_UNREADABLE, path=name, why=why, line=line)) from None


def contract_of(tree: Any, name: str) -> Contract:
    """As `read_contract`, of a document that is parsed."""
    document = mapping(tree)
    version = document.get("openapi")
    if not isinstance(version, str | float) or not _VERSION.match(str(version)):
        found = version if isinstance(version, str | float) else document.get("swagger")
        raise ObservationError(fact(Code.OPENAPI_VERSION, path=name, found=str(found or "")[:40]))
    operations = tuple(_operations(document))
    if not operations:
        raise ObservationError(fact(Code.OPENAPI_EMPTY, path=name))
    return Contract(
        tree=document, version=str(version)[:3], base=_base(document.get("servers")), operations=operations
    )


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def listing(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def resolve(node: Any, tree: Mapping[str, Any]) -> Any:
    """What a node is, its references followed. Errors: UnresolvedError."""
    for _ in range(_HOPS):
        target = node.get("$ref") if isinstance(node, Mapping) else None
        if not isinstance(target, str):
            return node
        node = lookup(target, tree)
    raise UnresolvedError(fact(Code.REFERENCE_CIRCLE, text=str(node.get("$ref"))[:200]))


def lookup(reference: str, tree: Mapping[str, Any]) -> Any:
    """What a JSON pointer in a reference leads to (RFC 6901). Errors: UnresolvedError."""
    if not reference.startswith("#") or (reference != "#" and not reference.startswith("#/")):
        raise UnresolvedError(fact(Code.REFERENCE_OUTSIDE, text=reference[:200]))
    node: Any = tree
    for piece in reference.split("/")[1:]:
        key = unquote(piece).replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isascii() and key.isdigit() and int(key[:9]) < len(node):
            node = node[int(key[:9])]
        else:
            raise UnresolvedError(fact(Code.REFERENCE_NOWHERE, text=reference[:200]))
    return node


def _base(servers: Any) -> str:
    server = mapping(next(iter(listing(servers)), None))
    url = server.get("url")
    if not isinstance(url, str):
        return ""
    for name, variable in mapping(server.get("variables")).items():
        url = url.replace(f"{{{name}}}", str(mapping(variable).get("default", "")))
    try:
        path = urlsplit(url).path.rstrip("/")
    except ValueError:
        return ""
    return f"/{path.lstrip('/')}" if path else ""


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, written in mapping(document.get("paths")).items():
        if not path.startswith("/"):
            continue
        try:
            item = mapping(resolve(written, document))
        except UnresolvedError as error:
            yield Operation(method="ANY", path=path, broken=error.message)
            continue
        for method in _METHODS:
            if isinstance(item.get(method), Mapping):
                yield _operation(method.upper(), path, item[method], item, document)


def _operation(
    method: str, path: str, written: Mapping[str, Any], item: Mapping[str, Any], tree: Mapping[str, Any]
) -> Operation:
    tags = tuple(tag for tag in listing(written.get("tags")) if isinstance(tag, str) and tag)
    try:
        return Operation(
            method=method,
            path=path,
            tags=tags,
            parameters=_parameters(path, (item.get("parameters"), written.get("parameters")), tree),
            body=_body(written.get("requestBody"), tree),
            answers={
                status.upper() if status != "default" else status: _content(resolve(answer, tree), tree)
                for status, answer in mapping(written.get("responses")).items()
                if not status.startswith("x-")
            },
        )
    except UnresolvedError as error:
        return Operation(method=method, path=path, tags=tags, broken=error.message)


def _content(answer: Any, tree: Mapping[str, Any]) -> Mapping[str, Any]:
    content = mapping(mapping(answer).get("content"))
    return {media.lower(): mapping(resolve(one, tree)) for media, one in content.items()}


def _parameters(path: str, lists: Sequence[Any], tree: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Those of the operation win over those of its path; one that only the path names has no example."""
    found = {
        ("path", name): Parameter(name=name, place="path", required=True) for name in _IN_PATH.findall(path)
    }
    for one in (one for written in lists for one in listing(written)):
        written = mapping(resolve(one, tree))
        name, place = written.get("name"), written.get("in")
        if not isinstance(name, str) or not name or place not in ("path", "query", "header", "cookie"):
            continue
        if place == "header" and name.lower() in _IGNORED:
            continue
        media = mapping(next(iter(mapping(written.get("content")).values()), None))
        style = str(written.get("style") or ("form" if place in ("query", "cookie") else "simple"))
        found[place, name] = Parameter(
            name=name,
            place=place,
            required=written.get("required") is True or place == "path",
            example=_example(media or written, tree),
            style=style,
            explode=written.get("explode", style == "form") is True,
            as_json=bool(media),
        )
    return tuple(found.values())


def _body(written: Any, tree: Mapping[str, Any]) -> Body | None:
    body = mapping(resolve(written, tree))
    if not body:
        return None
    content = mapping(body.get("content"))
    media = next((one for one in content if is_json(one)), "")
    media = media or next((one for one in content if one == "application/x-www-form-urlencoded"), "")
    example = _example(mapping(content.get(media)), tree) if media else NOTHING
    return Body(required=body.get("required") is True, media=media, example=example)


def is_json(media: str) -> bool:
    kind = media.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _example(written: Mapping[str, Any], tree: Mapping[str, Any]) -> Any:
    """The example of a parameter or a body, or what its schema says of one; NOTHING without."""
    if "example" in written:
        return written["example"]
    for one in mapping(written.get("examples")).values():
        named = mapping(resolve(one, tree))
        if "value" in named:
            return named["value"]
    return _of_schema(written.get("schema"), tree, 0)


def _of_schema(written: Any, tree: Mapping[str, Any], depth: int) -> Any:
    """A value that a schema names, or that its members name together."""
    schema = mapping(resolve(written, tree))
    for key in ("example", "examples", "default", "enum", "const"):
        if key not in schema:
            continue
        if key not in ("examples", "enum"):
            return schema[key]
        if listing(schema[key]):
            return schema[key][0]
    if depth == _DEPTH:
        return NOTHING
    properties = mapping(schema.get("properties"))
    if properties:
        required = [name for name in listing(schema.get("required")) if isinstance(name, str)]
        members = {name: _of_schema(properties.get(name), tree, depth + 1) for name in required}
        return NOTHING if not members or NOTHING in members.values() else members
    if schema.get("type") == "array":
        item = _of_schema(schema.get("items"), tree, depth + 1)
        return NOTHING if item is NOTHING else [item]
    return NOTHING

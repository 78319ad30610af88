"""One request for an operation, and what its answer must be by the document."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import message_of
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.patterns import aside
from phasegate.base.scalars import as_text, json_text
from phasegate.http.expectations.body import BodyError, parse_json
from phasegate.kinds.openapi.document import NOTHING, Input, Operation, is_json
from phasegate.kinds.openapi.schemas import Schemas
from phasegate.world import Destination, HttpReply, HttpRequest, header

KEPT = 16 << 20
"""Bytes of an answer that are looked at."""
_PATH = "/%:@!$&'()*+,;=~"
"""What a path may hold as it is (RFC 3986, 3.3); values are encoded already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What goes out for an operation."""

    request: HttpRequest
    inputs: tuple[Input, ...]
    """Those that are sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What an answer is by the document."""

    documented: str | None = None
    """The status that it is documented under; None where it is not."""
    problems: tuple[Message, ...] = ()
    unproven: Message = ""
    """Why something of it could not be looked at; empty otherwise."""


def asking(
    operation: Operation, values: Mapping[str, Any], base: Destination, timeout: float
) -> Asking | Message:
    """The request, or why there is none: what has no value. Errors: ValueError for what no text can hold."""
    path, query, body, missing, sent = operation.path, [], None, [], []
    headers = [("Accept", ", ".join(_accepted(operation)))]
    for one in operation.inputs:
        value = values.get(one.name, one.example)
        pairs = [] if value is NOTHING else _pairs(one, value)
        if not pairs or (one.place == "path" and not pairs[0][1]):
            missing += [f"{one.place} {one.name}"] if one.required else []
            continue
        sent.append(one)
        match one.place:
            case "path":
                path = path.replace(f"{{{one.name}}}", quote(pairs[0][1], safe=""))
            case "query":
                query += pairs
            case "header":
                headers += pairs
            case "cookie":
                headers += [("Cookie", f"{name}={quote(text)}") for name, text in pairs]
            case _:
                headers.append(("Content-Type", one.media))
                body = pairs[0][1].encode()
    if missing:
        return fact(Code.OPENAPI_NO_VALUE, names=tuple(missing))
    request = HttpRequest(
        method=operation.method,
        url=f"{base.url}{quote(path, safe=_PATH)}{'?' if query else ''}{urlencode(query, quote_via=quote)}",
        entry=base.entry,
        headers=tuple(headers),
        body=body,
        timeout=timeout,
        keep=KEPT,
    )
    return Asking(request=request, inputs=tuple(sent))


def _accepted(operation: Operation) -> tuple[str, ...]:
    """Types to ask for: JSON where an answer may have it, as only JSON is held against a schema."""
    media = (one for content in operation.answers.values() for one in [*filter(is_json, content)] or content)
    return tuple(dict.fromkeys(media)) or ("*/*",)


def _pairs(one: Input, value: Any) -> list[tuple[str, str]]:
    """Names and texts that a value is sent as; none for a form that is not known here."""
    if is_json(one.media):
        return [(one.name, json_text(value))]
    if one.media:
        known = isinstance(value, Mapping) and one.media.endswith("form-urlencoded")
        return [(one.name, urlencode(value, doseq=True))] if known else []
    if isinstance(value, Mapping) or one.style not in ("form", "simple"):
        return []
    texts = [as_text(item) for item in value] if isinstance(value, list | tuple) else [as_text(value)]
    if one.explode and one.style == "form":
        return [(one.name, text) for text in texts]
    return [(one.name, ",".join(texts))]


async def judge(operation: Operation, reply: HttpReply, schemas: Schemas) -> Judged:
    """Its status must be documented, its type too, and its JSON must be as its schema says."""
    documented = operation.documented(reply.status)
    if documented is None:
        known = tuple(operation.answers)
        return Judged(problems=(fact(Code.OPENAPI_STATUS, status=reply.status, known=known),))
    content = operation.answers[documented]
    if operation.method == "HEAD" or reply.status in (204, 304) or not content:
        return Judged(documented=documented)
    found = (header(reply.headers, "content-type") or "").partition(";")[0].strip().lower()
    described = _described(found, content)
    if described is None:
        why = fact(Code.OPENAPI_MEDIA, status=reply.status, found=found, known=tuple(content))
        return Judged(documented=documented, problems=(why,))
    if not is_json(found):
        return Judged(documented=documented)
    try:
        problems = await aside(partial(_by_schema, reply, described.get("schema", {}), schemas))
    except BodyError as error:
        return Judged(documented=documented, problems=(error.message,))
    except (ValueError, RecursionError) as error:
        why = fact(Code.OPENAPI_SCHEMA, why=message_of(error))
        return Judged(documented=documented, unproven=why)
    if any(one.code is Code.SCHEMA_NOT_APPLIED for one in problems):
        return Judged(documented=documented, unproven=problems[0])
    return Judged(documented=documented, problems=problems)


def _by_schema(reply: HttpReply, written: Any, schemas: Schemas) -> tuple[Fact, ...]:
    document, schema = parse_json(reply), schemas.compile(written)
    return () if schema is None else schema.check(document)


def _described(found: str, content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What is documented of a type, by its name, else by a range that it is of."""
    by_name = {one.partition(";")[0].strip(): described for one, described in content.items()}
    wanted = (found, f"{found.partition('/')[0]}/*", "*/*") if found else ()
    return next((by_name[one] for one in wanted if one in by_name), None)

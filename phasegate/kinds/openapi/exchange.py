"""One request for an operation, and what its answer must be by the document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import message_of
from phasegate.base.facts import Code, Message, fact
from phasegate.base.patterns import aside
from phasegate.base.scalars import as_text, json_text
from phasegate.http.expectations.body import BodyError, parse_json
from phasegate.http.expectations.json_schema import BodySchema
from phasegate.kinds.openapi.document import (
    NOTHING,
    Contract,
    Operation,
    Parameter,
    UnresolvedError,
    is_json,
)
from phasegate.kinds.openapi.schemas import body_schema
from phasegate.world import Destination, HttpReply, HttpRequest, header

KEPT = 16 << 20
"""Bytes of an answer that are looked at."""
BODY = "body"
"""The name of the body among the values of an operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What goes out for an operation."""

    request: HttpRequest
    parameters: tuple[str, ...]
    """Those that are sent, as `place/name`."""


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
    """The request, or why there is none: what has no value."""
    path, query, missing, sent = operation.path, [], [], []
    headers: list[tuple[str, str]] = [("Accept", ", ".join(_accepted(operation)))]
    cookies = []
    for one in operation.parameters:
        value = values.get(one.name, one.example)
        pairs = None if value is NOTHING else _pairs(one, value)
        if pairs is None:
            missing += [f"{one.place} {one.name}"] if one.required else []
            continue
        sent.append(f"{one.place}/{one.name}")
        if one.place == "path":
            path = path.replace(f"{{{one.name}}}", quote(pairs[0][1], safe=""))
        elif one.place == "query":
            query += pairs
        elif one.place == "header":
            headers += pairs
        else:
            cookies += [f"{name}={quote(text)}" for name, text in pairs]
    body = _body(operation, values)
    if body is None:
        missing.append(BODY)
    if missing:
        return fact(Code.OPENAPI_NO_VALUE, names=tuple(missing))
    if body:
        headers.append(("Content-Type", operation.body.media if operation.body else ""))
    if cookies:
        headers.append(("Cookie", "; ".join(cookies)))
    request = HttpRequest(
        method=operation.method,
        url=f"{base.url}{path}{'?' if query else ''}{urlencode(query, quote_via=quote)}",
        entry=base.entry,
        headers=tuple(headers),
        body=body or None,
        timeout=timeout,
        keep=KEPT,
    )
    return Asking(request=request, parameters=tuple(sent))


def _accepted(operation: Operation) -> tuple[str, ...]:
    media = (one for content in operation.answers.values() for one in content)
    return tuple(dict.fromkeys(one for one in media if "*" not in one)) or ("*/*",)


def _pairs(parameter: Parameter, value: Any) -> list[tuple[str, str]] | None:
    """Names and texts that a value is sent as; None for a form that is not known here."""
    name, style, explode = parameter.name, parameter.style, parameter.explode
    if parameter.as_json:
        return [(name, json_text(value))]
    between = {"spaceDelimited": " ", "pipeDelimited": "|"}.get(style, ",")
    if style in ("label", "matrix"):
        return None
    match value:
        case Mapping():
            members = [(str(key), as_text(one)) for key, one in value.items()]
            if style == "deepObject":
                return [(f"{name}[{key}]", one) for key, one in members]
            if explode and style == "form":
                return members
            mark = "=" if explode else ","
            return [(name, ",".join(f"{key}{mark}{one}" for key, one in members))]
        case list() | tuple():
            texts = [as_text(one) for one in value]
            if explode and style == "form":
                return [(name, one) for one in texts]
            return [(name, between.join(texts))]
        case _:
            return [(name, as_text(value))]


def _body(operation: Operation, values: Mapping[str, Any]) -> bytes | None:
    """Empty for none; None where one is required and there is none to send."""
    body = operation.body
    if body is None:
        return b""
    value = values.get(BODY, body.example)
    if value is NOTHING or not body.media:
        return None if body.required else b""
    if is_json(body.media):
        return json_text(value).encode()
    return urlencode(value, doseq=True).encode() if isinstance(value, Mapping) else None


async def judge(operation: Operation, reply: HttpReply, contract: Contract) -> Judged:
    """Its status must be documented, its type too, and its JSON must be as its schema says."""
    documented = operation.documented(reply.status)
    if documented is None:
        known = tuple(operation.answers)
        return Judged(problems=(fact(Code.OPENAPI_STATUS, status=reply.status, known=known),))
    content = operation.answers[documented]
    if operation.method == "HEAD" or reply.status in (204, 304) or not content:
        return Judged(documented=documented)
    found = (header(reply.headers, "content-type") or "").partition(";")[0].strip().lower()
    media = _matching(found, content)
    if media is None:
        why = fact(Code.OPENAPI_MEDIA, status=reply.status, found=found, known=tuple(content))
        return Judged(documented=documented, problems=(why,))
    if not is_json(found):
        return Judged(documented=documented)
    try:
        document = parse_json(reply)
        schema = body_schema(content[media].get("schema", {}), contract)
    except BodyError as error:
        return Judged(documented=documented, problems=(error.message,))
    except (UnresolvedError, ValueError, RecursionError) as error:
        why = fact(Code.OPENAPI_SCHEMA, why=message_of(error))
        return Judged(documented=documented, unproven=why)
    return await _by_schema(document, schema, documented)


async def _by_schema(document: Any, schema: BodySchema | None, documented: str) -> Judged:
    if schema is None:
        return Judged(documented=documented)
    problems = await aside(lambda: schema.check(document))
    if any(one.code is Code.SCHEMA_NOT_APPLIED for one in problems):
        return Judged(documented=documented, unproven=problems[0])
    return Judged(documented=documented, problems=problems)


def _matching(found: str, content: Mapping[str, Any]) -> str | None:
    """The documented type that an answer's type is of; the most exact one."""
    kind = found.partition("/")[0]
    by_name = {one.partition(";")[0].strip(): one for one in content}
    wanted = (found, f"{kind}/*", "*/*") if found else ()
    return next((by_name[one] for one in wanted if one in by_name), None)

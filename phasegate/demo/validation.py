"""Requests as they come in: bounded, parsed and checked before anything acts on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from phasegate.demo.failures import ApiError, invalid
from phasegate.demo.runtimes import LANGUAGES

MAX_BODY = 1024 * 1024
MAX_SCRIPT = 64 * 1024
MAX_TTL = 86400.0
SHORTEST = 0.001
"""Seconds; less is lost in the rounding of a time since 1970."""
MAX_PER_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What `initialize` asks for; `context` is canonical JSON text."""

    title: str
    context: str
    script: str
    ttl: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What `execute` asks for; `params` is canonical JSON text, `limit` seconds."""

    params: str
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    language: str | None
    page: int
    per_page: int


async def opening(request: Request, default_ttl: float) -> Opening:
    """Errors: ApiError 400 naming the header or field and what would be right; 413 for a body too large."""
    title = request.headers.get("language-title", "")
    if not title:
        raise invalid("header Language-Title is missing; it names a function, like nodejs-calculator")
    language = title.partition("-")[0]
    if language not in LANGUAGES:
        raise invalid(f"header Language-Title: unknown language {language!r}; known: {', '.join(LANGUAGES)}")
    body = await _json_object(request, {"context", "script_content", "ttl_seconds"})
    script = body.get("script_content")
    if not isinstance(script, str) or not script.strip():
        raise invalid("script_content must be a text that is not empty")
    if len(_encode(script, "script_content")) > MAX_SCRIPT:
        raise invalid(f"script_content is larger than {MAX_SCRIPT} bytes")
    return Opening(
        title=title,
        context=_canonical_object(body, "context"),
        script=script,
        ttl=_seconds(body, "ttl_seconds", default_ttl, MAX_TTL),
    )


async def call(request: Request, max_limit: float) -> Call:
    """Errors: as for `opening`."""
    body = await _json_object(request, {"params", "timeout_seconds"})
    limit = _seconds(body, "timeout_seconds", max_limit, max_limit)
    return Call(params=_canonical_object(body, "params"), limit=limit)


def page(query: Mapping[str, str]) -> Page:
    """Errors: ApiError 400 naming the parameter."""
    language = query.get("language")
    if language is not None and language not in LANGUAGES:
        raise invalid(f"language must be one of {', '.join(LANGUAGES)}, not {language!r}")
    return Page(
        language=language,
        page=_whole(query, "page", default=1, most=1_000_000),
        per_page=_whole(query, "per_page", default=20, most=MAX_PER_PAGE),
    )


async def _json_object(request: Request, known: set[str]) -> dict[str, Any]:
    try:
        body = json.loads(await _body(request))
    except (ValueError, RecursionError):
        raise invalid("the body is not JSON") from None
    if not isinstance(body, dict):
        raise invalid("the body must be a JSON object")
    unknown = sorted(body.keys() - known)
    if unknown:
        raise invalid(f"unknown field {unknown[0]!r}; known: {', '.join(sorted(known))}")
    return body


async def _body(request: Request) -> bytes:
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > MAX_BODY:
            raise ApiError(413, "body_too_large", f"the body is larger than {MAX_BODY} bytes")
    return bytes(chunks)


def _canonical_object(body: Mapping[str, Any], field: str) -> str:
    """The same text for the same content, whatever the order of its keys."""
    value = body.get(field, {})
    if not isinstance(value, dict):
        raise invalid(f"{field} must be a JSON object")
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise invalid(f"{field} holds a number that JSON cannot carry") from None
    _encode(text, field)
    return text


def _encode(text: str, field: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise invalid(f"{field} holds half a surrogate pair") from None


def _seconds(body: Mapping[str, Any], field: str, default: float, most: float) -> float:
    value = body.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not SHORTEST <= value <= most:
        raise invalid(f"{field} must be a number of seconds from {SHORTEST:g} to {most:g}")
    return float(value)


def _whole(query: Mapping[str, str], field: str, *, default: int, most: int) -> int:
    text = query.get(field, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and 1 <= int(text) <= most):
        raise invalid(f"{field} must be a whole number from 1 to {most}, not {text!r}")
    return int(text)

"""From a request as it is written to one that workers send: known values put in, split, encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus, urlsplit

from phasegate.base.errors import MessageError
from phasegate.base.facts import Code, fact
from phasegate.base.scalars import as_text
from phasegate.base.substitution import escape, expand, finish, insert_values, names_in
from phasegate.http.suites.build_request import multipart
from phasegate.http.suites.rows import Row
from phasegate.http.suites.suite import Request
from phasegate.load.journeys.journey import JourneyRequest, Piece
from phasegate.load.journeys.template import (
    FORM,
    LINE,
    PLAIN,
    join_texts,
    json_pieces,
    text_pieces,
    url_pieces,
)
from phasegate.wire.request import DEFAULT_HEADERS, endpoint_of, header_problems, path_and_query


def problems_of(request: Request) -> Iterator[str]:
    """What of a request has no place in a load."""
    for name, instead in _NOT_UNDER_LOAD.items():
        if getattr(request, name):
            yield f"request {request.id!r} has {name}: {instead}"
    if any(_uses_values(dict(row.values)) for row in _rows(request)):
        yield f"request {request.id!r}: rows of each that use other values have no place in a load"
    parts = (request.multipart or {}).values()
    texts = [(part.content, part.filename, part.content_type) for part in parts]
    if _uses_values(texts):
        yield f"request {request.id!r}: a multipart body in a load cannot have values put in"


def _uses_values(texts: Any) -> bool:
    """Whether there are names in texts that get their values under way."""
    return any(not name.startswith("target.") for name in names_in(texts))


_NOT_UNDER_LOAD = {
    "retry": "under load a request is sent once, and what fails has failed",
    "until": "polling has no place in a load",
}


def requests_of(
    request: Request,
    *,
    base: str,
    common: Mapping[str, Any],
    shared: Callable[[str], Iterable[tuple[str, str]]],
    known: Mapping[str, Any],
    timeout: float,
    part: str,
) -> tuple[JourneyRequest, ...]:
    """One for every row of `each`, one without.

    `base` is absolute. `common` are headers in template form; those of the request win over them, and both
    over what `shared` has for its URL in template form. `known` are values for all journeys; other names
    stay. Errors: ValueError, OSError for what cannot be made.
    """
    made = []
    for row in [row.values for row in _rows(request)] if request.each is not None else [{}]:
        url = expand(request.url, row)
        values = {**known, **finish(insert_values(dict(row), known))}
        one = request.model_copy(update={"url": url})
        made.append(_request(one, values, base, common, shared(url), timeout, part))
    return tuple(made)


def _request(
    request: Request,
    known: Mapping[str, Any],
    base: str,
    common: Mapping[str, Any],
    shared: Iterable[tuple[str, str]],
    timeout: float,
    part: str,
) -> JourneyRequest:
    def put(tree: Any) -> Any:
        return insert_values(tree, known, keep=lambda _: True)

    body, content_type = _body(request, put, known)
    headers = _headers(put(dict(request.headers)), put(dict(common)), shared, content_type, base)
    expect = request.expect.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    written = put(request.url)
    return JourneyRequest(
        part=part,
        method=request.method,
        head=join_texts(
            [
                f"{request.method} ",
                *_target(written, put(request.query), base),
                " HTTP/1.1\r\n",
                *headers,
            ]
        ),
        body=None if body is None else join_texts(body),
        url=base.rstrip("/") + written if written.startswith("/") else written,
        limit=request.timeout if request.timeout is not None and request.timeout < timeout else None,
        follow=request.follow,
        entry_headers=tuple(shared) if request.follow else (),
        own_cookies=any(name.lower() == "cookie" for name in (*request.headers, *common)),
        expect=put(expect),
        captures={
            name: capture.model_dump(mode="json", by_alias=True, exclude_defaults=True)
            for name, capture in request.capture.items()
        },
    )


def _target(url: str, query: Mapping[str, Any], base: str) -> Iterator[Piece]:
    """What stands in the request line."""
    if not url.startswith("${"):
        whole = base.rstrip("/") + url if url.startswith("/") else url
        if endpoint_of(whole) != endpoint_of(base):
            raise MessageError(fact(Code.NOT_ONE_PLACE, url=whole, endpoint=str(endpoint_of(base))))
        url = path_and_query(whole)
    yield from url_pieces(url)
    sign = "&" if "?" in url else "?"
    for pieces in _pairs(query):
        yield sign
        yield from pieces
        sign = "&"


def _headers(
    own: Mapping[str, Any],
    common: Mapping[str, Any],
    shared: Iterable[tuple[str, str]],
    content_type: str | None,
    base: str,
) -> Iterator[Piece]:
    """Each with its line end; the first of a name wins."""
    host = urlsplit(base).netloc.rpartition("@")[2]
    made = (("Content-Type", content_type),) if content_type else ()
    last = [(name, escape(value)) for name, value in (*shared, ("Host", host), *DEFAULT_HEADERS)]
    seen: set[str] = {"content-length"}
    for group in (own.items(), common.items(), made, last):
        for name, value in group:
            text = as_text(value)
            for problem in header_problems([(name, text)]):
                raise ValueError(problem)
            if name.lower() in seen:
                continue
            yield f"{name}: "
            yield from text_pieces(text, LINE)
            yield "\r\n"
        seen.update(name.lower() for name, _ in group)


def _body(request: Request, put: Any, known: Mapping[str, Any]) -> tuple[Iterable[Piece] | None, str | None]:
    """The pieces of the body, and the content type that goes with them."""
    if request.has_json:
        return json_pieces(put(request.json_)), "application/json"
    if request.form is not None:
        return _form(put(request.form)), "application/x-www-form-urlencoded"
    if request.multipart is not None:
        content, content_type = multipart(request.multipart, known)
        return (content.decode("utf-8", "surrogateescape"),), content_type
    if request.body is not None:
        return text_pieces(as_text(put(request.body)), PLAIN), None
    return ((), None) if request.method in ("POST", "PUT", "PATCH") else (None, None)


def _form(fields: Mapping[str, Any]) -> Iterator[Piece]:
    for index, pieces in enumerate(_pairs(fields)):
        if index:
            yield "&"
        yield from pieces


def _pairs(fields: Mapping[str, Any]) -> Iterator[Iterator[Piece]]:
    for name, value in fields.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            yield _pair(name, as_text(item))


def _pair(name: str, value: str) -> Iterator[Piece]:
    yield f"{quote_plus(name)}="
    yield from text_pieces(value, FORM, quote_plus)


def _rows(request: Request) -> tuple[Row, ...]:
    return request.rows() or ()

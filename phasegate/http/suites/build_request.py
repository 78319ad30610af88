"""From a request as written to the one that is sent: values put in, URL joined, body encoded."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from phasegate.base.errors import MessageError, ObservationError
from phasegate.base.facts import Code, fact
from phasegate.base.files import read_regular
from phasegate.base.scalars import as_text, json_text
from phasegate.base.substitution import fill
from phasegate.http.addresses import AmbiguousEntryError
from phasegate.http.suites.suite import Part, Request
from phasegate.world import Addresses, Destination, HttpRequest


class ComposeError(MessageError):
    """The request cannot be made with the values at hand."""


def compose(
    request: Request,
    *,
    target: Addresses,
    base: Destination,
    common: Mapping[str, str],
    values: Mapping[str, Any],
    sources: Mapping[str, Destination],
    timeout: float,
) -> HttpRequest:
    """`base` has an empty URL where there is none; `common` are headers, over which those of the request
    win; `sources` say where captured values came from.

    Errors: UnknownNameError for a value that is missing, ObservationError for a path without a base,
    ComposeError, OSError for files of a multipart body.
    """
    body, content_type = _body(request, values)
    own = {name: as_text(value) for name, value in fill(dict(request.headers), values).items()}
    named = {name.lower() for name in own}
    shared = {name: as_text(value) for name, value in fill(dict(common), values).items()}
    headers = {name: value for name, value in shared.items() if name.lower() not in named} | own
    if content_type and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = content_type
    there = _destination(request.url, target, base, values, sources)
    return HttpRequest(
        method=request.method,
        url=_with_query(there.url, fill(request.query, values)),
        headers=tuple(headers.items()),
        body=body,
        timeout=request.timeout or timeout,
        follow=request.follow,
        entry=there.entry,
    )


def _destination(
    written: str,
    target: Addresses,
    base: Destination,
    values: Mapping[str, Any],
    sources: Mapping[str, Destination],
) -> Destination:
    text = as_text(fill(written, values))
    if text.startswith("/"):
        if not base.url:
            raise ObservationError(fact(Code.NOT_ON_AN_ENTRY, text=text[:200]))
        return Destination(url=base.url.rstrip("/") + text, entry=base.entry)
    if not text.startswith(("http://", "https://")):
        raise ComposeError(fact(Code.NEITHER_PATH_NOR_URL, text=text[:200]))
    try:
        return target.destination(written, values, sources)
    except AmbiguousEntryError as error:
        raise ComposeError(error.message) from None


def _with_query(url: str, query: Mapping[str, Any]) -> str:
    if not query:
        return url
    url, _, fragment = url.partition("#")
    added = urlencode(list(_pairs(query)))
    return f"{url}{'&' if '?' in url else '?'}{added}{'#' + fragment if fragment else ''}"


def _body(request: Request, values: Mapping[str, Any]) -> tuple[bytes | None, str | None]:
    if request.has_json:
        try:
            return json_text(fill(request.json_, values)).encode(), "application/json"
        except ValueError as error:
            raise ComposeError(fact(Code.JSON_BODY, why=str(error))) from None
    if request.form is not None:
        pairs = list(_pairs(fill(request.form, values)))
        return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    if request.multipart is not None:
        return multipart(request.multipart, values)
    if request.body is not None:
        return as_text(fill(request.body, values)).encode(), None
    return (b"", None) if request.method in ("POST", "PUT", "PATCH") else (None, None)


def _pairs(fields: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in fields.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            yield name, as_text(item)


def multipart(parts: Mapping[str, Part], values: Mapping[str, Any]) -> tuple[bytes, str]:
    """A `multipart/form-data` body by RFC 7578, and its content type."""
    boundary = f"phasegate-{secrets.token_hex(16)}"
    body = bytearray()
    for name, part in parts.items():
        content = (
            as_text(fill(part.content, values)).encode() if part.file is None else read_regular(part.file)
        )
        filename = part.filename or (part.file.name if part.file is not None else None)
        disposition = f'form-data; name="{_quote(name)}"'
        if filename is not None:
            disposition += f'; filename="{_quote(as_text(fill(filename, values)))}"'
        kind = part.content_type or ("application/octet-stream" if part.file is not None else None)
        lines = [f"--{boundary}", f"Content-Disposition: {disposition}"]
        if kind is not None:
            lines.append(f"Content-Type: {_one_line(as_text(fill(kind, values)))}")
        body += "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return bytes(body), f"multipart/form-data; boundary={boundary}"


def _quote(name: str) -> str:
    """As the HTML standard escapes names and file names in multipart bodies."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")

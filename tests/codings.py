"""Ways in which programs write a value, for tests of what keeps secrets out of what is written."""

from __future__ import annotations

import base64
import html
import json
import quopri
import shlex
import unicodedata
from collections.abc import Callable
from urllib.parse import quote, quote_plus

Coding = Callable[[str], bytes]
"""From a text to the bytes that a program writes."""


def text_of(data: bytes) -> str:
    """Bytes as the text that the next coding is given."""
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _wrapped(text: str, columns: int, end: bytes) -> bytes:
    coded = base64.b64encode(b"a" * 40 + _bytes(text) + b"z" * 40)
    return end.join(coded[at : at + columns] for at in range(0, len(coded), columns))


def _each(form: str) -> Coding:
    return lambda text: "".join(form.format(byte) for byte in _bytes(text)).encode()


def _each_unit(form: str) -> Coding:
    def coding(text: str) -> bytes:
        units = text.encode("utf-16-be", "surrogatepass")
        return "".join(form.format(a << 8 | b) for a, b in zip(units[::2], units[1::2], strict=True)).encode()

    return coding


def _each_character(form: str) -> Coding:
    return lambda text: "".join(form.format(ord(char)) for char in text).encode()


CODINGS: dict[str, Coding] = {
    "plain": _bytes,
    "percent": lambda text: quote(_bytes(text), safe="").encode(),
    "percent, lower case": lambda text: _each("%{:02x}")(text),
    "percent, as browsers": lambda text: quote(_bytes(text), safe="{}|^`[]\\@!$&'()*+,;=:/?~%").encode(),
    "percent, plus for space": lambda text: quote_plus(_bytes(text)).encode(),
    "json": lambda text: json.dumps(text)[1:-1].encode(),
    "json, slash escaped": lambda text: json.dumps(text)[1:-1].replace("/", "\\/").encode(),
    "json, every character": _each_unit("\\u{:04x}"),
    "json, capitals": _each_unit("\\u{:04X}"),
    "html": lambda text: _bytes(html.escape(text)),
    "xml": lambda text: _bytes(html.escape(text).replace("&#x27;", "&apos;")),
    "entities, decimal": _each_character("&#{};"),
    "entities, hexadecimal": _each_character("&#x{:X};"),
    "bytes escapes": _each("\\x{:02x}"),
    "octal escapes": _each("\\{:03o}"),
    "repr of bytes": lambda text: repr(_bytes(text)).encode(),
    "hexadecimal": lambda text: _bytes(text).hex().encode(),
    "hexadecimal, capitals": lambda text: _bytes(text).hex().upper().encode(),
    "hexadecimal, colons": lambda text: _bytes(text).hex(":").encode(),
    "numbers": lambda text: str(list(_bytes(text))).encode(),
    "quoted-printable": lambda text: quopri.encodestring(_bytes(text)),
    "decomposed": lambda text: _bytes(unicodedata.normalize("NFD", text)),
    "capitals": lambda text: _bytes(text.upper()),
    "small": lambda text: _bytes(text.lower()),
    "coloured": lambda text: b"\x1b[0m".join(map(_bytes, text)),
    "base64": lambda text: base64.b64encode(_bytes(text)),
    "base64, second": lambda text: base64.b64encode(b"x" + _bytes(text) + b"tail"),
    "base64, third": lambda text: base64.b64encode(b"xy" + _bytes(text) + b"tail"),
    "base64 of URLs": lambda text: base64.urlsafe_b64encode(b"q" + _bytes(text)),
    "base64, 76 columns": lambda text: _wrapped(text, 76, b"\n"),
    "base64, 64 columns": lambda text: _wrapped(text, 64, b"\r\n"),
    "base32": lambda text: base64.b32encode(_bytes(text)),
    "utf-16": lambda text: text.encode("utf-16-le", "surrogatepass"),
    "utf-16, other end": lambda text: text.encode("utf-16-be", "surrogatepass"),
    "read as latin-1": lambda text: _bytes(text).decode("latin-1").encode(),
    "read as cp1252": lambda text: _bytes(text).decode("cp1252", "replace").encode(),
    "shell": lambda text: _bytes(shlex.quote(text)),
    "shell, backslashes": lambda text: _bytes("".join(c if c.isalnum() else "\\" + c for c in text)),
    "yaml, single": lambda text: _bytes("'" + text.replace("'", "''") + "'"),
}

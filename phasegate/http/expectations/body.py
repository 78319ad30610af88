"""Bodies of answers as text and as JSON: by the charset they declare, or not at all."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from json import detect_encoding
from typing import Any

from phasegate.base.errors import MessageError
from phasegate.base.facts import Code, Message, fact
from phasegate.http.expectations.matcher import excerpt
from phasegate.http.messages.header_lines import HeaderError, header_text, lines_of, one_value
from phasegate.http.messages.json_text import JsonError, read_json
from phasegate.world import HttpReply

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_PARAMETER = re.compile(r';\s*([^=;\s"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}", re.ASCII)
_AS_BROWSERS = {
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "big5": "big5hkscs",
    "windows-874": "cp874",
    "x-cp1252": "cp1252",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gb18030",
}
"""Names that stand for a larger character set, or that Python has not (WHATWG Encoding, 4.2)."""
_NO_CP932 = re.compile("[\uf8f0-\uf8f3]")
"""What Python makes of single bytes that are none of its characters."""
_NO_CHARSETS = frozenset(
    {
        "charmap",
        "hz",
        "idna",
        "mbcs",
        "oem",
        "punycode",
        "raw-unicode-escape",
        "undefined",
        "unicode-escape",
        "utf-7",
    }
)
"""Codecs of text that are not charsets, or one that hides ASCII characters."""


class BodyError(MessageError):
    """The body cannot be looked at, or is not the JSON it was expected to be."""


def body_text(reply: HttpReply) -> str:
    """The body by its byte order mark, else by what `Content-Type` says, else as UTF-8.

    Errors: BodyError for a charset that is unknown, or bytes that are not text in it.
    """
    return _decode(reply, _content_type(reply))


def parse_json(reply: HttpReply) -> Any:
    """The body as JSON. Errors: BodyError with an excerpt of what is there instead."""
    kind = _content_type(reply)
    if not kind.partition(";")[0].strip() or not _charset(kind):
        kind = "application/json"
    text = _decode(reply, kind)
    try:
        return read_json(text)
    except JsonError as error:
        named = next(iter(lines_of(reply.headers, "content-type")), "")[:80]
        shown, why = (excerpt(text), error.message) if text else (None, None)
        raise BodyError(fact(Code.NOT_JSON, actual=shown, kind=named, why=why)) from None


def body_excerpt(reply: HttpReply) -> str:
    """The body for people, whatever it is; what cannot be read is replaced."""
    try:
        return body_text(reply)
    except BodyError:
        return reply.body.decode("utf-8", errors="replace")


@lru_cache(maxsize=256)
def is_plain_json(content_type: bytes) -> bool:
    """Whether JSON of this type, several lines joined by line breaks, is UTF-8 unless it is broken."""
    text = header_text(content_type)
    return "\n" not in text and (_is_json(text) or _charset(text) in ("", "utf-8"))


def _content_type(reply: HttpReply) -> str:
    if reply.unreadable:
        raise _unreadable(reply.unreadable)
    try:
        return one_value(reply.headers, "content-type") or ""
    except HeaderError as error:
        raise _unreadable(error.message) from None


def _decode(reply: HttpReply, kind: str) -> str:
    body = reply.body
    if _is_json(kind):  # RFC 8259, 8.1: a charset is not declared
        charset = codec = str(detect_encoding(body)).removesuffix("-sig")
    else:
        charset = _charset(kind) or "utf-8"
        codec = next((codec for mark, codec in _BOMS if body.startswith(mark)), "") or _codec(charset)
        if not codec:
            raise _unreadable(fact(Code.CHARSET_UNKNOWN, charset=charset[:40]))
    try:
        text = body.decode(codec)
    except UnicodeDecodeError as error:
        raise _unreadable(fact(Code.NOT_IN_CHARSET, charset=charset, at=error.start)) from None
    except ValueError:  # what a codec says besides
        raise _unreadable(fact(Code.NOT_IN_CHARSET, charset=charset)) from None
    if codec == "cp932" and (wrong := _NO_CP932.search(text)):
        start = len(text[: wrong.start()].encode(codec))
        raise _unreadable(fact(Code.NOT_IN_CHARSET, charset=charset, at=start))
    return text.removeprefix("\ufeff")


@lru_cache(maxsize=256)
def _charset(content_type: str) -> str:
    """The charset that a type declares, in lower case; empty without."""
    for name, value in _PARAMETER.findall(content_type):
        if name.lower() == "charset":
            bare = value.strip()
            if bare.startswith('"'):
                bare = re.sub(r"\\(.)", r"\1", bare[1:-1])
            return str(bare.strip(" \"'").lower())
    return ""


@lru_cache(maxsize=256)
def _codec(charset: str) -> str:
    """Python's codec for a charset; empty for one that is unknown."""
    if not _NAME.fullmatch(charset):
        return ""
    try:
        found = codecs.lookup(_AS_BROWSERS.get(charset, charset))
    except (LookupError, ValueError):
        return ""
    is_charset = getattr(found, "_is_text_encoding", True) and found.name not in _NO_CHARSETS
    return found.name if is_charset else ""


def _is_json(content_type: str) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    return media == "application/json" or media.endswith("+json")


def _unreadable(why: Message) -> BodyError:
    return BodyError(fact(Code.BODY_UNREADABLE, why=why))

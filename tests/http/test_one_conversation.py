"""One table of answers, judged the same by `health`, `api`, `load`, and flows under load."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import brotli
import pytest

from phasegate.kinds.health import Health, HealthParams
from phasegate.model.measures import Share
from tests.http.conversations import Answering, Heard, answer, answering, ask, ask_flow, entries
from tests.worlds import world_at

try:
    from compression import zstd  # type: ignore[import-not-found]
except ImportError:
    from backports import zstd

TEXT = b"ERROR: database is down"
READS = {"body": TEXT.decode()}
CLEAN = {"body": {"not_matches": "ERROR"}}
JSON = b"Content-Type: application/json"
BIG = b"x" * (5 << 20)
EITHER: tuple[bytes, bytes] = (
    b"Access-Control-Allow-Origin: https://shop.example",
    b"Access-Control-Allow-Origin: *",
)


def raw_deflate(body: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(body) + squeeze.flush()


@dataclass(frozen=True)
class Row:
    """An answer, what is expected of it, and whether it is so; `says`: what stands in a failure."""

    name: str
    sent: bytes
    expect: dict[str, Any]
    says: str | None = None
    """None: it passes."""
    more: dict[str, Any] = field(default_factory=dict)


def coded(name: str, coding: str, body: bytes, says: str | None = None, expect: Any = None) -> Row:
    """With `Content-Encoding` in as many lines as `coding` has."""
    lines = [b"Content-Encoding: " + line.encode() for line in coding.split("\n")]
    return Row(name, answer(body, *lines), expect or (READS if says is None else CLEAN), says)


def typed(name: str, kind: bytes, body: bytes, expect: Any, says: str | None = None) -> Row:
    return Row(name, answer(body, *([b"Content-Type: " + kind] if kind else [])), expect, says)


def lines(name: str, sent: tuple[bytes, ...], header: str, expected: Any, says: str | None = None) -> Row:
    return Row(name, answer(b"", *sent), {"headers": {header: expected}}, says)


CODINGS = [
    coded("gzip", "gzip", gzip.compress(TEXT)),
    coded("x-gzip in upper case", "X-GZIP", gzip.compress(TEXT)),
    coded("deflate", "deflate", zlib.compress(TEXT)),
    coded("deflate without its header", "deflate", raw_deflate(TEXT)),
    coded("brotli", "br", brotli.compress(TEXT)),
    coded("zstd", "zstd", zstd.compress(TEXT)),
    coded("two frames of zstd", "zstd", zstd.compress(TEXT[:5]) + zstd.compress(TEXT[5:])),
    coded("identity", "identity", TEXT),
    coded("two members of gzip", "gzip", gzip.compress(TEXT[:5]) + gzip.compress(TEXT[5:])),
    coded("a list in one line", "gzip, br", brotli.compress(gzip.compress(TEXT))),
    coded("a list in two lines", "gzip\nbr", brotli.compress(gzip.compress(TEXT))),
    coded("one coding twice", "gzip\ngzip", gzip.compress(gzip.compress(TEXT))),
    coded("empty members of the list", " , identity,\n gzip ,", gzip.compress(TEXT)),
    coded("the codings in the wrong order", "br, gzip", brotli.compress(gzip.compress(TEXT)), "not gzip"),
    coded("an unknown coding", "snappy", b"....", "its content coding 'snappy' cannot be undone"),
    coded("an unknown coding behind gzip", "gzip\nsnappy", b"....", "'snappy' cannot be undone"),
    coded("an unknown coding that nobody looks behind", "snappy", b"....", expect={"status": 200}),
    coded("a broken coding that nobody looks behind", "gzip", b"no gzip", expect={"status": 200}),
    coded(
        "a broken coding behind a header that is looked at",
        "br",
        b"?",
        expect={"headers": {"x": {"exists": False}}},
    ),
    coded("no gzip", "gzip", b"no gzip", "the body is not gzip"),
    coded("half a gzip", "gzip", gzip.compress(TEXT)[:-4], "ends before its content coding"),
    coded("half a brotli", "br", brotli.compress(TEXT)[:-2], "ends before its content coding"),
    coded("half a zstd", "zstd", zstd.compress(TEXT)[:-2], "ends before its content coding"),
    coded("garbage behind gzip", "gzip", gzip.compress(b"ok") + b"ERROR", "the body is not gzip"),
    coded("garbage behind deflate", "deflate", zlib.compress(b"ok") + b"ERROR", "goes on after its end"),
    coded("garbage behind brotli", "br", brotli.compress(b"ok") + b"ERROR", "the body is not br"),
    coded("more codings than are undone", ", ".join(["gzip"] * 6), gzip.compress(b"ok"), "6 content codings"),
    coded("no body, with a coding", "gzip", b"", expect={"body": ""}),
    coded("no body, with an unknown coding", "snappy", b"", expect={"body": ""}),
    Row(
        "the answer to HEAD",
        answer(gzip.compress(TEXT), b"Content-Encoding: gzip"),
        {"body": ""},
        None,
        {"method": "HEAD"},
    ),
    coded("a bomb", "gzip", gzip.compress(BIG), "the body is larger than max_body 4 MiB"),
    coded("a bomb in brotli", "br", brotli.compress(BIG), "the body is larger than max_body 4 MiB"),
    coded("a bomb in zstd", "zstd", zstd.compress(BIG), "the body is larger than max_body 4 MiB"),
    coded("a bomb in a bomb", "gzip, gzip", gzip.compress(gzip.compress(BIG)), "larger than max_body 4 MiB"),
    coded("a bomb that nobody looks at", "gzip", gzip.compress(BIG), expect={"status": 200}),
]
LINES = [
    lines(
        "ne looks at every line",
        EITHER,
        "Access-Control-Allow-Origin",
        {"ne": "*"},
        'got 2 lines: "https://shop.example" and "*"',
    ),
    lines("ne, the other way round", EITHER[::-1], "Access-Control-Allow-Origin", {"ne": "*"}, "got 2 lines"),
    lines(
        "not_matches looks at every line",
        EITHER,
        "access-control-allow-origin",
        {"not_matches": r"^\*$"},
        "got 2 lines",
    ),
    lines("ne of what no line has", EITHER, "Access-Control-Allow-Origin", {"ne": "null"}),
    lines(
        "contains looks at every line",
        (b"Cache-Control: private", b"cache-control: no-store"),
        "Cache-Control",
        {"contains": "no-store"},
    ),
    lines("matches looks at every line", (b"Vary: a", b"Vary: b", b"Vary: c"), "Vary", {"matches": "^b$"}),
    lines("matches over the list", (b"Vary: a", b"Vary: b"), "Vary", {"matches": "^a, b$"}),
    lines("matches what no line has", (b"Vary: a", b"Vary: b"), "Vary", {"matches": "c"}, "got 2 lines"),
    lines("eq is about the list", (b"Vary: a", b"Vary: b"), "Vary", "a, b"),
    lines("eq is not about one line", (b"Vary: a", b"Vary: b"), "Vary", "a", "to equal"),
    lines(
        "one_of is not about one line",
        (b"Vary: a", b"Vary: b"),
        "Vary",
        {"one_of": ["a", "b"]},
        "to be one of",
    ),
    lines("a comparison of different lines", (b"Age: 1", b"Age: 2"), "Age", {"lt": 5}, "got 2 lines"),
    lines("a comparison of equal lines", (b"Age: 1", b"Age: 1"), "Age", {"lt": 5}),
    lines("a comparison with what is not a number", (b"Age: NaN",), "Age", {"lt": 5}, "less than 5"),
    lines("a comparison with a large number", (b"Age: 1e400",), "Age", {"gt": 5}),
    lines(
        "cookies are looked at line by line",
        (b"Set-Cookie: a=1", b"Set-Cookie: b=2"),
        "Set-Cookie",
        {"contains": "b=2"},
    ),
    lines(
        "cookies are not a list",
        (b"Set-Cookie: a=1", b"Set-Cookie: b=2"),
        "Set-Cookie",
        {"matches": "a=1, b=2"},
        "got 2 lines",
    ),
    lines(
        "cookies have no one value",
        (b"Set-Cookie: a=1", b"Set-Cookie: b=2"),
        "Set-Cookie",
        "a=1",
        "got 2 lines",
    ),
    lines(
        "types that differ",
        (b"Content-Type: text/html", b"Content-Type: text/plain"),
        "Content-Type",
        {"contains": "text"},
        "came 2 times with different values",
    ),
    lines(
        "types that are the same",
        (b"Content-Type: text/html", b"Content-Type: text/html"),
        "Content-Type",
        "text/html",
    ),
    lines("a value in UTF-8", ("X-City: Zürich".encode(),), "X-City", "Zürich"),
    lines("a value in latin-1", ("X-City: Zürich".encode("latin-1"),), "X-City", "Zürich"),
    lines("a value in another script", ("X-City: 東京".encode(),), "X-City", {"length": 2}),
    Row(
        "a body under types that differ",
        answer(b"ok", b"Content-Type: text/html", b"Content-Type: text/plain"),
        CLEAN,
        "came 2 times with different values",
    ),
    Row(
        "JSON under types that differ",
        answer(b'{"a": 1}', JSON, b"Content-Type: text/plain"),
        {"json": {"$.a": 1}},
        "came 2 times with different values",
    ),
    Row(
        "a capture of lines that differ",
        answer(b"", b"X-Id: 1", b"X-Id: 2"),
        {"status": 200},
        'cannot capture id: header X-Id came in 2 lines, "1" and "2"',
        {"capture": {"id": {"header": "X-Id"}}},
    ),
    Row(
        "a capture of lines that are the same",
        answer(b"", b"X-Id: 1", b"X-Id: 1"),
        {"status": 200},
        None,
        {"capture": {"id": {"header": "X-Id"}}},
    ),
]
SHIFT_JIS = "エラー: 停止中"
CHARSETS = [
    typed("Shift_JIS", b"text/plain; charset=Shift_JIS", SHIFT_JIS.encode("shift_jis"), {"body": SHIFT_JIS}),
    typed(
        "Shift_JIS as Windows has it",
        b"text/plain; charset=Shift_JIS",
        "①エラー".encode("cp932"),
        {"body": {"contains": "エラー"}},
    ),
    typed(
        "a charset in quotes",
        b'text/html; x="charset=utf-16"; Charset="EUC-JP"',
        SHIFT_JIS.encode("euc_jp"),
        {"body": SHIFT_JIS},
    ),
    typed(
        "GBK",
        b"text/plain;charset=gb2312",
        "错误".encode("gbk"),
        {"body": {"not_matches": "错误"}},
        "not to match",
    ),
    typed("UTF-8 without a charset", b"", SHIFT_JIS.encode(), {"body": SHIFT_JIS}),
    typed("a byte order mark", b"text/plain; charset=utf-8", b"\xef\xbb\xbfok", {"body": "ok"}),
    typed(
        "a byte order mark against the charset",
        b"text/plain; charset=latin-1",
        "ok".encode("utf-16"),
        {"body": "ok"},
    ),
    typed(
        "bytes that are not Shift_JIS",
        b"text/plain; charset=shift_jis",
        b"it is all fine, \x81\xff",
        CLEAN,
        "the body is not valid shift_jis at byte 16",
    ),
    typed(
        "bytes that are not UTF-8", b"text/plain", b"fine\xff", CLEAN, "the body is not valid utf-8 at byte 4"
    ),
    typed(
        "bytes that are not ASCII",
        b"text/plain; charset=us-ascii",
        b"fine\xff",
        CLEAN,
        "not valid us-ascii at byte 4",
    ),
    typed(
        "an unknown charset",
        b"text/plain; charset=klingon",
        b"fine",
        CLEAN,
        "the charset 'klingon', which is unknown",
    ),
    typed(
        "a codec that is not a charset",
        b"text/plain; charset=rot13",
        b"REEBE",
        CLEAN,
        "the charset 'rot13', which is unknown",
    ),
    typed(
        "another codec that is not a charset",
        b"text/plain; charset=unicode_escape",
        b"\\x45RROR",
        CLEAN,
        "'unicode_escape', which is unknown",
    ),
    typed(
        "a charset that hides",
        b"text/plain; charset=utf-7",
        b"+AEUAUgBSAE8AUg-",
        CLEAN,
        "'utf-7', which is unknown",
    ),
    typed(
        "an unknown charset that nobody reads by", b"text/plain; charset=klingon", b"fine", {"status": 200}
    ),
    typed("JSON in UTF-16", b"application/json", '{"a": "é"}'.encode("utf-16"), {"json": {"$.a": "é"}}),
    typed("JSON with a byte order mark", b"application/json", b'\xef\xbb\xbf{"a": 1}', {"json": {"$.a": 1}}),
    typed(
        "JSON under a charset that it does not have",
        b"application/json; charset=latin-1",
        '{"a": "é"}'.encode(),
        {"json": {"$.a": "é"}},
    ),
    typed(
        "JSON as text in latin-1",
        b"text/plain; charset=latin-1",
        '{"a": "Ã©"}'.encode("latin-1"),
        {"json": {"$.a": "Ã©"}},
    ),
    typed(
        "JSON as text in an unknown charset",
        b"text/plain; charset=klingon",
        b'{"a": 1}',
        {"json": {"$.a": 1}},
        "'klingon', which is unknown",
    ),
    typed(
        "JSON that is not UTF-8",
        b"application/problem+json",
        b'{"a": "\xff"}',
        {"json": {"$.a": {"ne": "x"}}},
        "the body is not valid utf-8 at byte 7",
    ),
    typed(
        "a capture from what is not text",
        b"text/plain",
        b"id=1\xff",
        {"status": 200},
        "cannot capture id: expected a body that can be read",
    ),
]
DEEP = b"[" * 300 + b"]" * 300
NUMBERS = [
    typed(
        "an integer of 401 digits",
        b"",
        b'{"id": 1%s}' % (b"0" * 400),
        {"json": {"$.id": {"type": "integer", "gt": 1.5}}},
    ),
    typed(
        "an integer of 5,001 digits",
        b"",
        b'{"id": 1%s}' % (b"0" * 5_000),
        {"json": {"$.id": {"type": "integer", "gt": 1.5}}},
    ),
    typed(
        "an integer beside a float",
        b"",
        b'{"id": %s}' % (b"9" * 400),
        {"json": {"$.id": {"lt": 1e300}}},
        "to be less than",
    ),
    typed(
        "an integer that a float blurs",
        b"",
        b'{"id": 9007199254740993}',
        {"json": {"$.id": {"ne": 9007199254740992}}},
    ),
    typed(
        "a number that no float holds", b"", b'{"id": 1e400}', {"json": {"$.id": {"type": "number", "gt": 1}}}
    ),
    typed(
        "one that only looks like an infinity",
        b"",
        b'{"id": -1e400}',
        {"json": {"$.id": {"gt": 1}}},
        "to be more than",
    ),
    typed(
        "a number beyond all bounds",
        b"",
        b'{"id": 1e999999999}',
        {"json": {"$.id": {"gt": 1}}},
        "1e999999999 is a number that cannot be represented",
    ),
    typed(
        "a schema with a large integer",
        b"",
        b'{"id": %s1}' % (b"9" * 400),
        {"schema": {"properties": {"id": {"type": "integer", "multipleOf": 0.5}}}},
    ),
    typed(
        "a schema with a large odd integer",
        b"",
        b'{"id": %s1}' % (b"9" * 5_000),
        {"schema": {"properties": {"id": {"multipleOf": 2}}}},
        "is not a multiple of 2",
    ),
    typed(
        "a schema of decimals",
        b"",
        b'{"price": 19.99}',
        {"schema": {"properties": {"price": {"multipleOf": 0.01}}}},
    ),
    typed(
        "a filter with a large integer",
        b"",
        b'{"a": [{"id": %s}]}' % (b"9" * 5_000),
        {"json": {"$.a[?@.id > 5].id": {"length": 1}}},
    ),
    typed("NaN", b"", b'{"id": NaN, "a": 1}', {"json": {"$.a": 1}}, "NaN is not JSON"),
    typed("Infinity", b"", b'{"id": -Infinity, "a": 1}', {"json": {"$.a": 1}}, "-Infinity is not JSON"),
    typed(
        "a member that is there twice",
        b"",
        b'{"status": "down", "status": "ok"}',
        {"json": {"$.status": "ok"}},
        'an object has the member "status" twice',
    ),
    typed("deep nesting", b"", DEEP, {"json": {"$": {"type": "array"}}}, "nested more than 250 deep"),
    typed("a lone surrogate", b"", b'{"a": "\\ud800"}', {"json": {"$.a": {"length": 1}}}),
    typed(
        "a lone surrogate that is not expected",
        b"",
        b'{"a": "\\ud800"}',
        {"json": {"$.a": "x"}},
        'to equal "x"',
    ),
]
LIMITS = [
    Row("a large body that nobody looks at", answer(BIG), {"status": 200}),
    Row("a large body beside a header", answer(BIG, b"X-A: 1"), {"headers": {"X-A": "1"}}),
    Row("a large body that is looked at", answer(BIG), {"body": {"contains": "x"}}, "response too large"),
    Row("its limit", answer(BIG), {"body": {"contains": "x"}}, "the body is larger than max_body 4 MiB"),
    Row("a larger limit", answer(BIG), {"body": {"contains": "x"}}, None, {"max_body": "6MiB"}),
    Row(
        "a smaller limit",
        answer(b"x" * 2000),
        {"body": {"contains": "x"}},
        "larger than max_body 1 KiB",
        {"max_body": "1KiB"},
    ),
    Row(
        "a body of just the limit",
        answer(b"x" * 1024),
        {"body": {"contains": "x"}},
        None,
        {"max_body": "1KiB"},
    ),
    Row(
        "a body of just the limit before its coding",
        answer(gzip.compress(b"x" * 1024), b"Content-Encoding: gzip"),
        {"body": {"contains": "x"}},
        None,
        {"max_body": "1KiB"},
    ),
]


def framed(name: str, sent: bytes, says: str | None = "protocol error") -> Row:
    return Row(name, sent, {"body": "ok"}, says)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FRAMES = [
    framed("both lengths", CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    framed("two lengths", answer(b"ok", b"Content-Length: 3")),
    framed("the same length twice", answer(b"ok", b"Content-Length: 2")),
    framed("a length with a sign", b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"),
    framed("a bare line feed behind the status", b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok"),
    framed("a bare line feed behind a header", b"HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok"),
    framed("a folded header", answer(b"ok", b"X-A: 1\r\n 2")),
    framed("a space before a colon", answer(b"ok", b"X-A : 1")),
    framed("a header without a colon", answer(b"ok", b"X-A")),
    framed("a null character in a header", answer(b"ok", b"X-A: \0")),
    framed("HTTP/2.0", answer(b"ok").replace(b"/1.1", b"/2.0"), "does not begin with HTTP/1.0 or HTTP/1.1"),
    framed("HTTP/0.9", answer(b"ok").replace(b"/1.1", b"/0.9"), "does not begin with HTTP/1.0 or HTTP/1.1"),
    framed("HTTP/1.9", answer(b"ok").replace(b"/1.1", b"/1.9")),
    framed("RTSP", answer(b"ok").replace(b"HTTP/1.1", b"RTSP/1.0"), "does not begin with HTTP/1.0"),
    framed("a line end before the answer", b"\r\n" + answer(b"ok"), "does not begin with HTTP/1.0"),
    framed("a chunk size that is none", CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n"),
    framed("a status of two digits", answer(b"ok", status=b"20 OK")),
    framed("a status below 100", answer(b"ok", status=b"099 OK"), "got 99"),
    framed("a head without an end", answer(b"ok", b"X-A: " + b"x" * (70 << 10)), "longer than 64 KiB"),
    framed("chunks with an extension", CHUNKED + b"2;a=b\r\nok\r\n0\r\nX-T: 1\r\n\r\n", None),
    framed("early hints", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(b"ok"), None),
    framed("HTTP/1.0", answer(b"ok").replace(b"/1.1", b"/1.0"), None),
    framed("no reason", answer(b"ok", status=b"200"), None),
    framed("another answer behind it", answer(b"ok") + answer(b"no", status=b"500 No"), None),
    framed("bytes behind it", answer(b"ok") + b"and more", None),
    framed("an early hint behind it", answer(b"ok") + b"HTTP/1.1 103 Early Hints\r\n\r\n", None),
]
ROWS = [*CODINGS, *LINES, *CHARSETS, *NUMBERS, *LIMITS, *FRAMES]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
async def test_answer_is_judged_the_same_by_all(row: Row, tmp_path: Path) -> None:
    more = row.more
    if "capture" in row.name and not more:
        more = {"capture": {"id": {"regex": "id=(.)"}}}
    async with answering({b"/": row.sent}) as server:
        outcomes = await ask(server, folder=tmp_path, expect=row.expect, **more)
    assert len(outcomes) == (2 if "capture" in more else 4)
    assert {name: one.passed for name, one in outcomes.items()} == dict.fromkeys(
        outcomes, row.says is None
    ), outcomes
    for name, outcome in outcomes.items():
        assert (row.says or "") in outcome.words, (name, outcome.words)


@dataclass(frozen=True)
class Jar:
    """What `/in` and `/deep/in` set, and what the request to `/home` then carries."""

    name: str
    set: tuple[bytes, ...]
    sent: bytes
    host: str = "localhost"
    deep: tuple[bytes, ...] = ()


JARS = [
    Jar("a plain cookie", (b"sid=1",), b"sid=1"),
    Jar("Domain=localhost", (b"sid=1; Domain=localhost; Path=/",), b"sid=1"),
    Jar("an empty Domain", (b"sid=1; Domain=; Path=/",), b"sid=1"),
    Jar("a Domain with a leading dot", (b"sid=1; Domain=.localhost",), b"sid=1"),
    Jar("the Domain of somebody else", (b"sid=1; Domain=shop.example",), b""),
    Jar("the Domain of an address", (b"sid=1; Domain=127.0.0.1",), b"sid=1", "127.0.0.1"),
    Jar("part of an address as Domain", (b"sid=1; Domain=0.0.1",), b"", "127.0.0.1"),
    Jar("Secure on this machine", (b"sid=1; Secure; HttpOnly",), b"sid=1"),
    Jar("Secure on its address", (b"sid=1; secure",), b"sid=1", "127.0.0.1"),
    Jar("UTF-8", ("city=Zürich".encode(),), "city=Zürich".encode()),
    Jar("bytes that are not UTF-8", (b"city=Z\xfcrich; Path=/",), b"city=Z\xfcrich"),
    Jar("a name that is not UTF-8", (b"\xff=\x80",), b"\xff=\x80"),
    Jar("quotes and equals signs", (b'a="x=y, z"',), b'a="x=y, z"'),
    Jar("no name", (b"just a value",), b"just a value"),
    Jar("no value", (b"a=",), b"a="),
    Jar("4,096 bytes", (b"a=" + b"x" * 4095,), b"a=" + b"x" * 4095),
    Jar("4,097 bytes", (b"a=" + b"x" * 4096, b"b=2"), b"b=2"),
    Jar("the order", (b"a=1; Path=/", b"b=2; Path=/home", b"c=3; Path=/"), b"b=2; a=1; c=3"),
    Jar("a cookie that is replaced keeps its place", (b"a=1", b"b=2", b"a=3"), b"a=3; b=2"),
    Jar("a path elsewhere", (b"a=1; Path=/other", b"b=2; Path=/hom"), b""),
    Jar("the path it was set at", (), b"", deep=(b"a=1", b"b=2; Path=relative")),
    Jar("Max-Age over Expires", (b"a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",), b"a=1"),
    Jar("a negative Max-Age", (b"a=1", b"b=2", b"a=1; Max-Age=-1"), b"b=2"),
    Jar("a huge Max-Age", (b"a=1; Max-Age=" + b"9" * 900,), b"a=1"),
    Jar("a Max-Age that is none", (b"a=1; Max-Age=+60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",), b""),
    Jar(
        "a lenient date in the past",
        (
            b"a=1",
            b"b=2",
            b"a=1; expires=1:2:3 9 feb 69 x, not 1980",
        ),
        b"a=1; b=2",
    ),
    Jar("a date in two digits", (b"a=1", b"a=2; Expires=Sunday, 06-Nov-94 08:49:37 GMT", b"b=2"), b"b=2"),
    Jar("a date that is none", (b"a=1; Expires=Thu, 31 Feb 2000 00:00:00 GMT",), b"a=1"),
    Jar("__Host- as it must be", (b"__Host-a=1; Secure; Path=/",), b"__Host-a=1"),
    Jar("__Host- without Path", (b"__Host-a=1; Secure", b"__secure-b=2"), b""),
    Jar("a value that looks like a prefix", (b"=__Host-a=1; Secure; Path=/", b"b=2"), b"b=2"),
]


@pytest.mark.parametrize("jar", JARS, ids=[jar.name for jar in JARS])
async def test_cookies_are_sent_back_the_same_by_flows_and_journeys(jar: Jar, tmp_path: Path) -> None:
    def home(request: Heard) -> bytes:
        right = request.values(b"cookie") == ([jar.sent] if jar.sent else [])
        return answer(status=b"200 OK" if right else b"401 Unauthorized")

    pages = {
        b"/in": answer(b"", *(b"Set-Cookie: " + line for line in jar.set)),
        b"/deep/in": answer(b"", *(b"Set-Cookie: " + line for line in jar.deep)),
        b"/home": home,
    }
    flow = [
        {"id": id, "url": url, "expect": {"status": 200}}
        for id, url in (("a", "/in"), ("b", "/deep/in"), ("c", "/home"))
    ]
    async with answering(pages) as server:
        target = entries(server, jar.host)
        async with world_at(server.url(jar.host), tmp_path, target=target) as world:
            outcomes = await ask_flow(world, flow)
    seen = [request.values(b"cookie") for request in server.heard if request.path == b"/home"]
    assert {name: one.passed for name, one in outcomes.items()} == {"api": True, "journey": True}, seen


async def test_cookie_that_is_kept_back_is_said_where_it_is_missed(tmp_path: Path) -> None:
    pages = {
        b"/in": answer(b"", b"Set-Cookie: sid=1; Domain=shop.example"),
        b"/home": answer(status=b"401 Unauthorized"),
    }
    flow = [{"id": id, "url": f"/{id}", "expect": {"status": 200}} for id in ("in", "home")]
    async with answering(pages) as server, world_at(server.url(), tmp_path) as world:
        outcomes = await ask_flow(world, flow)
    for outcome in outcomes.values():
        assert "expected status 200, got 401" in outcome.words
        assert "cookie sid kept back: its Domain shop.example is not that of 127.0.0.1" in outcome.words


async def test_large_number_goes_on_to_the_next_request_with_all_its_digits(tmp_path: Path) -> None:
    digits = b"1" * 5_000

    def take(request: Heard) -> bytes:
        return answer(json.dumps({"length": int(request.values(b"content-length")[0])}).encode())

    pages = {b"/make": answer(b'{"id": %s, "big": 1E+400}' % digits), b"/take": take}
    whole = len('{"id": , "big": 1E+400}') + len(digits)
    flow = [
        {"id": "make", "url": "/make", "expect": {"status": 200}, "capture": {"id": "$.id", "big": "$.big"}},
        {
            "id": "take",
            "method": "POST",
            "url": "/take",
            "json": {"id": "${id}", "big": "${big}"},
            "expect": {"json": {"$.length": whole}},
        },
    ]
    async with answering(pages) as server, world_at(server.url(), tmp_path) as world:
        outcomes = await ask_flow(world, flow)
    assert {name: one.passed for name, one in outcomes.items()} == {"api": True, "journey": True}, outcomes


TARGETS = {
    "/static/../secret": b"/static/../secret",
    "/a//b/./c": b"/a//b/./c",
    "/%2e%2E/%41": b"/%2e%2E/%41",
    "/a b": b"/a%20b",
    "/caf\u00e9?q=\u2713": b"/caf%C3%A9?q=%E2%9C%93",
    "/a?": b"/a?",
    "/a?b=c&b=d;e&f": b"/a?b=c&b=d;e&f",
    "/a?next=http://h/?x=1#part": b"/a?next=http://h/?x=1",
    "/a;b=c,d:e@f!$$'()*+": b"/a;b=c,d:e@f!$'()*+",
    "/{a}|^`\\": b"/%7Ba%7D%7C%5E%60%5C",
    "/?a[]=1": b"/?a[]=1",
}


@pytest.mark.parametrize("written", TARGETS)
async def test_path_is_sent_as_it_is_written_by_all(written: str, tmp_path: Path) -> None:
    async with answering({}) as server:
        outcomes = await ask(server, folder=tmp_path, url=written, expect={"status": 404})
    assert {name: one.passed for name, one in outcomes.items()} == dict.fromkeys(outcomes, True), outcomes
    assert {one.target for one in server.heard} == {TARGETS[written]}


LOCATIONS: dict[bytes, bytes | str] = {
    b"/there": b"/there",
    b"there?a=b": b"/there?a=b",
    b"/caf\xc3\xa9": b"/caf%C3%A9",
    b"/caf\xe9": b"/caf%E9",
    b"/a b": b"/a%20b",
    b"//127.0.0.1:%d/there": b"/there",
    b"ftp://127.0.0.1/": "not an HTTP address",
    b"http://[": "not an HTTP address",
}


@pytest.mark.parametrize("location", LOCATIONS)
async def test_redirect_leads_to_the_same_place_for_all(location: bytes, tmp_path: Path) -> None:
    leads = LOCATIONS[location]

    def moved(_: Heard) -> bytes:
        return answer(b"", b"Location: " + location.replace(b"%d", b"%d" % server.port), status=b"302 Found")

    async with answering({b"/": moved}) as server:
        outcomes = await ask(server, folder=tmp_path, follow=True, expect={"status": 404})
    passes = isinstance(leads, bytes)
    assert {name: one.passed for name, one in outcomes.items()} == dict.fromkeys(outcomes, passes), outcomes
    assert {one.target for one in server.heard} - {b"/"} == ({leads} if isinstance(leads, bytes) else set())
    for outcome in outcomes.values():
        assert isinstance(leads, bytes) or leads in outcome.words


@pytest.mark.parametrize("values", [("a", "\u00fc"), ("\u2713", "x y")])
async def test_header_is_sent_as_the_bytes_that_are_written(values: tuple[str, str], tmp_path: Path) -> None:
    async with answering({b"/": answer(b"ok")}) as server:
        one, other = values
        sent = {"X-One": one, "X-Other": other}
        outcomes = await ask(server, folder=tmp_path, headers=sent, expect={"status": 200})
    assert all(outcome.passed for outcome in outcomes.values()), outcomes
    for heard in server.heard:
        assert (heard.values(b"x-one"), heard.values(b"x-other")) == ([one.encode()], [other.encode()])
        assert heard.values(b"user-agent")[0].startswith(b"phasegate/")
        assert heard.values(b"accept-encoding") == []


@contextlib.asynccontextmanager
async def ending(answers: int) -> AsyncIterator[Answering]:
    """Closes each connection after so many answers, and does not say so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, OSError):
            for _ in range(answers):
                first, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
                server.heard.append(Heard(first.split(b" ")[1], tuple(lines)))
                writer.write(answer(b"ok"))
                await writer.drain()

    server = Answering()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        server.port = listener.sockets[0].getsockname()[1]
        yield server


@pytest.mark.parametrize("answers", [1, 2])
async def test_connection_that_ends_between_two_requests_loses_none(answers: int, tmp_path: Path) -> None:
    requests = [{"id": f"r{number}", "url": "/", "expect": {"status": 200}} for number in range(4)]
    async with ending(answers) as server, world_at(server.url(), tmp_path) as world:
        outcomes = await ask_flow(world, requests)
        written = HealthParams.model_validate({"url": "/", "probes": 6})
        observed = await Health().observe(written, world)
    assert outcomes["api"].passed, outcomes
    assert outcomes["journey"].passed, outcomes
    share = observed.measures["success_rate"]
    assert isinstance(share, Share)
    assert (share.passed, share.total) == (6, 6), observed.causes

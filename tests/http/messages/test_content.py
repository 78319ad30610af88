"""Content codings, undone within bounds whatever the pieces they come in."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasegate.http.messages import content
from phasegate.http.messages.content import (
    SHOWN,
    Content,
    ContentError,
    TooLargeError,
    decode_body,
    too_large,
)
from phasegate.render.sentences import sentence
from tests.examples import examples
from tests.http.conversations import answer, answering, ask
from tests.telling import raises

try:
    from compression import zstd  # type: ignore[import-not-found]
except ImportError:
    from backports import zstd


def raw_deflate(body: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(body) + squeeze.flush()


CODE: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-Gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "identity": ("identity", bytes),
}
CODINGS = st.lists(st.sampled_from(sorted(CODE)), min_size=1, max_size=4)


def encoded(body: bytes, codings: list[str]) -> bytes:
    for name in codings:
        body = CODE[name][1](body)
    return body


def names(codings: list[str]) -> str:
    return ", ".join(CODE[name][0] for name in codings)


def taken(coding: str, body: bytes, size: int, limit: int | None = 1 << 20) -> bytes:
    """The body, taken in pieces of a size."""
    made = Content(coding, limit)
    for start in range(0, len(body), size):
        made.add(body[start : start + size])
    return made.finish()


@settings(deadline=None)
@given(st.binary(max_size=300), CODINGS, st.integers(1, 40))
def test_every_list_of_codings_is_undone_in_any_pieces(body: bytes, codings: list[str], size: int) -> None:
    sent = encoded(body, codings)
    assert taken(names(codings), sent, size) == decode_body(names(codings), sent, 1 << 20) == body


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=300), CODINGS.filter(lambda some: set(some) != {"identity"}), st.data())
def test_no_body_that_is_cut_is_taken_for_a_whole_one(
    body: bytes, codings: list[str], data: st.DataObject
) -> None:
    sent = encoded(body, codings)
    kept = data.draw(st.integers(1, len(sent) - 1))
    with pytest.raises(ContentError):
        taken(names(codings), sent[:kept], 7)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=300), CODINGS, st.integers(1, 40), st.integers(0, 299))
def test_more_than_the_limit_is_never_kept(body: bytes, codings: list[str], size: int, limit: int) -> None:
    limit = min(limit, len(body) - 1)
    with pytest.raises(TooLargeError):
        taken(names(codings), encoded(body, codings), size, limit)


@settings(deadline=None)
@given(
    st.binary(max_size=200),
    st.lists(st.sampled_from(["gzip", "br", "deflate", "zstd", "snappy"]), max_size=7),
)
def test_hostile_bytes_are_an_error_by_name_or_a_body(body: bytes, codings: list[str]) -> None:
    made = Content(", ".join(codings), 100)
    try:
        made.add(body)
        assert len(made.finish()) <= 100
    except (ContentError, TooLargeError):
        pass
    whatever = Content(", ".join(codings), None)
    whatever.add(body)
    assert len(whatever.finish()) <= SHOWN + 1
    assert whatever.received == len(body)


@settings(max_examples=examples(25))
@given(CODINGS, st.randoms())
async def test_word_behind_any_codings_is_found_by_all(codings: list[str], random: object) -> None:
    """However the list is spread over lines."""
    breaks = [random.random() < 0.5 for _ in codings]  # type: ignore[attr-defined]
    rows: list[list[str]] = []
    for name, breaks_before in zip(codings, breaks, strict=True):
        if breaks_before or not rows:
            rows.append([])
        rows[-1].append(CODE[name][0])
    lines = [b"Content-Encoding: " + ", ".join(row).encode() for row in rows]
    with TemporaryDirectory() as folder:
        async with answering({b"/": answer(encoded(b"an ERROR", codings), *lines)}) as server:
            outcomes = await ask(server, folder=Path(folder), expect={"body": {"not_matches": "ERROR"}})
    assert {name for name, one in outcomes.items() if one.passed} == set()
    assert all("an ERROR" in one.words for one in outcomes.values()), outcomes


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=300), CODINGS, st.integers(1, 40))
def test_whether_a_body_fits_does_not_depend_on_its_pieces(
    body: bytes, codings: list[str], size: int
) -> None:
    """The limit is that of the largest stage, from what is sent to the plain body."""
    stages = [encoded(body, codings[:count]) for count in range(len(codings) + 1)]
    limit = max(map(len, stages))
    assert taken(names(codings), stages[-1], size, limit) == body
    with pytest.raises(TooLargeError):
        taken(names(codings), stages[-1], size, limit - 1)


def test_beginning_of_a_body_that_nobody_looks_at_is_kept_for_people() -> None:
    assert taken("gzip", gzip.compress(b"why it failed"), 5, None) == b"why it failed"
    assert taken("gzip", gzip.compress(b"x" * (10 << 20)), 1 << 20, None) == b"x" * (SHOWN + 1)
    assert taken("snappy", b"????", 5, None) == b""


def test_coding_whose_package_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(content, "import_module", missing)
    for coding, package in (("br", "brotli"), ("zstd", "backports.zstd")):
        with raises(ContentError, match=f"coding {coding} needs the package {package}"):
            decode_body(coding, b"x", 100)


def test_limit_is_said_as_it_is_written() -> None:
    assert sentence(too_large(4 << 20)) == "the body is larger than max_body 4 MiB"
    assert sentence(too_large(1 << 10)) == "the body is larger than max_body 1 KiB"
    assert sentence(too_large(100)) == "the body is larger than max_body 100 B"

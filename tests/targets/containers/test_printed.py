"""What containers have printed: frames, lines, and a real engine that keeps them."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import ObservationError
from phasegate.model.containers import LogPiece
from phasegate.targets.containers.printed import LONGEST, frames_of, lines_of
from phasegate.targets.containers.reach import TargetContainers
from tests.engines import ENGINE, busybox, client, nothing_left, own
from tests.telling import raises

__all__ = ["nothing_left"]

with_engine = pytest.mark.usefixtures("nothing_left"), *ENGINE


def engine(test):  # type: ignore[no-untyped-def]
    for mark in with_engine:
        test = mark(test)
    return test


LINES = st.lists(st.tuples(st.sampled_from([1, 2]), st.text(alphabet="ab \u00e9", max_size=12)), max_size=12)


@given(LINES, st.lists(st.integers(min_value=0, max_value=300), max_size=8))
def test_lines_come_out_whole_however_the_network_cuts_them(
    said: list[tuple[int, str]], cuts: list[int]
) -> None:
    frames = [(stream, f"{text}\n".encode()) for stream, text in said]
    wire = b"".join(bytes((stream, 0, 0, 0)) + len(data).to_bytes(4, "big") + data for stream, data in frames)
    ends = sorted({min(cut, len(wire)) for cut in cuts} | {0, len(wire)})
    pieces = [wire[start:end] for start, end in pairwise(ends)]
    assert [piece.text for piece in lines_of(frames_of(pieces))] == [text for _, text in said]


def test_a_line_that_two_streams_cut_into_is_two_lines() -> None:
    parts = [(1, b"out"), (2, b"err\n"), (1, b"put\r\n"), (2, b"rest")]
    assert [piece.text for piece in lines_of(parts)] == ["err", "output", "rest"]


def test_a_line_without_end_comes_in_pieces_of_bounded_length() -> None:
    pieces = list(lines_of((1, b"x" * 10_000) for _ in range(300)))
    assert "".join(piece.text for piece in pieces) == "x" * 3_000_000
    assert {len(piece.text) for piece in pieces[:-1]} == {LONGEST}
    assert [(piece.begins, piece.ends) for piece in pieces] == [(True, False), (False, False), (False, True)]
    first, second = lines_of([(1, b"y" * (LONGEST + 1) + b"\n")])
    assert (len(first.text), second) == (LONGEST, LogPiece("y", begins=False, ends=True, stream=1))


def test_lines_of_one_stream_may_come_between_the_pieces_of_another() -> None:
    parts = [(1, b"x" * (LONGEST + 1)), (2, b"err\n"), (1, b"end\n"), (1, b"next\n")]
    found = [(piece.stream, piece.text[-4:], piece.begins, piece.ends) for piece in lines_of(parts)]
    assert found == [
        (1, "xxxx", True, False),
        (2, "err", True, True),
        (1, "xend", False, True),
        (1, "next", True, True),
    ]


def test_no_line_is_cut_within_a_character() -> None:
    line = "x" + "\u20ac" * LONGEST
    pieces = [piece.text for piece in lines_of([(1, line.encode() + b"\n")])]
    assert len(pieces) == 4
    assert "".join(pieces) == line


@engine
@pytest.mark.parametrize("tty", [False, True])
async def test_everything_a_container_printed_comes_in_order(tty: bool) -> None:
    script = "i=0; while [ $i -lt 2500 ]; do echo line $i; i=$((i+1)); done; sleep 1; echo 'caf\u00e9' >&2"
    name = own(f"printed-{tty}")
    made = client().containers.run(
        busybox(), ["sh", "-c", script], detach=True, tty=tty, labels={"phasegate.t": name}
    )
    found = TargetContainers(os.environ)
    found.are(f"phasegate.t={name}")
    try:
        made.wait()
        (container,) = await found.all()
        lines = [piece.text async for piece in found.lines(container)]
        first = [piece.text async for piece in _first(found.lines(container), 3)]
    finally:
        found.close()
        made.remove(force=True)
    assert lines == [*(f"line {number}" for number in range(2500)), "caf\u00e9"]
    assert first == ["line 0", "line 1", "line 2"]


@engine
async def test_a_container_that_keeps_no_log_is_an_error_that_says_so() -> None:
    made = client().containers.run(
        busybox(),
        ["sleep", "60"],
        detach=True,
        labels={"phasegate.t": own("mute")},
        log_config={"Type": "none"},
    )
    found = TargetContainers(os.environ)
    found.are(f"phasegate.t={own('mute')}")
    try:
        (container,) = await found.all()
        with raises(ObservationError, match="does not support reading"):
            _ = [line async for line in found.lines(container)]
    finally:
        found.close()
        made.remove(force=True)


async def _first(lines, count):  # type: ignore[no-untyped-def]
    async for line in lines:
        yield line
        count -= 1
        if not count:
            await lines.aclose()
            return

"""A pattern searched in lines that come in pieces finds what it finds in the whole of them."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from phasegate.base.line_search import OVERLAP, LineSearch
from phasegate.base.patterns import compile_pattern


def found(pattern: str, *pieces: str) -> int:
    """How often a line in pieces is said to match."""
    search = LineSearch(compile_pattern(pattern))
    last = len(pieces) - 1
    return sum(
        search.finds(piece, begins=number == 0, ends=number == last) for number, piece in enumerate(pieces)
    )


@given(
    st.text(alphabet="PANIC x", max_size=40),
    st.lists(st.integers(min_value=0, max_value=40), max_size=4),
    st.sampled_from(["PANIC", "^PANIC", "PANIC$", "P.*C", "(?<!x)PA", r"\bPANIC\b", "^$", "PA(?!N)", "x+ "]),
)
@example("PA", [1], "PA(?!N)")
def test_line_matches_once_wherever_it_is_cut(line: str, cuts: list[int], pattern: str) -> None:
    ends = sorted({min(cut, len(line)) for cut in cuts} | {0, len(line)})
    pieces = [line[start:end] for start, end in pairwise(ends)] or [""]
    whole = re.search(pattern, line) is not None
    event(f"matches {whole}, in {len(pieces)} pieces")
    assert found(pattern, *pieces) == whole


@given(st.integers(min_value=0, max_value=5), st.integers(min_value=1, max_value=3 * OVERLAP))
def test_word_at_the_border_of_two_pieces_is_found(at: int, before: int) -> None:
    word = "PANIC"
    assert found(word, "C" * before + word[:at], word[at:] + "C" * before) == 1


def test_next_line_begins_anew() -> None:
    search = LineSearch(compile_pattern("PANIC"))
    assert not search.finds("PAN")
    assert not search.finds("IC")


@pytest.mark.parametrize("pattern", ["^b", "a$"])
def test_border_of_two_pieces_is_neither_end_of_the_line(pattern: str) -> None:
    assert found(pattern, "xa", "bx") == 0

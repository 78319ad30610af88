"""Patterns match what Python's `re` matches, and give up where that would go on for ever."""

from __future__ import annotations

import asyncio
import re
import sys
import time
import unicodedata
import warnings
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import assume, event, given, settings, target
from hypothesis import strategies as st

from phasegate.base.patterns import (
    PATTERN_LIMIT,
    Pattern,
    SlowPatternError,
    aside,
    compile_pattern,
    time_limit,
)
from tests.examples import examples

ENDLESS = [
    ("^(a|aa)+$", "a" * 60 + "!"),
    ("(?i)^(A|aa)+$", "a" * 60 + "!"),
    (r"\s+$", " " * 300_000 + "x"),
    ("[^,]*,[^;]*;[^:]*:x", ",;" * 100_000),
    (r"(?=(a|aa)+$)\w", "a" * 60 + "!"),
]
"""Patterns, and texts on which they do not end."""
ATOMS = [
    *"abiIsSkKé. ^$",
    *(r"\w", r"\W", r"\d", r"\D", r"\s", r"\S", r"\b", r"\B", r"\A", r"\Z", r"\n", r"\x1c", r"\u00e9", r"\("),
    *("[a-z]", "[^a-z]", "[A-Z0-9_]", r"[\w-]", r"[^\w]", r"[\W\d]", r"[^\s]", r"[\S]", r"[^\D]", r"[\s\S]"),
    *("ß", "\u017f", "\u0131", "İ", "[h-j]", "[^\u0131]", "ς", "[à-ÿ]", "あ", "\u0301"),
    # What the engine's own dialect has, and `re` has not.
    *("[[:alpha:]]", "a{e}", "(?:a{e<=1})", "[a-k--c]", "[a&&b]", "a{,2}", "(?#c)", r"\\"),
]
GROUPS = [
    "(?:{})",
    "({})",
    "(?={})",
    "(?!{})",
    "(?<={})",
    "(?<!{})",
    "(?>{})",
    "(?i:{})",
    "(?s:{})",
    "(?m:{})",
]
COUNTS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,1}?", "*+", "++", "?+"]
TEXTS = st.text(
    alphabet="abiIsSK_ -.\n\r\t01,(\\{e}\x1c\x1e\x85\xa0éßẞ\u017f\u212a\u0131İ\u03c3ςΣあ٣²½\u0301\u203fǅﬁµΩ①",
    max_size=12,
)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("(?:{}){}".format, inner, st.sampled_from(COUNTS)),
        st.builds(str.format, st.sampled_from(GROUPS), inner),
        st.builds(r"({}){}\1".format, inner, inner),
        st.builds("({})?(?(1){}|{})".format, inner, inner, inner),
    )


PATTERNS = st.builds(
    "{}{}".format,
    st.sampled_from(["", "(?i)", "(?a)", "(?ai)", "(?m)", "(?s)", "(?x)"]),
    st.recursive(st.sampled_from(ATOMS), grown, max_leaves=6),
)


def compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern)
    except re.error:
        return None


@given(
    PATTERNS, st.lists(TEXTS, min_size=1, max_size=5), st.integers(0, 2), st.sampled_from([3, sys.maxsize])
)
def test_pattern_matches_what_re_matches(pattern: str, texts: list[str], start: int, end: int) -> None:
    right = compiled(pattern)
    assume(right is not None)
    mine = replace(compile_pattern(pattern), quick=-1)
    assert mine.groups == right.groups
    matches = 0
    for text in texts:
        expected, found = right.search(text, start, end), mine.search(text, start, end)
        matches += expected is not None
        if expected is None:
            assert found is None, (pattern, text)
        else:
            assert (found.span(), found.groups()) == (expected.span(), expected.groups()), (pattern, text)
        assert (mine.fullmatch(text) is None) == (right.fullmatch(text) is None)
        assert [one.span() for one in mine.finditer(text)] == [one.span() for one in right.finditer(text)]
    target(matches)
    event(f"matches: {matches > 0}")


@given(st.text(alphabet="ab(){}[]*+?|\\^$.,0123456789<>=!:#-&ewWdi", max_size=12))
def test_pattern_is_refused_where_re_refuses_it(pattern: str) -> None:
    right = compiled(pattern)
    event("refused" if right is None else "taken")
    if right is None:
        with pytest.raises(ValueError, match="is not a regular expression"):
            compile_pattern(pattern)
    else:
        assert isinstance(compile_pattern(pattern), Pattern)


@pytest.mark.parametrize("category", [r"\w", r"\d", r"\s", r"\W", r"\D", r"\S"])
def test_categories_are_those_of_re_for_every_character_that_python_knows(category: str) -> None:
    mine = replace(compile_pattern(category), quick=-1)
    found = [match.start() for match in mine.finditer(_known())]
    assert found == [match.start() for match in re.finditer(category, _known())]


@cache
def _known() -> str:
    return "".join(one for one in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(one) != "Cn")


@pytest.mark.parametrize(("pattern", "text"), ENDLESS)
def test_search_without_end_is_given_up(pattern: str, text: str) -> None:
    search = compile_pattern(pattern)
    with time_limit(0.05), pytest.raises(SlowPatternError, match="did not end within 50 ms"):
        search.search(text)
    with time_limit(0.05), pytest.raises(SlowPatternError):
        list(search.finditer(text))


@settings(max_examples=examples(30))
@given(st.text(alphabet="ab", min_size=1, max_size=3), st.integers(min_value=80, max_value=200))
def test_siblings_of_nested_repeats_end(unit: str, times: int) -> None:
    text = unit * times + "!"
    for pattern in (f"^({unit}|{unit}{unit})+$", f"^(({unit})+)+$", f"^({unit}*)*$", f"^(.|{unit})*$"):
        try:
            with time_limit(0.02):
                outcome = "no match" if compile_pattern(pattern).search(text) is None else "a match"
        except SlowPatternError:
            outcome = "given up"
        event(outcome)
        assert (outcome == "a match") == (pattern == f"^(.|{unit})*$"), pattern


@pytest.mark.parametrize(
    ("pattern", "longest"),
    [
        (r"^[a-z]+-\d+$", 10),
        ('"status": ?"ok"', 1_000),
        ("[0-9a-f]{8}(-[0-9a-f]{4}){3}", 1_000),
        ("ok|fine", 1_000),
    ],
)
def test_plain_patterns_are_searched_by_re_itself_in_texts_of_usual_length(
    pattern: str, longest: int
) -> None:
    assert longest <= compile_pattern(pattern).quick < 50_000


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|aa)+$", "(.*,){20}x", r"(\w+\s?)*$", "(a?){30}a{30}", "((a|b)c?)*", "(a)?(?(1)b+|c)"],
)
def test_patterns_whose_choices_multiply_are_never_searched_by_re(pattern: str) -> None:
    assert compile_pattern(pattern).quick == -1


@pytest.mark.parametrize("repeats", [1, 2, 3, 5])
def test_more_repeats_leave_shorter_texts_to_re(repeats: int) -> None:
    quick = [compile_pattern("a*" * count + "$").quick for count in (repeats, repeats + 1)]
    assert 0 <= quick[1] < quick[0] < 320


def test_all_searches_within_a_limit_share_its_time() -> None:
    pattern, text = compile_pattern("^(a|aa)+$"), "a" * 60 + "!"
    begun = time.process_time()
    with time_limit(0.05):
        for _ in range(1_000):
            with pytest.raises(SlowPatternError), time_limit(100):
                pattern.search(text)
    assert time.process_time() - begun < 50
    assert pattern.search("aa") is not None


@pytest.mark.parametrize(
    "pattern",
    [
        "(a{1000}){1000}",
        "((a{100}){100}){100}",
        "(?:" * 90 + "a{1,100}" + "){1,100}" * 90,
        "(?=a{1000}){1000}",
        "a{60000}" * 5,
    ],
)
def test_pattern_that_comes_to_too_much_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="repeats too much"):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", ["a" * (PATTERN_LIMIT + 1), "(" * 100_000])
def test_pattern_that_is_too_long_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="at most 1,000"):
        compile_pattern(pattern)


async def test_event_loop_goes_on_while_a_pattern_is_searched() -> None:
    pattern, turns = compile_pattern("^(a|aa)+$"), 0
    searching = asyncio.ensure_future(aside(lambda: pattern.search("a" * 60 + "!")))
    while not searching.done():
        await asyncio.sleep(0.001)
        turns += 1
    with pytest.raises(SlowPatternError):
        await searching
    assert turns > 10

"""Text and paths from a target become visible, bounded and harmless."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.render.hostile import (
    anchor,
    clip,
    evidence_href,
    excerpt,
    first_line,
    is_download,
    show,
    xml_text,
)

ANY_TEXT = st.text(alphabet=st.characters(), max_size=80)


@given(ANY_TEXT)
def test_nothing_invisible_or_direction_changing_is_left(text: str) -> None:
    left = {unicodedata.category(char) for char in show(text) if char not in "\n\t"}
    assert not left & {"Cc", "Cf", "Cs", "Co"}


@given(ANY_TEXT)
def test_shown_text_can_always_be_written_as_utf_8(text: str) -> None:
    show(text).encode("utf-8")


@given(ANY_TEXT)
def test_xml_text_has_only_characters_that_xml_allows(text: str) -> None:
    for char in xml_text(text):
        code = ord(char)
        assert code in (9, 10) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def test_plain_text_in_any_script_stays_as_it_is() -> None:
    text = "応答 200 état «ok»\n\t안녕"
    assert show(text) == text


def test_terminal_colours_are_left_out_and_other_controls_are_made_visible() -> None:
    assert show("\x1b[1;31mred\x1b[0m\x07\u202e\r") == "red\\x07\\u202e\\x0d"


def test_lone_surrogate_is_made_visible() -> None:
    assert show("a\ud800b") == "a\\ud800b"


def test_long_text_is_cut_and_says_by_how_much() -> None:
    assert clip("x" * 1_500, 500) == "x" * 500 + "… (1,000 more characters)"


def test_excerpt_keeps_the_first_lines_and_counts_the_rest() -> None:
    assert (
        excerpt("\none\n" + "y" * 12 + "\nthree\nfour", lines=2, width=10)
        == "one\nyyyyyyyyy…\n… 2 more lines"
    )


def test_first_line_is_the_first_that_says_something() -> None:
    assert first_line("\n  \n  expected 200\nrest") == "expected 200"
    assert first_line("") == ""


@given(ANY_TEXT)
def test_link_to_evidence_never_leads_out_of_the_folder(path: str) -> None:
    href = evidence_href(path)
    if href is None:
        return
    parts = urlsplit(href)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
    assert not href.startswith("/")
    assert not set(unquote(href, errors="replace").split("/")) & {"", ".", ".."}


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "//evil.example/x", "../secret", "a/../../b", "a//b", "a\\b", "./a"],
)
def test_path_that_is_not_plainly_below_the_folder_is_no_link(path: str) -> None:
    assert evidence_href(path) is None


def test_script_in_a_path_becomes_a_file_name() -> None:
    assert evidence_href("javascript:alert(1)") == "javascript%3Aalert%281%29"


@pytest.mark.parametrize("path", ["a.svg", "b.HTML", "c.xml", "d.xhtml"])
def test_evidence_that_a_browser_would_run_is_downloaded(path: str) -> None:
    assert is_download(path)


def test_text_evidence_opens() -> None:
    assert not is_download("evidence/a.txt")


@given(ANY_TEXT)
def test_anchor_is_an_id_that_a_link_can_name_as_it_is(text: str) -> None:
    made = anchor("case", text)
    assert made == anchor("case", text)
    assert made.startswith("case-")
    assert all(char.isascii() and (char.isalnum() or char in "_.-") for char in made)


@given(ANY_TEXT, ANY_TEXT)
def test_anchors_of_different_names_differ(first: str, second: str) -> None:
    assert (anchor("case", first) == anchor("case", second)) == (first == second)

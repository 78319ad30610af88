"""Nothing that goes to a log is obeyed by a CI system, and all of it can still be read."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import example, given
from hypothesis import strategies as st

from phasegate.base.ci_commands import disarm, line_begun
from phasegate.render.hostile import (
    xml_text,
)

ANY_TEXT = st.text(alphabet=st.characters(), max_size=80)
COMMANDS = (
    *(
        "::add-mask::x",
        "::set-output name=a::b",
        "::error file=a,line=1::x",
        "##[group]x",
        "##vso[task.setvariable]x",
    ),
    *("##teamcity[testStarted name='x']", "section_start:12:a\r\x1b[0K", "section_end:12:a\r\x1b[0K"),
    "travis_fold:start:a",
)
LEADS = ("", " ", "\t ", "\u2003", "\ufeff", "\x1b[31m", "\x1b[0m  \x1b[1m")
ENDS = ("", "\n", "\r", "\r\n", "a line\n", "a line\r", "\u2028", "\x85")


def obeyed(text: str) -> list[str]:
    """What a CI system would do, as generous as any."""
    found = re.findall(r"##(?:\w+)?\[|section_(?:start|end):|travis_\w+:", text)
    for line in re.split(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", text):
        trimmed = re.sub(r"\x1b\[[0-9;]*m|[\ufeff\u200b]", "", line).strip()
        found += [trimmed] if trimmed.startswith("::") else []
    return found


@given(
    parts=st.lists(
        st.tuples(st.sampled_from(ENDS), st.sampled_from(LEADS), st.sampled_from(COMMANDS)),
        min_size=1,
        max_size=4,
    ),
    cuts=st.lists(st.integers(0, 300), max_size=8),
)
def test_no_line_is_obeyed_however_the_stream_is_cut_up(
    parts: list[tuple[str, ...]], cuts: list[int]
) -> None:
    text = "".join("".join(part) for part in parts)
    given_out = line = ""
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for start, end in pairwise(edges):
        piece = disarm(text[start:end], line)
        line = line_begun(piece, line)
        given_out += piece
    assert obeyed(given_out) == []


@given(st.sampled_from(COMMANDS), st.sampled_from(LEADS))
def test_a_report_on_standard_output_says_the_same_and_is_not_obeyed(command: str, lead: str) -> None:
    data = {"a": f"{lead}{command}", "b": [command]}
    written = disarm(json.dumps(data, indent=2))
    assert json.loads(written) == data
    assert obeyed(written) == []
    element = ElementTree.Element("a", b=xml_text(command))
    element.text = f"\n{lead.replace(chr(27), '')}{xml_text(command)}"
    document = ElementTree.tostring(element, encoding="unicode")
    read = ElementTree.fromstring(disarm(document))
    assert (read.text, read.get("b")) == (element.text, element.get("b"))
    assert obeyed(disarm(document)) == []


@given(ANY_TEXT.map(lambda text: text.replace("::", ":").replace("##", "#")))
@example("std::vector a::b: c [x] # [y] a section: x\\n[::1]")
def test_text_that_nobody_obeys_is_left_as_it_is(text: str) -> None:
    assert disarm(text) == text

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from phasegate.model.lines import Line
from phasegate.render.lines import line_text
from phasegate.render.plan_document import render
from tests.conftest import HoldAgainst
from tests.samples import all_runs, failing_run, passing_run

RUNS = all_runs()
MARKDOWN = MarkdownIt()


def words(document: str) -> str:
    """All text of a document, as a reader sees it."""
    texts = []
    for token in MARKDOWN.parse(document):
        assert token.type != "html_block"
        for one in token.children or ():
            assert one.type != "html_inline"
            texts.append(one.content if one.type in ("text", "code_inline") else "")
    return "".join(texts)


@pytest.mark.parametrize("name", RUNS)
def test_whole_document(name: str, golden: HoldAgainst) -> None:
    golden(f"plan-{name}.md", render(RUNS[name]))


@pytest.mark.parametrize("name", RUNS)
def test_links_lead_to_files_of_the_run(name: str) -> None:
    links = [
        str(one.attrs["href"])
        for token in MARKDOWN.parse(render(RUNS[name]))
        for one in token.children or ()
        if one.type == "link_open"
    ]
    assert links
    assert all(link.startswith(("report.html", "evidence/")) for link in links)


def test_every_line_of_the_plan_is_there_with_its_status() -> None:
    run = failing_run()
    text = words(render(run))
    lines = run.lines()
    assert len(lines) == 15
    for one in lines:
        assert line_text(one.line) in text
    assert "✗ open Solve the configuration of /api/v1/initialize" in text
    assert "- not judged The Rust version conflict is solved" in text


def test_the_headings_are_those_of_a_written_plan_in_its_order() -> None:
    headings = [line for line in render(passing_run()).splitlines() if line.startswith("## ")]
    assert headings == [
        "## Current situation",
        "## Work plan",
        "## Risks and measures",
        "## Schedule",
        "## Success criteria",
        "## State after the phase",
    ]


@given(st.text(min_size=1).filter(str.strip))
def test_no_text_of_the_plan_is_markup(text: str) -> None:
    plain = "".join(char for char in text if char.isprintable())
    run = passing_run()
    people = replace(run.people, next=(Line(text=f"a{plain}z"),))
    shown = words(render(replace(run, people=people)))
    assert " ".join(f"a{plain}z".split()) in shown

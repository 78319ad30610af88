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


def test_underscores_side_by_side_are_no_markup() -> None:
    run = passing_run()
    people = replace(run.people, next=(Line(text="__init__ and __a__ of _b_ in snake_case"),))
    document = render(replace(run, people=people))
    assert "__init__ and __a__ of _b_ in snake_case" in words(document)
    assert "snake_case" in document


def test_lists_are_nested_as_the_plan_has_them() -> None:
    run = passing_run()
    step = run.steps[0]
    work = (
        Line(text="one"),
        Line(text="inner heading", level=1, heading=True),
        Line(text="below the heading", level=2),
        Line(text="deeper", level=3),
        Line(text="beside the heading", level=1),
        Line(text="heading among lines", heading=True),
        Line(text="below it", level=1),
        *(Line(text=f"number {number}") for number in range(2, 11)),
        Line(text="below the tenth", level=1),
        Line(text="last heading", heading=True),
        Line(text="at the end", level=1),
        Line(text="below the end", level=2),
    )
    step = replace(step, asked=replace(step.asked, work=work))
    shown = outline(render(replace(run, steps=(step,))))
    assert shown[: len(work)] == [
        (1, "1", "- not judged one"),
        (2, "", "inner heading"),
        (3, "", "- not judged below the heading"),
        (4, "", "- not judged deeper"),
        (2, "", "- not judged beside the heading"),
        (1, "", "heading among lines"),
        (2, "", "- not judged below it"),
        *((1, str(number), f"- not judged number {number}") for number in range(2, 11)),
        (2, "", "- not judged below the tenth"),
        (0, "", "last heading"),
        (1, "", "- not judged at the end"),
        (2, "", "- not judged below the end"),
    ]


def outline(document: str) -> list[tuple[int, str, str]]:
    """What stands below the first heading `Work`: how deep in lists, the number, the words."""
    found: list[tuple[int, str, str]] = []
    depth, number = 0, ""
    for token in MARKDOWN.parse(document[document.index("#### Work") :])[3:]:
        assert token.type not in ("code_block", "fence")
        depth += token.nesting if token.type in ("bullet_list_open", "bullet_list_close") else 0
        depth += token.nesting if token.type in ("ordered_list_open", "ordered_list_close") else 0
        number = token.info if token.type == "list_item_open" else number
        if token.type == "inline":
            found.append((depth, number, "".join(one.content for one in token.children or ())))
            number = ""
    return found

"""Waivers in every format: beside the verdict, in a table, and at the cases and checks they cover."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from phasegate.model.judgement import CriterionVerdict
from phasegate.model.observation import CaseStatus
from phasegate.model.result import RunResult, Verdict, WaivedCriterion, WaiverResult, WaiverState
from phasegate.model.waiver import Waiver
from phasegate.render import junit
from phasegate.render.html import document
from phasegate.render.standing import standing
from phasegate.render.terminal.report import summary
from phasegate.render.waivers import is_waived
from tests.samples import HOSTILE, crashed_run, failing_run, passing_run, without_lines


def waiver(id: str = "app-data", covers: str = "functions/*", **more: Any) -> WaiverResult:
    values: dict[str, Any] = {
        "id": id,
        "criteria": (covers,),
        "owner": "platform team",
        "approver": "release manager",
        "reason": "The data set is being rebuilt",
        "ticket": "T-12",
        "expires": date(2025, 8, 20),
        "days_left": 35,
        "source": "waivers.yaml:3",
    }
    result = {name: more.pop(name) for name in ("state", "criteria", "cases", "message") if name in more}
    return WaiverResult(asked=Waiver(**values | more), **result)


def waived_run(**more: Any) -> RunResult:
    """The failing run with everything waived that closes it: the cases of one check, the rest by id."""
    run = failing_run()
    criteria = tuple(
        replace(item, waived=WaivedCriterion(verdict=CriterionVerdict.WAIVED, by=("app-data",)))
        if item.verdict is CriterionVerdict.NOT_MET
        else item
        for item in run.criteria
    )
    cases = tuple(
        f"{check.id}/{case.id}"
        for check in run.checks()
        for case in (check.last.observation.cases if check.last else ())
        if case.status is CaseStatus.FAILED
    )
    assert cases
    used = waiver(state=WaiverState.USED, cases=cases, **more)
    return replace(
        run,
        verdict=Verdict.PASS,
        exit_code=0,
        unwaived=Verdict.FAIL,
        reason="4 of 9 blocking criteria met, 5 waived; with 1 waiver, FAIL without",
        criteria=criteria,
        waivers=(used,),
    )


def terminal(run: RunResult) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(summary(run, width=200))
    return capture.get()


BESIDE = "PASS with 1 waiver: app-data; without it FAIL"


def test_the_verdict_without_waivers_is_beside_the_verdict_in_every_format() -> None:
    run = waived_run()
    assert standing(run)[0].text == BESIDE
    page = document.render(run)
    first_screen = page[: page.index('<nav class="contents"')]
    assert BESIDE in first_screen
    assert "<title>PASS with 1 waiver: " in page
    assert "<strong>PASS with 1 waiver</strong> (FAIL without) for" in page[page.index('id="sign-off"') :]
    assert re.search(rf"Waivers +{re.escape(BESIDE)}", terminal(run))
    gate = ElementTree.fromstring(junit.render(run)).findall("testsuite")[-1]
    properties = {item.get("name"): item.get("value") for item in gate.iter("property")}
    assert properties["phasegate.waivers"] == BESIDE
    assert properties["phasegate.unwaived"] == "FAIL"


@pytest.mark.parametrize("render", [junit.render, junit.render_strict])
def test_junit_skips_what_is_waived_and_says_by_what(render: Any) -> None:
    root = ElementTree.fromstring(render(waived_run()))
    assert (root.get("failures"), root.get("errors")) == ("0", "0")
    said = [
        item.get("message", "") for item in root.iter("skipped") if item.get("type") == "phasegate.Waived"
    ]
    assert any(text.startswith("failed, waived by app-data: ") for text in said)


def test_html_has_a_table_of_waivers_and_marks_cases_and_checks() -> None:
    page = document.render(waived_run())
    section = re.search(r'<section id="waivers".*?</section>', page, re.DOTALL)
    assert section is not None
    for text in (
        "app-data",
        "T-12",
        "The data set is being rebuilt",
        "platform team",
        "2025-08-20",
        "35 days left",
    ):
        assert text in section[0]
    assert "without waivers it would be <strong>FAIL</strong>" in section[0]
    cases = page[page.index('<section id="cases"') :]
    assert "failed, waived" in cases
    assert "waived by app-data" in cases
    assert "really not met" in page


def test_the_terminal_marks_the_case() -> None:
    assert "  waived by app-data" in terminal(waived_run())


def test_a_check_is_waived_only_when_nothing_of_it_stays_open() -> None:
    run = waived_run()
    failed = [check for check in run.checks() if check.status.value == "failed"]
    assert failed
    assert all(is_waived(run, check) for check in failed)
    assert not any(is_waived(failing_run(), check) for check in failed)
    assert not any(is_waived(run, check) for check in run.checks() if check.status.value == "passed")


@pytest.mark.parametrize(
    ("state", "days", "label", "text"),
    [
        (WaiverState.EXPIRED, -2, "Expired", "waiver app-data on 2025-08-20, so it covers nothing"),
        (WaiverState.TOO_WIDE, 35, "To mend", "waiver app-data is too wide"),
        (WaiverState.UNUSED, 35, "To mend", "waiver app-data is unused"),
        (WaiverState.NOT_ENOUGH, 35, "To mend", "waiver app-data is not enough"),
        (WaiverState.USED, 14, "Ends soon", "waiver app-data on 2025-08-20 (14 days left)"),
        (WaiverState.USED, 0, "Ends soon", "waiver app-data on 2025-08-20 (its last day)"),
    ],
)
def test_what_needs_looking_at_is_beside_the_verdict(
    state: WaiverState, days: int, label: str, text: str
) -> None:
    run = replace(passing_run(), waivers=(waiver(state=state, days_left=days),))
    assert (label, text) in [(line.label, line.text) for line in standing(run)]


def test_a_record_that_broke_off_says_nothing_of_waivers_that_were_never_held_against_it() -> None:
    assert standing(replace(without_lines(crashed_run()), waivers=(waiver(),))) == ()


def test_hostile_waivers_do_no_harm() -> None:
    run = waived_run(covers=HOSTILE, owner=HOSTILE, reason=HOSTILE, ticket=HOSTILE, message=HOSTILE)
    page = document.render(run)
    assert "<img src=x" not in page
    assert "\x1b" not in page
    ElementTree.fromstring(junit.render(run))
    assert "\x1b" not in terminal(run)

"""The report as a document: whole, well-formed, complete, self-contained, and honest about what is green."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from phasegate.model.judgement import CriterionVerdict
from phasegate.model.lines import Line
from phasegate.model.observation import Case, CaseStatus
from phasegate.model.result import CheckStatus, RunResult, Verdict
from phasegate.render import FORMATS
from phasegate.render.html.document import render
from tests.conftest import HoldAgainst
from tests.judged import told
from tests.render.test_failures import failed, with_cases
from tests.samples import (
    all_runs,
    crashed_run,
    failing_run,
    hostile_run,
    inconclusive_run,
    passing_run,
    run_with_cases,
)

RUNS = all_runs()
ANY = pytest.mark.parametrize("name", RUNS)
INLINE = {"a", "b", "code", "em", "span", "strong"}
VOID = {"meta", "input", "br", "img", "link", "hr"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    content: list[Element | str] = field(default_factory=list)

    @property
    def children(self) -> list[Element]:
        return [one for one in self.content if isinstance(one, Element)]

    @property
    def own_text(self) -> str:
        return "".join(one for one in self.content if isinstance(one, str)).strip()

    def all(self) -> list[Element]:
        return [self, *(below for child in self.children for below in child.all())]

    def text(self) -> str:
        """All text below as it is read, styles and scripts left out."""
        return " ".join(self._text().split())

    def _text(self) -> str:
        if self.tag in ("style", "script"):
            return ""
        inner = "".join(one if isinstance(one, str) else one._text() for one in self.content)
        return inner if self.tag in INLINE else f" {inner} "

    def by_id(self, id: str) -> Element:
        return next(one for one in self.all() if one.attributes.get("id") == id)


class Reader(HTMLParser):
    """Reads a document strictly: every element must be closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = Element("root", {})
        self._open = [self.root]
        self.feed(text)
        self.close()
        assert len(self._open) == 1, f"never closed: {[one.tag for one in self._open[1:]]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"attribute twice in {tag}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].content.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].content.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].content.append(data)


def document(run: RunResult) -> Element:
    return Reader(render(run)).root


def first_screen(run: RunResult) -> str:
    return document(run).by_id("top").text()


@ANY
def test_whole_document(name: str, golden: HoldAgainst) -> None:
    text = render(RUNS[name])
    text = re.sub(r"<style>.*?</style>", "<style>…</style>", text, flags=re.DOTALL)
    text = re.sub(r"<script>\n?\"use strict\".*?</script>", "<script>…</script>", text, flags=re.DOTALL)
    golden(f"report-{name}.html", re.sub(r"sha256-[A-Za-z0-9+/=]+", "sha256-…", text))


@ANY
def test_ids_are_unique_and_links_lead_somewhere(name: str) -> None:
    elements = document(RUNS[name]).all()
    ids = [one.attributes["id"] for one in elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    targets = [one.attributes["href"] for one in elements if one.tag == "a"]
    assert {target[1:] for target in targets if target.startswith("#")} <= set(ids)
    named = [
        one.attributes[key] for one in elements for key in ("aria-labelledby", "for") if key in one.attributes
    ]
    assert set(named) <= set(ids)


@ANY
def test_nothing_is_loaded_and_links_stay_in_the_folder_of_the_run(name: str) -> None:
    for element in document(RUNS[name]).all():
        assert element.tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not {"src", "srcset", "style", "action"} & set(element.attributes)
        assert not [key for key in element.attributes if key.startswith("on")]
        target = element.attributes.get("href", "#")
        parts = urlsplit(target)
        assert (parts.scheme, parts.netloc) == ("", "")
        assert not target.startswith(("/", "."))
    assert "url(" not in FORMATS["html"].render(RUNS[name])


def test_names_keep_their_letters() -> None:
    """A sentence may begin with a name, and a column of the plan's own has one."""
    run = passing_run()
    line = Line(more={"when": "Monday", "dueBy": "noon", "step/e2e": "done"})
    people = replace(run.people, schedule=(line,))
    page = document(replace(run, reason="target.compose: cannot start", people=people))
    assert "target.compose: cannot start" in page.text()
    assert "Monday: dueBy: noon, step/e2e: done" in page.by_id("people").text()
    styles = next(one for one in page.all() if one.tag == "style").own_text
    assert not re.search(r"text-transform|font-variant-caps|small-caps", styles)


@ANY
def test_headings_are_in_order_below_one_h1(name: str) -> None:
    levels = [int(one.tag[1]) for one in document(RUNS[name]).all() if re.fullmatch("h[1-6]", one.tag)]
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip([0, *levels], levels, strict=False))


@ANY
def test_page_has_language_landmarks_skip_links_and_captions(name: str) -> None:
    root = document(RUNS[name])
    tags = [one.tag for one in root.all()]
    assert next(one for one in root.all() if one.tag == "html").attributes["lang"] == "en"
    assert [tags.count(tag) for tag in ("main", "header", "nav", "footer")] == [1, 1, 1, 1]
    assert sum(one.attributes.get("class") == "skip" for one in root.all()) == 2
    for table in (one for one in root.all() if one.tag == "table"):
        assert table.children[0].tag == "caption"
        assert table.children[0].text()
        assert all(one.attributes.get("scope") for one in table.all() if one.tag == "th")
    for image in (one for one in root.all() if one.tag == "svg"):
        assert image.attributes["role"] == "img"
        assert image.children[0].tag == "title"
        assert image.children[0].text()


@ANY
def test_status_is_symbol_and_word_not_colour_alone(name: str) -> None:
    badges = [one for one in document(RUNS[name]).all() if "badge" in one.attributes.get("class", "").split()]
    assert badges
    for badge in badges:
        assert badge.children[0].attributes["aria-hidden"] == "true"
        assert badge.own_text


@ANY
def test_every_criterion_is_there_with_what_was_required_and_observed(name: str) -> None:
    run = replace(RUNS[name], criteria=RUNS[name].criteria) if name != "hostile" else passing_run()
    root = document(run)
    rows = {one.attributes["id"]: one.text() for one in root.all() if "data-status" in one.attributes}
    assert len(rows) == len(run.criteria)
    for criterion in run.criteria:
        words, asked = told(criterion), criterion.asked
        row = next(text for text in rows.values() if asked.expression in text)
        for part in (asked.title, words.required, words.observed, words.bound, words.margin):
            assert part in row
        for part in (asked.ref, asked.why, asked.source):
            assert part in row
        figures = f"observed {words.observed}"
        repeats = words.message in (figures, f"{figures}, needs {words.required}")
        assert repeats or words.message in row
        assert ("default of the kind" in row) == asked.default
        assert ("only warns" in row) == (criterion.level.value == "warn")


def test_open_criteria_come_first_in_their_group() -> None:
    words = [
        [row.attributes["data-status"] for row in table.all() if "data-status" in row.attributes]
        for table in document(failing_run()).by_id("criteria").all()
        if table.tag == "table"
    ]
    assert words == [
        ["not met", "not met", "not met", "met"],
        ["not met", "not met", "warning", "met", "met"],
        ["met"],
    ]


def test_first_screen_of_a_fail_says_which_endpoints_broke_and_shows_the_response() -> None:
    text = first_screen(failing_run())
    assert "FAIL" in text
    assert "POST /api/v1/initialize" in text
    assert "Requested application data is not configured correctly" in text
    assert "required == 100%, observed 0%" in text
    assert "no answer within 30 s" in text


def test_first_screen_has_what_was_noted_of_a_check_beside_its_failed_cases() -> None:
    run = with_cases(failed("output", "expected the output to match"))
    (check,) = run.checks()
    assert check.last is not None
    noted = replace(
        check,
        attempts=(
            replace(
                check.last,
                observation=replace(check.last.observation, notes=("exit code 127", "sh: x: not found")),
            ),
        ),
    )
    shown = first_screen(replace(run, steps=(replace(run.steps[0], checks=(noted,)),)))
    assert "expected the output to match" in shown
    assert "exit code 127" in shown
    assert "sh: x: not found" in shown


def test_first_screen_says_what_when_where_and_by_which_tool() -> None:
    text = first_screen(passing_run())
    for part in (
        "PASS",
        "9 of 9 blocking criteria met",
        "Integration test, performance test, production readiness",
        "plans/phase4.yaml",
        "controller http://127.0.0.1:18080",
        "16 Jul 2025 09:31:12 UTC",
        "48.2 s",
        "ci-runner-3",
        "phasegate 0.1.0, exit code 0",
    ):
        assert part in text


def test_first_screen_of_an_inconclusive_run_says_what_is_missing_and_what_would_do() -> None:
    text = first_screen(inconclusive_run())
    for part in (
        "INCONCLUSIVE",
        "This run was narrowed: 6 of 9 criteria selected by --step application --check python.",
        "node is missing",
        "apt install nodejs",
        "2,995 requests without a failure would be enough",
        "can never be met with 3 probes",
    ):
        assert part in text


def test_not_tested_names_all_that_has_no_evidence() -> None:
    text = document(inconclusive_run()).by_id("not-tested").text()
    for part in (
        "1 check did not run",
        "test_python.py::test_crash",
        "no GPU on this machine",
        "3 cases left out",
        "2 criteria for which the evidence is missing or too little",
    ):
        assert part in text


def test_a_complete_run_says_so_and_what_that_means() -> None:
    text = document(passing_run()).by_id("not-tested").text()
    assert "Every check of the plan ran (5)" in text
    assert "What the plan does not name was not tested." in text


def test_record_without_an_end_says_so_above_the_verdict() -> None:
    text = first_screen(crashed_run())
    assert text.startswith("phasegate was stopped before the run had ended")
    assert "no end recorded" in text
    assert "ERROR: out of memory" in document(crashed_run()).by_id("environment").text()


def test_interrupted_run_says_by_what() -> None:
    run = replace(inconclusive_run(), interrupted="SIGINT")
    assert "This run was ended early: SIGINT." in first_screen(run)


def test_nothing_that_did_not_run_counts_as_free_of_failures() -> None:
    run = crashed_run()
    checks = [replace(check, status=CheckStatus.NOT_RUN, attempts=()) for check in run.checks()]
    idle = replace(run, steps=(replace(run.steps[0], checks=tuple(checks)),))
    assert "No check ran, so nothing could fail." in document(idle).by_id("failures").text()
    assert "Every check of the plan ran" not in document(idle).text()


@pytest.mark.parametrize("name", ["fail", "inconclusive", "crashed"])
def test_header_is_green_only_when_the_gate_passed(name: str) -> None:
    header = document(RUNS[name]).by_id("top")
    tones = {word for one in header.all() for word in one.attributes.get("class", "").split()}
    assert not {"tone-pass", "ink-pass"} & tones


def test_unproven_criteria_and_checks_are_never_green() -> None:
    run = inconclusive_run()
    for one in document(run).all():
        if "tone-pass" in one.attributes.get("class", ""):
            assert one.own_text in ("met", "passed", "holds")
    open_rows = [row for row in run.criteria if row.verdict is not CriterionVerdict.MET]
    green = [
        one for one in document(run).by_id("criteria").all() if "tone-pass" in one.attributes.get("class", "")
    ]
    assert len(green) == len(run.criteria) - len(open_rows)


def test_failure_has_message_attempts_evidence_and_the_command_that_runs_it_again() -> None:
    text = document(failing_run()).by_id("failures").text()
    for part in (
        "expected status 2xx, got 500",
        "APPLICATION_DATA",
        "failed after 11 ms",
        "evidence/functions/initialize-request-1.txt",
        "phasegate run plans/phase4.yaml --set fault=app-data --check functions --case initialize/request-1",
        "phasegate run plans/phase4.yaml --set fault=app-data --check steady",
    ):
        assert part in text


def test_steps_show_what_people_wrote_and_what_checks_measured() -> None:
    text = document(passing_run()).by_id("steps").text()
    for part in (
        "1. Application data is configured",
        "critical",
        "2h..3h",
        "platform team",
        "API integration tests succeed to 100%",
        "Solve the configuration of /api/v1/initialize",
        "GET /health at 200/s for 10 s",
        "throughput 200/s",
        "achieved_rate 99.8%",
    ):
        assert part in text


def test_risks_schedule_and_next_are_there_with_what_judges_them() -> None:
    text = document(passing_run()).by_id("people").text()
    for part in (
        "Health checks succeed to 100% ✓ holds alive.success_rate",
        "The Rust version conflict is solved - not judged",
        "Due: 2025-07-18",
        "Pin the versions",
        "Day 2, afternoon",
        "Deploy to",
    ):
        assert part in text


def test_environment_has_target_hashes_seed_and_command() -> None:
    run = failing_run()
    text = document(run).by_id("environment").text()
    for part in (
        "--set fault=app-data",
        "Seed 7",
        run.plan.sha256,
        run.plan.files[0].sha256,
        "412 ms",
        "1f0c9a2b6d5e",
    ):
        assert part in text


def test_sign_off_has_lines_to_sign_and_names_what_is_signed() -> None:
    text = document(passing_run()).by_id("sign-off").text()
    assert "PASS for phase phase4, run phase4-20250716T093112Z" in text
    assert "release manager ☐ go" in text


def test_hostile_text_stays_text() -> None:
    text = render(hostile_run())
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text)
    assert "alert(1)</script>" not in text
    assert "onerror=alert(2)>" not in text
    assert "{{ 7*7 }}" in text
    assert "\\u202e" in text
    scripts = [one for one in Reader(text).root.all() if one.tag == "script"]
    assert len(scripts) == 1


def test_policy_lets_only_our_own_style_and_script_run() -> None:
    text = render(hostile_run())
    policy = next(
        one.attributes["content"]
        for one in Reader(text).root.all()
        if one.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'none'")
    for tag in ("style", "script"):
        source = re.search(f"<{tag}>(.*?)</{tag}>", text, flags=re.DOTALL)
        assert source
        digest = base64.b64encode(hashlib.sha256(source[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_evidence_that_a_browser_would_run_is_saved_not_opened() -> None:
    links = {
        one.attributes["href"]: one.attributes for one in document(hostile_run()).all() if one.tag == "a"
    }
    assert "download" in links["evidence/a.svg"]


def test_report_of_a_lone_surrogate_can_be_written() -> None:
    render(replace(passing_run(), reason="a\ud800b")).encode("utf-8")


def test_rendering_the_same_result_twice_gives_the_same_bytes() -> None:
    assert render(failing_run()) == render(failing_run())


@pytest.mark.parametrize("failed_every", [1, 50, 20_000])
def test_ten_thousand_cases_stay_below_three_megabytes(failed_every: int) -> None:
    assert len(render(run_with_cases(10_000, failed_every=failed_every)).encode()) < 3_000_000


def test_ten_thousand_different_causes_stay_below_three_megabytes() -> None:
    cases = (
        failed(f"case-{i}", f"cause {chr(97 + i % 26) * (i // 26 + 1)}\n" + "x" * 500) for i in range(10_000)
    )
    text = render(with_cases(*cases))
    assert len(text.encode()) < 3_000_000
    assert "more causes" in text


def test_cases_beyond_the_first_rows_are_counted_and_told_where_to_find() -> None:
    text = document(run_with_cases(1_000)).by_id("cases").text()
    assert "1,000 cases: 980 passed, 20 failed." in text
    assert "result.json has all." in text


def test_huge_message_is_cut() -> None:
    huge = Case(id="a", name="a", status=CaseStatus.FAILED, message="x" * 10_000_000)
    assert len(render(with_cases(huge))) < 200_000


def test_run_with_nothing_in_it_is_still_a_readable_page() -> None:
    empty = replace(
        passing_run(), verdict=Verdict.INCONCLUSIVE, criteria=(), steps=(), gate_checks=(), target=()
    )
    text = document(empty).text()
    assert "The record holds no criteria, so nothing was proven." in text
    assert "none declared" in text

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from phasegate.base.errors import PlanError
from tests.plan.conftest import HEAD, Load

PLAN = (
    HEAD
    + """\
variables: {path: /health}
include: [more/a.yaml, more/b.yaml]
steps: [{id: one, checks: [{id: up, kind: probe, url: /}]}]
gate: {criteria: [up.latency.p95 < 1s]}
"""
)
A = """\
steps:
  - id: two
    checks:
      - {id: other, kind: probe, url: "${path}", each: {x: /x, y: /y}}
      - {id: suite, kind: suite, suite: suites/s.yaml}
    criteria:
      - other/x.latency.p95 < 1s
"""
B = """\
x-note: of the payments team
steps: [{id: three, needs: [one], checks: [{id: third, kind: probe, url: /}]}]
gate:
  checks: [{id: beside, kind: probe, url: /, during: run}]
  criteria: [up.latency.p99 < 1s, {criterion: up.success_rate >= 50%, id: half}]
"""
SUITE = "suite: 1\nflows: [{id: a, url: /a, expect: {status: 200}}]\n"
FILES = {"more/a.yaml": A.replace('"${path}"', '"${each}"'), "more/b.yaml": B, "suites/s.yaml": SUITE}


def refused(load_text: Load, text: str = PLAN, **files: str) -> list[str]:
    """Messages with their places, below the folder of the plan."""
    named = {f"more/{name}.yaml": content for name, content in files.items()}
    with pytest.raises(PlanError) as raised:
        load_text(text, files={**FILES, **named})
    said = []
    for problem in raised.value.problems:
        assert problem.at is not None
        place = "more/" if "/more/" in problem.at.file else ""
        said.append(f"{place}{Path(problem.at.file).name}:{problem.at.line}: {problem.message}")
        lines = Path(problem.at.file).read_text().split("\n")
        line = lines[problem.at.line - 1]
        assert problem.line_text == line
    return said


def test_steps_checks_and_criteria_stand_behind_those_of_the_plan(load_text: Load) -> None:
    plan = load_text(PLAN, files=FILES).plan
    assert [(step.id, step.follows) for step in plan.steps] == [
        ("one", ()),
        ("two", ("one",)),
        ("three", ("one",)),
    ]
    assert [check.id for check in plan.gate_checks] == ["beside"]
    own = [item.id for item in plan.criteria if item.step is None and not item.default]
    assert own == ["up.latency.p95", "up.latency.p99", "half"]


def test_all_steps_may_come_from_included_files(load_text: Load) -> None:
    text = HEAD + "include: [more/a.yaml]\n"
    assert [step.id for step in load_text(text, files=FILES).plan.steps] == ["two"]


def test_every_source_names_the_file_it_was_written_in(load_text: Load, tmp_path: Path) -> None:
    plan = load_text(PLAN, files=FILES).plan
    sources = {item.id: item.source for item in plan.criteria}
    assert sources["other/x.latency.p95"] == f"{tmp_path}/more/a.yaml:7"
    assert sources["other/y.success_rate"] == f"{tmp_path}/more/a.yaml:4"
    assert sources["half"] == f"{tmp_path}/more/b.yaml:5"
    assert sources["up.latency.p95"] == f"{tmp_path}/plan.yaml:8"
    assert plan.check("beside").asked.source == f"{tmp_path}/more/b.yaml:4"


def test_included_files_are_in_the_record_with_their_hash(load_text: Load, tmp_path: Path) -> None:
    record = load_text(PLAN, files=FILES).plan.record
    hashes = {Path(file.path).relative_to(tmp_path).as_posix(): file.sha256 for file in record.files}
    assert hashes.keys() == FILES.keys()
    assert hashes["more/b.yaml"] == hashlib.sha256(B.encode()).hexdigest()


def test_names_of_files_start_at_the_root_of_the_plan(load_text: Load, tmp_path: Path) -> None:
    plan = load_text(PLAN, files=FILES).plan
    assert any(file.path == f"{tmp_path}/suites/s.yaml" for file in plan.record.files)


def test_variables_are_those_of_the_plan(load_text: Load) -> None:
    files = {
        **FILES,
        "more/b.yaml": B.replace("id: third, kind: probe, url: /", 'id: third, kind: probe, url: "${path}"'),
    }
    check = load_text(PLAN, files=files, overrides={"path": "/live"}).plan.check("third")
    assert check.parts[0].params.url == "/live"  # type: ignore[attr-defined]


def test_ids_that_clash_are_errors_that_name_both_places(load_text: Load, tmp_path: Path) -> None:
    said = refused(
        load_text,
        b="steps: [{id: two, checks: [{id: up, kind: probe, url: /}]}]\n"
        "gate: {criteria: [up.latency.p95 < 2s]}\n",
    )
    plan, a = tmp_path / "plan.yaml", tmp_path / "more/a.yaml"
    assert said == [
        f"more/b.yaml:1: step 'two': this id is already taken by the step on line 2 of {a}",
        f"more/b.yaml:1: check 'up': this id is already taken by the check on line 7 of {plan}",
        f"more/b.yaml:2: criterion 'up.latency.p95' is already on line 8 of {plan}",
    ]


def test_what_is_wrong_in_an_included_file_is_said_at_its_place(load_text: Load) -> None:
    said = refused(
        load_text,
        a=A.replace("kind: suite,", "kind: siute,").replace("p95 <", "p95 <<"),
        b="steps: [{checks: [{id: third, kind: probe, url: '${pth}'}]}, 3]\ngate: {checks: [7]}\n",
    )
    assert said == [
        "more/a.yaml:5: check 'suite': unknown kind 'siute'",
        "more/a.yaml:7: '<<' is not an operator",
        "more/b.yaml:1: step 1: 'id' is missing",
        "more/b.yaml:1: unknown variable 'pth'",
        "more/b.yaml:1: step 2 must be a mapping with id and checks",
        "more/b.yaml:2: check 1 of the gate must be a mapping with id and kind",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: x\n", "more/b.yaml:1: an included file cannot have 'title'"),
        ("include: [a.yaml]\n", "more/b.yaml:1: an included file cannot have 'include'"),
        ("environments: {}\n", "more/b.yaml:1: an included file cannot have 'environments'"),
        ("variables: {a: 1}\n", "more/b.yaml:1: an included file cannot have 'variables'"),
        ("stesp: []\n", "more/b.yaml:1: unknown key 'stesp'"),
        ("gate: {limit: 3s}\n", "more/b.yaml:1: unknown key 'limit' in 'gate'"),
        ("steps: {}\n", "more/b.yaml:1: 'steps' must be a list, not a mapping"),
        ("- 1\n", "more/b.yaml:1: an included file is a mapping with steps or gate"),
        ("a: [\n", "more/b.yaml:2: a value is missing here"),
    ],
)
def test_an_included_file_is_closed(load_text: Load, text: str, message: str) -> None:
    (said,) = refused(load_text, b=text)
    assert said.startswith(message)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("more/a.yaml", "include must be a list of files"),
        ("[more/none.yaml]", "there is no file"),
        ("[more]", "is a folder, not a file"),
        ("[3]", "include names files, relative to the plan's root"),
        ("[more/a.yaml, more/../more/a.yaml]", "'more/a.yaml' is included twice"),
        ("[plan.yaml]", "a plan cannot include itself"),
        ('["more/${path}.yaml"]', "an included file is named without variables"),
    ],
)
def test_names_that_lead_nowhere_are_said_in_the_plan(load_text: Load, written: str, message: str) -> None:
    (said,) = refused(load_text, PLAN.replace("[more/a.yaml, more/b.yaml]", written))
    assert said.startswith("plan.yaml:6: ")
    assert message in said


def test_included_criteria_hold_in_every_environment(load_text: Load) -> None:
    text = PLAN.replace("variables: {path: /health}", "variables: {path: 1s}") + (
        "environments: {staging: {variables: {path: 9s}}}\n"
    )
    files = B.replace("up.latency.p99 < 1s", "'up.latency.p99 < ${path}'")
    (said,) = refused(load_text, text, b=files)
    assert "environment 'staging' changes the criterion 'up.latency.p99 < 1s'" in said
    assert said.endswith("more/b.yaml)")
    assert "(on line 5 of " in said

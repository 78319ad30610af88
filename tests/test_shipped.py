"""What the repository ships for users to run and to start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from phasegate.base.fields import field_docs
from phasegate.base.yaml import read
from phasegate.cli.schema import Document, schema_of
from phasegate.kinds import KINDS
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.result import RunResult, Verdict
from phasegate.pipeline.request import RunRequest
from phasegate.pipeline.run import execute
from phasegate.plan.loader import load
from phasegate.render.html import document as html
from phasegate.render.sentences import sentence
from tests.judged import told

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PLANS = sorted([*ROOT.glob("plans/*.yaml"), *ROOT.glob("plans/builds/*.yaml")])
SUITES = sorted(ROOT.glob("checks/api/*.yaml"))
WAIVERS = sorted(ROOT.glob("plans/waivers/*.yaml"))
TODAY = date(2027, 1, 15)
"""A day on which the shipped waivers are in force."""


@pytest.mark.parametrize("document", Document)
def test_the_shipped_schemas_are_what_the_command_prints(document: Document) -> None:
    """`phasegate schema NAME > schemas/NAME.json` brings them up to date."""
    assert json.loads((ROOT / f"schemas/{document}.json").read_text()) == schema_of(document)


OF_ITS_TIME = ["owns the phase and approves it", "the phase was due on 2025-07-18"]
"""What the written plan of July 2025 is warned of."""
WARNINGS = {
    "old-gate.yaml": ["50 samples can never meet"],
    "phase4.yaml": OF_ITS_TIME,
    "phase4-compose.yaml": OF_ITS_TIME[:1],
}


@pytest.mark.parametrize("plan", PLANS, ids=lambda path: path.name)
def test_a_shipped_plan_loads_without_a_warning_but_those_it_shows(plan: Path) -> None:
    warnings = load(plan, kinds=KINDS, env={}, today=TODAY).warnings
    expected = WARNINGS.get(plan.name, [])
    texts = [sentence(one.message) for one in warnings]
    assert len(texts) == len(expected)
    assert all(any(part in text for text in texts) for part in expected)


@pytest.mark.parametrize("file", [*PLANS, *SUITES, *WAIVERS], ids=lambda path: path.name)
def test_editors_are_told_the_schema_of_a_shipped_file_and_it_fits(file: Path) -> None:
    first = file.read_text().splitlines()[0]
    prefix = "# yaml-language-server: $schema="
    assert first.startswith(prefix)
    schema: dict[str, Any] = json.loads((file.parent / first.removeprefix(prefix)).read_text())
    errors = jsonschema.Draft202012Validator(schema).iter_errors(read(file).tree)
    assert [error.message for error in errors] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_of_a_kind_is_described(kind: str) -> None:
    params = KINDS[kind].Params
    assert sorted(set(params.model_fields) - set(field_docs(params))) == []


@pytest.mark.parametrize(
    ("today", "variables", "code", "reason"),
    [
        (TODAY, {}, 0, "2 of 3 blocking criteria met, 1 waived; with 2 waivers, FAIL without"),
        (TODAY, {"tests": "111"}, 1, "unit.total was 108, needs == 111"),  # 106 is 95.5% of 111
        (date(2027, 2, 16), {}, 1, "unit.pass_rate was 98.15% (106 of 108), needs == 100%"),
    ],
)
def test_two_unit_tests_fail_on_purpose_and_in_the_open(
    tmp_path: Path, today: date, variables: Mapping[str, str], code: int, reason: str
) -> None:
    result = run("unit-tests.yaml", tmp_path / "out", overrides=variables, today=today)
    assert result.exit_code == code
    assert reason in sentence(result.reason)


def run(name: str, folder: Path, **more: Any) -> RunResult:
    """Run a shipped plan as people do, from the repository's folder."""
    command = ("phasegate", "run", f"plans/{name}")
    return execute(
        RunRequest(plan=ROOT / "plans" / name, output=folder, command=command, **more), None
    ).result


@pytest.fixture(scope="module")
def old_gate(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run("old-gate.yaml", tmp_path_factory.mktemp("old") / "out")


@pytest.mark.parametrize(
    ("criterion", "verdict", "says"),
    [
        ("unit.pass_rate", CriterionVerdict.UNPROVEN, "observed 4.55% (3 of 66)"),
        ("unit.passed", CriterionVerdict.NOT_MET, "observed 3, needs >= 66"),
        ("speed.response_time", CriterionVerdict.UNPROVEN, "0 is below the resolution of its clock"),
        ("up.success_rate", CriterionVerdict.UNPROVEN, "shows at least 94.2% at 95% confidence"),
        ("e2e.expectations", CriterionVerdict.NOT_MET, "observed 50% (1 of 2)"),
    ],
)
def test_the_old_gate_is_refused_point_by_point(
    old_gate: RunResult, criterion: str, verdict: CriterionVerdict, says: str
) -> None:
    judged = next(item for item in old_gate.criteria if item.id == criterion)
    assert judged.verdict is verdict
    assert says in told(judged).message


def test_the_old_gate_fails_and_the_first_screen_says_why(old_gate: RunResult) -> None:
    assert (old_gate.verdict, old_gate.exit_code) == (Verdict.FAIL, 1)
    first_screen = html.render(old_gate).partition('<dl class="facts">')[0]
    for item in old_gate.criteria:
        if item.verdict is not CriterionVerdict.MET:
            assert item.asked.title in first_screen


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run("release.yaml", tmp_path_factory.mktemp("release") / "out", today=TODAY)


def test_the_release_plan_passes_with_two_waivers_and_says_so_first(release: RunResult) -> None:
    assert (release.verdict, release.unwaived) == (Verdict.PASS, Verdict.FAIL), release.reason
    first_screen = html.render(release).partition('<dl class="facts">')[0]
    assert "PASS with 2 waivers" in first_screen
    assert "without them FAIL" in first_screen
    assert "Decided early" in first_screen
    assert "awaiting release manager" in first_screen


def test_the_release_plan_decides_its_samples_early(release: RunResult) -> None:
    decided = {item.id for item in release.criteria if item.judged.decided is not None}
    assert decided == {"answers.success_rate", "answers.latency.p95", "alive.success_rate"}


def test_the_release_plan_holds_floors_aggregates_and_required_kinds(release: RunResult) -> None:
    met = {item.id for item in release.criteria if item.verdict is CriterionVerdict.MET}
    assert met >= {
        "unit.total",
        "step/tests.errored",
        "run.errored",
        "run.duration",
        "flaky:run",
        "require:load",
    }


def test_the_release_plan_fails_when_its_waivers_have_ended() -> None:
    loaded = load(ROOT / "plans/release.yaml", kinds=KINDS, env={}, today=date(2027, 2, 16))
    assert any("covers nothing" in sentence(warning.message) for warning in loaded.warnings)


def test_the_release_plan_has_the_same_criteria_on_staging() -> None:
    here, there = (
        load(ROOT / "plans/release.yaml", kinds=KINDS, env={}, today=TODAY, environment=name)
        for name in ("", "staging")
    )
    assert [item.id for item in here.plan.criteria] == [item.id for item in there.plan.criteria]
    assert there.plan.target.group("processes") is None

"""What the repository ships for users to run and to start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from phasegate.cli.schema import Document, schema_of
from phasegate.fields import field_docs
from phasegate.kinds import KINDS
from phasegate.pipeline.run import RunRequest, execute
from phasegate.plan.loader import load
from phasegate.plan.yaml import read

ROOT = Path(__file__).parent.parent
PLANS = sorted(ROOT.glob("plans/*.yaml"))
SUITES = sorted(ROOT.glob("checks/api/*.yaml"))
WAIVERS = sorted(ROOT.glob("plans/waivers/*.yaml"))
TODAY = date(2027, 1, 15)
"""A day on which the shipped waivers are in force."""


@pytest.mark.parametrize("document", Document)
def test_the_shipped_schemas_are_what_the_command_prints(document: Document) -> None:
    """`phasegate schema NAME > schemas/NAME.json` brings them up to date."""
    assert json.loads((ROOT / f"schemas/{document}.json").read_text()) == schema_of(document)


@pytest.mark.parametrize("plan", PLANS, ids=lambda path: path.name)
def test_a_shipped_plan_loads_without_a_warning(plan: Path) -> None:
    assert load(plan, kinds=KINDS, env={}, today=TODAY).warnings == ()


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
    request = RunRequest(
        plan=ROOT / "plans/unit-tests.yaml",
        output=tmp_path / "out",
        overrides=variables,
        today=today,
        command=("phasegate", "run", "plans/unit-tests.yaml"),
    )
    result = execute(request, None).result
    assert result.exit_code == code
    assert reason in result.reason

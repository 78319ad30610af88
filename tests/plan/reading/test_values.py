"""Values of variables: from the plan, from files, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from phasegate.base.errors import PlanError
from phasegate.kinds.base import CheckParams
from phasegate.plan.loader import load
from tests.base.test_scalars import NUMBERS
from tests.examples import examples
from tests.plan.conftest import HEAD, REGISTRY, Load, Probe, plan_of, refused

STEP = """\
steps:
  - id: s
    checks: [{id: one, kind: probe, url: "/${it}/x", headers: {X-It: "${it}"}, retries: "${count}"}]
"""
PLAN = "variables: {it: 5, count: 2}\n" + STEP


def of(params: CheckParams) -> tuple[str, str, int]:
    assert isinstance(params, Probe.Params)
    return params.url, params.headers["X-It"], params.retries


@pytest.mark.parametrize("text", ["1.10", "01234", "+49", "0x1F", "1e3", "1_000", "", "yes", "2024-01-01"])
def test_a_variable_is_put_into_text_as_it_is_written(load_text: Load, tmp_path: Path, text: str) -> None:
    (tmp_path / "vars.yaml").write_text(f"it: {text or repr(text)}\n")
    plans = (
        plan_of(load_text, f"variables: {{it: {text or repr(text)}, count: 2}}\n" + STEP),
        plan_of(load_text, PLAN, overrides={"it": text}),
        plan_of(load_text, PLAN, variable_files=[tmp_path / "vars.yaml"]),
    )
    for plan in plans:
        assert of(plan.checks()[0].parts[0].params) == (f"/{text}/x", text, 2)


@given(text=NUMBERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(50))
def test_any_number_on_the_command_line_is_put_into_text_as_it_is_written(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.yaml").write_text(HEAD + PLAN)
    plan = load(tmp_path / "plan.yaml", kinds=REGISTRY, env={}, overrides={"it": text}).plan
    assert of(plan.checks()[0].parts[0].params) == (f"/{text}/x", text, 2)


def test_a_number_is_a_number_where_one_is_asked_for(load_text: Load) -> None:
    plan = plan_of(load_text, PLAN, overrides={"count": "0x1F"})
    retries = of(plan.checks()[0].parts[0].params)[2]
    assert (retries, type(retries)) == (31, int)


@pytest.mark.parametrize("word", ["True", "FALSE", "~", "Null"])
def test_another_word_for_true_false_or_null_is_refused_where_it_may_be_text(
    load_text: Load, tmp_path: Path, word: str
) -> None:
    (tmp_path / "vars.yaml").write_text(f"it: {word}\n")
    said = refused(load_text, HEAD + PLAN, overrides={"it": word}, variable_files=[tmp_path / "vars.yaml"])
    assert sum(f"{word} may be text or" in text for text in said) == 2


def test_a_variable_that_two_files_give_is_refused_at_the_second(load_text: Load, tmp_path: Path) -> None:
    files = [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    files[0].write_text("\nit: 1\n")
    files[1].write_text("count: 1\nit: 2\n")
    with pytest.raises(PlanError) as raised:
        load_text(HEAD + PLAN, variable_files=files)
    (problem,) = raised.value.problems
    assert problem.message == f"variable 'it' is also given on line 2 of {files[0]}"
    assert problem.at is not None
    assert (problem.at.file, problem.at.line) == (str(files[1]), 2)

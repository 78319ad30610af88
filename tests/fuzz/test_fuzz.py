"""Files of any content are refused with a place, or read; never a traceback or a wrong exit code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from phasegate.base.scalars import allow_long_integers
from tests.examples import examples
from tests.fuzz.inputs import KINDS_OF_INPUT, Input, lay_out, make, plans
from tests.fuzz.mutation import as_text
from tests.fuzz.running import clean_environment, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inputs")


@pytest.fixture(scope="module", autouse=True)
def _as_on_any_machine() -> Iterator[None]:
    allow_long_integers()
    with pytest.MonkeyPatch.context() as patch:
        clean_environment(patch.delenv)
        yield


def test_the_plans_that_are_changed_are_good_ones(folder: Path) -> None:
    for plan in plans():
        lay_out(folder)
        (folder / "plan.yaml").write_text(as_text(plan))
        ended = run(Input(["validate", str(folder / "plan.yaml")], frozenset({0})), folder)
        assert ended.code == 0, ended.err


@pytest.mark.parametrize("kind", KINDS_OF_INPUT)
@settings(max_examples=examples(10), suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_whatever_a_file_holds_no_command_breaks(kind: str, folder: Path, seed: int) -> None:
    given = make(kind, Random(seed), folder)
    ended = run(given, folder)
    event(f"{given.arguments[0]} ends with {ended.code}")
    assert ended.fault == "", ended.err[-2_000:]


DEEP = "[" * 3_000 + "]" * 3_000
LONG = "a" * 300
CASES = {
    "an id of a process, not a host": 'target: {processes: {"web:app": {command: [x], ready: {url: /}}}}',
    "an id of a process that is not an address": 'target: {processes: {"$.a[0]": {command: [x]}}}',
    "variables that are not a mapping": "variables: true\nenvironments: {s: {variables: {rate: 1}}}",
    "a root with a name too long": f"root: {LONG}",
    "a root with a NUL": 'root: "a\\0b"',
    "an included file with a name too long": f"include: [{LONG}]",
    "waivers with a name too long": f"waivers: {{file: {LONG}}}",
    "a compose file with a name too long": f"target: {{compose: {{file: {LONG}}}}}",
    "a certificate with a NUL": 'target: {external: {a: {url: "https://a", tls: {ca: "a\\0"}}}}',
    "labels that are lists": "gate: {checks: [{id: i, kind: image, service: a, labels: [[a]]}]}",
    "a schema that is a list": "gate: {checks: [{id: i, kind: health, url: /, expect: {schema: list.json}}]}",
    "a schema without end": "gate: {checks: [{id: i, kind: health, url: /, expect: {schema: deep.json}}]}",
    "a schema with a name that no UTF-8 can hold": "gate: {checks: [{id: i, kind: health, url: /,"
    " expect: {schema: odd.json}}]}",
    "a dialect that is not text": "gate: {checks: [{id: i, kind: health, url: /,"
    " expect: {schema: {$schema: 1}}}]}",
    "a Locust file with a name too long": f"gate: {{checks: [{{id: i, kind: load, engine: locust, users: 1,"
    f" locustfile: {LONG}}}]}}",
    "a Python with a name too long": "gate: {checks: [{id: i, kind: e2e, path: plan.yaml,"
    f" python: {LONG}/x}}]}}",
    "rows nested too deeply": "gate: {checks: [{id: i, kind: load, url: '/${a}', connections: 1,"
    " duration: 1s, data: {jsonl: deep.json}}]}",
}


@pytest.mark.parametrize("what", CASES)
def test_what_no_plan_can_have_is_refused_with_its_place(what: str, tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "odd.json").write_text('{"properties": {"\\ud800": 1}}')
    (tmp_path / "deep.json").write_text(DEEP)
    head = "phasegate: 1\nphase: p\ntitle: t\n"
    steps = "steps: [{id: one, checks: [{id: up, kind: health, url: 'http://127.0.0.1:1/'}]}]\n"
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"{head}{steps}{CASES[what]}\n")
    ended = run(Input(["validate", str(plan)], frozenset({2})), tmp_path)
    assert ended.fault == ""
    assert f"{plan}:" in ended.err

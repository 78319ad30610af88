"""A kind of target that one line makes known is read, validated, brought up, judged, compared, ended."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from phasegate.kinds import KINDS
from phasegate.plan.schema import plan_schema
from phasegate.plan.targets.kind import target_kinds
from tests.cli.conftest import CommandLine, phasegate
from tests.comparison.plans import changes, said
from tests.targets.kinds.threads import Threads

__all__ = ["phasegate"]

PLAN = """\
phasegate: 1
phase: try
title: Try it
target:
  default: hello
  threads:
    hello: {answers: good day}
  processes:
    tells:
      command: [python, -c, "print('at ${target.hello.url}', flush=True); import time; time.sleep(600)"]
      ready: {log: "at http://127", within: 20s}
environments:
  staging: {target: {threads: {hello: {answers: good evening}}}}
steps:
  - id: one
    checks:
      - {id: alive, kind: health, url: /, every: 50ms, probes: 30, expect: {body: {contains: good day}},
         criteria: [success_rate >= 10%]}
    faults:
      - {id: away, stop: hello, during: alive, at: 300ms, for: 200ms, probe: {url: /, every: 20ms}}
"""


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(target_kinds(), "threads", Threads())
    yield
    assert not [one for one in threading.enumerate() if one.name.startswith("serves")]


def written(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in PLAN
    path = folder / "plan.yaml"
    path.write_text(PLAN.replace(old, new) if old else PLAN)
    return path


def test_it_is_brought_up_first_judged_put_to_a_fault_and_taken_down(
    phasegate: CommandLine, tmp_path: Path
) -> None:
    written(tmp_path)
    code, out, err = phasegate("run", "plan.yaml", "-o", "out", "--json", "-q")
    result: dict[str, Any] = json.loads(out)
    assert (code, result["verdict"]) == (0, "PASS"), err
    assert {one["id"]: one["kind"] for one in result["target"]} == {"tells": "process", "hello": "thread"}
    assert "at http://127.0.0.1:" in (tmp_path / "out/evidence/target/tells.log").read_text()
    (fault,) = result["steps"][0]["faults"]
    assert (fault["status"], fault["notes"]) == ("recovered", ["it is another thread"])
    states = [
        (event["target"]["id"], event["state"])
        for line in (tmp_path / "out/events.jsonl").read_text().splitlines()
        if (event := json.loads(line)).get("event") == "TargetChanged"
    ]
    assert states[0] == ("hello", "ready")
    assert states[-2:] == [("tells", "stopped"), ("hello", "stopped")]


def test_what_does_not_come_up_is_no_verdict_on_the_phase(phasegate: CommandLine, tmp_path: Path) -> None:
    written(tmp_path, "{answers: good day}", "{answers: nothing}")
    code, _, err = phasegate("run", "plan.yaml", "-o", "out")
    assert code == 75
    assert "target 'hello': it has nothing to answer" in err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{answers: good day}", "{answer: good day}", "unknown key 'answer'"),
        ("stop: hello", "pause: hello", "'hello' has no act 'pause'"),
        (
            "    faults:",
            "    criteria: [target/hello.cpu.max < 50%]\n    faults:",
            "target/hello is not sampled",
        ),
        ("  default: hello", "  default: other", "there is no entry 'other'"),
        ("hello: {answers: good day}", "tells: {answers: good day}", "this id is already taken"),
        ("threads:", "thread:", "unknown key 'thread'"),
    ],
)
def test_what_is_wrong_with_it_is_reported(
    phasegate: CommandLine, tmp_path: Path, old: str, new: str, message: str
) -> None:
    written(tmp_path, old, new)
    code, _, err = phasegate("validate", "plan.yaml")
    assert code == 2
    assert message in err


def test_the_schema_has_it() -> None:
    schema = Draft202012Validator(plan_schema(KINDS))
    assert schema.is_valid(yaml.safe_load(PLAN))
    assert not schema.is_valid(yaml.safe_load(PLAN.replace("answers: good day", "answers: [1]")))


def test_load_on_a_protected_one_needs_a_word(phasegate: CommandLine, tmp_path: Path) -> None:
    written(tmp_path, "{answers: good day}", "{answers: good day, protected: true}")
    code, _, err = phasegate("run", "plan.yaml", "-o", "out")
    assert code == 2
    assert "fault 'away' is to stop 'hello', which is protected" in err


def test_the_overview_has_a_line_for_it(phasegate: CommandLine, tmp_path: Path) -> None:
    written(tmp_path)
    _, out, err = phasegate("plan", "plan.yaml", "--env", "staging")
    assert "  hello            answers good evening\n" in out + err


def test_guard_compares_it(tmp_path: Path) -> None:
    gone = PLAN.replace("hello: {answers: good day}", "other: {answers: x}").replace("hello", "other")
    other = PLAN.replace("{answers: good day}", "{answers: something}")
    protected = PLAN.replace("{answers: good day}", "{answers: good day, protected: true}")
    assert "changed: target hello: a thread that answers good day -> removed" in said(
        changes(tmp_path, PLAN, gone)
    )
    assert "changed: target hello answers: good day -> something" in said(changes(tmp_path, PLAN, other))
    assert "weaker: target hello protected: true -> false" in said(changes(tmp_path, protected, PLAN))

"""Whole runs held against earlier ones, and what is refused as a baseline."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from phasegate.cli.app import run_command_line
from tests.pipeline.bench import LONGEST, Desk, Ran
from tests.rules import Rule, rules
from tests.servers import Server

PLAN = r"""
    variables: {rate: 1/s, errors: 100, says: rate}
    steps:
      - id: only
        checks:
          - id: bench
            title: How fast
            kind: command
            command: [python, -c, "import os; print('${says}', os.environ.get('RATE', '100'), 'errors', 0)"]
            measures:
              rate: {regex: 'rate (\d+)', unit: /s}
              errors: {regex: 'errors (\d+)'}
        criteria:
          - {criterion: "bench.rate >= ${rate}", title: It is no slower}
          - "bench.errors <= ${errors}"
"""
PASSED = "shelf/rate-100"
RELATIVE = ("--set", "rate=baseline * 0.9")


@dataclass
class Bench(Desk):
    """A desk whose command lines run in this process, which is several times as fast."""

    capture: pytest.CaptureFixture[str] | None = None
    """Where what is printed is read; nothing is without."""

    def phasegate(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        within: float = LONGEST,
    ) -> Ran:
        if self.capture is not None:
            self.capture.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.path)
            for name in ("CI", "COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS"):
                patch.delenv(name, raising=False)
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            code = run_command_line(list(arguments))
        out, err = ("", "") if self.capture is None else self.capture.readouterr()
        return Ran(code, out, err, folder or self.path)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records by name: runs of the plan that passed at a rate, one that failed, one that was narrowed."""
    desk = Bench(tmp_path_factory.mktemp("shelf"))
    desk.plan(PLAN)
    shelf = desk.path / "shelf"
    for name, code, arguments in (
        ("rate-50", 0, ()),
        ("rate-100", 0, ()),
        ("rate-300", 0, ()),
        ("failed", 1, ("--set", "rate=999/s")),
        ("narrowed", 3, ("--check", "bench")),
    ):
        rate = name.removeprefix("rate-") if name.startswith("rate") else "100"
        ran = desk.run(*arguments, env={"RATE": rate})
        assert ran.code == code, ran.err
        shutil.copytree(ran.folder, shelf / name)
    return shelf


@pytest.fixture
def bench(tmp_path: Path, shelf: Path, capfd: pytest.CaptureFixture[str]) -> Bench:
    shutil.copytree(shelf, tmp_path / "shelf")
    bench = Bench(tmp_path, capture=capfd)
    bench.plan(PLAN)
    return bench


def against(desk: Desk, rate: int, *folders: str, more: tuple[str, ...] = ()) -> Ran:
    given = (word for folder in folders for word in ("--baseline", folder))
    return desk.run(*RELATIVE, *given, *more, env={"RATE": str(rate)})


def edited(desk: Desk, old: str, new: str) -> None:
    plan = desk.path / "plan.yaml"
    text = plan.read_text(encoding="utf-8")
    assert old in text
    plan.write_text(text.replace(old, new), encoding="utf-8")


def _sampled(desk: Desk, server: Server) -> Ran:
    desk.plan(
        f"""
        variables: {{rate: 80%}}
        target: {{external: {{it: {{url: "{server.url()}"}}}}}}
        steps:
          - id: only
            checks:
              - {{id: up, kind: health, url: "${{target.it.url}}/ok", probes: 20,
                 criteria: ["success_rate >= ${{rate}}"]}}
        """
    )
    before = desk.run().folder.name
    return desk.run("--set", "rate=baseline * 0.95", "--baseline", before)


def _zero(desk: Desk, server: Server) -> Ran:
    return desk.run("--set", "errors=baseline * 2", "--baseline", PASSED)


def _other_kind(desk: Desk, server: Server) -> Ran:
    desk.plan(f'steps: [{{id: only, checks: [{{id: bench, kind: health, url: "{server.url("/ok")}"}}]}}]')
    before = desk.run()
    assert before.code == 0
    desk.plan(PLAN)
    return against(desk, 100, before.folder.name)


def _no_such_check(desk: Desk, server: Server) -> Ran:
    edited(desk, "bench", "workbench")
    return against(desk, 100, PASSED)


def _tampered(desk: Desk, server: Server) -> Ran:
    result = desk.path / PASSED / "result.json"
    data = json.loads(result.read_text(encoding="utf-8"))
    data["steps"][0]["checks"][0]["attempts"][0]["observation"]["measures"]["rate"]["value"] = 50.0
    result.write_text(json.dumps(data), encoding="utf-8")
    return against(desk, 50, PASSED)


def _same_twice(desk: Desk, server: Server) -> Ran:
    shutil.copytree(desk.path / PASSED, desk.path / "copy")
    return against(desk, 100, PASSED, "copy")


def _equal(desk: Desk, server: Server) -> Ran:
    edited(desk, '"bench.rate >= ${rate}"', "bench.rate == baseline")
    return desk.run("--baseline", PASSED)


SITUATIONS: dict[str, Callable[[Desk, Server], Ran]] = {
    "the value is within the factor of the baseline's": lambda desk, _: against(desk, 90, PASSED),
    "the observed values are further apart than the factor": lambda desk, _: against(desk, 89, PASSED),
    "the observed values are within the factor, and the bounds are not": _sampled,
    "no baseline is given": lambda desk, _: against(desk, 100),
    "the baseline's value is 0": _zero,
    "of three baselines the median is within the factor": lambda desk, _: against(
        desk, 95, "shelf/rate-300", "shelf/rate-50", PASSED
    ),
    "a baseline is given and no criterion asks for one": lambda desk, _: desk.run("--baseline", PASSED),
    "the run given as a baseline failed": lambda desk, _: against(desk, 100, "shelf/failed"),
    "the run given as a baseline was narrowed": lambda desk, _: against(desk, 100, "shelf/narrowed"),
    "the check had other parameters in the baseline": lambda desk, _: against(
        desk, 100, PASSED, more=("--set", "says=fast rate")
    ),
    "the check was of another kind in the baseline": _other_kind,
    "the baseline has no such check": _no_such_check,
    "the baseline's result is not what its events add up to": _tampered,
    "there is no record in the folder": lambda desk, _: against(desk, 100, "nowhere"),
    "the same run is given twice": _same_twice,
    "a criterion asks for == baseline": _equal,
}
SAYS = {
    "the observed values are within the factor, and the bounds are not": "72 requests without a failure",
    "the run given as a baseline failed": "its verdict is FAIL; only a PASS run is a baseline",
    "the run given as a baseline was narrowed": "its verdict is INCONCLUSIVE; only a PASS run is a baseline",
    "the check had other parameters in the baseline": "its check 'bench' had other parameters",
    "the check was of another kind in the baseline": "is of kind health, and the plan's of kind command",
    "the baseline has no such check": "it has no check 'workbench'",
    "the baseline's result is not what its events add up to": "is not what its events.jsonl adds up to",
    "there is no record in the folder": "--baseline nowhere: no record at nowhere",
    "the same run is given twice": "--baseline copy: it is the same run as shelf/rate-100",
    "a criterion asks for == baseline": "no two runs measure the same",
    "no baseline is given": "no baseline was given; --baseline DIR",
    "the baseline's value is 0": "errors of the baseline is 0, which proves nothing",
    "a baseline is given and no criterion asks for one": "--baseline changes nothing",
}


@pytest.mark.parametrize("rule", rules("baselines"), ids=str)
def test_runs_end_by_the_table_of_the_docs(bench: Bench, server: Server, rule: Rule) -> None:
    ended = SITUATIONS[rule.situation](bench, server)
    assert ended.code == rule.exit_code, ended.err
    assert SAYS.get(rule.situation, "") in " ".join(ended.err.split())
    if rule.exit_code == 2:
        assert not ended.folder.exists()
    else:
        assert ended.is_whole().result["verdict"] == rule.verdict


def test_table_of_the_docs_has_every_situation() -> None:
    assert {rule.situation for rule in rules("baselines")} == set(SITUATIONS)


def test_the_record_says_what_was_held_against_what(bench: Bench) -> None:
    folders = ["shelf/rate-300", "shelf/rate-50", PASSED]
    ended = against(bench, 95, *folders)
    records = ended.result["baselines"]
    assert [one["path"] for one in records] == folders
    assert [one["measures"]["bench.rate"]["value"] for one in records] == [300, 50, 100]
    assert {one["file"] for one in records} == {"result.json"}
    criterion = ended.criterion("bench.rate")
    assert criterion["baseline"] == folders[2]
    assert criterion["required"] == ">= 0.9 x 100/s (baseline)"
    page = (ended.folder / "report.html").read_text(encoding="utf-8")
    assert records[0]["sha256"] in page
    assert f"the median of 3 runs: {folders[0]}" in page
    assert (
        ended.check("bench")["sha256"]
        == json.loads((bench.path / folders[0] / "result.json").read_text(encoding="utf-8"))["steps"][0][
            "checks"
        ][0]["asked"]["sha256"]
    )
    assert bench.phasegate("report", ended.folder.name).code == 0


def test_events_stand_in_for_a_result_that_is_missing(bench: Bench) -> None:
    (bench.path / PASSED / "result.json").unlink()
    ended = against(bench, 95, PASSED)
    assert ended.code == 0
    assert ended.result["baselines"][0]["file"] == "events.jsonl"


def test_a_result_stands_alone_unless_it_contradicts_itself(bench: Bench) -> None:
    (bench.path / PASSED / "events.jsonl").unlink()
    assert against(bench, 95, PASSED).code == 0
    result = bench.path / PASSED / "result.json"
    result.write_text(result.read_text(encoding="utf-8").replace('"met"', '"unproven"'), encoding="utf-8")
    refused = against(bench, 95, PASSED)
    assert refused.code == 2
    assert "contradicts itself" in refused.err
    result.write_text("{}", encoding="utf-8")
    assert "it is not a result of this format" in against(bench, 95, PASSED).err


def test_a_record_that_does_not_say_what_was_run_is_refused(bench: Bench) -> None:
    (bench.path / PASSED / "events.jsonl").unlink()
    result = bench.path / PASSED / "result.json"
    data = json.loads(result.read_text(encoding="utf-8"))
    del data["steps"][0]["checks"][0]["asked"]["sha256"]
    result.write_text(json.dumps(data), encoding="utf-8")
    refused = against(bench, 95, PASSED)
    assert refused.code == 2
    assert "does not say with which parameters check 'bench' was run" in refused.err


def test_every_folder_that_is_refused_is_named(bench: Bench) -> None:
    refused = against(bench, 95, "one", "two")
    assert refused.code == 2
    assert "--baseline one: no record" in refused.err
    assert "--baseline two: no record" in refused.err


def test_a_link_is_recorded_as_what_it_led_to(bench: Bench) -> None:
    (bench.path / "latest").symlink_to(PASSED)
    assert against(bench, 95, "latest").result["baselines"][0]["path"] == str(bench.path / PASSED)


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_plans_that_need_a_baseline_are_warned_of(bench: Bench, command: str) -> None:
    said = bench.phasegate(command, "plan.yaml", *RELATIVE)
    assert said.code == 0
    assert "criterion 'bench.rate' is unproven unless phasegate run is given a baseline" in said.err
    assert "unproven unless" not in bench.phasegate(command, "plan.yaml").err


def test_quantiles_of_two_real_runs_are_held_against_each_other(bench: Bench, server: Server) -> None:
    desk = bench
    desk.plan(
        f"""
        variables: {{limit: 5s}}
        target: {{external: {{it: {{url: "{server.url()}"}}}}}}
        steps:
          - id: only
            checks:
              - {{id: up, kind: health, url: "${{target.it.url}}/ok", probes: 80,
                 criteria: ["latency.p95 <= ${{limit}}"]}}
        """
    )
    before = desk.run()
    assert before.code == 0
    ended = desk.run("--set", "limit=baseline * 1000", "--baseline", str(before.folder))
    assert ended.code == 0, ended.err
    criterion = ended.criterion("up.latency.p95")
    assert criterion["confidence"] == pytest.approx(0.975)
    assert criterion["required"].startswith("<= 1000 x ")
    faster = desk.run("--set", "limit=baseline * 0.001", "--baseline", str(before.folder))
    assert faster.code == 1


def test_a_check_that_is_tried_again_is_held_against_the_baseline_each_time(bench: Bench) -> None:
    edited(bench, "title: How fast", "retry: {attempts: 2, on: [error, fail]}")
    ended = against(bench, 50, PASSED)
    assert ended.code == 1
    attempts = ended.check("bench")["attempts"]
    assert [attempt["status"] for attempt in attempts] == ["failed", "failed"]
    assert "needs >= 0.9 x 100/s (baseline)" in attempts[0]["reason"]

"""Exit codes, verdicts and the record they rest on."""

from __future__ import annotations

import json

import pytest

from phasegate.cli.app import run_command_line
from phasegate.kinds import KINDS
from tests.judged import in_words
from tests.pipeline.bench import Desk
from tests.servers import Server, unused_port


def command(id: str, code: str, **more: str) -> str:
    """A step with one command check."""
    extra = "".join(f", {key}: {value}" for key, value in more.items())
    check = f"{{id: {id}, kind: command, command: [python, -c, {code!r}]{extra}}}"
    return f"steps: [{{id: only, checks: [{check}]}}]"


def test_a_plan_that_holds_passes_and_its_record_is_whole(desk: Desk) -> None:
    desk.plan(command("fine", "print(1)"))
    ran = desk.run()
    assert ran.code == 0
    assert ran.is_whole().result["verdict"] == "PASS"
    assert ran.out == ""


def test_a_criterion_that_is_not_met_fails_the_gate(desk: Desk) -> None:
    desk.plan(command("broken", "import sys; print('the cause'); sys.exit(4)"))
    ran = desk.run()
    assert ran.code == 1
    assert ran.is_whole().result["verdict"] == "FAIL"
    assert "broken.exit_code was 4, needs == 0" in ran.last


def test_a_wrong_plan_ends_with_2_names_everything_and_leaves_nothing(desk: Desk) -> None:
    desk.plan(
        """
        steps:
          - {id: empty, checks: []}
          - {id: strange, checks: [{id: b, kind: nope}]}
          - {id: a, checks: [{id: c, kind: health, url: /}], criteria: [c.success_rate >= 1x]}
        """
    )
    ran = desk.run()
    assert ran.code == 2
    for says in ("'nope'", "1x", "'empty'", "plan.yaml:"):
        assert says in ran.err
    assert not ran.folder.exists()
    assert ran.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "nowhere.yaml"),
        ("run", "."),
        ("run", "plan.yaml", "--nope"),
        ("run", "plan.yaml", "--report", "pdf"),
        ("run", "plan.yaml", "--report", "json=nowhere/x.json"),
        ("run", "plan.yaml", "--check", "nope"),
        ("run", "plan.yaml", "--set", "nope=1"),
        ("run", "plan.yaml", "--set", "nope"),
        ("run", "plan.yaml", "--confirm", "nope"),
        ("run", "plan.yaml", "-o", "plan.yaml"),
        ("run", "plan.yaml", "-o", "x" * 300),
        ("report", "nowhere"),
        ("kinds", "nope"),
        ("nope",),
        (),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_leaves_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    desk.plan(command("fine", "print(1)"))
    monkeypatch.chdir(desk.path)
    monkeypatch.setattr("sys.argv", ["phasegate", *arguments])
    assert run_command_line(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert err.startswith("error: ") or not arguments
    assert [path.name for path in desk.path.iterdir()] == ["plan.yaml"]


def test_an_output_folder_that_holds_a_run_is_refused_untouched(desk: Desk) -> None:
    desk.plan(command("fine", "open('ran', 'a').write('x')"))
    first = desk.run()
    before = {path: path.read_bytes() for path in first.files()}
    second = desk.phasegate("run", "plan.yaml", "-o", str(first.folder))
    assert second.code == 2
    assert "holds a run already" in second.err
    assert {path: path.read_bytes() for path in first.files()} == before
    assert (desk.path / "ran").read_text() == "x"


def test_the_default_folder_is_named_by_phase_and_time_and_linked_relatively(desk: Desk) -> None:
    desk.plan(command("fine", "print(1)"))
    assert desk.phasegate("run", "plan.yaml", "-q").code == 0
    link = desk.path / "reports/latest"
    target = link.readlink()
    assert not target.is_absolute()
    assert target.name.startswith("try-")
    assert json.loads((link / "result.json").read_text())["verdict"] == "PASS"


@pytest.mark.parametrize("error", [ZeroDivisionError("kind"), ExceptionGroup("all", [KeyError("x")])])
def test_a_kind_that_raises_is_a_defect_of_phasegate(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: Exception
) -> None:
    class Raising(type(KINDS["command"])):  # type: ignore[misc]
        async def observe(self, params: object, world: object) -> None:
            raise error

    monkeypatch.setitem(KINDS._loaded, "command", Raising())  # type: ignore[attr-defined]
    desk.plan(command("fine", "print(1)"))
    monkeypatch.chdir(desk.path)
    assert run_command_line(["run", "plan.yaml", "-o", "out"]) == 70
    result = in_words(json.loads((desk.path / "out/result.json").read_text()))
    assert result["verdict"] == "INCONCLUSIVE"
    assert "a defect in phasegate: " in result["reason"]
    assert "Traceback" in (desk.path / "out/evidence/fine/1/defect.txt").read_text()
    assert "Traceback" not in capfd.readouterr().err


def test_a_defect_outside_of_a_kind_still_ends_the_record(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def broken(self: object) -> None:
        raise LookupError("the schedule is broken")

    monkeypatch.setattr("phasegate.pipeline.under_way.Schedule.run", broken)
    desk.plan(command("fine", "print(1)"))
    monkeypatch.chdir(desk.path)
    assert run_command_line(["run", "plan.yaml", "-o", "out"]) == 70
    result = in_words(json.loads((desk.path / "out/result.json").read_text()))
    assert result["exit_code"] == 70
    assert "the schedule is broken" in result["reason"]
    assert "broken" in (desk.path / "out/evidence/run/1/defect.txt").read_text()


def test_a_target_that_does_not_come_up_ends_with_75_and_the_end_of_its_log(desk: Desk) -> None:
    desk.plan(
        """
        target:
          processes:
            app:
              command: [python, -c, "import sys; print('no database'); sys.exit(7)"]
              ready: {tcp: true, within: 10s}
        steps: [{id: only, checks: [{id: up, kind: health, url: /}]}]
        """
    )
    ran = desk.run()
    assert ran.code == 75
    ran.is_whole()
    assert ran.result["target"][0]["exit_code"] == 7
    assert "exit code 7" in ran.last
    assert "no database" in ran.err
    assert (ran.folder / "evidence/target/app.log").read_text() == "no database\n"
    assert ran.statuses() == {"up": "not_run"}
    assert ran.criterion("up.success_rate")["verdict"] == "unproven"


def test_a_failure_outranks_missing_evidence_and_a_defect_outranks_both(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.plan(
        """
        steps:
          - id: only
            checks:
              - {id: broken, kind: command, command: [python, -c, "raise SystemExit(1)"]}
              - {id: absent, kind: command, command: [no-such-program]}
              - {id: unread, kind: command, command: [python, -c, ""], results: [nothing.xml]}
        """
    )
    ran = desk.run()
    assert ran.code == 1
    assert ran.is_whole().statuses() == {"broken": "failed", "absent": "not_run", "unread": "errored"}

    class Raising(type(KINDS["health"])):  # type: ignore[misc]
        async def observe(self, params: object, world: object) -> None:
            raise RuntimeError("kind")

    monkeypatch.setitem(KINDS._loaded, "health", Raising())  # type: ignore[attr-defined]
    desk.plan(
        """
        steps:
          - id: only
            checks:
              - {id: broken, kind: command, command: [python, -c, "raise SystemExit(1)"]}
              - {id: raising, kind: health, url: "http://127.0.0.1:9/"}
        """
    )
    monkeypatch.chdir(desk.path)
    assert run_command_line(["run", "plan.yaml", "-o", "out"]) == 70


def test_three_probes_cannot_carry_three_nines_and_the_run_says_how_many_would(
    desk: Desk, server: Server
) -> None:
    desk.plan(
        f"""
        steps:
          - id: only
            checks: [{{id: up, kind: health, url: "{server.url("/ok")}", probes: 3}}]
            criteria: [up.success_rate >= 99.9%]
        """
    )
    ran = desk.run()
    assert ran.code == 3
    ran.is_whole()
    assert "2,995" in ran.last
    assert "warning" in ran.err.splitlines()[2]
    assert "2,995" in ran.criterion("up.success_rate")["message"]
    assert ran.criterion("up.success_rate")["bound"] == ">= 36.8%"


def test_a_suite_without_tests_proves_nothing(desk: Desk) -> None:
    desk.write("suite/test_nothing.py", "def helper(): ...\n")
    desk.plan("steps: [{id: only, checks: [{id: empty, kind: e2e, path: suite}]}]")
    ran = desk.run()
    assert ran.code == 3
    assert ran.is_whole().statuses() == {"empty": "errored"}
    assert "collected" in ran.last


def test_a_missing_tool_is_named_with_what_installs_it_and_the_others_run(desk: Desk) -> None:
    desk.plan(
        """
        steps:
          - id: only
            checks:
              - id: absent
                kind: command
                command: [python, -c, ""]
                requires: [{program: frobnicator, install: apt-get install frobnicator}]
              - {id: fine, kind: command, command: [python, -c, ""]}
        """
    )
    ran = desk.run()
    assert ran.code == 3
    assert ran.is_whole().statuses() == {"absent": "not_run", "fine": "passed"}
    assert "frobnicator is not installed" in ran.last
    assert "apt-get install frobnicator" in ran.err
    assert ran.check("absent")["help"] == "apt-get install frobnicator"


def test_a_check_that_only_warns_keeps_nothing_from_passing_and_is_named(desk: Desk) -> None:
    desk.plan(
        """
        steps:
          - id: first
            checks:
              - {id: absent, kind: command, command: [python], requires: [frobnicator], level: warn}
              - {id: wrong, kind: command, command: [python, -c, "raise SystemExit(1)"], level: warn}
              - {id: fine, kind: command, command: [python, -c, ""]}
          - id: second
            needs: [first]
            checks: [{id: after, kind: command, command: [python, -c, ""]}]
        """
    )
    ran = desk.run("-x")
    assert ran.code == 0
    statuses = {"absent": "not_run", "wrong": "unproven", "fine": "passed", "after": "passed"}
    assert ran.is_whole().statuses() == statuses
    assert [step["status"] for step in ran.result["steps"]] == ["passed", "passed"]
    assert "2 warnings" in ran.last
    assert "frobnicator is not installed" in ran.err


def test_a_narrowed_run_is_inconclusive_at_best_and_counts_what_it_left_out(desk: Desk) -> None:
    desk.plan(
        """
        steps:
          - id: one
            checks: [{id: a, kind: command, command: [python, -c, ""]}]
          - id: two
            tags: [slow]
            checks:
              - {id: b, kind: command, command: [python, -c, "raise SystemExit(1)"]}
              - {id: c, kind: command, command: [python, -c, ""]}
        """
    )
    ran = desk.run("--check", "a")
    assert ran.code == 3
    assert "1 of 1 selected criterion met, 2 not selected" in ran.last
    assert ran.is_whole().statuses() == {"a": "passed", "b": "not_run", "c": "not_run"}
    assert ran.result["selection"]["checks"] == ["a"]
    failed = desk.run("--tag", "slow")
    assert failed.code == 1
    assert failed.is_whole().statuses()["a"] == "not_run"


def test_latency_of_a_service_that_refuses_is_never_met(desk: Desk) -> None:
    desk.plan(
        f"""
        steps:
          - id: only
            checks:
              - id: gone
                kind: health
                url: "http://127.0.0.1:{unused_port()}/"
                probes: 60
                criteria: [latency.p95 < 10s, latency.max < 10s, latency.min < 10s]
        """
    )
    ran = desk.run()
    assert ran.code == 1
    assert all(item["verdict"] != "met" for item in ran.is_whole().result["criteria"])
    assert ran.criterion("gone.latency.p95")["observed"].startswith("failed")

"""Health checks on a schedule, against a real server: what the target is blamed for, and what it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.bench import Desk, Ran
from tests.servers import Server


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Ran:
    """A limit no answer comes near: only what is held against the target breaks it."""
    desk = Desk(tmp_path_factory.mktemp("schedules"))
    slow = {"kind": "health", "url": "/slow?ms=1500", "every": "50ms", "probes": 8}
    quick = {"id": "quick", "kind": "health", "url": "/ok", "every": "50ms", "probes": 60}
    alone = {"id": "up", "kind": "health", "url": "/slow?ms=30", "every": "10ms", "probes": 200}
    stalled = {"url": "/stall", "every": "20ms", "probes": 40, "timeout": "1500ms", "in_flight": 8}
    steps = [
        {"id": "alone", "checks": [alone], "criteria": ["up.latency.p95 < 30s", "up.success_rate == 100%"]},
        {
            "id": "beside",
            "parallel": True,
            "checks": [{"id": "slow-1", **slow}, {"id": "slow-2", **slow}, quick],
            "criteria": ["quick.latency.p95 < 30s", "quick.success_rate == 100%"],
        },
        {"id": "stall", "checks": [{"id": "stalled", "kind": "health", **stalled}]},
    ]
    target = {"external": {"it": {"url": server.url("/")}}}
    desk.plan(f"target: {json.dumps(target)}\nsteps: {json.dumps(steps)}\n")
    return desk.run()


def test_answers_that_take_longer_than_an_interval_are_waited_for_side_by_side(ran: Ran) -> None:
    assert ran.alone("up").exit_code == 0, ran.err
    assert ran.check("up")["attempts"][-1]["measures"]["latency"]["failed"] == 0


def test_slow_answers_to_other_checks_are_not_held_against_the_target(ran: Ran) -> None:
    assert ran.alone("quick").exit_code == 0, ran.err
    assert ran.check("quick")["attempts"][-1]["measures"]["latency"]["failed"] == 0


def test_stall_of_the_target_fails_moments_too_for_which_nothing_could_be_sent(ran: Ran) -> None:
    attempt = ran.check("stalled")["attempts"][-1]
    assert attempt["measures"]["success_rate"]["passed"] == 0
    assert any(
        cause.startswith("not sent, as earlier probes were still waiting") for cause, _ in attempt["causes"]
    )
    assert ran.code == 1


def test_what_phasegate_missed_outlives_the_record(desk: Desk, tmp_path: Path) -> None:
    """Judged again from the events alone it is the same."""
    desk.write(
        "stop.py",
        "import os, signal, time\nos.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(2)\n"
        "os.kill(os.getppid(), signal.SIGCONT)\ntime.sleep(0.3)\n",
    )
    desk.write("up.txt", "up")
    server = "{command: [python, -m, http.server, '${self.port}', --bind, 127.0.0.1], ready: {url: /up.txt}}"
    desk.plan(f"""
        target: {{default: web, processes: {{web: {server}}}}}
        steps:
          - id: only
            checks: [{{id: x, kind: command, command: [python, stop.py]}}]
        gate:
          checks: [{{id: up, kind: health, url: '${{each}}', each: {{a: /up.txt}}, every: 50ms, during: run}}]
    """)
    ran = desk.run().is_whole()
    assert ran.code == 3, ran.err
    share = ran.check("up")["attempts"][-1]["measures"]["success_rate"]
    assert share["unused"] > 0
    assert "total" in share
    (ran.folder / "result.json").unlink()
    again = desk.phasegate("report", str(ran.folder))
    assert again.code == 3
    assert f"{share['unused']} of " in (ran.folder / "report.html").read_text(encoding="utf-8")


def test_a_check_that_goes_on_during_the_run_tells_when_it_was_run_alone(
    tmp_path: Path, server: Server
) -> None:
    desk = Desk(tmp_path)
    up = {"id": "up", "kind": "health", "url": "/ok", "every": "20ms"}
    gate = {"checks": [{**up, "id": "uptime", "during": "run"}]}
    target = {"external": {"it": {"url": server.url("/")}}}
    steps = [{"id": "s", "checks": [{**up, "probes": 5}]}]
    desk.plan(f"target: {json.dumps(target)}\nsteps: {json.dumps(steps)}\ngate: {json.dumps(gate)}\n")
    alone = "uptime goes on while other checks run, but was run alone"
    assert alone in desk.run("--check", "uptime").err
    assert alone not in desk.run("--check", "up", "--check", "uptime").err
    assert alone not in desk.run().err

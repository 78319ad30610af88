"""Two realistic plans through the command line: order, needs, each, during, retry, tags, -x, -j."""

from __future__ import annotations

import json

import pytest

from tests.pipeline.bench import Desk, Ran
from tests.pipeline.ends.test_ends import SERVER

SHOP = """
    variables: {version: "1.4.0", broken: ""}
    defaults: {timeout: 5s}
    target:
      default: shop
      processes:
        shop: {command: [python, server.py, "${self.port}"], ready: {url: /, within: 20s}}
        stock: {command: [python, server.py, "${self.port}"], ready: {tcp: true, within: 20s}}
      setup: [[python, note.py, target-setup, "${target.shop.url}"]]
      teardown: [[python, note.py, target-teardown]]
    steps:
      - id: build
        tags: [quick]
        setup: [[python, note.py, build-setup]]
        teardown: [[python, note.py, build-teardown]]
        checks:
          - {id: compile, kind: command, command: [python, note.py, compile, "${version}"]}
          - id: unsteady
            kind: command
            command: [python, unsteady.py]
            retry: {attempts: 3, wait: 10ms, on: [error, fail]}
      - id: services
        needs: [build]
        parallel: true
        checks:
          - id: up
            kind: health
            url: "${each}"
            probes: 60
            each: {shop: "${target.shop.url}/health", stock: "${target.stock.url}/health"}
            criteria: [success_rate == 100%, latency.p95 < 5s]
          - {id: measured, kind: command, command: [python, -c, "print('coverage 81%')"],
             measures: {coverage: {regex: 'coverage (\\d+)%', unit: '%'}}, criteria: [coverage >= 80%]}
          - {id: beside, kind: health, url: /, during: up, every: 250ms}
      - id: release
        needs: [services]
        tags: [slow]
        checks:
          - {id: last, kind: command, command: [python, note.py, last, "${broken}"]}
        criteria:
          - {criterion: last.exit_code == 0, title: The release works, why: It is due, ref: page 3}
          - {criterion: last.duration < 1ms, level: warn}
    gate:
      checks: [{id: uptime, kind: health, url: /health, during: run, every: 200ms}]
      criteria: [uptime.success_rate >= 20%]
"""
NOTE = """
    import sys
    with open("notes", "a") as file:
        print(sys.argv[1], file=file)
    sys.exit(bool(sys.argv[2:]) and sys.argv[2] == "yes")
"""
UNSTEADY = """
    import pathlib, sys
    seen = pathlib.Path("seen")
    first = not seen.exists()
    seen.touch()
    sys.exit(first)
"""


@pytest.fixture
def shop(desk: Desk) -> Desk:
    desk.write("server.py", SERVER)
    desk.write("note.py", NOTE)
    desk.write("unsteady.py", UNSTEADY)
    desk.plan(SHOP)
    return desk


def notes(desk: Desk) -> list[str]:
    return (desk.path / "notes").read_text().splitlines()


def events(ran: Ran, kind: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (ran.folder / "events.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == kind]


def test_a_plan_with_all_there_is_passes_in_its_order(shop: Desk) -> None:
    ran = shop.run("-j", "2")
    assert ran.code == 0, ran.err
    assert set(ran.is_whole().statuses().values()) == {"passed"}
    assert notes(shop) == [
        "target-setup",
        "build-setup",
        "compile",
        "build-teardown",
        "last",
        "target-teardown",
    ]
    unsteady = ran.check("unsteady")
    assert unsteady["flaky"]
    assert [attempt["status"] for attempt in unsteady["attempts"]] == ["failed", "passed"]
    assert "Flaky" in ran.err
    assert {"shop", "stock"} <= set(ran.check("up")["attempts"][0]["parts"])
    assert ran.criterion("up/stock.latency.p95")["n"] == 60
    assert ran.criterion("measured.coverage")["observed"].startswith("81%")
    assert ran.criterion("last.exit_code")["title"] == "The release works"
    assert ran.criterion("last.duration")["verdict"] == "not_met"
    assert "1 warning" in ran.last
    assert len(events(ran, "RetryScheduled")) == 1
    ended = [event["check"] for event in events(ran, "CheckFinished")]
    assert ended.index("beside") > ended.index("compile")
    assert ended[-1] == "uptime"


def test_a_step_whose_need_did_not_hold_is_not_run(shop: Desk) -> None:
    plan = shop.path / "plan.yaml"
    plan.write_text(plan.read_text().replace("coverage 81%", "coverage 18%"))
    ran = shop.run()
    assert ran.code == 1
    assert ran.is_whole().statuses()["last"] == "not_run"
    assert ran.check("last")["reason"].startswith("step services, which it needs, did not hold: measured: ")
    assert "last" not in notes(shop)
    assert ran.statuses()["uptime"] == "passed"


def test_fail_fast_starts_nothing_more_and_still_tears_down(shop: Desk) -> None:
    plan = shop.path / "plan.yaml"
    plan.write_text(plan.read_text().replace('compile, "${version}"', 'compile, "yes"'))
    ran = shop.run("-x")
    assert ran.code == 1
    statuses = ran.is_whole().statuses()
    assert {id for id, status in statuses.items() if status == "not_run"} == {
        "unsteady",
        "up",
        "measured",
        "beside",
        "last",
    }
    assert notes(shop) == ["target-setup", "build-setup", "compile", "build-teardown", "target-teardown"]
    assert "--fail-fast" in ran.check("up")["reason"]


def test_a_tag_selects_and_a_variable_is_set(shop: Desk) -> None:
    shop.write("more.yaml", "broken: 'no'\n")
    ran = shop.run("--tag", "slow", "--vars", "more.yaml", "--set", "broken=yes")
    assert ran.code == 1
    statuses = ran.is_whole().statuses()
    assert statuses.pop("last") == "failed"
    assert set(statuses.values()) == {"not_run"}
    assert notes(shop) == ["target-setup", "last", "target-teardown"]
    assert ran.result["variables"]["broken"] == "yes"
    assert "--set broken=yes --check last" in ran.err


def test_a_setup_that_fails_keeps_its_checks_from_running_and_is_named(desk: Desk) -> None:
    desk.plan(
        """
        steps:
          - id: first
            setup: [[python, -c, "import sys; sys.exit('no database')"]]
            teardown: [[python, -c, "open('down', 'w')"]]
            checks: [{id: a, kind: command, command: [python, -c, ""]}]
          - id: second
            checks: [{id: b, kind: command, command: [python, -c, ""]}]
          - id: third
            needs: [first]
            checks: [{id: c, kind: command, command: [python, -c, ""]}]
        """
    )
    ran = desk.run()
    assert ran.code == 3
    assert ran.is_whole().statuses() == {"a": "not_run", "b": "passed", "c": "not_run"}
    assert "setup of step first: python: exit code 1: no database" in ran.last
    assert "its setup failed" in ran.check("c")["reason"]
    assert (desk.path / "down").exists()


def test_load_on_a_protected_target_needs_a_persons_word(desk: Desk) -> None:
    desk.write("server.py", SERVER)
    desk.plan(
        """
        target:
          processes:
            app:
              command: [python, server.py, "${self.port}"]
              ready: {url: /, within: 20s}
              protected: true
        steps:
          - id: only
            checks: [{id: steady, kind: load, url: /, connections: 1, duration: 300ms}]
            criteria: [steady.success_rate >= 50%]
        """
    )
    refused = desk.run()
    assert refused.code == 2
    assert "--confirm app" in refused.err
    assert not refused.folder.exists()
    assert desk.run("--confirm", "app").code == 0

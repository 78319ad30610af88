"""Checks that end when they are decided: whole runs against a real server, by the table of the docs."""

from __future__ import annotations

import re

import pytest

from tests.pipeline.bench import Desk, Ran
from tests.rules import rules
from tests.servers import Server


def run(desk: Desk, server: Server, check: str, *criteria: str, kind: str = "health") -> Ran:
    desk.plan(
        f"""
        target: {{external: {{it: {{url: "{server.url("/")}"}}}}}}
        steps:
          - id: only
            checks: [{{id: up, kind: {kind}, {check}}}]
            criteria: [{", ".join(criteria)}]
        """
    )
    return desk.run()


SITUATIONS = {
    "the evidence is enough before the cap": (
        "url: /ok, probes: 100000, until: decided",
        ("up.success_rate >= 95%",),
    ),
    "the evidence against it is enough before the cap": (
        "url: /status?code=500, probes: 100000, until: decided",
        ("up.success_rate >= 95%",),
    ),
    "the cap is reached first and the observed value satisfies": (
        "url: /ok, probes: 60, until: decided",
        ("up.success_rate >= 95%",),
    ),
    "the cap is reached first and the observed value violates": (
        "url: /status?code=500, probes: 1, until: decided, at_least: 1",
        ("up.success_rate >= 30%",),
    ),
    "all samples are decided and a number is judged at the end": (
        "url: /ok, probes: 100000, until: decided",
        ("up.success_rate >= 95%", "up.latency.max < 60s"),
    ),
}


@pytest.mark.parametrize("rule", rules("until-decided"), ids=str)
def test_decided_by_the_table_of_the_docs(desk: Desk, server: Server, rule) -> None:
    check, criteria = SITUATIONS[rule.situation]
    ran = run(desk, server, check, *criteria)
    assert (ran.result["verdict"], ran.code) == (rule.verdict, rule.exit_code), ran.err


def test_table_of_the_docs_has_every_situation() -> None:
    assert {rule.situation for rule in rules("until-decided")} == set(SITUATIONS)


def test_a_healthy_service_is_decided_in_a_small_part_of_the_cap(desk: Desk, server: Server) -> None:
    ran = run(desk, server, "url: /ok, probes: 100000, until: decided", "up.success_rate >= 95%")
    criterion = ran.criterion("up.success_rate")
    assert criterion["decided"]["outcome"] == "met"
    assert 74 <= criterion["decided"]["n"] < 20_000
    assert re.search(r"decided after [\d,]+ requests", criterion["message"])
    (note,) = [note for note in ran.check("up")["attempts"][-1]["notes"] if "stopped after" in note]
    assert note.endswith("every criterion on its samples is decided")


def test_at_least_so_many_probes_are_made(desk: Desk, server: Server) -> None:
    check = "url: /ok, probes: 100000, until: decided, at_least: 300"
    assert run(desk, server, check, "up.success_rate >= 50%").criterion("up.success_rate")["n"] >= 300


def test_a_blocking_criterion_decided_against_ends_the_sampling(desk: Desk, server: Server) -> None:
    check = "url: /status?code=500, probes: 100000, until: decided"
    ran = run(desk, server, check, "up.success_rate >= 95%", "up.latency.p95 < 60s")
    assert ran.criterion("up.success_rate")["n"] < 50_000
    assert ran.criterion("up.success_rate")["decided"]["outcome"] == "not_met"


def test_entries_of_each_are_decided_one_by_one(desk: Desk, server: Server) -> None:
    check = (
        "url: '${each}', each: {one: /ok, two: /ok}, probes: 100000, until: decided, "
        "criteria: [success_rate >= 95%]"
    )
    ran = run(desk, server, check)
    assert ran.code == 0
    decided = {item["id"]: item["decided"]["outcome"] for item in ran.result["criteria"]}
    assert decided == {"up/one.success_rate": "met", "up/two.success_rate": "met"}


@pytest.mark.parametrize(
    ("check", "criterion", "says"),
    [
        ("probes: 9, until: decided", "up.success_rate == 100%", "none of its criteria can be decided"),
        ("probes: 9, until: decided", "up.latency.max < 1s", "none of its criteria can be decided"),
        ("until: decided", "up.success_rate >= 95%", "needs probes, the most it may take"),
        ("probes: 9, until: decided, at_least: 10", "up.success_rate >= 95%", "is more than probes (9)"),
        ("probes: 9, at_least: 2", "up.success_rate >= 95%", "at_least goes with until: decided"),
        ("probes: 9, until: soon", "up.success_rate >= 95%", "must be 'decided'"),
        (
            "probes: 9, until: decided, retry: {attempts: 2, on: [error, fail]}",
            "up.success_rate >= 95%",
            "does not go with a retry on failure",
        ),
    ],
)
def test_what_cannot_be_decided_is_an_error_of_the_plan(
    desk: Desk, server: Server, check: str, criterion: str, says: str
) -> None:
    ran = run(desk, server, f"url: /ok, {check}", criterion)
    assert ran.code == 2
    assert says in ran.err


def test_until_decided_does_not_go_with_during(desk: Desk) -> None:
    desk.plan(
        """
        target: {external: {it: {url: "http://127.0.0.1:9"}}}
        steps: [{id: one, checks: [{id: c, kind: command, command: [python, -c, pass]}]}]
        gate:
          checks: [{id: up, kind: health, url: /, during: run, probes: 9, until: decided}]
          criteria: [up.success_rate >= 95%]
        """
    )
    ran = desk.run()
    assert ran.code == 2
    assert "'until: decided' does not go with 'during'" in ran.err


def test_a_cap_that_can_never_decide_is_warned_of(desk: Desk, server: Server) -> None:
    ran = run(desk, server, "url: /ok, probes: 73, until: decided", "up.success_rate >= 95%")
    assert any("74 without a failure would do" in warning for warning in ran.result["warnings"])


CLOSED, OPEN = "connections: 20", "rate: 1000/s"
LATE = "url: '/now-and-then-slow?ms=300', timeout: 20s"
HANGING = "url: '/now-and-then-slow?ms=30000', timeout: 4s"
"""Two in a hundred hang for longer than the check lasts: all that has been answered is good."""
LOADS = {
    "healthy_closed": f"url: /ok, {CLOSED}",
    "healthy_open": f"url: /ok, {OPEN}",
    "late": f"{LATE}, {OPEN}",
    "failing": "url: '/share?every=3', connections: 5, criteria: [success_rate >= 99%, latency.p95 < 60s]",
    "hanging_closed": f"{HANGING}, connections: 200",
    "hanging_open": f"{HANGING}, {OPEN}",
}


@pytest.fixture(scope="module")
def loads(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Ran:
    """One run with every load, each decided within a minute at most."""
    lines = []
    for id, check in LOADS.items():
        criteria = "" if "criteria" in check else ", criteria: [success_rate >= 99%]"
        shared = "kind: load, duration: 1m, until: decided, at_least: 200ms"
        lines.append(f"      - {{id: {id}, {shared}, {check}{criteria}}}\n")
    head = f"target: {{external: {{it: {{url: '{server.url('/')}'}}}}}}\nsteps:\n  - id: all\n    checks:\n"
    desk = Desk(tmp_path_factory.mktemp("loads"))
    desk.plan(head + "".join(lines))
    return desk.run()


@pytest.mark.parametrize("id", ["healthy_closed", "healthy_open"])
def test_load_on_a_healthy_service_is_decided_well_before_the_cap(loads: Ran, id: str) -> None:
    criterion = loads.criterion(f"{id}.success_rate")
    assert (criterion["verdict"], criterion["decided"]["outcome"]) == ("met", "met")
    assert 377 <= criterion["decided"]["n"] <= criterion["n"]
    assert ended_early(loads, id, "every criterion on its samples is decided")


def test_load_on_a_failing_service_is_decided_against_before_the_cap(loads: Ran) -> None:
    criterion = loads.criterion("failing.success_rate")
    assert (criterion["verdict"], criterion["decided"]["outcome"]) == ("not_met", "not_met")
    assert ended_early(loads, "failing", "failing.success_rate is decided: not met")


@pytest.mark.parametrize("id", ["hanging_closed", "hanging_open"])
def test_requests_that_hang_when_a_load_is_decided_are_awaited_and_counted(loads: Ran, id: str) -> None:
    criterion = loads.criterion(f"{id}.success_rate")
    assert criterion["verdict"] == "not_met"
    assert criterion["decided"]["outcome"] == "met", "or nothing was hidden, and nothing is shown"
    assert criterion["decided"]["pending"] > 0
    share = loads.check(id)["attempts"][-1]["measures"]["success_rate"]
    assert share["total"] - share["passed"] > criterion["decided"]["n"] * 0.01


def test_requests_that_are_only_late_when_a_load_is_decided_leave_it_decided(loads: Ran) -> None:
    criterion = loads.criterion("late.success_rate")
    assert (criterion["verdict"], criterion["decided"]["outcome"]) == ("met", "met")
    share = loads.check("late")["attempts"][-1]["measures"]["success_rate"]
    assert share["total"] == share["passed"] >= criterion["decided"]["n"] + 1


def ended_early(ran: Ran, id: str, because: str) -> bool:
    (attempt,) = ran.check(id)["attempts"]
    return any(note.startswith("stopped after") and note.endswith(because) for note in attempt["notes"])


def test_loads_that_cannot_be_decided_are_errors_of_the_plan(desk: Desk) -> None:
    desk.plan(
        """
        target: {external: {it: {url: "http://127.0.0.1:9"}}}
        steps:
          - id: only
            checks:
              - {id: a, kind: load, url: /, connections: 1, duration: 2s, until: decided, at_least: 3s}
              - {id: b, kind: load, url: /, stages: [{rate: 5/s, duration: 500ms}], until: decided}
              - {id: c, kind: load, url: /, connections: 1, at_least: 3s}
              - {id: d, kind: load, url: /, connections: 1, until: soon}
              - {id: e, kind: load, url: /, connections: 1, until: decided, criteria: [latency.max < 1s]}
        """
    )
    ran = desk.run()
    assert ran.code == 2
    for says in (
        "at_least (3 s) is more than the load takes (2 s)",
        "at_least (1 s) is more than the load takes (500 ms)",
        "at_least goes with until: decided; leave it out, or write both",
        "must be 'decided'",
    ):
        assert says in ran.err

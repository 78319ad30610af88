"""Checks that end when they are decided: whole runs against a real server, by the table of the docs."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from tests.pipeline.bench import Desk, Ran
from tests.rules import Rule, rules
from tests.servers import Server

pytestmark = pytest.mark.paced

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
ENTRIES, OWN = "each: {one: /ok, two: /ok}", "criteria: [success_rate >= 95%]"
MORE = {
    "at least so many": (
        "url: /ok, probes: 100000, until: decided, at_least: 300",
        ("up.success_rate >= 50%",),
    ),
    "decided against beside what holds": (
        "url: /status?code=500, probes: 100000, until: decided",
        ("up.success_rate >= 95%", "up.latency.p95 < 60s"),
    ),
    "entries of each": (f"url: '${{each}}', {ENTRIES}, probes: 100000, until: decided, {OWN}", ()),
    "a cap too low": ("url: /ok, probes: 73, until: decided", ("up.success_rate >= 95%",)),
}
NAMES = {situation: f"up-{number}" for number, situation in enumerate({**SITUATIONS, **MORE})}


def plan_of(target: str, checks: Iterable[str], *criteria: str) -> str:
    return (
        f"target: {{external: {{it: {{url: '{target}'}}}}}}\nsteps:\n  - id: only\n    checks:\n"
        + "".join(f"      - {{{check}}}\n" for check in checks)
        + f"    criteria: [{', '.join(criteria)}]\n"
    )


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Ran:
    """One run with a check for each situation, by `NAMES`."""
    desk = Desk(tmp_path_factory.mktemp("probed"))
    asked = {NAMES[situation]: rest for situation, rest in {**SITUATIONS, **MORE}.items()}
    desk.plan(
        plan_of(
            server.url("/"),
            (f"id: {id}, kind: health, {check}" for id, (check, _) in asked.items()),
            *(one.replace("up.", f"{id}.") for id, (_, criteria) in asked.items() for one in criteria),
        )
    )
    return desk.run()


@pytest.mark.parametrize("rule", rules("until-decided"), ids=str)
def test_decided_by_the_table_of_the_docs(probed: Ran, rule: Rule) -> None:
    gate = probed.alone(NAMES[rule.situation])
    assert (gate.verdict, gate.exit_code) == (rule.verdict, rule.exit_code), gate.reason


def test_table_of_the_docs_has_every_situation() -> None:
    assert {rule.situation for rule in rules("until-decided")} == set(SITUATIONS)


def test_a_healthy_service_is_decided_in_a_small_part_of_the_cap(probed: Ran) -> None:
    id = NAMES["the evidence is enough before the cap"]
    criterion = probed.criterion(f"{id}.success_rate")
    assert criterion["decided"]["outcome"] == "met"
    assert 74 <= criterion["decided"]["n"] < 20_000
    assert re.search(r"decided after [\d,]+ requests", criterion["message"])
    (note,) = [note for note in probed.check(id)["attempts"][-1]["notes"] if "stopped after" in note]
    assert note.endswith("every criterion on its samples is decided")


def test_at_least_so_many_probes_are_made(probed: Ran) -> None:
    assert probed.criterion(f"{NAMES['at least so many']}.success_rate")["n"] >= 300


def test_a_blocking_criterion_decided_against_ends_the_sampling(probed: Ran) -> None:
    criterion = probed.criterion(f"{NAMES['decided against beside what holds']}.success_rate")
    assert criterion["n"] < 50_000
    assert criterion["decided"]["outcome"] == "not_met"


def test_entries_of_each_are_decided_one_by_one(probed: Ran) -> None:
    id = NAMES["entries of each"]
    decided = {
        item["id"]: (item["verdict"], item["decided"]["outcome"])
        for item in probed.result["criteria"]
        if item["id"].startswith(f"{id}/")
    }
    assert decided == {f"{id}/{each}.success_rate": ("met", "met") for each in ("one", "two")}


def test_a_cap_that_can_never_decide_is_warned_of(probed: Ran) -> None:
    named = f"criterion '{NAMES['a cap too low']}.success_rate': 73 samples can never meet"
    (warning,) = [warning for warning in probed.result["warnings"] if warning.startswith(named)]
    assert warning.endswith("74 without a failure would be enough")


HEALTH = "kind: health, url: /, criteria: [success_rate >= 95%]"
LOAD = "kind: load, url: /, connections: 1"
WRONG = {
    "kind: health, url: /, probes: 9, until: decided, criteria: [success_rate == 100%]": (
        "none of its criteria can be decided"
    ),
    "kind: health, url: /, probes: 9, until: decided, criteria: [latency.max < 1s]": (
        "none of its criteria can be decided"
    ),
    f"{HEALTH}, until: decided": "needs probes, the most it may take",
    f"{HEALTH}, probes: 9, until: decided, at_least: 10": "at_least (10) is more than probes (9)",
    f"{HEALTH}, probes: 9, at_least: 2": "at_least goes with until: decided; leave it out, or write both",
    f"{HEALTH}, probes: 9, until: soon": "must be 'decided'",
    f"{HEALTH}, probes: 9, until: decided, retry: {{attempts: 2, on: [error, fail]}}": (
        "does not go with a retry on failure"
    ),
    f"{LOAD}, duration: 2s, until: decided, at_least: 3s": (
        "at_least (3 s) is more than the load takes (2 s)"
    ),
    "kind: load, url: /, stages: [{rate: 5/s, duration: 500ms}], until: decided": (
        "at_least (1 s) is more than the load takes (500 ms)"
    ),
    f"{LOAD}, at_least: 3s": "at_least goes with until: decided; leave it out, or write both",
    f"{LOAD}, until: soon": "must be 'decided'",
}
"""What is said of a check that is written so."""


def test_what_cannot_be_decided_is_an_error_of_the_plan(desk: Desk) -> None:
    checks = [f"id: c{number}, {check}" for number, check in enumerate(WRONG)]
    during = "{id: up, kind: health, url: /, during: run, probes: 9, until: decided}"
    written = desk.plan(
        plan_of("http://127.0.0.1:9", checks)
        + f"gate:\n  checks: [{during}]\n  criteria: [up.success_rate >= 95%]\n"
    )
    ran = desk.run()
    assert ran.code == 2
    lines = written.read_text(encoding="utf-8").splitlines()
    wrong = [f"      - {{{check}}}" for check in checks] + [f"  checks: [{during}]"]
    assert [lines[number - 1] for number in ran.errors()] == wrong
    expected = [*WRONG.values(), "'until: decided' does not go with 'during'"]
    for said, says in zip(ran.errors().values(), expected, strict=True):
        assert says in said


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
        lines.append(f"id: {id}, {shared}, {check}{criteria}")
    desk = Desk(tmp_path_factory.mktemp("loads"))
    desk.plan(plan_of(server.url("/"), lines))
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

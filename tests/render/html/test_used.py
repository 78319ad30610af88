"""What services used is drawn on the axis of the load that used it, however many there are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from phasegate.gate.judging import unjudged
from phasegate.kinds.resources.account import StackAccount
from phasegate.model.containers import Container, ContainerState, ContainerUsage, Limits
from phasegate.model.observation import Observation, Series
from phasegate.model.result import (
    AttemptResult,
    AttemptStatus,
    CheckResult,
    CheckStatus,
    CriterionResult,
    PlanCheck,
)
from phasegate.render.html import document
from phasegate.render.html.charts import charts_of, timelines_of
from phasegate.render.html.used import MOST_LINES, service_table
from tests.judged import asked
from tests.samples import START, charts_of_kind, passing_run

MIB = 1 << 20
BORN = datetime(2026, 1, 15, tzinfo=UTC)


def load(*, duration: float = 10.0) -> CheckResult:
    rate = Series(name="rate", unit="/s", points=((0.0, 200.0), (duration - 1, 200.0)))
    return _check("steady", "load", 0.0, duration, timeline=(rate,))


def resources(
    *services: str, later: float = 0.0, looks: int = 11, id: str = "res", limited: bool = True
) -> CheckResult:
    """Looks each second, from `later` after the load on; each service uses less than the one before."""
    account = StackAccount(every=1.0)
    for at in range(looks):
        account.add(float(at), [_used(at, *item, limited) for item in enumerate(services)])
    return _check(
        id,
        "resources",
        later,
        float(looks - 1),
        measures=account.measures(),
        parts=account.parts(),
        timeline=account.timeline(),
    )


def _used(at: int, rank: int, name: str, limited: bool) -> tuple[Container, ContainerUsage]:
    container = Container(
        id=name,
        name=name,
        service=name,
        image="i",
        image_id="i",
        state=ContainerState.RUNNING,
        created=BORN,
        started=BORN,
        limits=Limits(memory=256 * MIB if limited else None),
    )
    share = 1.5 / (1 + rank)
    return container, ContainerUsage(cpu=share * at, memory=int(100 * MIB * share), network_in=0, pids=1)


def _check(id: str, kind: str, later: float, duration: float, **seen: Any) -> CheckResult:
    attempt = AttemptResult(
        observation=Observation(**seen),
        number=1,
        status=AttemptStatus.PASSED,
        started=START + timedelta(seconds=later),
        duration=duration,
    )
    return CheckResult(
        asked=PlanCheck(id=id, kind=kind, step=None, charts=charts_of_kind(kind), is_load=kind == "load"),
        status=CheckStatus.PASSED,
        reason="",
        attempts=(attempt,),
    )


def criterion(text: str, measure: str, part: str = "") -> CriterionResult:
    return unjudged(asked(text))


def test_a_load_shows_what_services_used_meanwhile_on_its_axis() -> None:
    found = charts_of(load(), (), (), [resources("api", "db", later=-5.0, looks=31)])
    assert [chart.title for chart in found] == [
        "Requests and errors over time",
        "CPU of services over time",
        "Memory of services over time",
    ]
    assert len({chart.x_ticks for chart in found}) == 1
    assert [row.time for row in found[1].rows] == ["0", *(f"{second} s" for second in range(1, 11))]
    assert found[1].rows[0].values == ("150%", "75%")
    assert [line.name for line in found[2].lines] == ["api", "db"]
    assert found[2].summary == "api between 150 MiB and 150 MiB; db between 75 MiB and 75 MiB"


def test_of_many_services_those_that_use_most_are_drawn_and_the_others_named() -> None:
    names = [f"service-{number:02}" for number in range(50)]
    found = charts_of(load(), (), (), [resources(*reversed(names))])
    for chart in found[1:]:
        assert [line.name for line in chart.lines] == names[: -MOST_LINES - 1 : -1]
        assert len({line.number for line in chart.lines}) == MOST_LINES
        assert chart.others == tuple(names[-MOST_LINES - 1 :: -1])


def test_limits_of_the_services_drawn_stand_on_the_chart_of_their_measure() -> None:
    limits = [
        criterion("res/api.memory.max < 256MiB", "memory", "api"),
        criterion("res.memory.max < 300MiB", "memory"),
        criterion("res/api.cpu.mean < 80%", "cpu", "api"),
        criterion("res/e.cpu.mean < 80%", "cpu", "e"),
    ]
    _, cpu, memory = charts_of(load(), limits, (), [resources("api", "b", "c", "d", "e")])
    assert [limit.text for limit in memory.limits] == ["api.memory.max < 256MiB"]
    assert [limit.text for limit in cpu.limits] == ["api.cpu.mean < 80%"]


def test_the_check_that_looked_most_often_is_drawn() -> None:
    seldom = resources("api", later=-100.0, looks=103, id="whole")
    (_, cpu, _) = charts_of(load(), (), (), [seldom, resources("api")])
    assert len(cpu.rows) == 10


def test_nothing_is_drawn_of_looks_at_another_time() -> None:
    assert len(charts_of(load(), (), (), [resources("api", later=60.0)])) == 1
    assert len(charts_of(load(), (), (), [replace(resources("api"), attempts=())])) == 1


def test_a_check_of_resources_has_charts_of_its_own_unless_a_load_has_them() -> None:
    beside = resources("api")
    assert charts_of(beside, (), (), [load(), beside]) == ()
    whole = resources("api", later=-20.0, looks=60)
    assert [chart.title for chart in charts_of(whole, (), (), [load(), whole])] == [
        "CPU of services over time",
        "Memory of services over time",
    ]


def test_the_table_has_the_most_of_each_service_and_a_dash_for_what_is_not_known() -> None:
    table = service_table(resources("api", "db", limited=False))
    assert table is not None
    assert table.headers == ("CPU", "memory", "network in", "PIDs")
    assert table.rows == (
        ("api", ("150%", "150 MiB", "0 B/s", "1")),
        ("db", ("75%", "75 MiB", "0 B/s", "1")),
    )
    limited = service_table(resources("api"))
    assert limited is not None
    assert dict(zip(limited.headers, limited.rows[0][1], strict=True))["of limit"] == "58.6%"
    assert service_table(load()) is None
    assert service_table(replace(resources("api"), attempts=())) is None


def test_the_report_names_services_and_stays_short_with_fifty_of_them() -> None:
    run = passing_run()
    steady = next(check for check in run.checks() if check.id == "steady")
    assert steady.last is not None
    later = (steady.last.started - START).total_seconds()
    looker = resources(*(f"service-{number:02}" for number in range(50)), "<b>", later=later)
    run = replace(run, gate_checks=(*run.gate_checks, looker))
    (timeline,) = (one for one in timelines_of(run) if one.check.id == "res")
    assert (timeline.charts, timeline.services is not None) == ((), True)
    page = document.render(run)
    assert "Used less: service-04, service-05" in page
    assert "and 41 more, in the table" in page
    assert "<b>" not in page.partition("What each service used at most")[2].partition("</table>")[0]
    assert (
        page.count("CPU of services over time</figcaption>") + page.count("CPU of services over time <span")
        == 1
    )

"""Charts show what was observed: gaps stay gaps, limits stand where criteria put them."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.gate.judging import unjudged
from phasegate.model.histogram import Histogram
from phasegate.model.measures import Chart, Distribution
from phasegate.model.observation import Observation, Series
from phasegate.model.result import (
    AttemptResult,
    AttemptStatus,
    CheckResult,
    CheckStatus,
    CriterionResult,
    PlanCheck,
    TargetRecord,
)
from phasegate.render.html import charts
from phasegate.render.html.charts import Points, charts_of, quantile_rows, timelines_of
from tests.judged import asked
from tests.samples import START, failing_run, passing_run


def check_with(*series: Series, measures: dict[str, Distribution] | None = None) -> CheckResult:
    attempt = AttemptResult(
        observation=Observation(timeline=series, measures=measures or {}),
        number=1,
        status=AttemptStatus.PASSED,
        started=START,
        duration=1,
    )
    return CheckResult(
        asked=PlanCheck(id="steady", kind="load", step=None, is_load=True),
        status=CheckStatus.PASSED,
        reason="",
        attempts=(attempt,),
    )


def p95(*points: tuple[float, float | None], unit: str = "s") -> Series:
    return Series(name="p95", unit=unit, points=points)


def criterion(required: str, *, subject: str = "steady", part: str = "") -> CriterionResult:
    whole = f"{subject}/{part}" if part else subject
    return unjudged(asked(f"{whole}.latency.p95 {required}", id="c"))


def test_missing_value_is_a_gap_in_the_line() -> None:
    (chart,) = charts_of(check_with(p95((0, 1), (1, 2), (2, None), (3, 1), (4, 2))), ())
    assert chart.lines[0].path.count("M") == 2
    assert chart.rows[2].values == ("-",)


def test_point_between_gaps_is_a_dot() -> None:
    (chart,) = charts_of(check_with(p95((0, None), (1, 2), (2, None), (3, 1), (4, 1))), ())
    assert len(chart.lines[0].dots) == 1


def test_series_without_a_value_gives_no_chart() -> None:
    assert charts_of(check_with(p95((0, None), (1, math.inf), (2, math.nan))), ()) == ()
    assert charts_of(check_with(), ()) == ()


def test_each_unit_has_a_chart_of_its_own() -> None:
    found = charts_of(check_with(p95((0, 1), (1, 1)), p95((0, 5), (1, 5), unit="/s")), ())
    assert [chart.title for chart in found] == ["Duration over time", "Rate over time"]


def test_limit_of_a_criterion_is_drawn_at_its_value() -> None:
    (chart,) = charts_of(check_with(p95((0, 0.05), (1, 0.1))), (criterion("< 100ms"),))
    (limit,) = chart.limits
    assert limit.text == "latency.p95 < 100ms"
    assert limit.at == next(tick.at for tick in chart.y_ticks if tick.text == "100 ms")


def test_limit_far_above_is_named_instead_of_flattening_the_lines() -> None:
    (chart,) = charts_of(check_with(p95((0, 0.001), (1, 0.002))), (criterion("< 100ms"),))
    assert chart.limits == ()
    assert chart.note == "limit latency.p95 < 100ms is above this chart"


@pytest.mark.parametrize(
    "other",
    [
        criterion(">= 95%"),
        criterion("< 100ms", subject="uptime"),
        criterion("< 100ms", part="nodejs"),
        criterion("< 12"),
        criterion("< baseline"),
    ],
)
def test_criterion_about_something_else_draws_no_limit(other: CriterionResult) -> None:
    (chart,) = charts_of(check_with(p95((0, 0.05), (1, 0.1))), (other,))
    assert chart.limits == ()
    assert chart.note == ""


def test_long_series_is_condensed_to_its_highest_durations() -> None:
    points = tuple((float(i), 9.0 if i == 777 else 1.0) for i in range(5_000))
    (chart,) = charts_of(check_with(p95(*points)), ())
    assert chart.lines[0].path.count("L") < charts.MOST_POINTS
    assert chart.note == "each point is the highest of 21 observed"
    assert "9 s" in chart.summary
    top = min(float(pair.split()[1]) for pair in chart.lines[0].path[1:].split("L"))
    assert top == pytest.approx(charts.TOP + (charts.HEIGHT - charts.TOP - charts.BOTTOM) * 0.1, abs=0.2)


numbers = st.floats(min_value=0, max_value=1e9, allow_nan=False)


@given(
    st.lists(st.tuples(numbers, st.none() | numbers), min_size=1, max_size=40),
    st.sampled_from(["s", "/s", ""]),
)
def test_everything_drawn_is_inside_the_chart(points: list[tuple[float, float | None]], unit: str) -> None:
    series: Points = tuple(sorted(points, key=lambda point: point[0]))
    for chart in charts_of(check_with(p95(*series, unit=unit), p95(*series, unit=unit)), ()):
        pairs = [
            pair.split()
            for line in chart.lines
            for piece in line.path.split("M")
            for pair in piece.split("L")
            if pair
        ]
        for x, y in pairs:
            assert charts.LEFT <= float(x) <= charts.WIDTH - charts.RIGHT
            assert charts.TOP <= float(y) <= charts.HEIGHT - charts.BOTTOM
        places = sorted(line.label_at for line in chart.lines)
        assert all(
            later - earlier >= charts.LABEL_HEIGHT - 0.1 for earlier, later in itertools.pairwise(places)
        )


def test_quantile_among_failed_requests_reads_failed_and_the_good_ones_stand_beside_it() -> None:
    measure = Distribution(good=Histogram.of_seconds([0.01] * 90), failed=10)
    every, good = quantile_rows(check_with(measures={"latency": measure}))
    assert (every.of, every.n, every.failed) == ("all requests", 100, 10)
    assert every.cells == ("10 ms", "10 ms", "failed", "failed", "failed", "failed")
    assert (good.of, good.n, good.failed) == ("good ones only", 90, 0)
    assert set(good.cells) == {"10 ms"}


def test_refused_connections_alone_give_no_number_at_all() -> None:
    (row,) = quantile_rows(check_with(measures={"latency": Distribution(good=Histogram(), failed=5)}))
    assert set(row.cells) == {"failed"}


def test_checks_that_did_not_run_have_no_timeline() -> None:
    run = passing_run()
    idle = CheckResult(
        asked=PlanCheck(id="idle", kind="load", step=None),
    )
    assert timelines_of(replace(run, steps=(), gate_checks=(idle,))) == ()


def test_load_check_of_a_failing_run_shows_limit_causes_and_gap() -> None:
    steady = next(item for item in timelines_of(failing_run()) if item.check.id == "steady")
    assert steady.charts[0].limits[0].text == "latency.p95 < 100ms"
    assert steady.causes == (("no answer within 30 s", 122), ("connection refused", 38))


def used(*points: tuple[float, float | None], later: float = 0.0, **fields: str) -> TargetRecord:
    """A process whose memory and processor time took these values, sampled from `later` seconds on."""
    return TargetRecord(
        **{"id": "web", "kind": "process"} | fields,
        timeline=tuple(Series(name=name, unit="", points=points) for name in ("cpu", "memory", "threads")),
        sampled_from=START + timedelta(seconds=later),
    )


def test_a_measure_says_which_series_it_is_drawn_by_and_criteria_on_it_set_the_limits() -> None:
    depth, wait = (Chart(title=f"{name} of the queue", series=(name,)) for name in ("depth", "wait"))
    check = replace(
        check_with(*(replace(p95((0, 1), (1, 3)), name=name) for name in ("depth", "wait", "other"))),
        asked=replace(
            check_with(
                *(replace(p95((0, 1), (1, 3)), name=name) for name in ("depth", "wait", "other"))
            ).asked,
            charts={"deepest": depth, "latency": wait},
        ),
    )
    found = charts_of(check, [criterion("< 5s"), unjudged(asked("steady.deepest.p95 < 4s"))])
    assert [(chart.title, [line.name for line in chart.lines]) for chart in found] == [
        ("depth of the queue", ["depth"]),
        ("wait of the queue", ["wait"]),
        ("Duration over time", ["other"]),
    ]
    assert [[limit.text.split()[-1] for limit in chart.limits] for chart in found] == [["4s"], ["5s"], []]
    assert len({chart.anchor for chart in found}) == 3


def test_each_entry_of_a_check_has_its_lines_in_the_chart_of_the_measure() -> None:
    series = [replace(p95((0, 1), (1, 3)), name=name) for name in ("node depth", "python depth")]
    charts = {"deepest": Chart(title="Depth", series=("depth",))}
    (chart,) = charts_of(
        replace(check_with(*series), asked=replace(check_with(*series).asked, charts=charts)), ()
    )
    assert (chart.title, len(chart.lines)) == ("Depth", 2)


def test_a_load_shows_the_target_meanwhile_on_the_same_time_axis() -> None:
    record = used((0.0, 0.1), (0.5, 0.2), (2.0, 0.3), (3.5, 0.4), later=-0.5)
    check = check_with(p95((0, 0.1), (1, 0.2)), p95((0, 5), (1, 5), unit="/s"))
    attempt = replace(check.attempts[0], duration=2.0)
    found = charts_of(replace(check, attempts=(attempt,)), (), (record,))
    assert [chart.title for chart in found] == [
        "Duration over time",
        "Rate over time",
        "CPU of the target over time",
        "Memory of the target over time",
    ]
    assert len({chart.x_ticks for chart in found}) == 1
    assert [row.time for row in found[2].rows] == ["0", "1.5 s"]
    assert found[2].rows[1].at > found[0].rows[1].at
    assert "100% is one core" in found[2].note
    assert found[2].summary == "web between 20% and 30%"


def test_each_process_has_a_line_and_limits_are_those_of_its_measure() -> None:
    records = (used((0.0, 0.5), (0.5, 0.6)), used((0.0, 0.1), (0.5, 0.2), id="db"))
    limits = [
        unjudged(asked(f"{name} < 80%"))
        for measure, name in (("cpu", "target/web.cpu.max"), ("memory", "target/web.memory.max"))
    ]
    cpu = charts_of(check_with(p95((0, 1), (1, 1))), limits, records)[1]
    assert [line.name for line in cpu.lines] == ["web", "db"]
    assert [limit.text for limit in cpu.limits] == ["web.cpu.max < 80%"]


def test_the_target_is_drawn_under_loads_only_and_where_it_was_sampled_meanwhile() -> None:
    load = check_with(p95((0, 1), (1, 1)))
    assert (
        len(charts_of(replace(load, asked=replace(load.asked, is_load=False)), (), (used((0.0, 0.5)),))) == 1
    )
    assert len(charts_of(load, (), (used((0.0, 0.5), later=60),))) == 1
    assert len(charts_of(load, (), (TargetRecord(id="docs", kind="external"),))) == 1
    assert len(charts_of(load, (), (used((0.0, None), (0.5, math.inf)),))) == 1

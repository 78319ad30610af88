"""Whatever is loosened is reported, and nothing is where nothing changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from phasegate.comparison.change import Direction
from phasegate.comparison.compare import compare
from phasegate.comparison.criteria import within
from phasegate.comparison.side import Side
from phasegate.gate.criterion import parse_criterion
from tests.comparison.plans import plan, sides
from tests.examples import examples

calm = settings(
    deadline=None, max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@dataclass(frozen=True)
class Asked:
    """What one plan asks; each field a larger value of which asks less is marked so in `LESS`."""

    limit: int
    share: int
    """Per mille."""
    confidence: int
    probes: int
    allow_skipped: int
    rate: int
    duration: int
    over: int
    attempts: int

    @property
    def text(self) -> str:
        return plan(
            f"{{id: up, kind: health, url: /, probes: {self.probes},"
            f" retry: {{attempts: {self.attempts}, on: [error, fail]}}}}",
            f"{{id: unit, kind: command, command: [make], results: r.xml,"
            f" allow_skipped: {self.allow_skipped}}}",
            f"{{id: steady, kind: load, url: /, rate: {self.rate}/s, duration: {self.duration}s}}",
            criteria=(
                f"{{criterion: steady.latency.p95 < {self.limit}ms, over: {self.over}s}}",
                f"up.success_rate >= {self.share / 10}%",
            ),
            rest=f"confidence: {self.confidence}%\n",
        )


LESS = ("limit", "allow_skipped", "attempts")
ITEMS = {
    "limit": "criterion steady.latency.p95 threshold",
    "share": "criterion up.success_rate threshold",
    "confidence": "criterion up.success_rate confidence",
    "probes": "check up probes",
    "allow_skipped": "check unit allow_skipped",
    "rate": "check steady rate",
    "duration": "check steady duration",
    "over": "criterion steady.latency.p95 over",
    "attempts": "check up attempts on failure",
}
ASKED = st.builds(
    Asked,
    limit=st.integers(1, 500),
    share=st.integers(1, 999),
    confidence=st.integers(50, 99),
    probes=st.integers(1, 5000),
    allow_skipped=st.integers(0, 5),
    rate=st.integers(1, 500),
    duration=st.integers(1, 60),
    over=st.integers(1, 20),
    attempts=st.integers(1, 5),
)


def weaker(tmp_path: Path, before: Asked, after: Asked) -> set[str]:
    found = compare(sides(tmp_path, before.text)[""], sides(tmp_path, after.text)[""])
    return {change.item for change in found if change.direction is Direction.WEAKER}


@calm
@given(before=ASKED, after=ASKED)
def test_exactly_what_asks_less_is_weaker(tmp_path: Path, before: Asked, after: Asked) -> None:
    wanted = set()
    for name, item in ITEMS.items():
        old, new = getattr(before, name), getattr(after, name)
        if (new > old) if name in LESS else (new < old):
            wanted.add(item)
    found = weaker(tmp_path, before, after)
    assert found - {"criterion steady.latency.p95 confidence", *_defaults(before, after)} == wanted


def _defaults(before: Asked, after: Asked) -> set[str]:
    """Criteria that the kinds bring take the plan's confidence too."""
    return {"criterion steady.success_rate confidence"} if after.confidence < before.confidence else set()


@calm
@given(asked=ASKED)
def test_the_same_plan_has_no_changes(tmp_path: Path, asked: Asked) -> None:
    assert compare(sides(tmp_path, asked.text)[""], sides(tmp_path, asked.text)[""]) == ()


WRITTEN = ("<", "<=", ">", ">=", "==", "!=")
OPERATORS = st.sampled_from(WRITTEN)
THRESHOLDS = st.integers(1, 4)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Side:
    check = "{id: c, kind: command, command: [make], measures: {n: {regex: 'n=(\\d+)'}}}"
    return sides(tmp_path_factory.mktemp("counted"), plan(check, criteria=("c.n < 1",)))[""]


def with_criterion(side: Side, text: str) -> Side:
    criterion = parse_criterion(text)
    changed = tuple(
        replace(one, criterion=criterion) if one.criterion.measure == "n" else one
        for one in side.plan.criteria
    )
    return Side(plan=replace(side.plan, criteria=changed))


@given(one=st.tuples(OPERATORS, THRESHOLDS), other=st.tuples(OPERATORS, THRESHOLDS))
def test_a_criterion_that_differs_is_reported_one_way_or_the_other(
    counted: Side, one: tuple[str, int], other: tuple[str, int]
) -> None:
    assume(one != other)
    a, b = (with_criterion(counted, f"c.n {op} {limit}") for op, limit in (one, other))
    there, back = compare(a, b), compare(b, a)
    assert there or back
    assert Direction.WEAKER in {change.direction for change in (*there, *back)}


def test_what_is_within_lets_nothing_more_through() -> None:
    every = [parse_criterion(f"c.n {op} {limit}") for op in WRITTEN for limit in (1, 2, 3)]
    values = (0, 1, 1.5, 2, 2.5, 3, 4)
    pairs = [(narrow, wide) for narrow in every for wide in every if within(narrow, wide, None)]
    assert len(pairs) > 3 * len(every)
    for narrow, wide in pairs:
        for value in values:
            if narrow.op.holds(value, narrow.quantity.value):
                assert wide.op.holds(value, wide.quantity.value), (narrow, wide, value)

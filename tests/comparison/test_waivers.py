from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phasegate.comparison import waivers
from phasegate.comparison.side import Side
from phasegate.kinds import KINDS
from phasegate.model.waiver import CasePattern, Waiver
from phasegate.plan.loader import load
from tests.comparison.plans import changes, plan, said

TODAY = datetime.now(UTC).date()
SOON, LATER = TODAY + timedelta(days=20), TODAY + timedelta(days=40)
CHECK = "{id: unit, kind: command, command: [make], results: r.xml}"
PLAN = plan(CHECK, rest="waivers: waivers.yaml\n")


def file(covers: str, expires: object = SOON, ticket: str = "T-1") -> dict[str, str]:
    text = (
        "waivers: 1\nentries:\n"
        f"  - {{id: w, covers: [{covers}], ticket: {ticket}, expires: {expires}, "
        "owner: a, approver: b, reason: r}\n"
    )
    return {"waivers.yaml": text}


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (file("unit/a"), file("unit/a, unit/b"), "weaker: waiver w covers unit/b: not covered -> covered"),
        (file("unit/a, unit/b"), file("unit/a"), "stronger: waiver w covers unit/b: covered -> no more"),
        (
            file("{pattern: unit/a*, max: 2}"),
            file("{pattern: unit/a*, max: 3}"),
            "weaker: waiver w covers pattern unit/a*: at most 2 -> at most 3",
        ),
        (file("unit/a"), file("unit/a", LATER), f"weaker: waiver w expires: {SOON} -> {LATER}"),
        (file("unit/a", LATER), file("unit/a"), f"stronger: waiver w expires: {LATER} -> {SOON}"),
        (file("unit/a"), file("unit/a", ticket="T-2"), "changed: waiver w ticket: T-1 -> T-2"),
        (
            file("unit/a"),
            file("unit/a, unit.pass_rate"),
            "weaker: waiver w covers unit.pass_rate: not covered -> covered",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_became_of_a_waiver_is_said_in_a_line(
    before: dict[str, str], after: dict[str, str], wanted: str, tmp_path: Path
) -> None:
    assert said(changes(tmp_path, PLAN, PLAN, before, after)) == [wanted]


def test_a_new_waiver_is_weaker_and_one_less_is_stronger(tmp_path: Path) -> None:
    (new,) = changes(tmp_path, plan(CHECK), PLAN, file("unit/a"))
    assert said((new,)) == [f"weaker: waiver w: not there -> unit/a until {SOON}"]
    assert new.source == "waivers.yaml:3"
    (gone,) = changes(tmp_path, PLAN, plan(CHECK), file("unit/a"))
    assert said((gone,)) == [f"stronger: waiver w: unit/a until {SOON} -> removed"]


def test_more_days_for_waivers_are_weaker(tmp_path: Path) -> None:
    longer = plan(CHECK, rest="waivers: {file: waivers.yaml, days: 120}\n")
    assert said(changes(tmp_path, PLAN, longer, file("unit/a"))) == ["weaker: waivers days: 90 -> 120"]


NAMES = st.sampled_from(["unit/a", "unit/b", "unit.pass_rate"])
WAIVERS = st.builds(
    lambda criteria, cases, patterns, days: Waiver(
        id="w",
        criteria=tuple(sorted(criteria)),
        cases=tuple(("unit", case) for case in sorted(cases)),
        patterns=tuple(CasePattern(check="unit", glob=glob, most=most) for glob, most in patterns.items()),
        owner="a",
        approver="b",
        reason="r",
        ticket="t",
        expires=TODAY + timedelta(days=days),
        days_left=days,
    ),
    st.sets(st.sampled_from(["unit.pass_rate", "run.failed"])),
    st.sets(st.sampled_from(["a", "b", "c"])),
    st.dictionaries(st.sampled_from(["x*", "y*"]), st.integers(1, 5)),
    st.integers(0, 60),
)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Side:
    path = tmp_path_factory.mktemp("bare") / "plan.yaml"
    path.write_text(plan(CHECK))
    return Side(plan=load(path, kinds=KINDS, env={}).plan)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(before=WAIVERS, after=WAIVERS)
def test_widening_is_always_reported(bare: Side, before: Waiver, after: Waiver) -> None:
    from dataclasses import replace

    old, new = (Side(plan=replace(bare.plan, waivers=(waiver,))) for waiver in (before, after))
    most = {pattern.glob: pattern.most for pattern in before.patterns}
    wider = (
        after.expires > before.expires
        or not set(after.criteria) <= set(before.criteria)
        or not set(after.cases) <= set(before.cases)
        or any(pattern.most > most.get(pattern.glob, 0) for pattern in after.patterns)
    )
    found = [change.direction for change in waivers.changes(old, new)]
    assert ("weaker" in found) is wider

"""Waivers as a plan names them; what is wrong with a file of them is in `bad/`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from phasegate.base.errors import PlanError
from phasegate.model.waiver import CasePattern
from phasegate.render.sentences import sentence
from tests.plan.conftest import HEAD, Load

TODAY = date(2026, 3, 10)
STEPS = """\
steps:
  - id: one
    checks:
      - {id: up, kind: probe, url: /health, each: {x: /x}, criteria: [success_rate == 100%]}
      - {id: cases, kind: suite, suite: suite.yaml}
    criteria: [{criterion: cases/b.pass_rate == 100%, id: b-holds}]
"""
SUITE = "suite: 1\nflows: [{id: b, url: /, expect: {status: 200}}]\n"


def waivers(*covers: str, expires: object = "2026-03-20") -> dict[str, str]:
    listed = ", ".join(covers)
    entry = f"{{id: w, covers: [{listed}], owner: a, approver: b, reason: c, ticket: 1, expires: {expires}}}"
    return {"waivers.yaml": f"waivers: 1\nx-note: 1\nentries: [{entry}]\n", "suite.yaml": SUITE}


def test_what_is_covered_is_told_apart(load_text: Load) -> None:
    covers = (
        "b-holds",
        "up/x.success_rate",
        "cases.pass_rate",
        "cases/b.pass",
        '{pattern: "cases/b/*", max: 2}',
    )
    plan = load_text(HEAD + "waivers: waivers.yaml\n" + STEPS, files=waivers(*covers), today=TODAY).plan
    (one,) = plan.waivers
    assert one.criteria == ("b-holds", "up/x.success_rate", "cases.pass_rate")
    assert one.cases == (("cases", "b.pass"),)
    assert one.patterns == (CasePattern(check="cases", glob="b/*", most=2),)
    assert (one.ticket, one.days_left, one.expires) == ("1", 10, date(2026, 3, 20))
    assert one.source.endswith("waivers.yaml:3")
    assert [file.path.rpartition("/")[2] for file in plan.record.files] == ["suite.yaml", "waivers.yaml"]


@pytest.mark.parametrize(("days", "fits"), [(89, True), (90, True), (91, False)])
def test_a_waiver_ends_at_most_ninety_days_ahead(load_text: Load, days: int, fits: bool) -> None:
    files = waivers("b-holds", expires=TODAY + timedelta(days=days))
    text = HEAD + "waivers: waivers.yaml\n" + STEPS
    if fits:
        assert load_text(text, files=files, today=TODAY).plan.waivers[0].days_left == days
    else:
        with pytest.raises(PlanError, match="1 problem"):
            load_text(text, files=files, today=TODAY)


def test_a_policy_can_allow_fewer_days_than_the_plan(load_text: Load, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("policy: 1\nwaiver_days: 60\n")
    text = HEAD + "waivers: {file: waivers.yaml, days: 120}\n" + STEPS
    fits, too_long = (waivers("b-holds", expires=TODAY + timedelta(days=days)) for days in (60, 61))
    assert load_text(text, files=fits, today=TODAY, policy=policy).plan.waivers[0].days_left == 60
    with pytest.raises(PlanError) as raised:
        load_text(text, files=too_long, today=TODAY, policy=policy)
    (problem,) = raised.value.problems
    assert sentence(problem.message).startswith(
        "waiver 'w' ends in 61 days, which is more than the policy's 60 ("
    )
    assert sentence(problem.message).endswith("policy.yaml:2)")
    assert problem.at is not None
    assert problem.at.file.endswith("waivers.yaml")


def test_the_plan_can_allow_more_days(load_text: Load) -> None:
    files = waivers("b-holds", expires=TODAY + timedelta(days=120))
    plan = load_text(
        HEAD + "waivers: {file: waivers.yaml, days: 120}\n" + STEPS, files=files, today=TODAY
    ).plan
    assert (plan.waiver_days, plan.waivers[0].days_left) == (120, 120)


@pytest.mark.parametrize(
    ("days", "warning"),
    [
        (-1, "waiver 'w' expired on 2026-03-09, so it covers nothing"),
        (0, "waiver 'w' expires today, on 2026-03-10"),
        (14, "waiver 'w' expires on 2026-03-24, in 14 days"),
        (15, None),
    ],
)
def test_one_that_has_ended_or_soon_will_is_warned_of(
    load_text: Load, days: int, warning: str | None
) -> None:
    files = waivers("b-holds", expires=TODAY + timedelta(days=days))
    loaded = load_text(HEAD + "waivers: waivers.yaml\n" + STEPS, files=files, today=TODAY)
    assert [sentence(one.message) for one in loaded.warnings] == ([] if warning is None else [warning])


def test_the_day_is_the_real_one_unless_another_is_given(load_text: Load) -> None:
    files = waivers("b-holds", expires=datetime.now(UTC).date() + timedelta(days=40))
    plan = load_text(HEAD + "waivers: waivers.yaml\n" + STEPS, files=files).plan
    assert plan.waivers[0].days_left in (39, 40)  # midnight may have passed


@pytest.mark.parametrize("written", ["[]", "12", "''", "true"])
def test_the_key_names_a_file(load_text: Load, written: str) -> None:
    with pytest.raises(PlanError) as raised:
        load_text(HEAD + f"waivers: {written}\n" + STEPS, files={"suite.yaml": SUITE})
    assert "'waivers' names a file" in sentence(raised.value.problems[0].message)


@pytest.mark.parametrize(
    "content", ["", "- 1\n", "entries: []\n", "waivers: 2\nentries: []\n", "waivers: [\n"]
)
def test_a_file_that_is_none_of_waivers_is_refused(load_text: Load, content: str) -> None:
    files = {"waivers.yaml": content, "suite.yaml": SUITE}
    with pytest.raises(PlanError) as raised:
        load_text(HEAD + "waivers: waivers.yaml\n" + STEPS, files=files)
    assert all(problem.at and problem.at.file.endswith("waivers.yaml") for problem in raised.value.problems)


def test_an_empty_file_of_waivers_has_none(load_text: Load) -> None:
    files = {"waivers.yaml": "waivers: 1\nentries: []\n", "suite.yaml": SUITE}
    assert load_text(HEAD + "waivers: waivers.yaml\n" + STEPS, files=files).plan.waivers == ()

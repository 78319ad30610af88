"""Judging a record again: what its measures do not carry is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from phasegate.gate.rejudging import rejudge
from phasegate.model.histogram import Histogram
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Distribution, Gauge, Measure, Number, Share
from phasegate.model.observation import Case, CaseStatus
from phasegate.model.result import (
    AttemptResult,
    AttemptStatus,
    BaselineRecord,
    CheckResult,
    CheckStatus,
    CriterionResult,
    RunResult,
    StepResult,
    TargetRecord,
    Verdict,
    WaiverResult,
    WaiverState,
)
from phasegate.units import Dimension
from tests.samples import START, passing_run

MET, NOT_MET, UNPROVEN = CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN


def sample(passed: int, total: int, span: float = 10.0) -> Share:
    return Share(passed=passed, total=total, sample=True, span=span)


def census(passed: int, total: int, skipped: int = 0) -> Share:
    return Share(passed=passed, total=total, sample=False, skipped=skipped)


def fast(n: int) -> Distribution:
    return Distribution(good=Histogram.of_seconds([0.01] * n), span=10.0)


def criterion(expression: str, verdict: CriterionVerdict = MET, **changes: object) -> CriterionResult:
    made = CriterionResult(
        id="it", expression=expression, subject="c", measure="rate", verdict=verdict, asked=0.95
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def run_of(
    item: CriterionResult,
    measure: Measure | None = None,
    *,
    part: str = "",
    status: CheckStatus = CheckStatus.PASSED,
    allow_skipped: int = 0,
) -> RunResult:
    """A run of one check that saw one measure, and claims what its criterion claims."""
    measures = {} if measure is None else {item.measure: measure}
    attempt = AttemptResult(
        number=1,
        status=AttemptStatus.PASSED,
        started=START,
        duration=1.0,
        measures={} if part else measures,
        parts={part: measures} if part else {},
    )
    check = CheckResult(
        id="c", kind="api", step="s", status=status, attempts=(attempt,), allow_skipped=allow_skipped
    )
    verdicts = {MET: (Verdict.PASS, 0), NOT_MET: (Verdict.FAIL, 1), UNPROVEN: (Verdict.INCONCLUSIVE, 3)}
    verdict, code = verdicts.get(item.verdict, (Verdict.INCONCLUSIVE, 3))
    return replace(
        passing_run(),
        verdict=verdict,
        exit_code=code,
        finished=datetime(2026, 1, 1, tzinfo=UTC),
        criteria=(item,),
        steps=(StepResult(id="s", checks=(check,)),),
        gate_checks=(),
        target=(TargetRecord(id="web", kind="process", measures={"memory": gauge(90)}),),
    )


def gauge(most: float) -> Gauge:
    return Gauge(samples=5, minimum=1, maximum=most, mean=most / 2, dimension=Dimension.SIZE)


@pytest.mark.parametrize(
    ("item", "measure", "more"),
    [
        (criterion("c.rate >= 95%"), sample(100, 100), {}),
        (criterion("rate >= 95%"), sample(100, 100), {}),
        (criterion("c.rate >= 95%", UNPROVEN), sample(20, 20), {}),
        (criterion("c.rate >= 95%", NOT_MET), sample(9, 10), {}),
        (criterion("c.rate >= 95%", asked=None), sample(20, 20), {}),
        (criterion("c.rate == 100%"), sample(3, 3), {}),
        (criterion("c.rate >= 95%", UNPROVEN, over=60.0), sample(100, 100), {}),
        (criterion("c.rate == 100%"), census(7, 7), {}),
        (criterion("c.rate == 100%", UNPROVEN), census(6, 7, skipped=1), {}),
        (criterion("c.rate == 100%"), census(6, 7, skipped=1), {"allow_skipped": 1}),
        (criterion("rate == 100%", part="a/b.c"), census(7, 7), {"part": "a/b.c"}),
        (criterion("c/a/b.c.rate == 100%", part="a/b.c"), census(7, 7), {"part": "a/b.c"}),
        (criterion("c.latency.p95 < 100ms", measure="latency"), fast(100), {}),
        (criterion("latency.p95 < 100ms", UNPROVEN, measure="latency"), fast(10), {}),
        (criterion("c.rate >= 12"), Number(value=12.0), {}),
        (criterion("c.rate >= 12", UNPROVEN), None, {}),
        (criterion("c.rate >= 12", UNPROVEN), Number(value=12.0), {"status": CheckStatus.ERRORED}),
        (criterion("target/web.memory.max < 100B", subject="target/web", measure="memory"), None, {}),
    ],
)
def test_what_the_measures_carry_stands_and_nothing_better(
    item: CriterionResult, measure: Measure | None, more: dict
) -> None:
    assert rejudge(run_of(item, measure, **more)).contradictions == ()
    assert rejudge(run_of(item, measure, **more)).judged == 1
    for other in {MET, NOT_MET, UNPROVEN} - {item.verdict}:
        claimed = rejudge(run_of(replace(item, verdict=other), measure, **more))
        assert claimed.contradictions[0].startswith(f"it is {other.replace('_', ' ')} in the record, and its")


def test_of_a_waived_criterion_the_real_verdict_is_judged() -> None:
    item = criterion("c.rate == 100%", CriterionVerdict.WAIVED, unwaived=NOT_MET, waivers=("w",))
    waived = replace(run_of(item, census(6, 7)), waivers=(waiver(),))
    assert rejudge(waived).contradictions == ()
    (found,) = rejudge(replace(run_of(item, census(7, 7)), waivers=(waiver(),))).contradictions
    assert found == "it is not met in the record, and its measures make it met"


NONE_PASSED = "it is waived in the record, and no case that is not waived passed"


def waiver(**changes: object) -> WaiverResult:
    made = WaiverResult(
        id="w",
        covers=("it",),
        owner="Ann",
        approver="Bob",
        reason="known",
        ticket="T-1",
        expires=START.date(),
        days_left=0,
        state=WaiverState.USED,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("unwaived", "recorded", "says"),
    [
        (None, waiver(), "does not say what it is without a waiver"),
        (MET, waiver(), "does not say what it is without a waiver"),
        (NOT_MET, waiver(covers=("other",)), "no waiver that was in force covers it"),
        (NOT_MET, waiver(covers=("d/a",), cases=("d/a",)), "no waiver that was in force covers it"),
        (NOT_MET, waiver(id="another"), "no waiver that was in force covers it"),
        (NOT_MET, waiver(expires=START.date() - timedelta(days=1)), "no waiver that was in force covers it"),
        (NOT_MET, waiver(covers=("c/a",), cases=("c/a",)), ""),
    ],
)
def test_what_no_waiver_covers_was_never_waived(
    unwaived: CriterionVerdict | None, recorded: WaiverResult, says: str
) -> None:
    item = criterion("c.rate == 100%", CriterionVerdict.WAIVED, unwaived=unwaived, waivers=("w",))
    measure = census(7, 7) if unwaived is MET else census(6, 7)
    found = rejudge(replace(run_of(item, measure), waivers=(recorded,))).contradictions
    assert found == ((f"it is waived in the record, and {says}",) if says else ())


@pytest.mark.parametrize(("status", "says"), [(CaseStatus.PASSED, ""), (CaseStatus.SKIPPED, NONE_PASSED)])
def test_the_rest_of_a_waived_suite_is_looked_for_in_the_record(status: CaseStatus, says: str) -> None:
    item = criterion(
        "c.rate == 100%", CriterionVerdict.WAIVED, unwaived=NOT_MET, waivers=("w",), rest="100% (6 of 6)"
    )
    run = run_of(item, census(6, 7))
    check = run.steps[0].checks[0]
    attempt = replace(check.attempts[0], cases=(Case(id="b", name="b", status=status),))
    run = replace(run, steps=(StepResult(id="s", checks=(replace(check, attempts=(attempt,)),)),))
    held = replace(run, waivers=(waiver(covers=("c/a",), cases=("c/a",)),))
    assert rejudge(held).contradictions == ((says,) if says else ())


@pytest.mark.parametrize(("typical", "verdict"), [(0.01, MET), (0.005, NOT_MET)])
def test_a_baseline_is_held_against_as_recorded(typical: float, verdict: CriterionVerdict) -> None:
    item = criterion("c.latency.p95 <= baseline * 1.20", verdict, measure="latency")
    before = Distribution(good=Histogram.of_seconds([typical] * 2000), span=10.0)
    record = BaselineRecord(path="old", run="r", file="result.json", sha256="", measures={item.id: before})
    held = replace(run_of(item, fast(2000)), baselines=(record,))
    assert rejudge(held).contradictions == ()
    assert rejudge(replace(held, baselines=())).contradictions[0].endswith("make it unproven")


def test_what_the_checks_come_to_is_counted_again() -> None:
    item = criterion("run.passed >= 1", subject="run", measure="passed", required=">= 1")
    assert rejudge(run_of(item)).contradictions == ()
    (found,) = rejudge(run_of(replace(item, expression="run.passed >= 12"))).contradictions
    assert found == "it is met in the record, and its measures make it not met"


def test_a_sample_that_could_end_early_needs_more() -> None:
    """Bounds that hold whenever one looks ask for more than those of a fixed sample."""
    item = criterion("c.rate >= 95%")
    early = replace(run_of(item, sample(60, 60)).steps[0].checks[0], until_decided=True)
    run = replace(run_of(item, sample(60, 60)), steps=(StepResult(id="s", checks=(early,)),))
    assert rejudge(run).contradictions == ("it is met in the record, and its measures make it unproven",)


def test_less_evidence_than_was_judged_is_found() -> None:
    item = criterion("c.rate >= 95%")
    assert rejudge(run_of(item, sample(59, 59))).contradictions == ()
    (found,) = rejudge(run_of(item, sample(58, 58))).contradictions
    assert found == "it is met in the record, and its measures make it unproven"


@pytest.mark.parametrize(
    "item",
    [
        criterion("c.rate >= 95%", subject="d"),
        criterion("gone.rate >= 95%", subject="gone"),
        criterion("nonsense"),
    ],
)
def test_what_the_record_cannot_carry_is_named_and_not_guessed(item: CriterionResult) -> None:
    found = rejudge(run_of(item, sample(100, 100)))
    assert (found.judged, found.left_out) == (0, ("it",))
    assert found.contradictions == ("it is met, and the record has nothing it speaks of",)


def test_what_no_pass_rests_on_is_only_named() -> None:
    found = rejudge(run_of(criterion("c.rate >= 95%", UNPROVEN, subject="d")))
    assert (found.left_out, found.contradictions) == (("it",), ())


@pytest.mark.parametrize(
    ("item", "real"),
    [
        (criterion("run.duration < 9s", subject="run", measure="duration"), NOT_MET),
        (criterion("run.checks[load] >= 1", subject="run", measure="checks", part="load"), UNPROVEN),
    ],
)
def test_how_long_a_run_took_and_what_had_to_run_is_judged_again(item: CriterionResult, real: str) -> None:
    run = replace(run_of(item), verdict=Verdict.PASS, exit_code=0)
    found = rejudge(run).contradictions
    assert f"it is met in the record, and its measures make it {real.replace('_', ' ')}" in found


@pytest.mark.parametrize(
    ("claimed", "code", "says"),
    [
        (Verdict.PASS, 0, "the record says PASS, and its criteria FAIL"),
        (Verdict.INCONCLUSIVE, 3, "the record says INCONCLUSIVE, and its criteria FAIL"),
        (Verdict.INCONCLUSIVE, 130, ""),
        (Verdict.FAIL, 1, ""),
        (Verdict.FAIL, 70, ""),
    ],
)
def test_the_verdict_of_the_run_is_held_against_its_criteria(claimed: Verdict, code: int, says: str) -> None:
    run = run_of(criterion("c.rate >= 95%", NOT_MET), sample(9, 10))
    found = rejudge(replace(run, verdict=claimed, exit_code=code)).contradictions
    assert [text.startswith(says) for text in found] == ([True] if says else [])

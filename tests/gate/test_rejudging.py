"""Judging a record again: what its measures do not carry is found."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phasegate.base.facts import Code, Fact, Figure, fact
from phasegate.base.units import Dimension, Quantity
from phasegate.gate.aggregates import required_kind
from phasegate.gate.judging import Judges
from phasegate.gate.rejudging import rejudge
from phasegate.model.codec import result_from_json, result_to_json
from phasegate.model.criterion import PlanCriterion, SubjectKind
from phasegate.model.histogram import Histogram
from phasegate.model.judgement import NOT_JUDGED, CriterionVerdict, Decided, Decision, Judgement
from phasegate.model.measures import Distribution, Gauge, Measure, Number, Share
from phasegate.model.observation import Case, CaseStatus, Observation
from phasegate.model.result import (
    AttemptResult,
    AttemptStatus,
    BaselineRecord,
    CheckResult,
    CheckStatus,
    CriterionResult,
    PlanCheck,
    PlanStep,
    RunResult,
    StepResult,
    TargetRecord,
    Verdict,
    WaivedCriterion,
    WaiverResult,
    WaiverState,
)
from phasegate.model.waiver import Waiver
from phasegate.render.sentences import sentence
from tests.judged import result, share
from tests.samples import START, failing_run, inconclusive_run, passing_run

MET, NOT_MET, UNPROVEN = CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN


def sample(passed: int, total: int, span: float = 10.0) -> Share:
    return Share(passed=passed, total=total, sample=True, span=span)


def census(passed: int, total: int, skipped: int = 0) -> Share:
    return Share(passed=passed, total=total, sample=False, skipped=skipped)


def fast(n: int) -> Distribution:
    return Distribution(good=Histogram.of_seconds([0.01] * n), span=10.0)


def criterion(
    expression: str,
    verdict: CriterionVerdict = MET,
    *,
    waived: WaivedCriterion | None = None,
    **asked: Any,
) -> CriterionResult:
    """A criterion with the verdict that is claimed; `run_of` adds the figures that the measures give."""
    return replace(result(expression, verdict, id="it", **asked), waived=waived)


def required(kind: str) -> CriterionResult:
    made = criterion("run.passed >= 1")
    return replace(made, asked=PlanCriterion(id="it", criterion=required_kind(kind)))


def by_waiver(**more: Any) -> WaivedCriterion:
    return WaivedCriterion(verdict=CriterionVerdict.WAIVED, by=("w",), **more)


def contradictions(run: RunResult) -> tuple[str, ...]:
    return told(rejudge(run).contradictions)


def told(found: tuple[Fact, ...]) -> tuple[str, ...]:
    return tuple(sentence(one) for one in found)


def run_of(
    item: CriterionResult,
    measure: Measure | None = None,
    *,
    part: str = "",
    status: CheckStatus = CheckStatus.PASSED,
    allow_skipped: int = 0,
    baselines: tuple[BaselineRecord, ...] = (),
) -> RunResult:
    """A run of one check that saw one measure, and claims what its criterion claims."""
    measures = {} if measure is None else {item.measure: measure}
    attempt = AttemptResult(
        observation=Observation(measures={} if part else measures, parts={part: measures} if part else {}),
        number=1,
        status=AttemptStatus.PASSED,
        started=START,
        duration=1.0,
    )
    check = CheckResult(
        asked=PlanCheck(id="c", kind="api", step="s", allow_skipped=allow_skipped),
        status=status,
        attempts=(attempt,),
    )
    verdicts = {MET: (Verdict.PASS, 0), NOT_MET: (Verdict.FAIL, 1), UNPROVEN: (Verdict.INCONCLUSIVE, 3)}
    verdict, code = verdicts.get(item.verdict, (Verdict.INCONCLUSIVE, 3))
    run = replace(
        passing_run(),
        verdict=verdict,
        exit_code=code,
        finished=datetime(2026, 1, 1, tzinfo=UTC),
        steps=(StepResult(asked=PlanStep(id="s"), checks=(check,)),),
        gate_checks=(),
        target=(TargetRecord(id="web", kind="process", measures={"memory": gauge(90)}),),
        baselines=baselines,
    )
    found = Judges(run).find(item.asked)
    judged = item.judged if found is None else replace(found, verdict=item.judged.verdict)
    return replace(run, criteria=(replace(item, judged=judged),))


def gauge(most: float) -> Gauge:
    return Gauge(samples=5, minimum=1, maximum=most, mean=most / 2, dimension=Dimension.SIZE)


@pytest.mark.parametrize(
    ("item", "measure", "more"),
    [
        (criterion("c.rate >= 95%"), sample(100, 100), {}),
        (criterion("rate >= 95%", inside="c"), sample(100, 100), {}),
        (criterion("c.rate >= 95%", UNPROVEN), sample(20, 20), {}),
        (criterion("c.rate >= 95%", NOT_MET), sample(9, 10), {}),
        (criterion("c.rate >= 95%", confidence=None), sample(20, 20), {}),
        (criterion("c.rate == 100%"), sample(3, 3), {}),
        (criterion("c.rate >= 95%", UNPROVEN, over=60.0), sample(100, 100), {}),
        (criterion("c.rate == 100%"), census(7, 7), {}),
        (criterion("c.rate == 100%", UNPROVEN), census(6, 7, skipped=1), {}),
        (criterion("c.rate == 100%"), census(6, 7, skipped=1), {"allow_skipped": 1}),
        (criterion("rate == 100%", inside="c", part="a/b.c"), census(7, 7), {"part": "a/b.c"}),
        (criterion("c/a/b.c.rate == 100%"), census(7, 7), {"part": "a/b.c"}),
        (criterion("c.latency.p95 < 100ms"), fast(100), {}),
        (criterion("latency.p95 < 100ms", UNPROVEN, inside="c"), fast(10), {}),
        (criterion("c.rate >= 12"), Number(value=12.0), {}),
        (criterion("c.rate >= 12", UNPROVEN), None, {}),
        (criterion("c.rate >= 12", UNPROVEN), Number(value=12.0), {"status": CheckStatus.ERRORED}),
        (criterion("target/web.memory.max < 100B"), None, {}),
    ],
)
def test_what_the_measures_carry_stands_and_nothing_better(
    item: CriterionResult, measure: Measure | None, more: dict
) -> None:
    assert rejudge(run_of(item, measure, **more)).contradictions == ()
    assert rejudge(run_of(item, measure, **more)).judged == 1
    for other in {MET, NOT_MET, UNPROVEN} - {item.verdict}:
        lie = replace(item, judged=replace(item.judged, verdict=other))
        claimed = contradictions(run_of(lie, measure, **more))
        assert claimed[0].startswith(f"it is {other.replace('_', ' ')} in the record, but its")


def test_of_a_waived_criterion_the_real_verdict_is_judged() -> None:
    item = criterion("c.rate == 100%", NOT_MET, waived=by_waiver())
    waived = replace(run_of(item, census(6, 7)), waivers=(waiver(),))
    assert rejudge(waived).contradictions == ()
    (found,) = contradictions(replace(run_of(item, census(7, 7)), waivers=(waiver(),)))
    assert found == "it is not met in the record, but its measures make it met"


NONE_PASSED = "it is waived in the record, but no case without a waiver passed"


def waiver(
    id: str = "w",
    covers: tuple[str, ...] = ("it",),
    days_left: int = 0,
    cases: tuple[str, ...] = (),
) -> WaiverResult:
    asked = Waiver(
        id=id,
        criteria=covers,
        owner="Ann",
        approver="Bob",
        reason="known",
        ticket="T-1",
        expires=START.date() + timedelta(days=days_left),
        days_left=days_left,
    )
    return WaiverResult(asked=asked, state=WaiverState.USED, cases=cases)


@pytest.mark.parametrize(
    ("unwaived", "recorded", "says"),
    [
        (MET, waiver(), "was met without a waiver"),
        (NOT_MET, waiver(covers=("other",)), "no waiver that was in force covers it"),
        (NOT_MET, waiver(covers=("d/a",), cases=("d/a",)), "no waiver that was in force covers it"),
        (NOT_MET, waiver(id="another"), "no waiver that was in force covers it"),
        (NOT_MET, waiver(days_left=-1), "no waiver that was in force covers it"),
        (NOT_MET, waiver(covers=("c/a",), cases=("c/a",)), ""),
    ],
)
def test_what_no_waiver_covers_was_never_waived(
    unwaived: CriterionVerdict, recorded: WaiverResult, says: str
) -> None:
    item = criterion("c.rate == 100%", unwaived, waived=by_waiver())
    measure = census(7, 7) if unwaived is MET else census(6, 7)
    found = contradictions(replace(run_of(item, measure), waivers=(recorded,)))
    assert found == ((f"it is waived in the record, but {says}",) if says else ())


def test_waived_is_no_verdict_that_measures_make() -> None:
    item = criterion("c.rate == 100%", CriterionVerdict.WAIVED)
    bare = contradictions(replace(run_of(item, census(6, 7)), waivers=(waiver(),)))
    assert bare == ("it is waived in the record, but its measures make it not met",)
    twice = replace(item, waived=by_waiver())
    assert contradictions(replace(run_of(twice, census(6, 7)), waivers=(waiver(),))) == (
        "it is waived in the record, but was met without a waiver",
        *bare,
    )


@pytest.mark.parametrize(("status", "says"), [(CaseStatus.PASSED, ""), (CaseStatus.SKIPPED, NONE_PASSED)])
def test_the_rest_of_a_waived_suite_is_looked_for_in_the_record(status: CaseStatus, says: str) -> None:
    rest = replace(criterion("c.rate == 100%").judged, observed=share(6, 6))
    item = criterion("c.rate == 100%", NOT_MET, waived=by_waiver(rest=rest))
    run = run_of(item, census(6, 7))
    check = run.steps[0].checks[0]
    attempt = replace(
        check.attempts[0],
        observation=replace(check.attempts[0].observation, cases=(Case(id="b", name="b", status=status),)),
    )
    run = replace(
        run, steps=(StepResult(asked=PlanStep(id="s"), checks=(replace(check, attempts=(attempt,)),)),)
    )
    held = replace(run, waivers=(waiver(covers=("c/a",), cases=("c/a",)),))
    assert contradictions(held) == ((says,) if says else ())


@pytest.mark.parametrize(("typical", "verdict"), [(0.01, MET), (0.005, NOT_MET)])
def test_a_baseline_is_held_against_as_recorded(typical: float, verdict: CriterionVerdict) -> None:
    item = criterion("c.latency.p95 <= baseline * 1.20", verdict)
    before = Distribution(good=Histogram.of_seconds([typical] * 2000), span=10.0)
    record = BaselineRecord(path="old", run="r", file="result.json", sha256="", measures={item.id: before})
    held = run_of(item, fast(2000), baselines=(record,))
    assert rejudge(held).contradictions == ()
    assert contradictions(replace(held, baselines=()))[0].endswith("make it unproven")


def test_what_the_checks_come_to_is_counted_again() -> None:
    assert rejudge(run_of(criterion("run.passed >= 1"))).contradictions == ()
    (found,) = contradictions(run_of(criterion("run.passed >= 12")))
    assert found == "it is met in the record, but its measures make it not met"


def test_a_sample_that_could_end_early_needs_more() -> None:
    """Bounds that hold whenever one looks ask for more than those of a fixed sample."""
    item = criterion("c.rate >= 95%")
    early = replace(
        run_of(item, sample(60, 60)).steps[0].checks[0],
        asked=replace(run_of(item, sample(60, 60)).steps[0].checks[0].asked, until_decided=True),
    )
    run = replace(run_of(item, sample(60, 60)), steps=(StepResult(asked=PlanStep(id="s"), checks=(early,)),))
    assert contradictions(run) == ("it is met in the record, but its measures make it unproven",)


def test_a_check_with_several_chances_needs_more() -> None:
    item = criterion("c.rate >= 95%")
    tried = replace(
        run_of(item, sample(60, 60)).steps[0].checks[0],
        asked=replace(run_of(item, sample(60, 60)).steps[0].checks[0].asked, chances=3),
    )
    run = replace(run_of(item, sample(60, 60)), steps=(StepResult(asked=PlanStep(id="s"), checks=(tried,)),))
    assert contradictions(run) == ("it is met in the record, but its measures make it unproven",)


def test_less_evidence_than_was_judged_is_found() -> None:
    item = criterion("c.rate >= 95%")
    assert rejudge(run_of(item, sample(59, 59))).contradictions == ()
    (found,) = contradictions(run_of(item, sample(58, 58)))
    assert found == "it is met in the record, but its measures make it unproven"


FIGURES: dict[str, Any] = {
    "required": fact(Code.REQUIRED, op=">=", threshold="90%"),
    "threshold": Figure(0.9, Dimension.SHARE),
    "observed": share(1000, 1000),
    "bound": fact(Code.AT_LEAST, value=Figure(0.999, Dimension.SHARE, 0.95)),
    "confidence": 0.99,
    "margin": Figure(0.5, Dimension.SHARE),
    "n": 1000,
    "effective_n": 10,
    "baseline": "old",
    "decided": Decision(outcome=Decided.MET, n=60, right=60, at=1.0),
    "reason": NOT_JUDGED,
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_that_the_measures_do_not_give_is_found_whatever_the_verdict(name: str) -> None:
    run = run_of(criterion("c.rate >= 95%"), sample(100, 100))
    (item,) = run.criteria
    lie = replace(item, judged=replace(item.judged, **{name: FIGURES[name]}))
    found = contradictions(replace(run, criteria=(lie,)))
    assert found == (f"it: {name} in the record is not what its measures give",)


def test_every_figure_of_a_judgement_is_held_against_the_measures() -> None:
    assert {one.name for one in fields(Judgement)} == {*FIGURES, "verdict"}


@pytest.mark.parametrize(
    "run", [passing_run(), failing_run(), inconclusive_run()], ids=lambda run: run.verdict.value
)
def test_a_record_that_is_read_is_judged_as_the_run_was(run: RunResult) -> None:
    again = result_from_json(json.dumps(result_to_json(run)))
    assert again == run
    assert rejudge(again).contradictions == ()
    assert rejudge(again).left_out == rejudge(run).left_out


def test_what_is_judged_is_what_the_text_asks_for() -> None:
    """Reports show the text, so a record whose parsed criterion is another one says what is not so."""
    item = criterion("c.rate >= 50%")
    asked = item.asked.criterion
    for other in (
        replace(asked, text="nonsense"),
        replace(asked, text="c.rate >= 99.9%"),
        replace(asked, text="d.rate >= 50%"),
        replace(asked, threshold=Quantity(0.5, Dimension.SHARE, "99.9%")),
    ):
        lie = replace(item, asked=replace(item.asked, criterion=other))
        assert rejudge(run_of(lie, sample(100, 100))).contradictions


def test_an_attempt_that_was_errored_proves_nothing_whatever_its_check_says() -> None:
    run = run_of(criterion("c.rate >= 95%"), sample(100, 100))
    check = run.steps[0].checks[0]
    broken = replace(
        check.attempts[0],
        observation=replace(check.attempts[0].observation, error="it crashed"),
        status=AttemptStatus.ERRORED,
    )
    lie = replace(
        run, steps=(StepResult(asked=PlanStep(id="s"), checks=(replace(check, attempts=(broken,)),)),)
    )
    assert contradictions(lie) == ("it is met in the record, but its measures make it unproven",)


def test_no_waiver_makes_a_criterion_met() -> None:
    met = replace(by_waiver(), verdict=MET)
    run = run_of(criterion("c.rate == 100%", NOT_MET, waived=met), census(6, 7))
    assert run.verdict is Verdict.PASS
    assert rejudge(replace(run, waivers=(waiver(),))).contradictions


@pytest.mark.parametrize(
    "item",
    [
        criterion("d.rate >= 95%"),
        criterion("d/part.rate >= 95%"),
        criterion("target/gone.memory.max < 100B"),
        criterion("gone.recovery_time < 1s", subject_kind=SubjectKind.FAULT),
    ],
)
def test_what_the_record_cannot_carry_is_named_and_not_guessed(item: CriterionResult) -> None:
    found = rejudge(run_of(item, sample(100, 100)))
    assert (found.judged, found.left_out) == (0, ("it",))
    assert told(found.contradictions) == ("it is met, but the record does not have what it judges",)


def test_what_no_pass_rests_on_is_only_named() -> None:
    found = rejudge(run_of(criterion("d.rate >= 95%", UNPROVEN)))
    assert (found.left_out, found.contradictions) == (("it",), ())


@pytest.mark.parametrize(
    ("item", "real"),
    [
        (criterion("run.duration < 9s"), NOT_MET),
        (required("load"), UNPROVEN),
    ],
)
def test_how_long_a_run_took_and_what_had_to_run_is_judged_again(item: CriterionResult, real: str) -> None:
    run = replace(run_of(item), verdict=Verdict.PASS, exit_code=0)
    assert f"it is met in the record, but its measures make it {real.replace('_', ' ')}" in contradictions(
        run
    )


@pytest.mark.parametrize(
    ("claimed", "code", "says"),
    [
        (Verdict.PASS, 0, "the record says PASS, but its criteria say FAIL"),
        (Verdict.INCONCLUSIVE, 3, "the record says INCONCLUSIVE, but its criteria say FAIL"),
        (Verdict.INCONCLUSIVE, 130, ""),
        (Verdict.FAIL, 1, ""),
        (Verdict.FAIL, 70, ""),
    ],
)
def test_the_verdict_of_the_run_is_held_against_its_criteria(claimed: Verdict, code: int, says: str) -> None:
    run = run_of(criterion("c.rate >= 95%", NOT_MET), sample(9, 10))
    found = contradictions(replace(run, verdict=claimed, exit_code=code))
    assert [text.startswith(says) for text in found] == ([True] if says else [])

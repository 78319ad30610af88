"""Judging what phasegate itself missed of a schedule: it may have gone either way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from phasegate.base.units import Dimension
from phasegate.gate.baseline import Earlier
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.deciding import decide_early
from phasegate.model.histogram import Histogram
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Distribution, Measure, Number, Share, merge
from tests.judged import Told, judge, judge_against

MET, NOT_MET, UNPROVEN = CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN
NAME = {Share: "success_rate", Distribution: "latency", Number: "outage"}


def judged(text: str, measure: Measure, confidence: float | None = 0.95) -> Told:
    return judge(parse_criterion(f"c.{NAME[type(measure)]}{text}"), measure, confidence=confidence)


def sample(passed: int, total: int, unused: int = 0) -> Share:
    return Share(passed=passed, total=total, sample=True, unused=unused)


def durations(fast: int, slow: int = 0, failed: int = 0, unused: int = 0) -> Distribution:
    good = Histogram.of_seconds([0.01] * fast + [0.2] * slow)
    return Distribution(good=good, failed=failed, unused=unused)


def test_what_was_missed_is_named_and_no_request() -> None:
    seen = judged(" == 100%", sample(3158, 3158, unused=412))
    assert (seen.verdict, seen.n) == (UNPROVEN, 3158)
    assert seen.observed == "100% (3,158 of 3,158)"
    late = "412 of 3,570 scheduled requests were not sent in time: phasegate was late"
    assert seen.message.startswith(f"{late}; observed 100%")


@pytest.mark.parametrize(
    ("text", "measure", "verdict"),
    [
        (" == 100%", sample(999, 1000, unused=1), NOT_MET),
        (" == 0%", sample(0, 1000, unused=1), UNPROVEN),
        (" >= 99%", sample(1000, 1000, unused=1), MET),
        (" >= 99%", sample(1000, 1000, unused=9), UNPROVEN),
        (" >= 99%", sample(980, 1000, unused=1), NOT_MET),
        (" <= 5%", sample(0, 1000, unused=10), MET),
        (" <= 5%", sample(0, 1000, unused=100), UNPROVEN),
        (" >= 99%", sample(0, 0, unused=10), UNPROVEN),
        (".p95 < 100ms", durations(1000, unused=10), MET),
        (".p95 < 100ms", durations(1000, unused=100), UNPROVEN),
        (".p95 < 100ms", durations(900, slow=100, unused=10), NOT_MET),
        (".p95 < 100ms", durations(900, failed=100, unused=10), NOT_MET),
        (".p5 > 1ms", durations(1000, unused=10), MET),
        (".p5 > 1ms", durations(1000, unused=100), UNPROVEN),
        (".max < 100ms", durations(1000, unused=1), UNPROVEN),
        (".min > 1ms", durations(1000, unused=1), UNPROVEN),
        (".min < 100ms", durations(1000, unused=1), MET),
        (".p95 < 100ms", durations(0, unused=10), UNPROVEN),
    ],
)
def test_only_what_holds_however_they_went_is_met(
    text: str, measure: Measure, verdict: CriterionVerdict
) -> None:
    assert judged(text, measure).verdict is verdict


samples = st.builds(sample, st.integers(0, 400), st.just(400), st.integers(1, 60))
timed = st.builds(
    durations, st.integers(0, 400), st.integers(0, 30), st.integers(0, 30), unused=st.integers(1, 60)
)
criteria = {
    Share: [" == 100%", " == 0%", " >= 99%", " >= 90%", " < 99%", " <= 5%", " > 50%"],
    Distribution: [".p95 < 100ms", ".p50 <= 10.1ms", ".p90 > 100ms", ".p5 >= 1ms", ".max < 1s", ".min < 1s"],
}


@given(seen=samples | timed, share=st.floats(0, 1), data=st.data())
def test_whatever_became_of_them_would_not_have_undone_what_is_met(
    seen: Share | Distribution, share: float, data: st.DataObject
) -> None:
    """And nothing is lost that is not missing: without them it is judged as it is."""
    text = data.draw(st.sampled_from(criteria[type(seen)]))
    verdict = judged(text, seen).verdict
    as_seen = judged(text, replace(seen, unused=0)).verdict
    good = round(seen.unused * share)
    event(f"{as_seen} becomes {verdict}")
    if isinstance(seen, Share):
        whole: Measure = sample(seen.passed + good, seen.total + seen.unused)
    else:
        more = durations(good, failed=seen.unused - good)
        whole = merge(replace(seen, unused=0), more) or more
    allowed = {MET: {MET}, NOT_MET: {MET, UNPROVEN, NOT_MET}, UNPROVEN: {MET, UNPROVEN, NOT_MET}}
    assert judged(text, whole).verdict in allowed[verdict]
    assert (verdict is NOT_MET) is (as_seen is NOT_MET)


@given(seen=samples | timed)
def test_more_of_them_never_help(seen: Share | Distribution) -> None:
    rank = {NOT_MET: 0, UNPROVEN: 1, MET: 2}
    for text in criteria[type(seen)]:
        more = replace(seen, unused=seen.unused + 20)
        assert rank[judged(text, more).verdict] <= rank[judged(text, seen).verdict]


@given(unused=st.integers(1, 500))
def test_those_whose_place_others_took_change_nothing(unused: int) -> None:
    seen = sample(1000, 1000)
    assert judged(" == 100%", replace(seen, replaced=unused)) == judged(" == 100%", seen)


def test_nothing_is_decided_early_of_what_misses_something() -> None:
    criterion = parse_criterion("c.success_rate >= 50%")
    assert decide_early(criterion, sample(1000, 1000), 0.95, 1.0) is not None
    assert decide_early(criterion, sample(1000, 1000, unused=1), 0.95, 1.0) is None


@given(first=samples, second=samples)
def test_parts_taken_together_miss_what_each_of_them_misses(first: Share, second: Share) -> None:
    both = merge(first, replace(second, replaced=3))
    assert isinstance(both, Share)
    assert (both.unused, both.replaced) == (first.unused + second.unused, 3)


@pytest.mark.parametrize("old", [durations(1000, unused=400), sample(9000, 9000, unused=5000)])
def test_baseline_that_misses_much_proves_nothing_that_hangs_on_it(old: Share | Distribution) -> None:
    text = ".p95 <= baseline * 1.10" if isinstance(old, Distribution) else " >= baseline * 0.95"
    criterion = parse_criterion(f"c.{NAME[type(old)]}{text}")
    new = replace(old, unused=0)
    whole = judge_against(criterion, new, [Earlier(path="before", measure=new)], confidence=0.95)
    assert whole.verdict is MET
    seen = judge_against(criterion, new, [Earlier(path="before", measure=old)], confidence=0.95)
    if isinstance(old, Distribution):
        assert seen.verdict is UNPROVEN
        assert "400 scheduled requests of the baseline were not sent in time" in seen.message
    else:  # a baseline that was worse than it looks is easier to hold to
        assert seen.verdict is MET


def outage(value: float, least: float | None = None, *, unended: bool = False) -> Number:
    return Number(value=value, dimension=Dimension.TIME, least=least, unended=unended)


@pytest.mark.parametrize(
    ("text", "number", "verdict"),
    [
        (" < 2s", outage(1.0, least=0.5), MET),
        (" < 2s", outage(1.0, least=0.0), MET),
        (" < 2s", outage(3.0, least=0.5), UNPROVEN),
        (" < 2s", outage(3.0, least=2.5), NOT_MET),
        (" < 2s", outage(3.0), NOT_MET),
        (" > 2s", outage(3.0, least=0.5), UNPROVEN),
        (" > 2s", outage(3.0, least=2.5), MET),
        (" < 2s", outage(1.0, least=0.5, unended=True), UNPROVEN),
        (" < 2s", outage(9.0, least=5.0, unended=True), NOT_MET),
    ],
)
def test_time_that_phasegate_did_not_look_in_is_not_held_against_the_target(
    text: str, number: Number, verdict: CriterionVerdict
) -> None:
    assert judged(text, number).verdict is verdict

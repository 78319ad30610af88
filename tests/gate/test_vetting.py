import pytest

from phasegate.base.units import Dimension
from phasegate.gate.bounds import Bounds
from phasegate.gate.criterion import CriterionError, parse_criterion
from phasegate.gate.vetting import check_against, feasible
from phasegate.model.measures import MeasureSpec, MeasureType
from phasegate.render.sentences import sentence


def spec(type: MeasureType, dimension: Dimension) -> MeasureSpec:
    return MeasureSpec(type=type, dimension=dimension, about="")


SPECS = {
    "latency": spec(MeasureType.DISTRIBUTION, Dimension.TIME),
    "success_rate": spec(MeasureType.SAMPLE, Dimension.SHARE),
    "pass_rate": spec(MeasureType.CENSUS, Dimension.SHARE),
    "exit_code": MeasureSpec(
        type=MeasureType.NUMBER, dimension=Dimension.COUNT, about="", lowest=0, highest=255
    ),
    "total": MeasureSpec(type=MeasureType.NUMBER, dimension=Dimension.COUNT, about="", lowest=0),
    "warmth": spec(MeasureType.NUMBER, Dimension.COUNT),
    "achieved_rate": spec(MeasureType.NUMBER, Dimension.SHARE),
    "throughput": spec(MeasureType.NUMBER, Dimension.RATE),
    "cpu": MeasureSpec(type=MeasureType.GAUGE, dimension=Dimension.SHARE, about="", lowest=0),
}


def problems(text: str, **options: float | None) -> list[CriterionError]:
    return check_against(parse_criterion(text), SPECS, **options)


@pytest.mark.parametrize(
    "text",
    [
        "a.latency.p95 < 100ms",
        "a.latency.max < 1s",
        "a.latency.min > 1ms",
        "a.success_rate >= 99.9%",
        "a.success_rate == 100%",
        "a.success_rate != 0%",
        "a.success_rate > 0%",
        "a.success_rate < 100%",
        "a.pass_rate >= 100%",
        "a.pass_rate == 50%",
        "a.exit_code == 0",
        "a.exit_code != 5",
        "a.exit_code <= 254",
        "a.total > 0",
        "a.total <= 0",
        "a.warmth >= 0",
        "a.warmth != -300",
        "a.achieved_rate >= 101%",
        "a.throughput > 200/s",
        "a.cpu.max < 250%",
        "a.cpu.mean <= 80%",
        "a.cpu.min > 0%",
        "a.latency.p95 <= baseline * 1.10",
        "a.success_rate >= baseline * 0.99",
        "a.pass_rate >= baseline",
        "a.throughput >= baseline * 0.9",
    ],
)
def test_sound_criteria_have_no_problem(text):
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "word", "message", "help"),
    [
        (
            "a.latenci.p95 < 1s",
            "latenci",
            "no measure 'latenci'",
            "did you mean 'latency'? measures of a are",
        ),
        ("a.zzz < 1s", "zzz", "no measure 'zzz'", "measures of a are"),
        ("a.cpu < 80%", "cpu", "needs a statistic", "cpu.max; statistics are min, max, mean"),
        ("a.cpu.p95 < 80%", "p95", "has no p95", "statistics are min, max, mean"),
        ("a.cpu.max < 0.8", "0.8", "needs a unit", "write 80%"),
        ("a.cpu.max >= 0%", "0%", "holds whatever is seen", "can be missed"),
        ("a.cpu.max < 0%", "0%", "nothing can meet", "within reach"),
        ("a.latency < 1s", "latency", "needs a statistic", "latency.p95"),
        ("a.success_rate.p95 > 5%", "p95", "has no p95", "success_rate > 5%"),
        ("a.exit_code.max == 0", "max", "has no max", "exit_code == 0"),
        ("a.latency.p95 < 100", "100", "needs a unit", "100ms"),
        ("a.latency.p95 < 5%", "5%", "latency is a time, and 5% is a share", "100ms"),
        ("a.success_rate >= 0.99", "0.99", "needs a unit", "write 99%"),
        ("a.success_rate >= 99", "99", "needs a unit", "write 99%"),
        ("a.exit_code == 5ms", "5ms", "plain number", "12"),
        ("a.latency.mean < 1s", "mean", "no confidence bound", "confidence: none"),
        ("a.latency.p95 == 1s", "==", "says nothing", "< 1s"),
        ("a.latency.p95 < 0s", "0s", "above 0", "100ms"),
        ("a.success_rate == 95%", "==", "0% and 100% only", ">= 95%"),
        ("a.success_rate != 5%", "!=", "0% and 100% only", ">= 5%"),
        ("a.success_rate > 120%", "120%", "never 120%", ""),
        ("a.success_rate == 120%", "120%", "never 120%", ""),
        ("a.pass_rate < -1%", "-1%", "never -1%", ""),
        ("a.pass_rate > 100%", "100%", "nothing can meet > 100%", "== 100%"),
        ("a.pass_rate < 0%", "0%", "nothing can meet < 0%", "== 0%"),
        ("a.pass_rate >= 0%", "0%", "holds whatever is seen", ""),
        ("a.success_rate <= 100%", "100%", "holds whatever is seen", ""),
        ("a.exit_code >= 0", "0", "holds whatever is seen", ""),
        ("a.exit_code < 256", "256", "holds whatever is seen", ""),
        ("a.exit_code != 256", "256", "holds whatever is seen", ""),
        ("a.total >= 0", "0", "holds whatever is seen", ""),
        ("a.total > -1", "-1", "holds whatever is seen", ""),
        ("a.total < 0", "0", "nothing can meet < 0", ""),
        ("a.exit_code == 300", "300", "nothing can meet == 300", ""),
    ],
)
def test_problems_point_at_the_wrong_word(text, word, message, help):
    (problem,) = problems(text)
    assert message in problem.message
    assert help in (problem.help or "")
    assert text[problem.offset : problem.offset + problem.width] == word


@pytest.mark.parametrize("text", ["a.success_rate >= 100%", "a.success_rate > 100%"])
def test_all_of_a_sample_cannot_be_proven_and_both_ways_out_are_named(text):
    (problem,) = problems(text)
    assert "no sample can prove" in problem.message
    assert "== 100%" in (problem.help or "")
    assert ">= 99.9%" in (problem.help or "")
    assert "2,995" in (problem.help or "")


def test_none_of_a_sample_cannot_be_proven_either():
    (problem,) = problems("a.success_rate <= 0%")
    assert "<= 0.1%" in (problem.help or "")


def test_without_confidence_observed_values_may_be_compared_with_anything():
    assert problems("a.latency.mean < 1s", confidence=None) == []
    assert problems("a.success_rate >= 100%", confidence=None) == []


def test_over_needs_a_sample():
    assert problems("a.success_rate >= 99%", over=600) == []
    assert problems("a.latency.p95 < 1s", over=600) == []
    (problem,) = problems("a.pass_rate == 100%", over=600)
    assert "`over` needs a sample" in problem.message


def test_a_subject_without_measures_says_so():
    (problem,) = check_against(parse_criterion("run.duration < 1s"), {})
    assert problem.help == "the run has no measures"


@pytest.mark.parametrize(
    ("text", "samples", "needed"),
    [
        ("a.success_rate >= 99.9%", 3, "2,995"),
        ("a.success_rate >= 99.9%", 2994, "2,995"),
        ("a.success_rate <= 1%", 100, "299"),
        ("a.latency.p95 < 1s", 58, "59"),
        ("a.latency.p99 < 1s", 100, "299"),
        ("a.latency.p5 > 1ms", 10, "59"),
    ],
)
def test_too_few_planned_samples_are_warned_of_with_the_number_that_would_do(text, samples, needed):
    criterion = parse_criterion(text)
    warning = feasible(criterion, SPECS[criterion.measure], samples, Bounds(confidence=0.95))
    assert warning is not None
    assert f"{samples:,} samples can never meet" in sentence(warning)
    assert f"{needed} without a failure would be enough" in sentence(warning)


@pytest.mark.parametrize(
    ("text", "samples", "confidence"),
    [
        ("a.success_rate >= 99.9%", 2995, 0.95),
        ("a.success_rate >= 99.9%", None, 0.95),
        ("a.success_rate >= 99.9%", 3, None),
        ("a.success_rate == 100%", 3, 0.95),
        ("a.latency.p95 < 1s", 59, 0.95),
        ("a.latency.max < 1s", 1, 0.95),
        ("a.pass_rate >= 99.9%", 3, 0.95),
    ],
)
def test_nothing_is_warned_of_that_can_be_met(text, samples, confidence):
    criterion = parse_criterion(text)
    bounds = None if confidence is None else Bounds(confidence=confidence)
    assert feasible(criterion, SPECS[criterion.measure], samples, bounds) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a.latncy.p95 <= baseline", "has no measure 'latncy'"),
        ("a.latency <= baseline", "needs a statistic"),
        ("a.latency.mean <= baseline", "no confidence bound"),
        ("a.throughput.p95 >= baseline", "has no p95"),
    ],
)
def test_a_baseline_changes_nothing_about_measures_and_statistics(text, says):
    (problem,) = problems(text)
    assert says in problem.message


def test_a_quantile_held_against_a_baseline_needs_samples_for_a_bound_at_half_the_error():
    criterion = parse_criterion("a.latency.p95 <= baseline * 1.10")
    assert feasible(criterion, SPECS["latency"], 72, Bounds(confidence=0.95)) is None
    warning = feasible(criterion, SPECS["latency"], 71, Bounds(confidence=0.95))
    assert warning is not None
    assert "72 without a failure would be enough" in sentence(warning)


def test_how_many_samples_a_share_needs_is_open_until_the_baseline_is_known():
    criterion = parse_criterion("a.success_rate >= baseline * 0.99")
    assert feasible(criterion, SPECS["success_rate"], 3, Bounds(confidence=0.95)) is None

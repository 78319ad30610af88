import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.units import Dimension
from phasegate.gate.criterion import CriterionError, parse_criterion
from phasegate.model.criterion import Operator, Relative, SubjectKind

ids = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True).filter(
    lambda name: name not in {"run", "step", "target"}
)
measures = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
parts = st.text(
    st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=20
).filter(lambda part: part.rstrip()[-1] not in "<>=!")
statistics = st.sampled_from(["p50", "p95", "p99.9", "min", "max", "mean"])
quantities = st.sampled_from(["100ms", "0.1s", "95%", "99.9%", "200/s", "64MiB", "12", "-3", "1e3"])


def test_every_piece_is_found():
    criterion = parse_criterion("steady.latency.p95 < 100ms")
    assert (criterion.subject_kind, criterion.subject, criterion.part) == (SubjectKind.CHECK, "steady", "")
    assert (criterion.measure, criterion.statistic, criterion.quantile) == ("latency", "p95", 0.95)
    assert criterion.op is Operator.LT
    assert criterion.threshold.value == 0.1
    assert criterion.threshold.dimension is Dimension.TIME
    assert criterion.text == "steady.latency.p95 < 100ms"
    assert criterion.required == "< 100ms"


@pytest.mark.parametrize(
    ("text", "kind", "subject", "part", "measure", "statistic"),
    [
        ("e2e/test_x.py.pass_rate == 100%", "check", "e2e", "test_x.py", "pass_rate", ""),
        ("api/flow/request.latency.p99.9 < 1s", "check", "api", "flow/request", "latency", "p99.9"),
        ("e2e/t.py::A::b[x==1].pass_rate == 100%", "check", "e2e", "t.py::A::b[x==1]", "pass_rate", ""),
        ("e2e/a<b.pass_rate>=99%", "check", "e2e", "a<b", "pass_rate", ""),
        ("alive/v1.2.success_rate == 100%", "check", "alive", "v1.2", "success_rate", ""),
        ("step/application.pass_rate == 100%", "step", "application", "", "pass_rate", ""),
        ("target/controller.restarts == 0", "target", "controller", "", "restarts", ""),
        ("run.duration < 10m", "run", "run", "", "duration", ""),
        ("bench.max < 5s", "check", "bench", "", "max", ""),
        ("bench.max.max < 5s", "check", "bench", "", "max", "max"),
        ("  steady.latency.max<5s ", "check", "steady", "", "latency", "max"),
    ],
)
def test_pieces_are_taken_from_the_right(text, kind, subject, part, measure, statistic):
    criterion = parse_criterion(text)
    assert (criterion.subject_kind, criterion.subject, criterion.part) == (kind, subject, part)
    assert (criterion.measure, criterion.statistic) == (measure, statistic)


def test_inside_a_check_the_subject_is_its_own():
    criterion = parse_criterion("latency.p95 < 0.1s", inside="alive")
    assert criterion.id == "alive.latency.p95"
    assert criterion.text == "latency.p95 < 0.1s"
    assert parse_criterion("max < 5", inside="alive").measure == "max"


def test_a_check_of_parts_judges_each_of_them():
    criterion = parse_criterion("latency.p95 < 0.1s", inside="alive").for_part("nodejs")
    assert (criterion.id, criterion.part) == ("alive/nodejs.latency.p95", "nodejs")


@pytest.mark.parametrize("change", ["< 200ms", "<= 100ms", "> 1s"])
def test_id_stays_when_operator_and_threshold_change(change):
    assert parse_criterion(f"steady.latency.p95 {change}").id == "steady.latency.p95"


@pytest.mark.parametrize(
    ("text", "word", "message", "help"),
    [
        ("a.latency.p95 = 1s", "=", "not an operator", "write =="),
        ("a.latency.p95 => 1s", "=>", "not an operator", "write >="),
        ("a.latency.p95 ≤ 1s", "≤", "not an operator", "write <="),
        ("a.latency.p95 === 1s", "===", "not an operator", "write =="),
        ("a.latency.p95 lt 1s", "lt", "not an operator", "write <"),
        ("a.latency.p95 <<< 1s", "<<<", "not an operator", "operators are"),
        ("a.latency.p95 1s", "a.latency.p95 1s", "has no operator", "operators are"),
        ("a.latency.p95 <", "<", "threshold after '<' is missing", "100ms"),
        ("< 1s", "<", "nothing stands before", "measure"),
        ("latency < 1s", "latency", "has no subject", "steady.latency"),
        ("a.latency.avg < 1s", "avg", "not a statistic", "write mean"),
        ("a.latency.p9x < 1s", "p9x", "not a statistic", "statistics are"),
        ("a.latency.p0 < 1s", "p0", "between 0 and 100", "write min"),
        ("a.latency.p100 < 1s", "p100", "between 0 and 100", "write max"),
        ("a.latency.p101 < 1s", "p101", "between 0 and 100", "statistics are"),
        ("a.lat ency < 1s", "lat ency", "not the name of a measure", "steady.latency.p95"),
        ("a. < 1s", "", "measure is missing", "steady.latency.p95"),
        ("A.latency.p95 < 1s", "A", "'A' is not an id", "check/part"),
        ("step/.pass_rate == 1%", "step/", "the id is missing", "step/<id>"),
        ("step.pass_rate == 1%", "step", "the id is missing", "step/<id>"),
        ("run/x.duration < 1s", "run/x", "the run has no parts", "write run"),
        ("e2e/.pass_rate == 1%", "e2e/", "part after 'e2e/' is missing", "e2e/<part>"),
        ("a.latency.p95 < 100 parsecs", "100 parsecs", "unknown unit 'parsecs'", "100ms"),
        ("a.latency.p95 < soon", "soon", "not a quantity", "100ms"),
        ("a.latency.p95 < 1e99999999999999999999s", "1e99999999999999999999s", "too large", "100ms"),
        ("a.latency.p95 < baseline *", "baseline *", "the factor after '*' is missing", "baseline * 1.10"),
        (
            "a.latency.p95 < baseline * 10%",
            "baseline * 10%",
            "without a unit, not '10%'",
            "1.10 for 10% more",
        ),
        ("a.latency.p95 < baseline * 0.0", "baseline * 0.0", "leaves nothing to compare", "baseline * 1.10"),
        ("a.latency.p95 < baseline * -1", "baseline * -1", "not a threshold", "baseline * 1.10"),
        ("a.latency.p95 < baseline + 5ms", "baseline + 5ms", "not a threshold", "baseline * 1.10"),
        ("a.latency.p95 < baseline 1.1", "baseline 1.1", "not a threshold", "baseline * 1.10"),
        ("a.latency.p95 < Baseline", "Baseline", "not a threshold", "write baseline"),
        ("a.latency.p95 < 1.1 * baseline", "1.1 * baseline", "not a threshold", "write baseline * 1.1"),
        ("a.rate == baseline", "==", "no two runs measure the same", "write <= or >="),
        ("a.rate != baseline * 2", "!=", "no two runs measure the same", "write <= or >="),
        ("run.duration < baseline", "baseline", "only a check is held against a baseline", "100ms"),
        ("step/a.pass_rate >= baseline", "baseline", "and step/a is none", "of a check"),
        ("target/a.memory.max <= baseline", "baseline", "and target/a is none", "of a check"),
    ],
)
def test_errors_point_at_the_wrong_word(text, word, message, help):
    with pytest.raises(CriterionError) as caught:
        parse_criterion(text)
    error = caught.value
    assert message in error.message
    assert help in (error.help or "")
    assert text[error.offset : error.offset + error.width].startswith(word)
    assert error.width == max(1, len(word))


@pytest.mark.parametrize(
    ("text", "word", "message"),
    [
        ("alive.success_rate == 100%", "alive", "the subject is left out"),
        ("alive/part.success_rate == 100%", "alive/part", "the subject is left out"),
        ("latency.median < 1s", "median", "not a statistic"),
    ],
)
def test_errors_inside_a_check(text, word, message):
    with pytest.raises(CriterionError, match=message) as caught:
        parse_criterion(text, inside="alive")
    assert text[caught.value.offset : caught.value.offset + caught.value.width] == word


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused_with_a_place_in_it(text):
    caught = None
    try:
        parse_criterion(text)
    except CriterionError as error:
        caught = error
    assert caught is None or (0 <= caught.offset <= len(text) and caught.width >= 1)


@given(
    st.one_of(ids, st.tuples(ids, parts).map("/".join)),
    measures,
    statistics,
    st.sampled_from(Operator),
    quantities,
)
def test_printing_and_parsing_again_gives_the_same(subject, measure, statistic, op, quantity):
    first = parse_criterion(f"{subject}.{measure}.{statistic} {op} {quantity}")
    again = parse_criterion(str(first))
    assert (again.id, again.op, again.threshold) == (first.id, first.op, first.threshold)
    assert first.subject_text == subject
    assert (first.measure, first.statistic) == (measure, statistic)
    assert str(again) == str(first)


@given(
    ids,
    measures,
    st.sampled_from([Operator.LT, Operator.LE, Operator.GT, Operator.GE]),
    st.one_of(st.just(""), st.decimals("0.001", "1000", places=3).map("* {}".format), st.just("*.5")),
)
def test_a_baseline_printed_and_parsed_again_is_the_same(subject, measure, op, factor):
    first = parse_criterion(f"{subject}.{measure}.p95 {op}  baseline {factor}")
    again = parse_criterion(str(first))
    assert (again.id, again.op, again.threshold) == (first.id, first.op, first.threshold)
    assert first.threshold == Relative(float(factor[1:] or 1), f"baseline {factor}".strip())
    assert str(again) == str(first)


@pytest.mark.parametrize(
    ("text", "factor", "of_ten"),
    [("baseline", 1.0, 10.0), ("baseline * 1.10", 1.1, 11.0), ("baseline*.9", 0.9, 9.0)],
)
def test_a_threshold_may_be_a_baseline_times_a_factor(text, factor, of_ten):
    criterion = parse_criterion(f"steady.latency.p95 <= {text}")
    assert isinstance(criterion.threshold, Relative)
    assert (criterion.threshold.factor, criterion.threshold.of(10.0)) == (factor, of_ten)
    assert criterion.required == f"<= {text}"
    assert criterion.id == "steady.latency.p95"
    with pytest.raises(TypeError, match="until a baseline is known"):
        _ = criterion.quantity


@given(st.one_of(ids, st.just("run"), ids.map("step/{}".format)), measures, quantities)
def test_spans_cover_their_words(subject, measure, quantity):
    criterion = parse_criterion(f"  {subject}.{measure}.p99.9  >=   {quantity} ")
    words = {
        "subject": subject,
        "measure": measure,
        "statistic": "p99.9",
        "op": ">=",
        "threshold": quantity,
    }
    for name, word in words.items():
        span = getattr(criterion.spans, name)
        assert criterion.text[span.offset : span.offset + span.width] == word

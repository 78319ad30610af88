"""Sentences made of facts: every code has words, and figures keep to their side of the threshold."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.facts import NAMES, Code, Fact, Figure, fact
from phasegate.base.units import Dimension, parse_quantity
from phasegate.gate import baseline
from phasegate.gate.aggregates import Aggregates, required_kind
from phasegate.gate.baseline import Earlier
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.judge import judge
from phasegate.gate.judgement import margin
from phasegate.gate.rejudging import rejudge
from phasegate.gate.settling import contradiction
from phasegate.gate.verdict import decide
from phasegate.gate.waivers import decide_with_waivers
from phasegate.model.blocks import Block
from phasegate.model.criterion import Operator
from phasegate.model.histogram import Histogram
from phasegate.model.judgement import CriterionVerdict, Decided, Decision, Judgement
from phasegate.model.measures import Distribution, Gauge, Measure, Number, Share
from phasegate.model.result import Selection, Verdict, WaivedCriterion, WaiverResult, WaiverState
from phasegate.model.waiver import Waiver
from phasegate.render import sentences
from phasegate.render.sentences import figure, sentence
from tests.judged import no_data, result, told
from tests.samples import all_runs, passing_run

MET, NOT_MET, UNPROVEN = CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN

# Nine digits, as the clock and the counters have them; beyond that a share's percent is not exact.
figures = st.floats(1e-9, 1e6).map(lambda value: float(f"{value:.9g}"))


@pytest.mark.parametrize(
    ("value", "dimension", "threshold", "text"),
    [
        (0.015, Dimension.TIME, 0.1, "15 ms"),
        (0.09996, Dimension.TIME, 0.1, "99.96 ms"),
        (0.100004, Dimension.TIME, 0.1, "100.004 ms"),
        (0.1, Dimension.TIME, 0.1, "100 ms"),
        (0.9496, Dimension.SHARE, 0.95, "94.96%"),
        (1.0, Dimension.SHARE, 0.999, "100%"),
        (999.96, Dimension.RATE, 1000, "999.96/s"),
        (600.4, Dimension.TIME, 600, "600.4 s"),
        (66, Dimension.COUNT, 66, "66"),
    ],
)
def test_digits_keep_a_figure_on_its_side_of_the_threshold(
    value: float, dimension: Dimension, threshold: float, text: str
) -> None:
    assert figure(Figure(value, dimension, threshold)) == text


@given(figures, figures, st.sampled_from(Dimension))
def test_what_is_shown_compares_as_what_was_measured(
    value: float, threshold: float, dimension: Dimension
) -> None:
    text = figure(Figure(value, dimension, threshold)).replace(",", "")
    read = parse_quantity(text).value
    assert (read < threshold, read > threshold) == (value < threshold, value > threshold)


@given(figures, st.floats(1e-4, 1e-2), st.sampled_from(Dimension))
def test_what_is_shown_near_the_threshold_compares_too(
    threshold: float, nearness: float, dimension: Dimension
) -> None:
    for value in (threshold * (1 + nearness), threshold * (1 - nearness)):
        read = parse_quantity(figure(Figure(value, dimension, threshold)).replace(",", "")).value
        assert (read < threshold, read > threshold) == (value < threshold, value > threshold)


@pytest.mark.parametrize(
    ("value", "op", "threshold", "dimension", "text"),
    [
        (0.955, ">=", 0.95, Dimension.SHARE, "+0.5 pp"),
        (0.9, ">=", 0.95, Dimension.SHARE, "-5 pp"),
        (1.0, "==", 1.0, Dimension.SHARE, "0 pp"),
        (0.5, "==", 1.0, Dimension.SHARE, "-50 pp"),
        (0.5, "!=", 0.0, Dimension.SHARE, "+50 pp"),
        (0.015, "<", 0.1, Dimension.TIME, "+85 ms"),
        (0.143, "<", 0.1, Dimension.TIME, "-43 ms"),
        (250, ">", 200, Dimension.RATE, "+50/s"),
        (3, "<=", 2, Dimension.COUNT, "-1"),
    ],
)
def test_margin_is_positive_when_satisfied(
    value: float, op: str, threshold: float, dimension: Dimension, text: str
) -> None:
    distance = margin(value, Operator(op), threshold, dimension)
    item = result("c.x >= 1")
    assert sentences.margin(replace(item, judged=replace(item.judged, margin=distance))) == text


def test_what_is_not_there_has_a_sign_for_it_or_no_text() -> None:
    item = result("c.x >= 1")
    assert (sentences.observed(item), sentences.bound(item), sentences.margin(item)) == ("-", "", "")
    assert sentences.message(item) == "nothing was observed"


def test_text_of_others_stays_as_it_came() -> None:
    assert sentence("{n} <b>{value}</b> {") == "{n} <b>{value}</b> {"
    assert sentence(no_data("{n} <b>{value}</b> {")) == "no data: {n} <b>{value}</b> {"
    assert sentence(fact(Code.NOT_OBSERVED, measure="{0.__class__}")) == "{0.__class__} was not observed"


# Facts as they come about: judged, decided, judged again, folded; what the runner alone says is written here.

SHARE, TIME = Dimension.SHARE, Dimension.TIME
DECIDED = Decision(outcome=Decided.MET, n=3_787, right=3_787, at=1.0)


def sample(passed: int, total: int, **fields: Any) -> Share:
    return Share(passed=passed, total=total, sample=True, **fields)


def census(passed: int, total: int, skipped: int = 0, **fields: Any) -> Share:
    return Share(passed=passed, total=total, sample=False, skipped=skipped, **fields)


def times(n: int, seconds: float = 0.01, **fields: Any) -> Distribution:
    return Distribution(good=Histogram.of_seconds([seconds] * n), **fields)


def spread(n: int, **fields: Any) -> Distribution:
    values = (0.02 * (0.9 + 0.2 * i / n) for i in range(n))
    return Distribution(good=Histogram.of_seconds(values), **fields)


def gauge(samples: int) -> Gauge:
    seen = Gauge(dimension=SHARE, interval=0.5)
    for number in range(samples):
        seen = seen.and_then(0.1 * number, span=number * 0.5)
    return seen


OUTAGE = tuple((100, 10 if i == 20 else 0) for i in range(40))
TOO_FEW = tuple((200, 10 if i == 10 else 0) for i in range(20))
SLOW = tuple(
    Block(good=Histogram.of_seconds([0.01] * 25 + [0.5] * (75 if i in (7, 8) else 0)), failed=0)
    for i in range(40)
)
STALL = Distribution(good=Histogram.of_seconds([0.01] * 1000 + [0.5] * 150), blocks=SLOW, span=10.0)

JUDGED: list[tuple[str, Measure | None, dict[str, Any]]] = [
    ("c.rate >= 95%", sample(100, 100), {}),
    ("c.rate >= 95%", sample(96, 100, span=15.0), {}),
    ("c.rate >= 95%", sample(9, 10), {}),
    ("c.rate >= 97%", sample(58, 60, skipped=2), {}),
    ("c.rate >= 95%", sample(1000, 1000, unused=400), {}),
    ("c.rate >= 95%", sample(1000, 1000), {"absent": "it crashed"}),
    ("c.rate >= 95%", sample(1000, 1000), {"over": 600.0}),
    ("c.rate >= 95%", sample(1000, 1000, span=15.0), {"over": 600.0}),
    ("c.rate >= 95%", sample(100, 100), {"confidence": None}),
    ("c.rate >= 95%", sample(0, 0), {}),
    ("c.rate >= 100%", sample(100, 100), {}),
    ("c.rate == 100%", sample(3, 3), {}),
    ("c.rate == 50%", sample(2, 4), {}),
    ("c.rate <= 1%", sample(1, 100), {}),
    ("c.rate >= 99%", sample(3960, 4000, blocks=OUTAGE), {}),
    ("c.rate >= 99%", sample(3990, 4000, blocks=OUTAGE), {}),
    ("c.rate >= 99%", sample(3990, 4000, blocks=TOO_FEW), {}),
    ("c.rate >= 99.9%", sample(4000, 4000), {"always_valid": True, "decision": DECIDED}),
    ("c.rate >= 99.9%", sample(100, 200), {"always_valid": True, "decision": DECIDED}),
    (
        "c.rate >= 99.9%",
        sample(90, 100),
        {"always_valid": True, "decision": Decision(outcome=Decided.NOT_MET, n=100, right=90, at=1.0)},
    ),
    ("c.rate == 100%", census(3, 3), {}),
    ("c.rate == 100%", census(3, 66, 63, missing=("a", "b", "c", "d", "e", "f")), {}),
    ("c.rate == 100%", census(3, 5, 2), {"allow_skipped": 2}),
    ("c.rate == 100%", census(3, 5, 2), {"allow_skipped": 1}),
    ("c.rate == 100%", census(0, 3, 3), {"allow_skipped": 3}),
    ("c.rate == 100%", census(0, 0), {}),
    ("c.rate.p95 < 5%", sample(1, 3), {}),
    ("c.latency < 1s", times(3), {}),
    ("c.latency.p95 < 5%", times(3), {}),
    ("c.latency.p95 < 100ms", times(1000, span=10.0), {}),
    ("c.latency.p95 < 100ms", times(50), {}),
    ("c.latency.p95 < 100ms", STALL, {}),
    ("c.latency.p95 < 100ms", times(90, failed=3), {}),
    ("c.latency.p95 < 100ms", times(10, failed=10), {}),
    ("c.latency.p95 > 1ms", times(10), {}),
    ("c.latency.p95 < 100ms", times(10), {"confidence": None}),
    ("c.latency.p95 < 100ms", times(1000, unused=400), {}),
    ("c.latency.p95 < 100ms", times(100, unmeasured=3), {}),
    ("c.latency.p95 < 100ms", times(0, unmeasured=3), {}),
    ("c.latency.p95 < 100ms", times(0), {}),
    ("c.latency.max < 100ms", times(10), {}),
    ("c.latency.max < 100ms", times(10, failed=1), {}),
    ("c.latency.mean < 100ms", times(10), {}),
    ("c.latency.p95 == 100ms", times(10), {}),
    ("c.n >= 5", Number(value=7), {}),
    ("c.n >= 5", Number(value=None), {}),
    ("c.n >= 5", Number(value=7, reported=True), {}),
    ("c.n <= 5", Number(value=7, unended=True), {}),
    ("c.n <= 5", Number(value=3, partial=True), {}),
    ("c.t < 2s", Number(value=3.0, dimension=TIME, least=0.5), {}),
    ("c.t < 2s", Number(value=0.0, dimension=TIME), {}),
    ("c.cpu.max < 80%", gauge(3), {}),
    ("c.cpu.max < 80%", gauge(1), {}),
    ("c.cpu.max < 80%", gauge(0), {}),
    ("c.cpu.p95 < 80%", gauge(3), {}),
    ("c.n >= 5", None, {"absent": "node is missing"}),
    ("c.n >= 5", None, {}),
    ("c.n >= baseline", Number(value=7), {}),
]
WIDE = Distribution(good=Histogram.of_seconds(0.010 + 0.001 * i for i in range(20)))
HELD: list[tuple[str, Measure | None, tuple[Measure | None, ...], dict[str, Any]]] = [
    ("c.latency.p95 <= baseline * 1.10", spread(1000), (spread(1000),), {}),
    ("c.latency.p95 <= baseline * 1.10", spread(50), (spread(1000),), {}),
    ("c.latency.p95 <= baseline * 0.50", spread(50), (spread(1000),), {}),
    ("c.latency.p50 <= baseline", times(1000, 0.018), (WIDE,), {}),
    ("c.latency.p50 <= baseline", spread(1000), (spread(5),), {}),
    ("c.latency.p99 >= baseline * 0.5", spread(1000), (spread(20),), {}),
    ("c.latency.p95 <= baseline * 2", spread(1000), (spread(900, failed=100),), {}),
    ("c.latency.p95 >= baseline * 0.5", spread(1000), (spread(955, failed=45),), {}),
    ("c.latency.p95 <= baseline * 2", spread(1000), (spread(1000, unmeasured=3),), {}),
    ("c.latency.p95 <= baseline * 2", spread(999, span=60.0), (spread(999, span=1.0),), {"over": 60.0}),
    ("c.latency.p95 <= baseline * 1.10", times(1000), (times(1000, unused=400),), {}),
    ("c.latency.max <= baseline * 1.1", times(10), (times(10),), {}),
    ("c.rate >= baseline * 0.99", sample(3000, 3000), (sample(2990, 3000),), {}),
    ("c.rate >= baseline * 0.99", sample(9, 10), (sample(10, 10),), {"absent": "it crashed"}),
    ("c.rate >= baseline", sample(300, 300), (sample(300, 300),), {}),
    ("c.rate <= baseline * 2", sample(0, 5), (sample(1, 3),), {}),
    ("c.rate >= baseline", census(9, 10), (census(9, 10, 1),), {}),
    ("c.n <= baseline * 2", Number(value=5), (Number(value=5), Number(value=6), Number(value=7)), {}),
    ("c.n <= baseline * 2", Number(value=5), (Number(value=0),), {}),
    ("c.n <= baseline * 2", Number(value=5), (None,), {}),
    ("c.n <= baseline * 2", Number(value=5), (sample(5, 5),), {}),
    ("c.n <= baseline * 2", Number(value=5), (Number(value=5.0, dimension=TIME),), {}),
    ("c.n <= baseline * 2", Number(value=5), (), {}),
    ("c.n <= baseline * 2", None, (Number(value=5),), {"absent": fact(Code.NOT_OBSERVED, measure="n")}),
]


def judgements() -> Iterator[Judgement]:
    for text, measure, options in JUDGED:
        yield judge(parse_criterion(text), measure, **{"confidence": 0.95, **options})
    for text, new, old, options in HELD:
        earlier = [Earlier(path=f"run-{number}", measure=one) for number, one in enumerate(old, start=1)]
        yield baseline.judge_against(parse_criterion(text), new, earlier, **{"confidence": 0.95, **options})
    for run in all_runs().values():
        aggregates = Aggregates(run)
        for kind in ("load", "api", "none"):
            yield aggregates.judge(required_kind(kind))
        for text in ("run.flaky_rate <= 1%", "step/e2e.pass_rate == 100%", "step/none.failed == 0"):
            yield aggregates.judge(parse_criterion(text))


def decisions() -> Iterator[Any]:
    open_one = result("a.x >= 1", UNPROVEN, reason=no_data("node is missing"))
    met, missed = result("b.x >= 1", MET), result("c.x >= 1", NOT_MET)
    warned = result("d.x >= 1", NOT_MET, level="warn")
    waived = result("e.x >= 1", CriterionVerdict.WAIVED)
    narrowed = Selection(checks=("a",), criteria_selected=1, criteria_total=9)
    for criteria in (
        [met],
        [met, met, warned],
        [missed] * 5,
        [missed, open_one],
        [open_one] * 5,
        [],
        [waived],
    ):
        yield decide(criteria).reason
        yield decide(criteria, selection=narrowed).reason
        yield decide(criteria, interrupted="stopped").reason
        yield decide(criteria, target_error="not ready", defect="KeyError: 'x'").reason
    asked = Waiver(
        id="w",
        criteria=("e.x",),
        owner="Ann",
        approver="Bob",
        reason="known",
        ticket="T-1",
        expires=date(2026, 3, 31),
        days_left=9,
    )
    used = WaiverResult(asked=asked, state=WaiverState.USED)
    yield decide_with_waivers([met, waived], [used], decide)[0].reason


def records() -> Iterator[Fact]:
    """What is wrong with records that were changed."""
    for run in (passing_run(), *all_runs().values()):
        lies = [replace(item, judged=replace(item.judged, verdict=MET, n=1)) for item in run.criteria]
        lies += [replace(item, judged=replace(item.judged, n=1)) for item in run.criteria]
        waived = WaivedCriterion(verdict=CriterionVerdict.WAIVED, by=("w",), cases=("a",))
        lies += [replace(item, waived=waived) for item in run.criteria]
        lies.append(result("gone.x >= 1", MET))
        changed = replace(run, criteria=tuple(lies), verdict=Verdict.PASS, exit_code=0)
        yield from rejudge(changed).contradictions
        for one in (
            changed,
            replace(run, exit_code=9),
            replace(run, verdict=Verdict.PASS, exit_code=0),
            replace(run, verdict=Verdict.PASS, exit_code=0, criteria=()),
            replace(run, interrupted="stopped"),
            replace(run, selection=Selection(steps=("a",))),
        ):
            if why := contradiction(one):
                yield why


WRITTEN = [
    (fact(Code.CONTRADICTS_ITSELF, why="so"), "the record contradicts itself: so"),
    (fact(Code.ENDS_WITH, verdict="PASS", exit_code="3"), "it ends with PASS and exit code 3"),
    (
        fact(Code.ENDS_WITH_PASS, why=fact(Code.CRITERION_IS, criterion="a.x", verdict="not_met")),
        "it ends with PASS, but a.x is not met",
    ),
    (
        fact(Code.ENDS_WITH_PASS, why=fact(Code.NOTHING_MET)),
        "it ends with PASS, but no blocking criterion is met",
    ),
    (
        fact(Code.ENDS_WITH_PASS, why=fact(Code.FAULT_LEFT_ON, fault="cut")),
        "it ends with PASS, but fault cut was not undone",
    ),
    (
        fact(Code.ENDS_WITH_PASS, why=fact(Code.MET_WITHOUT_FAULT, criterion="a.x", why="so")),
        "it ends with PASS, but a.x is met without its fault: so",
    ),
    (
        fact(Code.ENDS_WITH_PASS, why=fact(Code.WAIVED_BY_NONE, criterion="a.x")),
        "it ends with PASS, but no waiver in force covers a.x, which is waived",
    ),
    (
        fact(Code.ENDS_WITH_PASS, why=fact(Code.ENDED_EARLY, why="stopped")),
        "it ends with PASS, but was ended early: stopped",
    ),
    (
        fact(Code.ENDS_WITH_PASS, why=fact(Code.ONLY_SELECTION)),
        "it ends with PASS, but only a selection was run",
    ),
    (
        fact(Code.STEP_NOT_HELD, step="one", why=fact(Code.SETUP_FAILED)),
        "step one, which it needs, did not hold: its setup failed",
    ),
    (
        fact(Code.STEP_NOT_HELD, step="one", why=fact(Code.OF_CHECK, check="a", why="it broke")),
        "step one, which it needs, did not hold: a: it broke",
    ),
    (fact(Code.DECISIVE, expression="x >= 1", why="so"), "x >= 1: so"),
    (fact(Code.NO_CRITERION), "no criterion judges it"),
    (
        fact(Code.FAULT_WITHOUT_CHECK, check="a", why="no tool"),
        "a, during which it is due, was not run: no tool",
    ),
    (fact(Code.FAULT_NOT_SEEN, fault="cut", status="not_done", why="so"), "fault cut was not done: so"),
    (fact(Code.FAULT_NOT_SEEN, status="not_undone", why="so"), "the fault was not undone: so"),
    (fact(Code.CHECK_NOT_RUN, why="no tool"), "the check was not run: no tool"),
    (fact(Code.CHECK_ERRORED, why="it broke"), "the check was errored: it broke"),
    (
        fact(Code.CHECK_NOT_WHOLE, check="a", status="passed"),
        "a is passed, and not all of its attempts and cases are there",
    ),
    (fact(Code.NO_PART, part="x", known=("a", "b")), "no part 'x' was seen; parts seen: a, b"),
    (fact(Code.NO_PART, part="x"), "no part 'x' was seen; parts seen: none"),
    (fact(Code.NOT_OBSERVED, measure="rate"), "rate was not observed"),
    (fact(Code.NOT_SAMPLED, measure="cpu", entry="web"), "cpu of web was not sampled"),
    (
        fact(Code.COUNTED_AS_IS, criterion="run.pass_rate"),
        "waived cases still count here; only a waiver of run.pass_rate itself covers it",
    ),
    (fact(Code.WAIVED, of="so", by=("w", "v")), "waived by w, v: so"),
    (
        fact(Code.WAIVED, of="so", by=("w",), cases=("a", "b"), rest="all"),
        "waived by w: so; without a, b: all",
    ),
    (
        fact(Code.NOTHING_LEFT, of="so", by=("w",), cases=("a", "b")),
        "so; without a, b, waived by w, no case is left that shows anything",
    ),
    (
        fact(Code.FLAKY, of="so", names=("a: c1", "b", "c", "d", "e")),
        "so; passed only when tried again: a: c1; b; c; and 2 more",
    ),
    (
        fact(Code.NOTHING_PASSED, unseen=(fact(Code.CHECK_NOT_RUN, check="a", why="no tool"),)),
        "nothing passed: a was not run: no tool",
    ),
    (fact(Code.NOTHING_PASSED), "nothing passed"),
    (fact(Code.NO_CHECK), "no check belongs to it"),
    (fact(Code.JOINED, parts=("so", fact(Code.NO_CHECK))), "so; no check belongs to it"),
    (fact(Code.BASELINE_NO_LOWER_BOUND), "the baseline's share has no lower bound"),
    (
        fact(Code.WAIVED_AND_REST_FAILED, criterion="a.x"),
        "a.x is waived in the record, but no case without a waiver passed",
    ),
    (
        fact(Code.WAIVED_BY_NONE_IN_FORCE, criterion="a.x"),
        "a.x is waived in the record, but no waiver that was in force covers it",
    ),
    (
        fact(Code.MET_BY_WAIVER, criterion="a.x"),
        "the record says that a waiver met a.x, which a waiver cannot do",
    ),
    (
        fact(Code.ASKED_OTHERWISE, criterion="a.x"),
        "a.x: what the record says was asked is not what its text says",
    ),
]


@pytest.mark.parametrize(("said", "text"), WRITTEN, ids=lambda value: getattr(value, "code", None))
def test_words_of_what_is_said_outside_the_gate(said: Fact, text: str) -> None:
    assert sentence(said) == text


def every_fact() -> list[Fact]:
    found: list[Fact] = []
    for whole in (*judgements(), *decisions(), *records(), *all_runs().values(), [one for one, _ in WRITTEN]):
        found += facts_in(whole)
    return found


def facts_in(value: Any) -> Iterator[Fact]:
    match value:
        case Fact():
            yield from value.walk()
        case dict():
            yield from facts_in([*value.values()])
        case tuple() | list():
            for one in value:
                yield from facts_in(one)
        case _ if is_dataclass(value):
            yield from facts_in([getattr(value, one.name) for one in fields(value)])


SAID = every_fact()


def test_every_code_has_words() -> None:
    assert set(sentences._ENGLISH) == set(Code)


SOURCE = Path(sentences.__file__).parents[1]


def _made_facts() -> Iterator[tuple[str, Code, set[str] | None]]:
    """Where the source makes a fact, of which code, and with which values; None where they are computed."""
    for place, call in _calls_of_fact():
        match call.args:
            case [ast.Attribute(ast.Name("Code"), name)]:
                keys = {keyword.arg for keyword in call.keywords}
                yield place, Code[name], None if None in keys else {key for key in keys if key}


@cache
def _calls_of_fact() -> list[tuple[str, ast.Call]]:
    """Each call of `fact` in the source, and where it is."""
    return [
        (f"{path.relative_to(SOURCE)}:{node.lineno}", node)
        for path in sorted(SOURCE.rglob("*.py"))
        if "fact(" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "fact"
    ]


def _holes(entry: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(entry) if name}


def test_facts_of_the_source_have_what_their_sentences_name() -> None:
    lacking = [
        f"{place}: {code.value} without {', '.join(sorted(holes))}"
        for place, code, values in _made_facts()
        if values is not None and isinstance(entry := sentences._ENGLISH[code], str)
        if (holes := _holes(entry) - values)
    ]
    assert not lacking


def test_values_of_facts_in_the_source_have_known_names() -> None:
    unknown = [
        f"{place}: {keyword.arg}"
        for place, call in _calls_of_fact()
        for keyword in call.keywords
        if keyword.arg is not None and keyword.arg not in NAMES
    ]
    assert not unknown


def test_every_code_is_used() -> None:
    text = "".join(path.read_text() for path in SOURCE.rglob("*.py") if path.name != "sentences.py")
    # Plugins that run without phasegate write codes as JSON.
    assert not [
        code.name for code in Code if f"Code.{code.name}" not in text and f'"code": "{code}"' not in text
    ]


def test_every_hole_of_a_sentence_is_filled() -> None:
    for said in SAID:
        entry = sentences._ENGLISH[said.code]
        if isinstance(entry, str):
            assert _holes(entry) == set(said.values), said.code
        text = sentence(said)
        assert text, said.code
        assert not [word for word in ("None", "bound method", "Fact(", "Figure(") if word in text], said.code


def test_no_value_is_hidden_behind_what_every_fact_has() -> None:
    """`said.name` would then be something else than the value of that name."""
    for said in SAID:
        for name, value in said.values.items():
            assert getattr(said, name) is value


def test_a_value_that_a_fact_does_not_have_leaves_its_hole_empty() -> None:
    entries = {code: entry for code, entry in sentences._ENGLISH.items() if isinstance(entry, str)}
    assert len(entries) > 500
    for code, entry in entries.items():
        said = Fact(code, {})
        assert [name for name in _holes(entry) if getattr(said, name) is not None] == [], code
        assert "None" not in sentence(said), code


def test_a_judgement_is_told_whole() -> None:
    for found in judgements():
        seen = told(found)
        assert seen.message
        assert seen.required
        assert seen.observed


def test_a_fact_without_what_belongs_to_it_is_shown_as_it_is() -> None:
    assert [code for code in Code if not isinstance(sentence(Fact(code, {})), str)] == []

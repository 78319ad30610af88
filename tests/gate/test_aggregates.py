"""Steps and runs as a whole: what counts, what is never met, what no change for the worse improves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.gate.aggregates import Aggregates, aggregate, required_kind
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.flaky import flaky_share
from phasegate.gate.verdict import decide
from phasegate.model.aggregates import AGGREGATES
from phasegate.model.criterion import Criterion, PlanCriterion
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Number, Share
from phasegate.model.observation import Case, CaseAttempt, CaseStatus, Observation, census
from phasegate.model.result import (
    AttemptResult,
    AttemptStatus,
    CheckResult,
    CheckStatus,
    CriterionResult,
    PlanCheck,
    PlanRecord,
    PlanStep,
    RunResult,
    StepResult,
    ToolRecord,
    Verdict,
)
from tests.judged import Told, result, told

AT = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
MET, NOT_MET, UNPROVEN = CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN
LATE = (CaseAttempt(status=CaseStatus.FAILED, message="reset by peer"),)
LETTERS = {
    "p": CaseStatus.PASSED,
    "l": CaseStatus.PASSED,
    "f": CaseStatus.FAILED,
    "s": CaseStatus.SKIPPED,
    "x": CaseStatus.LOST,
}


def cases(letters: str) -> tuple[Case, ...]:
    """p passed, l passed late, f failed, s skipped, x lost."""
    return tuple(
        Case(
            id=f"c{number}",
            name=f"c{number}",
            status=LETTERS[letter],
            earlier=LATE if letter == "l" else (),
        )
        for number, letter in enumerate(letters)
    )


def ended(letters: str) -> str:
    """How a check whose default criterion is `pass_rate == 100%` ends with these cases."""
    if "f" in letters:
        return "failed"
    return "unproven" if set(letters) & {"s", "x"} else "passed"


def check(
    id: str, letters: str = "", statuses: str = "", *, kind: str = "e2e", blocking: bool = True, skip: int = 0
) -> CheckResult:
    """A check with these cases whose attempts ended like this; by default one attempt, as its cases say."""
    words = statuses.split() or [ended(letters)]
    if words == ["not_run"]:
        return CheckResult(asked=PlanCheck(id=id, kind=kind, step="one"), reason="no tool", blocking=blocking)
    attempts = tuple(
        AttemptResult(
            observation=Observation(
                cases=cases(letters) if number == len(words) else (),
                measures={"pass_rate": census(cases(letters))} if letters else {},
            ),
            number=number,
            status=AttemptStatus(word),
            started=AT,
            duration=1.0,
        )
        for number, word in enumerate(words, start=1)
    )
    return CheckResult(
        asked=PlanCheck(id=id, kind=kind, step="one", allow_skipped=skip),
        status=CheckStatus(words[-1]),
        reason="" if words[-1] == "passed" else "it broke",
        attempts=attempts,
        blocking=blocking,
    )


def run_of(*checks: CheckResult, gate: Sequence[CheckResult] = ()) -> RunResult:
    return RunResult(
        run="r",
        phase="p",
        title="P",
        verdict=Verdict.INCONCLUSIVE,
        exit_code=3,
        reason="",
        plan=PlanRecord(path="plan.yaml", sha256=""),
        tool=ToolRecord(name="phasegate", version="0"),
        started=AT,
        finished=AT + timedelta(seconds=90),
        steps=(StepResult(asked=PlanStep(id="one"), checks=checks, duration=60.0),),
        gate_checks=tuple(gate),
    )


def judged(text: str, run: RunResult, *, without: tuple[str, ...] = ()) -> Told:
    return told(Aggregates(run).judge(parse_criterion(text), without=without))


def counts(*checks: CheckResult) -> dict[str, float | None]:
    measures = aggregate(checks).measures
    return {name: item.value for name, item in measures.items() if isinstance(item, Number)}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (check("a", "ppf"), (2, 1, 0, 0, 3)),
        (check("a", "psx"), (1, 0, 0, 2, 3)),
        (check("a", "", "passed"), (1, 0, 0, 0, 1)),
        (check("a", "", "failed"), (0, 1, 0, 0, 1)),
        (check("a", "", "unproven"), (0, 0, 0, 1, 1)),
        (check("a", "", "errored"), (0, 0, 1, 0, 1)),
        (check("a", "", "not_run"), (0, 0, 0, 1, 1)),
        # Its cases do not show how it ended.
        (check("a", "pp", "failed"), (2, 1, 0, 0, 3)),
        (check("a", "pp", "unproven"), (2, 0, 0, 1, 3)),
        (check("a", "pf", "errored"), (1, 1, 1, 0, 3)),
        # A demand that some failures satisfy: nothing is made up.
        (check("a", "ff", "passed"), (0, 2, 0, 0, 2)),
    ],
)
def test_every_case_is_an_item_and_a_check_where_its_cases_do_not_tell(
    one: CheckResult, expected: tuple[int, ...]
) -> None:
    names = ("passed", "failed", "errored", "skipped", "total")
    assert tuple(counts(one)[name] for name in names) == expected


def test_pass_rate_is_a_census_over_all_items_with_the_missing_ones_named() -> None:
    share = aggregate([check("a", "pps"), check("b", "", "passed")]).measures["pass_rate"]
    assert share == Share(passed=3, total=4, sample=False, skipped=1, missing=("a: c2",))


def test_every_measure_that_is_declared_is_there_and_none_else() -> None:
    assert set(aggregate([check("a", "p")], duration=1.0).measures) == set(AGGREGATES)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("step/one.pass_rate == 100%", UNPROVEN),
        ("step/one.pass_rate >= 10%", UNPROVEN),
        ("step/one.failed == 0", UNPROVEN),
        ("step/one.total >= 1", UNPROVEN),
        ("step/one.duration < 5m", UNPROVEN),
        ("step/one.flaky_rate <= 50%", UNPROVEN),
        ("step/one.passed >= 100", UNPROVEN),
        ("step/one.total == 100", UNPROVEN),
        ("step/one.total <= 3", NOT_MET),
        ("run.duration < 1s", NOT_MET),
    ],
)
@pytest.mark.parametrize("status", ["errored", "not_run"])
def test_nothing_is_met_while_a_check_was_not_observed_to_its_end(
    text: str, verdict: CriterionVerdict, status: str
) -> None:
    judgement = judged(text, run_of(check("a", "pppp"), check("b", "", status)))
    assert judgement.verdict is verdict
    if verdict is UNPROVEN:
        assert "b was " in judgement.message


def test_errored_checks_are_counted_not_missed() -> None:
    assert judged("run.errored == 0", run_of(check("a", "", "errored"))).verdict is NOT_MET
    assert judged("run.errored == 0", run_of(check("a", "p"))).verdict is MET


def test_a_run_counts_the_checks_of_the_gate_and_a_step_its_own_only() -> None:
    run = run_of(
        check("a", "pp"), gate=[replace(check("b", "ppp"), asked=replace(check("b", "ppp").asked, step=None))]
    )
    assert judged("run.total >= 5", run).verdict is MET
    assert judged("step/one.total >= 3", run).verdict is NOT_MET


def test_durations_are_those_of_the_record() -> None:
    run = run_of(check("a", "p"))
    assert judged("run.duration < 2m", run).observed == "90 s"
    assert judged("step/one.duration <= 60s", run).verdict is MET
    assert judged("run.duration < 2m", replace(run, finished=None)).verdict is UNPROVEN


def test_what_a_check_may_skip_is_left_out_of_its_step_too_and_no_more() -> None:
    text = "step/one.pass_rate == 100%"
    assert judged(text, run_of(check("a", "pps", "passed", skip=1))).verdict is MET
    assert judged(text, run_of(check("a", "pps", "passed", skip=1), check("b", "ps"))).verdict is UNPROVEN


@pytest.mark.parametrize("text", ["step/two.pass_rate == 100%", "step/two.failed == 0", "run.failed == 0"])
def test_no_check_at_all_is_no_data(text: str) -> None:
    assert judged(text, run_of()).verdict is UNPROVEN


class TestFlaky:
    @pytest.mark.parametrize(
        ("one", "flaky", "passed"),
        [
            (check("a", "pplf"), 1, 3),
            (check("a", "plss"), 1, 2),
            (check("a", "", "passed"), 0, 1),
            (check("a", "", "failed passed"), 1, 1),
            (check("a", "", "errored passed"), 1, 1),
            (check("a", "", "failed failed"), 0, 0),
            (check("a", "pl", "failed passed"), 1, 2),
            (check("a", "pp", "failed passed"), 1, 3),
            (check("a", "pl", "errored passed"), 2, 3),
        ],
    )
    def test_share_is_of_what_passed(self, one: CheckResult, flaky: int, passed: int) -> None:
        share, names = flaky_share([one])
        assert (share.passed, len(names), share.total) == (flaky, flaky, passed)

    def test_a_lost_case_may_have_been_flaky(self) -> None:
        run = run_of(check("a", "ppx"))
        assert judged("run.flaky_rate <= 10%", run).verdict is UNPROVEN
        assert judged("run.flaky_rate <= 40%", run).verdict is MET

    @pytest.mark.parametrize(
        "one", [check("a", "ss"), check("a", "f"), check("a", "", "not_run"), check("a", "", "errored")]
    )
    def test_nothing_passed_is_never_within_the_budget(self, one: CheckResult) -> None:
        judgement = judged("run.flaky_rate <= 99%", run_of(one))
        assert judgement.verdict is UNPROVEN
        assert "nothing passed" in judgement.message

    def test_what_was_flaky_is_named(self) -> None:
        judgement = judged(
            "step/one.flaky_rate <= 0%", run_of(check("a", "pl"), check("b", "", "failed passed"))
        )
        assert judgement.verdict is NOT_MET
        assert judgement.message.endswith("passed only when tried again: a: c1; b")

    def test_checks_with_a_nearer_budget_are_not_counted(self) -> None:
        run = run_of(check("a", "pl"), check("b", "pp"))
        assert judged("run.flaky_rate <= 10%", run).verdict is NOT_MET
        assert judged("run.flaky_rate <= 10%", run, without=("a",)).verdict is MET
        assert judged("a.flaky_rate <= 50%", run).observed == "50% (1 of 2)"


class TestRequired:
    @pytest.mark.parametrize(
        ("statuses", "verdict"),
        [
            ("passed", MET),
            ("failed", MET),
            ("unproven", MET),
            ("errored", UNPROVEN),
            ("not_run", UNPROVEN),
            ("", UNPROVEN),
            ("errored passed", MET),
        ],
    )
    def test_a_kind_has_run_once_a_check_of_it_came_to_its_end(
        self, statuses: str, verdict: CriterionVerdict
    ) -> None:
        checks = [check(f"c{n}", "", word, kind="load") for n, word in enumerate(statuses.split())]
        assert Aggregates(run_of(*checks, check("e", "p"))).judge(required_kind("load")).verdict is verdict

    def test_a_check_that_only_warns_does_not_count(self) -> None:
        run = run_of(check("a", "", "passed", kind="load", blocking=False))
        assert Aggregates(run).judge(required_kind("load")).verdict is UNPROVEN

    def test_one_that_did_not_run_says_why(self) -> None:
        run = run_of(check("a", "", "not_run", kind="load"))
        message = told(Aggregates(run).judge(required_kind("load"))).message
        assert "a was not run: no tool" in message


DEMANDS = (
    "pass_rate == 100%",
    "pass_rate >= 80%",
    "failed == 0",
    "failed <= 2",
    "errored == 0",
    "skipped <= 1",
    "flaky_rate <= 20%",
)


OWN = {CheckStatus.PASSED: MET, CheckStatus.FAILED: NOT_MET}


def gate(run: RunResult, criteria: Sequence[Criterion], checks: Sequence[CheckResult]) -> Verdict:
    """The gate's verdict on criteria on a run, and on what each of the plan's checks asks of itself."""
    aggregates = Aggregates(run)
    ended = {one.id: one.status for one in run.checks()}
    own = [
        result(f"{one.id}.pass_rate == 100%", OWN.get(ended.get(one.id, CheckStatus.NOT_RUN), UNPROVEN))
        for one in checks
    ]
    results = [
        CriterionResult(asked=PlanCriterion(id=item.id, criterion=item), judged=aggregates.judge(item))
        for item in criteria
    ]
    return decide([*own, *results]).verdict


letters = st.text("pppplfsx", max_size=8)
ends = st.sampled_from(
    ["", "", "passed", "failed passed", "errored passed", "errored", "not_run", "failed", "unproven"]
)
"""Empty: as its cases say. A check may also pass with failed ones, where it asks for less than all."""


@st.composite
def runs(draw: st.DrawFn) -> RunResult:
    def one(id: str) -> CheckResult:
        return check(id, draw(letters), draw(ends), kind=draw(st.sampled_from(["load", "e2e"])))

    ids = [f"c{number}" for number in range(draw(st.integers(1, 4)))]
    return run_of(*(one(id) for id in ids))


@st.composite
def asked(draw: st.DrawFn) -> list[Criterion]:
    """Demands on the step and the run, and kinds that are required."""
    texts = draw(st.lists(st.sampled_from(DEMANDS), min_size=1, max_size=4, unique=True))
    subjects = draw(st.sampled_from([("run",), ("step/one",), ("run", "step/one")]))
    criteria = [parse_criterion(f"{subject}.{text}") for subject in subjects for text in texts]
    return [
        *criteria,
        *(required_kind(kind) for kind in draw(st.lists(st.sampled_from(["load", "e2e"]), max_size=2))),
    ]


RANK = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}


def with_cases(attempt: AttemptResult, found: tuple[Case, ...]) -> AttemptResult:
    return replace(
        attempt, observation=replace(attempt.observation, cases=found, measures={"pass_rate": census(found)})
    )


def with_check(run: RunResult, index: int, changed: CheckResult | None) -> RunResult:
    (step,) = run.steps
    checks = [*step.checks]
    checks[index : index + 1] = [] if changed is None else [changed]
    return replace(run, steps=(replace(step, checks=tuple(checks)),))


@given(runs(), asked(), st.data())
def test_a_failing_case_more_never_improves_a_verdict(
    run: RunResult, criteria: list[Criterion], data: st.DataObject
) -> None:
    checks = run.steps[0].checks
    index = data.draw(st.integers(0, len(checks) - 1))
    one = checks[index]
    if one.last is None:
        return
    more = Case(id="more", name="more", status=CaseStatus.FAILED)
    last, status = with_cases(one.last, (*one.last.observation.cases, more)), one.status
    if status is not CheckStatus.ERRORED and data.draw(st.booleans(), label="asks for all of its cases"):
        last, status = replace(last, status=AttemptStatus.FAILED), CheckStatus.FAILED
    worse = with_check(run, index, replace(one, status=status, attempts=(*one.attempts[:-1], last)))
    assert RANK[gate(worse, criteria, checks)] <= RANK[gate(run, criteria, checks)]


@given(runs(), asked(), st.data())
def test_what_is_taken_away_never_makes_a_pass_where_there_is_a_floor(
    run: RunResult, criteria: list[Criterion], data: st.DataObject
) -> None:
    """A case, an attempt, a check or the whole step is taken out of what a run left."""
    floors = []
    for subject, checks in (("run", run.checks()), ("step/one", run.steps[0].checks)):
        whole = aggregate(checks).measures["total"]
        assert isinstance(whole, Number)
        floors.append(parse_criterion(f"{subject}.total >= {whole.value:.0f}"))
    checks = run.steps[0].checks
    index = data.draw(st.integers(0, len(checks) - 1))
    one = checks[index]
    removed = [with_check(run, index, None), replace(run, steps=())]
    removed += [
        with_check(run, index, replace(one, attempts=one.attempts[:gone] + one.attempts[gone + 1 :]))
        for gone in range(len(one.attempts))
    ]
    if one.last is not None and one.last.observation.cases:
        gone = data.draw(st.integers(0, len(one.last.observation.cases) - 1))
        left = one.last.observation.cases[:gone] + one.last.observation.cases[gone + 1 :]
        # Out of the record, and out of the suite.
        for last in (
            replace(one.last, observation=replace(one.last.observation, cases=left)),
            with_cases(one.last, left),
        ):
            removed.append(with_check(run, index, replace(one, attempts=(*one.attempts[:-1], last))))
    for less in removed:
        assert gate(less, [*criteria, *floors], checks) is not Verdict.PASS


@given(runs(), asked(), st.randoms(use_true_random=False))
def test_the_order_of_steps_checks_and_cases_never_changes_a_verdict(
    run: RunResult, criteria: list[Criterion], random: object
) -> None:
    def mixed(items: Sequence[object]) -> tuple[object, ...]:
        everything = list(items)
        random.shuffle(everything)  # type: ignore[attr-defined]
        return tuple(everything)

    (step,) = run.steps
    checks = [
        one
        if one.last is None
        else replace(
            one,
            attempts=(
                *one.attempts[:-1],
                replace(
                    one.last,
                    observation=replace(one.last.observation, cases=mixed(one.last.observation.cases)),
                ),
            ),
        )  # type: ignore[arg-type]
        for one in step.checks
    ]
    other = StepResult(asked=PlanStep(id="two"), checks=(check("z", "pl"),), duration=1.0)
    here = replace(run, steps=(step, other))
    there = replace(run, steps=mixed([replace(step, checks=mixed(checks)), other]))  # type: ignore[arg-type]
    assert gate(here, criteria, here.checks()) is gate(there, criteria, here.checks())
    both = [Aggregates(one) for one in (here, there)]
    for item in criteria:
        first, second = (aggregates.judge(item) for aggregates in both)
        assert (first.verdict, first.observed, first.margin) == (
            second.verdict,
            second.observed,
            second.margin,
        )

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import ExitCode
from phasegate.gate.verdict import (
    attempt_status,
    confidence_for,
    decide,
    is_flaky,
    step_status,
)
from phasegate.model.criterion import Level
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.result import AttemptStatus, CheckStatus, CriterionResult, Selection, Verdict
from phasegate.plan.written.plan import RetryWritten
from phasegate.render.sentences import sentence
from tests.judged import no_data, share
from tests.judged import result as result_of
from tests.rules import rules
from tests.runner.scripted import check

MET, NOT_MET, UNPROVEN, WAIVED = (
    CriterionVerdict.MET,
    CriterionVerdict.NOT_MET,
    CriterionVerdict.UNPROVEN,
    CriterionVerdict.WAIVED,
)


def result(verdict: CriterionVerdict, level: Level = Level.BLOCK, id: str = "a.rate") -> CriterionResult:
    reason = no_data("node is missing") if verdict is UNPROVEN else None
    return result_of(f"{id} >= 95%", verdict, observed=share(9, 10), reason=reason, level=level)


def results(*verdicts: CriterionVerdict) -> list[CriterionResult]:
    return [result(verdict, id=f"c{index}.rate") for index, verdict in enumerate(verdicts, 1)]


def test_every_blocking_criterion_met_is_a_pass():
    decision = decide(results(MET, MET))
    assert (decision.verdict, decision.exit_code) == (Verdict.PASS, ExitCode.PASS)
    assert sentence(decision.reason) == "all 2 blocking criteria met"
    assert sentence(decide(results(MET)).reason) == "1 blocking criterion met"


def test_one_not_met_fails_whatever_else_is_open():
    decision = decide(results(MET, NOT_MET, UNPROVEN))
    assert (decision.verdict, decision.exit_code) == (Verdict.FAIL, ExitCode.FAIL)
    assert sentence(decision.reason) == (
        "1 of 3 blocking criteria not met, 1 unproven: c2.rate was 90% (9 of 10), needs >= 95%"
    )


def test_reason_names_the_first_few():
    assert sentence(decide(results(*[NOT_MET] * 5)).reason).endswith("; and 2 more")
    assert sentence(decide(results(*[UNPROVEN] * 5)).reason).endswith("; and 3 more")


def test_one_unproven_is_inconclusive_and_says_what_is_missing():
    decision = decide(results(MET, UNPROVEN))
    assert (decision.verdict, decision.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert sentence(decision.reason) == "1 of 2 blocking criteria unproven: c2.rate: no data: node is missing"


@pytest.mark.parametrize("verdict", [NOT_MET, UNPROVEN])
def test_a_warning_never_closes_the_gate(verdict):
    decision = decide([result(MET), result(verdict, Level.WARN)])
    assert decision.verdict is Verdict.PASS
    assert sentence(decision.reason) == "1 blocking criterion met, 1 warning"


@pytest.mark.parametrize("criteria", [[], [result(MET, Level.WARN)], results(WAIVED)])
def test_no_blocking_criterion_met_is_never_a_pass(criteria):
    decision = decide(criteria)
    assert (decision.verdict, decision.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert "nothing is proven" in sentence(decision.reason)


def test_waived_criteria_do_not_close_and_are_counted():
    decision = decide(results(MET, WAIVED))
    assert decision.verdict is Verdict.PASS
    assert sentence(decision.reason) == "1 of 2 blocking criteria met, 1 waived"


def test_a_narrowed_run_is_inconclusive_at_best():
    selection = Selection(checks=("a",), criteria_selected=2, criteria_total=11)
    decision = decide(results(MET, MET), selection=selection)
    assert (decision.verdict, decision.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert sentence(decision.reason) == "2 of 2 selected criteria met, 9 not selected"


def test_a_narrowed_run_can_fail():
    selection = Selection(steps=("a",), criteria_selected=1, criteria_total=11)
    assert decide(results(NOT_MET), selection=selection).exit_code is ExitCode.FAIL


def test_selecting_nothing_is_not_narrowing():
    assert (
        decide(results(MET), selection=Selection(criteria_selected=1, criteria_total=1)).verdict
        is Verdict.PASS
    )


@pytest.mark.parametrize("code", [ExitCode.INTERRUPTED, ExitCode.TERMINATED])
@pytest.mark.parametrize("verdict", [MET, NOT_MET, UNPROVEN])
def test_an_interrupted_run_is_inconclusive_whatever_was_seen(code, verdict):
    decision = decide(results(verdict), interrupted="stopped by Ctrl-C", signal=code)
    assert (decision.verdict, decision.exit_code) == (Verdict.INCONCLUSIVE, code)
    assert sentence(decision.reason).startswith("stopped by Ctrl-C; 1 ")


def test_a_run_that_ended_early_never_passes():
    decision = decide(results(MET), interrupted="the limit of 10m was reached")
    assert (decision.verdict, decision.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert sentence(decision.reason).startswith("the limit of 10m was reached; ")
    assert decide(results(NOT_MET), interrupted="the disk is full").exit_code is ExitCode.FAIL


def test_a_target_that_never_came_up_is_75():
    decision = decide(results(UNPROVEN), target_error="controller was not ready within 20s")
    assert (decision.verdict, decision.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.TARGET)
    assert sentence(decision.reason).startswith("controller was not ready within 20s; ")


PRECEDENCE = [
    ExitCode.INTERRUPTED,
    ExitCode.DEFECT,
    ExitCode.FAIL,
    ExitCode.TARGET,
    ExitCode.INCONCLUSIVE,
    ExitCode.PASS,
]


@pytest.mark.parametrize("apply", list(itertools.product([False, True], repeat=5)))
def test_of_several_exit_codes_the_first_in_order_is_taken(apply):
    interrupted, defect, failed, target, open_ = apply
    wanted = next(code for code, given in zip(PRECEDENCE, [*apply, True], strict=True) if given)
    decision = decide(
        results(MET, *[NOT_MET] * failed, *[UNPROVEN] * open_),
        signal=ExitCode.INTERRUPTED if interrupted else None,
        interrupted="stopped" if interrupted else "",
        defect="KeyError: 'x'" if defect else "",
        target_error="not ready" if target else "",
    )
    assert decision.exit_code is wanted
    assert (decision.verdict is Verdict.PASS) is (wanted is ExitCode.PASS)
    assert sentence(decision.reason)


levels = st.sampled_from(Level)
judged = st.lists(st.tuples(levels, st.sampled_from(CriterionVerdict)), max_size=6)


@given(judged)
def test_a_pass_needs_every_blocking_criterion(pairs):
    decision = decide([result(verdict, level) for level, verdict in pairs])
    blocking = {verdict for level, verdict in pairs if level is Level.BLOCK}
    assert (decision.verdict is Verdict.PASS) is (MET in blocking and blocking <= {MET, WAIVED})
    assert (decision.verdict is Verdict.FAIL) is (NOT_MET in blocking)


@given(judged, st.sampled_from([NOT_MET, UNPROVEN]))
def test_one_criterion_more_that_is_not_met_never_opens_the_gate(pairs, verdict):
    criteria = [result(verdict, level) for level, verdict in pairs]
    assert decide([*criteria, result(verdict)]).verdict is not Verdict.PASS


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ([MET, MET], AttemptStatus.PASSED),
        ([MET, UNPROVEN], AttemptStatus.UNPROVEN),
        ([NOT_MET, UNPROVEN], AttemptStatus.FAILED),
        ([], AttemptStatus.UNPROVEN),
        ([WAIVED], AttemptStatus.PASSED),
    ],
)
def test_status_of_an_attempt(verdicts, status):
    assert attempt_status([(Level.BLOCK, verdict) for verdict in verdicts], error=None) is status


def test_an_error_makes_an_attempt_errored_whatever_was_seen():
    assert attempt_status([(Level.BLOCK, NOT_MET)], error="crashed") is AttemptStatus.ERRORED


def test_a_warning_does_not_fail_an_attempt():
    judged = [(Level.BLOCK, MET), (Level.WARN, NOT_MET)]
    assert attempt_status(judged, error=None) is AttemptStatus.PASSED


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (MET, AttemptStatus.PASSED),
        (WAIVED, AttemptStatus.PASSED),
        (NOT_MET, AttemptStatus.UNPROVEN),
        (UNPROVEN, AttemptStatus.UNPROVEN),
    ],
)
def test_an_attempt_that_only_warns_passes_or_is_unproven(verdict, status):
    assert attempt_status([(Level.WARN, verdict)], error=None) is status


@pytest.mark.parametrize(
    ("attempts", "flaky"),
    [
        ("passed", False),
        ("failed passed", True),
        ("errored passed", True),
        ("failed failed", False),
        ("", False),
    ],
)
def test_flaky_is_a_pass_after_a_failure_or_an_error(attempts, flaky):
    assert is_flaky([AttemptStatus(word) for word in attempts.split()]) is flaky


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ("passed passed", "passed"),
        ("passed failed errored", "failed"),
        ("passed errored not_run", "errored"),
        ("passed not_run", "unproven"),
        ("passed unproven", "unproven"),
        ("not_run not_run", "not_run"),
        ("", "not_run"),
    ],
)
def test_status_of_a_step_is_that_of_its_worst_check(checks, status):
    assert step_status(CheckStatus(word) for word in checks.split()) is CheckStatus(status)


@pytest.mark.parametrize(
    ("base", "attempts", "on_fail", "wanted"),
    [(0.95, 3, True, 1 - 0.05 / 3), (0.95, 3, False, 0.95), (0.95, 1, True, 0.95), (None, 3, True, None)],
)
def test_trying_until_it_fits_asks_for_more_confidence(base, attempts, on_fail, wanted):
    tried = check("a", retry=RetryWritten(attempts=attempts, on=("error", "fail") if on_fail else ("error",)))
    got = confidence_for(base, tried.asked.chances)
    assert got == (None if wanted is None else pytest.approx(wanted))


GATES = {
    "every blocking criterion is met": decide(results(MET, MET)),
    "a blocking criterion is not met": decide(results(MET, NOT_MET)),
    "a blocking criterion is unproven": decide(results(MET, UNPROVEN)),
    "one is not met and another unproven": decide(results(NOT_MET, UNPROVEN)),
    "only a criterion of level warn is not met": decide([result(MET), result(NOT_MET, Level.WARN)]),
    "only a criterion of level warn is unproven": decide([result(MET), result(UNPROVEN, Level.WARN)]),
    "the run was narrowed and everything selected is met": decide(
        results(MET), selection=Selection(steps=("one",), criteria_selected=1, criteria_total=2)
    ),
}


@pytest.mark.parametrize("rule", rules("gate"), ids=str)
def test_gate_decides_by_the_table_of_the_docs(rule):
    decision = GATES[rule.situation]
    assert (decision.verdict.value, int(decision.exit_code)) == (rule.verdict, rule.exit_code)


def test_table_of_the_docs_has_every_case_of_the_gate():
    assert {rule.situation for rule in rules("gate")} == set(GATES)


@pytest.mark.parametrize("measure", ["flaky_rate", "checks"])
def test_how_evidence_came_about_is_no_evidence(measure):
    beside = result_of(f"a.{measure} >= 95%", MET, id="flaky:run")
    assert decide([beside]).verdict is Verdict.INCONCLUSIVE
    waived = decide([beside, result(WAIVED)])
    assert (waived.verdict, sentence(waived.reason)) == (
        Verdict.INCONCLUSIVE,
        "every blocking criterion that could show that something passed is waived, so nothing is proven",
    )
    assert decide([beside, result(MET)]).verdict is Verdict.PASS

"""Nothing in a record says more than what it rests on: checks, steps, the verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phasegate.model.criterion import Level
from phasegate.model.events import (
    CriterionJudged,
    Interrupted,
    RunFinished,
    RunStarted,
    StepFinished,
    WaiverApplied,
)
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.result import (
    CheckStatus,
    Selection,
    Verdict,
    WaiverState,
)
from phasegate.render.sentences import sentence
from tests.judged import result, settled
from tests.model.test_fold import AT, ENDED, SKELETON, WAIVED_RUN, WAIVER, WHOLE, later


def test_a_pass_that_does_not_follow_from_its_criteria_is_none() -> None:
    not_met = CriterionJudged(
        at=later(3), criterion=result("up.success_rate == 100%", CriterionVerdict.NOT_MET)
    )
    narrowed = replace(SKELETON, selection=Selection(steps=("first",)))
    for events, verdict, why in (
        ([*WHOLE[:-2], WHOLE[-1]], Verdict.INCONCLUSIVE, "up.success_rate is unproven"),
        ([*WHOLE[:-2], not_met, WHOLE[-1]], Verdict.FAIL, "up.success_rate is not met"),
        ([RunStarted(at=AT, skeleton=narrowed), *WHOLE[1:]], Verdict.INCONCLUSIVE, "only a selection"),
        ([WHOLE[0], Interrupted(at=AT, because="Ctrl-C"), *WHOLE[1:]], Verdict.INCONCLUSIVE, "Ctrl-C"),
        ([WHOLE[0], WHOLE[-1]], Verdict.INCONCLUSIVE, "is unproven"),
    ):
        run = settled(events)
        assert run.verdict is verdict
        assert run.exit_code == {Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 3}[verdict]
        assert sentence(run.reason).startswith("the record contradicts itself: ")
        assert why in sentence(run.reason)


@pytest.mark.parametrize("state", [state for state in WaiverState if state is not WaiverState.USED])
def test_a_pass_with_a_criterion_that_no_waiver_in_force_covers_is_none(state: WaiverState) -> None:
    run = settled([*WAIVED_RUN, WaiverApplied(at=later(3), waiver=replace(WAIVER, state=state)), ENDED])
    assert run.verdict is Verdict.INCONCLUSIVE
    assert "no waiver in force covers late.rate" in sentence(run.reason)


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.FAIL, 0), (Verdict.PASS, 1), (Verdict.PASS, 3)])
def test_verdict_and_exit_code_that_do_not_go_together_are_no_pass(verdict: Verdict, code: int) -> None:
    run = settled([*WHOLE[:-1], RunFinished(at=later(4), verdict=verdict, exit_code=code, reason="")])
    assert (run.verdict, run.exit_code) == (Verdict.INCONCLUSIVE, 3)


@pytest.mark.parametrize(
    ("level", "verdict", "status"),
    [
        (Level.BLOCK, CriterionVerdict.MET, CheckStatus.PASSED),
        (Level.BLOCK, CriterionVerdict.NOT_MET, CheckStatus.FAILED),
        (Level.BLOCK, CriterionVerdict.UNPROVEN, CheckStatus.UNPROVEN),
        (Level.WARN, CriterionVerdict.NOT_MET, CheckStatus.PASSED),
    ],
)
def test_a_step_is_held_to_what_it_asks_of_the_target(
    level: Level, verdict: CriterionVerdict, status: CheckStatus
) -> None:
    text = "target/web.memory.max < 1MiB"
    asked = result(text, step="first", level=level)
    skeleton = replace(SKELETON, criteria=(*SKELETON.criteria, asked))
    run = settled(
        [
            RunStarted(at=AT, skeleton=skeleton),
            StepFinished(at=later(3), step="first", status=CheckStatus.PASSED),
            CriterionJudged(at=later(4), criterion=result(text, verdict, step="first", level=level)),
        ]
    )
    assert run.steps[0].status is status
    assert bool(run.steps[0].reason) is (status is not CheckStatus.PASSED)


@pytest.mark.parametrize(
    ("subject", "measure", "step", "held"),
    [
        ("step/first", "pass_rate", None, True),
        ("step/first", "flaky_rate", "first", True),
        ("step/other", "pass_rate", "first", True),
        ("run", "errored", "first", True),
        ("up", "flaky_rate", "first", True),
        ("run", "errored", None, False),
        ("step/other", "pass_rate", None, False),
        ("up", "success_rate", "first", False),
    ],
)
def test_a_step_is_held_to_its_aggregates_and_to_those_written_in_it(
    subject: str, measure: str, step: str | None, held: bool
) -> None:
    text = f"{subject}.{measure} == 1"
    asked = result(text, id="asked", step=step)
    run = settled(
        [
            RunStarted(at=AT, skeleton=replace(SKELETON, criteria=(*SKELETON.criteria, asked))),
            StepFinished(at=later(3), step="first", status=CheckStatus.PASSED),
            CriterionJudged(
                at=later(4), criterion=result(text, CriterionVerdict.NOT_MET, id="asked", step=step)
            ),
        ]
    )
    assert run.steps[0].status is (CheckStatus.FAILED if held else CheckStatus.PASSED)

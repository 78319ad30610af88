"""One check with its attempts: what is tried again, what decides, what is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

from phasegate.base.errors import ObservationError, PhasegateError
from phasegate.model.events import AttemptFinished, CaseFinished, CheckFinished, RetryScheduled
from phasegate.model.measures import Share
from phasegate.model.observation import Case, CaseStatus, Observation
from phasegate.model.result import AttemptStatus, CheckStatus
from phasegate.plan.written.plan import RetryWritten
from phasegate.render.sentences import sentence
from phasegate.world import Progress, World
from tests.runner.scripted import BAD, GOOD, ONCE, SAMPLE, Scripted, Stage, check, plan, seen, step
from tests.telling import raises


async def run_one(stage: Stage, *acts: object, retry: RetryWritten = ONCE, **more: object) -> CheckFinished:
    kind = Scripted(*acts)  # type: ignore[arg-type]
    await stage.run(plan(step("first", check("one", kind=kind, retry=retry, **more))))  # type: ignore[arg-type]
    return stage.told(CheckFinished)[-1]


async def test_a_check_passes_on_the_third_attempt_and_is_flaky(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    error = ObservationError("no route")
    finished = await run_one(
        stage, error, error, GOOD, retry=RetryWritten(attempts=3, wait="500ms", backoff=2)
    )
    assert (finished.status, finished.flaky) == (CheckStatus.PASSED, True)
    assert stage.clock.slept == [0.5, 1.0]
    assert [sentence(event.because) for event in stage.told(RetryScheduled)] == ["no route", "no route"]
    assert [event.attempt.status for event in stage.told(AttemptFinished)] == [
        AttemptStatus.ERRORED,
        AttemptStatus.ERRORED,
        AttemptStatus.PASSED,
    ]


async def test_an_error_comes_with_its_way_out(tmp_path: Path) -> None:
    finished = await run_one(Stage(tmp_path), ObservationError("no engine", help="start it"))
    assert (finished.status, sentence(finished.reason)) == (CheckStatus.ERRORED, "no engine; start it")


async def test_waits_grow_up_to_the_longest(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    retry = RetryWritten(attempts=5, wait="1s", backoff=10, max_wait="20s")
    await run_one(stage, ObservationError("down"), retry=retry)
    assert stage.clock.slept == [1, 10, 20, 20]


async def test_a_failed_attempt_is_not_tried_again_unless_asked_for(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    finished = await run_one(stage, BAD, GOOD, retry=RetryWritten(attempts=3))
    assert (finished.status, finished.flaky) == (CheckStatus.FAILED, False)
    assert len(stage.told(AttemptFinished)) == 1


async def test_a_failed_attempt_is_tried_again_when_asked_for_and_sees_its_earlier_cases(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)
    kind = Scripted(BAD, GOOD)
    await stage.run(
        plan(step("first", check("one", kind=kind, retry=RetryWritten(attempts=3, on=("error", "fail")))))
    )
    assert stage.statuses() == {"one": CheckStatus.PASSED}
    assert kind.earlier == [(), BAD.cases]


async def test_an_unproven_attempt_is_never_tried_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    nothing = Observation()
    finished = await run_one(stage, nothing, GOOD, retry=RetryWritten(attempts=3, on=("error", "fail")))
    assert finished.status is CheckStatus.UNPROVEN
    assert len(stage.told(AttemptFinished)) == 1


async def test_retries_on_failure_ask_more_of_a_sample(tmp_path: Path) -> None:
    """59 of 59 shows 95% at 95% confidence, but not at the 98.3% of each of three attempts."""
    sample = Observation(measures={"pass_rate": Share(passed=59, total=59, sample=True)})
    for retry, expected in (
        (RetryWritten(), CheckStatus.PASSED),
        (RetryWritten(attempts=3, on=("error", "fail")), CheckStatus.UNPROVEN),
        (RetryWritten(attempts=3), CheckStatus.PASSED),
    ):
        stage = Stage(tmp_path)
        asked = plan(step("first", check("one", sample, retry=retry)), criteria=["one.pass_rate >= 95%"])
        await stage.run(asked)
        assert stage.statuses() == {"one": expected}


async def test_a_limit_makes_an_attempt_errored_and_keeps_its_cases(tmp_path: Path) -> None:
    case = Case(id="a", name="a", status=CaseStatus.PASSED)

    async def stall(world: World) -> Observation:
        await world.progress(Progress(cases=(case,)))
        await asyncio.sleep(60)
        return GOOD

    stage = Stage(tmp_path)
    finished = await run_one(stage, stall, limit=0.05)
    assert finished.status is CheckStatus.ERRORED
    assert sentence(finished.reason) == "did not end within its limit of 50 ms"
    assert stage.told(AttemptFinished)[0].attempt.observation.cases == (case,)
    assert [event.case for event in stage.told(CaseFinished)] == [case]


async def test_a_timeout_inside_a_kind_is_not_mistaken_for_the_limit(tmp_path: Path) -> None:
    finished = await run_one(Stage(tmp_path), TimeoutError("inner"))
    assert finished.status is CheckStatus.ERRORED
    assert "a defect in phasegate: TimeoutError: inner" in sentence(finished.reason)


async def test_an_unexpected_exception_is_a_defect_with_its_traceback_as_evidence(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    finished = await run_one(stage, ZeroDivisionError("oops"))
    assert sentence(finished.reason) == "a defect in phasegate: ZeroDivisionError: oops"
    assert stage.outcomes["one"].defect
    (written,) = stage.told(AttemptFinished)[0].attempt.observation.evidence
    assert "oops" in (tmp_path / "one/1" / Path(written).name).read_text()


async def test_an_observation_error_in_a_group_is_found(tmp_path: Path) -> None:
    group = ExceptionGroup("several", [ObservationError("no engine"), ObservationError("later")])
    finished = await run_one(Stage(tmp_path), group)
    assert (finished.status, sentence(finished.reason)) == (CheckStatus.ERRORED, "no engine")


async def test_a_record_that_cannot_be_kept_ends_the_run(tmp_path: Path) -> None:
    with raises(PhasegateError, match="disk full"):
        await run_one(Stage(tmp_path), PhasegateError("disk full"))


async def test_entries_of_each_become_parts_and_add_up(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    asked = plan(
        step("first", check("one", GOOD, BAD, parts=("nodejs", "rust"))),
        criteria=["one/nodejs.pass_rate == 100%", "one/rust.pass_rate == 100%", "one.pass_rate >= 75%"],
    )
    await stage.run(asked)
    attempt = stage.told(AttemptFinished)[0].attempt
    assert set(attempt.observation.parts) == {"nodejs", "rust"}
    assert attempt.observation.measures["pass_rate"] == seen(3, 4).measures["pass_rate"]
    assert [case.id for case in attempt.observation.cases] == [
        "nodejs/case-0",
        "nodejs/case-1",
        "rust/case-0",
        "rust/case-1",
    ]
    assert stage.statuses() == {"one": CheckStatus.FAILED}


async def test_a_sample_without_enough_evidence_is_unproven_not_passed(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.run(plan(step("first", check("one", SAMPLE)), criteria=["one.pass_rate >= 99.9%"]))
    assert stage.statuses() == {"one": CheckStatus.UNPROVEN}
    assert "2,995" in sentence(stage.told(CheckFinished)[0].reason)

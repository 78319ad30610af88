"""Steps and checks in their order, with needs, companions, selection, interruption."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from phasegate.model.events import CheckFinished, CheckStarted, StepFinished
from phasegate.model.observation import Observation
from phasegate.model.result import CheckStatus
from phasegate.plan.asked.entries import PlanCommand
from phasegate.render.sentences import sentence
from phasegate.runner.preflight import Missing
from phasegate.world import World
from tests.runner.scripted import BAD, GOOD, Scripted, Stage, check, plan, step, until_stopped

pytestmark = pytest.mark.paced

PASSED, FAILED, NOT_RUN = CheckStatus.PASSED, CheckStatus.FAILED, CheckStatus.NOT_RUN
ERRORED = CheckStatus.ERRORED


def command(*argv: str) -> PlanCommand:
    return PlanCommand(argv=argv, cwd=Path.cwd(), limit=10.0)


async def test_a_step_follows_the_one_above_it_whether_that_passed_or_not(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.run(plan(step("a", check("one", BAD)), step("b", check("two"), follows=["a"])))
    assert [event.check for event in stage.told(CheckStarted)] == ["one", "two"]
    assert stage.statuses() == {"one": FAILED, "two": PASSED}


async def test_a_step_that_needs_one_that_failed_is_not_run_and_says_why(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.run(plan(step("a", check("one", BAD)), step("b", check("two"), needs=["a"])))
    assert stage.statuses() == {"one": FAILED, "two": NOT_RUN}
    assert sentence(stage.outcomes["two"].reason).startswith("step a, which it needs, did not hold: one: ")


async def test_a_need_is_not_held_back_by_what_is_unproven(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.run(plan(step("a", check("one", Observation())), step("b", check("two"), needs=["a"])))
    assert stage.statuses()["two"] is PASSED


async def test_free_steps_run_side_by_side(tmp_path: Path) -> None:
    meeting = asyncio.Barrier(2)

    async def meet(world: World) -> Observation:
        await asyncio.wait_for(meeting.wait(), 60)
        return GOOD

    stage = Stage(tmp_path)
    await stage.run(plan(step("a", check("one", meet)), step("b", check("two", meet))))
    assert stage.statuses() == {"one": PASSED, "two": PASSED}


async def test_checks_of_a_step_run_in_order_unless_parallel(tmp_path: Path) -> None:
    log: list[str] = []

    def noting(name: str) -> object:
        async def act(world: World) -> Observation:
            log.append(f"{name} in")
            await asyncio.sleep(0.005)
            log.append(f"{name} out")
            return GOOD

        return act

    for parallel in (False, True):
        log.clear()
        checks = [check(name, noting(name)) for name in ("one", "two")]  # type: ignore[arg-type]
        await Stage(tmp_path / str(parallel)).run(plan(step("a", *checks, parallel=parallel)))
        assert (log[:2] == ["one in", "two in"]) is parallel


async def test_an_exclusive_check_runs_alone_even_among_free_steps(tmp_path: Path) -> None:
    running: set[str] = set()
    together: list[set[str]] = []

    def noting(name: str) -> object:
        async def act(world: World) -> Observation:
            running.add(name)
            together.append(set(running))
            await asyncio.sleep(0.005)
            running.discard(name)
            return GOOD

        return act

    steps = [
        step(f"s{name}", check(name, noting(name), exclusive=name == "load")) for name in ("x", "load", "y")
    ]  # type: ignore[arg-type]
    await Stage(tmp_path).run(plan(*steps))
    assert [names for names in together if "load" in names] == [{"load"}]


async def test_checks_during_the_run_go_on_until_every_other_has_ended(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    uptime = check("uptime", until_stopped, step=None, during="run", limit=None)
    await stage.run(plan(step("a", check("one")), step("b", check("two"), follows=["a"]), gate=[uptime]))
    assert [event.check for event in stage.told(CheckFinished)] == ["one", "two", "uptime"]
    assert stage.statuses()["uptime"] is PASSED


async def test_a_check_beside_another_ends_with_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    probe = check("probe", until_stopped, during="one", limit=None)
    await stage.run(plan(step("a", check("one"), probe, check("two"))))
    order = [event.check for event in stage.told(CheckFinished)]
    assert order.index("probe") < order.index("two")
    assert stage.statuses() == {"one": PASSED, "probe": PASSED, "two": PASSED}


async def test_a_check_beside_one_that_is_not_run_is_not_run(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    missing = {"one": Missing(reason="node is not installed", help="apt-get install nodejs")}
    probe = check("probe", until_stopped, during="one", limit=None)
    await stage.run(plan(step("a", check("one"), probe)), missing=missing)
    assert sentence(stage.outcomes["one"].help) == "apt-get install nodejs"
    assert sentence(stage.outcomes["probe"].reason) == "one, which it goes beside, was not run"


async def test_fail_fast_starts_nothing_after_a_failure(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.run(
        plan(step("a", check("one", BAD), check("two")), step("b", check("three"), follows=["a"])),
        fail_fast=True,
    )
    assert stage.statuses() == {"one": FAILED, "two": NOT_RUN, "three": NOT_RUN}


async def test_what_is_not_selected_is_not_run_and_held_against_nobody(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.run(
        plan(step("a", check("one")), step("b", check("two"), needs=["a"])), selected=frozenset({"two"})
    )
    assert stage.statuses() == {"one": NOT_RUN, "two": PASSED}
    assert sentence(stage.outcomes["one"].reason) == "not selected"


async def test_setup_and_teardown_surround_the_checks_of_a_step(tmp_path: Path) -> None:
    marker = tmp_path / "marker"

    def look(world: World) -> Observation:
        return GOOD if marker.exists() else BAD

    stage = Stage(tmp_path)
    first = step(
        "a",
        check("one", look),
        setup=(command("touch", str(marker)),),
        teardown=(command("rm", str(marker)),),
    )
    await stage.run(plan(first))
    assert stage.statuses() == {"one": PASSED}
    assert not marker.exists()


async def test_a_setup_that_fails_leaves_the_checks_out_but_teardown_runs(tmp_path: Path) -> None:
    marker = tmp_path / "torn-down"
    stage = Stage(tmp_path)
    first = step(
        "a",
        check("one"),
        setup=(command("sh", "-c", "echo no database >&2; exit 3"),),
        teardown=(command("touch", str(marker)),),
    )
    await stage.run(plan(first, step("b", check("two"), needs=["a"])))
    assert stage.statuses() == {"one": NOT_RUN, "two": NOT_RUN}
    assert sentence(stage.outcomes["one"].reason) == "setup of step a: sh: exit code 3: no database"
    assert marker.exists()


async def test_an_interrupted_run_tells_how_every_check_ended(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    running = asyncio.create_task(
        stage.run(plan(step("a", check("one"), check("two", until_stopped), check("three"))))
    )
    await asyncio.sleep(0.05)
    stage.stop.now("stopped by Ctrl-C")
    await running
    assert stage.statuses() == {"one": PASSED, "two": ERRORED, "three": NOT_RUN}
    assert stage.outcomes["two"].reason == stage.outcomes["three"].reason == "stopped by Ctrl-C"


async def test_a_kind_that_does_not_listen_is_cancelled_and_told_as_errored(tmp_path: Path) -> None:
    async def deaf(world: World) -> Observation:
        await asyncio.sleep(60)
        return GOOD

    stage = Stage(tmp_path)
    running = asyncio.create_task(stage.run(plan(step("a", check("one", deaf)))))
    await asyncio.sleep(0.05)
    stage.stop.now("stopped by Ctrl-C")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stage.statuses() == {"one": ERRORED}


async def test_a_step_is_told_by_its_worst_check(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    kind = Scripted(BAD)
    await stage.run(plan(step("a", check("one"), check("two", kind=kind))))
    (finished,) = stage.told(StepFinished)
    assert finished.status is FAILED
    assert sentence(finished.reason).startswith("two: ")

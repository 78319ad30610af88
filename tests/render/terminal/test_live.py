from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from phasegate.model.events import (
    AttemptFinished,
    AttemptStarted,
    CaseFinished,
    CheckFinished,
    CheckStarted,
    Event,
    FaultEnded,
    FaultStarted,
    Interrupted,
    Progressed,
    RetryScheduled,
    RunStarted,
    StepStarted,
)
from phasegate.model.faults import FaultStatus
from phasegate.model.observation import Case, CaseStatus
from phasegate.render.terminal.live import HEARTBEAT, LineView, LiveView
from tests.samples import failing_run, passing_run

AT = datetime(2026, 1, 15, tzinfo=UTC)
RUN = failing_run()
FAILED = next(check for check in RUN.checks() if check.status.value == "failed" and check.last)
assert FAILED.last is not None
CASE = Case(id="flow/request", name="request \x1b[31m[red]x[/]", status=CaseStatus.FAILED)
STORY: list[Event] = [
    RunStarted(at=AT, skeleton=RUN),
    StepStarted(at=AT, step=RUN.steps[0].id),
    CheckStarted(at=AT, check=FAILED.id),
    AttemptStarted(at=AT, check=FAILED.id, number=1),
    CaseFinished(at=AT, check=FAILED.id, attempt=1, case=CASE),
    Progressed(at=AT, check=FAILED.id, done=0.5, text="half \x1b[31mway"),
    RetryScheduled(at=AT, check=FAILED.id, next_number=2, wait=0.5, because="it broke"),
    AttemptFinished(at=AT, check=FAILED.id, attempt=FAILED.last),
    CheckFinished(at=AT, check=FAILED.id, status=FAILED.status, reason="not as it should be", duration=1.5),
    Interrupted(at=AT, because="stopped by Ctrl-C"),
]


@dataclass
class Watch:
    at: float = 0.0

    def __call__(self) -> float:
        return self.at


def console(width: int = 120, *, live: bool = False) -> Console:
    return Console(
        file=io.StringIO(),
        width=width,
        height=30,
        markup=False,
        emoji=False,
        highlight=False,
        color_system=None,
        force_terminal=live,
        force_interactive=live,
    )


def text(of: Console) -> str:
    assert isinstance(of.file, io.StringIO)
    return of.file.getvalue()


def test_lines_tell_the_story_without_moving_the_cursor() -> None:
    screen = console()
    view = LineView(screen, verbose=True)
    for event in STORY:
        view(event)
    view.close()
    said = text(screen)
    assert "\x1b" not in said
    for part in ("failed   flow/request", "it broke", "not as it should be", "1.5 s", "stopped by Ctrl-C"):
        assert part in said
    assert all(line.startswith(("[", " ")) for line in said.splitlines())


@pytest.mark.parametrize("name", ["a", "a\tb", "[red]x[/] :smile:", "\u4e16" * 90, "x" * 300, "e\u0301 \x00"])
def test_a_log_has_the_lines_that_rich_would_lay_out(name: str) -> None:
    case = replace(CASE, id=name)
    failed = replace(FAILED.last, observation=replace(FAILED.seen, cases=(case,)))
    story = [
        AttemptFinished(at=AT, check=FAILED.id, attempt=failed) if one is STORY[7] else one for one in STORY
    ]
    said = []
    for plain in (True, False):
        screen = console()
        view = LineView(screen, verbose=True, now=Watch())
        assert view._is_plain
        view._is_plain = plain
        for event in story:
            view(event)
        said.append(text(screen))
    assert said[0] == said[1]


def test_faults_are_told_when_they_begin_and_how_they_ended() -> None:
    fault = next(iter(RUN.faults()))
    never = replace(fault, status=FaultStatus.NOT_UNDONE, reason="it could not be undone: no engine")
    for make in (LineView, LiveView):
        screen = console()
        view = make(screen)
        for event in (
            RunStarted(at=AT, skeleton=RUN),
            FaultStarted(at=AT, fault=fault.id),
            FaultEnded(at=AT, fault=fault),
            FaultEnded(at=AT, fault=never),
        ):
            view(event)
        view.close()
        said = text(screen)
        assert "kill controller at 3 s of steady for 1 s" in said
        assert "recovery_time 1.6 s, lost_requests 31" in said
        assert "NOT UNDONE" in said
        assert "it could not be undone: no engine" in said


def test_cases_are_told_only_when_asked_for() -> None:
    screen = console()
    view = LineView(screen)
    for event in STORY[:5]:
        view(event)
    assert "flow/request" not in text(screen)


def test_silence_is_broken_by_what_is_running() -> None:
    screen, watch = console(), Watch()
    view = LineView(screen, now=watch)
    for event in STORY[:6]:
        view(event)
    before = text(screen)
    watch.at = HEARTBEAT - 1
    view.tick()
    assert text(screen) == before
    watch.at = HEARTBEAT + 1
    view.tick()
    view.tick()
    added = text(screen).removeprefix(before)
    assert added.count("\n") == 1
    assert FAILED.id in added
    assert "50%" in added


def test_the_live_view_keeps_finished_lines_and_takes_its_region_away() -> None:
    for width in (120, 60, 20):
        screen = console(width, live=True)
        view = LiveView(screen)
        for event in STORY:
            view(event)
            view.tick()
        view.close()
        said = text(screen)
        assert "ctrl-c to stop" in said or width == 20
        assert "FAIL" in said
        assert "\x1b[31m" not in said
        assert said.rfind("\x1b[?25h") > said.rfind("\x1b[?25l")  # the cursor is back


def test_the_region_of_many_checks_stays_small() -> None:
    many = passing_run()
    screen = console(80, live=True)
    view = LiveView(screen)
    view(RunStarted(at=AT, skeleton=many))
    for check in many.checks():
        view(CheckStarted(at=AT, check=check.id))
    view.tick()
    view.close()
    frames = text(screen).split("─" * 72)
    assert all(frame.count("\n") <= 12 for frame in frames[1:])
    assert f"0/{len(many.checks())} checks" in frames[-1]

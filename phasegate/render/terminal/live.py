"""What a person sees while a run goes on: a live view on a terminal, one line per event elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from phasegate.base.dataclass import dataclass
from phasegate.base.units import count, format_seconds
from phasegate.model.events import (
    AttemptFinished,
    AttemptStarted,
    CaseFinished,
    CheckFinished,
    CheckStarted,
    ClockMoved,
    Event,
    FaultEnded,
    FaultStarted,
    Interrupted,
    Progressed,
    RetryScheduled,
    RunStarted,
    StepFinished,
    StepStarted,
    TargetChanged,
)
from phasegate.model.faults import FaultResult
from phasegate.model.observation import Case, CaseStatus
from phasegate.model.result import AttemptResult, CheckResult, CheckStatus, RunResult
from phasegate.render.faults import WORDS, fault_text
from phasegate.render.faults import headline as fault_headline
from phasegate.render.sentences import sentence
from phasegate.render.words import CHECK_WORDS, headline, one_line

HEARTBEAT = 30.0
"""Seconds of silence after which the line view says what is running; CI ends jobs that say nothing."""
SLOW = 30.0
MOST_ROWS = 8
MOST_CASES = 5
"""Failed cases shown under a finished check; the summary has more."""


class View(Protocol):
    """Listens to events; `tick` is called a few times a second."""

    def __call__(self, event: Event) -> None: ...

    def tick(self) -> None: ...

    def tell(self, stage: str) -> None:
        """Say what is running at this moment; `stage` is where the run is as a whole."""

    def close(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class _Running:
    """A check under way, as the view knows it."""

    check: CheckResult
    since: float
    attempt: int = 1
    done: float | None = None
    text: str = ""
    passed: int = 0
    failed: int = 0


class _Board:
    """The state both views draw from."""

    def __init__(self) -> None:
        self.checks: dict[str, CheckResult] = {}
        self.running: dict[str, _Running] = {}
        self.attempts: dict[str, AttemptResult] = {}
        self.faults: dict[str, FaultResult] = {}
        self.steps: dict[str, float] = {}
        """Those under way, and since when."""
        self.coming: dict[str, float] = {}
        """Entries of the target that are not ready yet."""
        self.retries: dict[str, tuple[RetryScheduled, float]] = {}
        self.doing: dict[str, float] = {}
        """Faults under way."""
        self.finished = 0

    def start(self, skeleton: RunResult) -> None:
        self.checks = {check.id: check for check in skeleton.checks()}
        self.faults = {fault.id: fault for fault in skeleton.faults()}

    def take(self, event: Event, now: float) -> None:
        match event:
            case TargetChanged() if event.state == "starting":
                self.coming[event.target.id] = now
            case TargetChanged():
                self.coming.pop(event.target.id, None)
            case StepStarted():
                self.steps[event.step] = now
            case StepFinished():
                self.steps.pop(event.step, None)
            case RetryScheduled():
                self.retries[event.check] = (event, now)
            case FaultStarted():
                self.doing[event.fault] = now
            case FaultEnded():
                self.doing.pop(event.fault.id, None)
            case CheckStarted():
                self.running[event.check] = _Running(check=self.checks[event.check], since=now)
            case AttemptStarted() if event.check in self.running:
                self.retries.pop(event.check, None)
                self.running[event.check] = replace(
                    self.running[event.check], attempt=event.number, passed=0, failed=0, done=None, text=""
                )
            case CaseFinished() if event.check in self.running:
                self._count(event.check, event.case)
            case Progressed() if event.check in self.running:
                self.running[event.check] = replace(
                    self.running[event.check], done=event.done, text=event.text
                )
            case AttemptFinished():
                self.attempts[event.check] = event.attempt
            case CheckFinished():
                self.running.pop(event.check, None)
                self.retries.pop(event.check, None)
                self.finished += 1

    def told(self, stage: str, started: float, now: float) -> list[Text]:
        """Everything under way, one line each, and what is awaited."""
        ended = f"{self.finished} of {count(len(self.checks), 'check')} ended"
        lines = [Text(f"after {_ago(started, now)}: {stage}; {ended}", style="bold")]
        for id, since in self.coming.items():
            lines.append(Text(f"  target {id} is awaited  {_ago(since, now)}"))
        for id, since in self.steps.items():
            lines.append(Text(f"  step {id}  {_ago(since, now)}"))
        for id, running in self.running.items():
            if id not in self.retries:
                line = Text("  ").append_text(_running_line(running, now))
                lines.append(line if running.attempt > 1 else line.append("  attempt 1", style="dim"))
        for id, (event, since) in self.retries.items():
            left = format_seconds(round(max(0.0, event.wait - (now - since)), 1))
            why = one_line(sentence(event.because))
            lines.append(Text(f"  {id} waits for attempt {event.next_number}, in {left}: {why}"))
        for id, since in self.doing.items():
            lines.append(Text(f"  fault {id}  {_ago(since, now)}"))
        return lines

    def _count(self, id: str, case: Case) -> None:
        running = self.running[id]
        running.passed += case.status is CaseStatus.PASSED
        running.failed += case.status is CaseStatus.FAILED
        running.text = case.name

    def finished_line(self, event: CheckFinished) -> Text:
        check = self.checks[event.check]
        symbol, word, style = CHECK_WORDS[event.status]
        attempt = self.attempts.get(event.check)
        shown = headline(attempt.observation) if attempt else ""
        line = Text()
        line.append(f"{symbol} {word:<8}", style=style)
        line.append(f" {check.id}", style="bold")
        line.append(f" ({check.asked.kind})")
        said = sentence(event.reason) if event.status is not CheckStatus.PASSED else shown
        if said:
            line.append(f"  {one_line(said, 160)}")
        if event.flaky:
            line.append("  flaky", style="yellow")
        if event.duration is not None:
            line.append(f"  {format_seconds(event.duration)}", style="dim")
        return line

    def fault_begins(self, event: FaultStarted) -> Text:
        fault = self.faults[event.fault]
        line = Text("↯ fault ", style="magenta")
        line.append(f" {fault.id}", style="bold")
        line.append(f"  {one_line(fault_text(fault.asked), 120)}")
        return line

    def failed_cases(self, id: str) -> list[Text]:
        attempt = self.attempts.get(id)
        cases = attempt.observation.cases if attempt else ()
        failed = [case for case in cases if case.status is CaseStatus.FAILED]
        lines = [
            Text(f"    ✗ {one_line(case.id, 90)}  {one_line(case.message, 140)}")
            for case in failed[:MOST_CASES]
        ]
        if len(failed) > MOST_CASES:
            lines.append(Text(f"    and {count(len(failed) - MOST_CASES, 'more failed case')}", style="dim"))
        return lines


def _ago(since: float, now: float) -> str:
    return format_seconds(round(now - since))


def opening(skeleton: RunResult) -> Text:
    checks = skeleton.checks()
    line = Text()
    line.append(f"phasegate {skeleton.tool.version}", style="bold")
    line.append(f"  {one_line(skeleton.plan.path)}  {one_line(skeleton.phase)}: {one_line(skeleton.title)}\n")
    line.append(
        f"  {count(len(skeleton.steps), 'step')}, {count(len(checks), 'check')},"
        f" {count(len(skeleton.criteria), 'criterion', 'criteria')}, run {skeleton.run}",
        style="dim",
    )
    for warning in skeleton.warnings:
        line.append(f"\n  warning: {one_line(warning, 400)}", style="yellow")
    return line


class SilentView:
    """Says nothing by itself, and what is running to who asks."""

    def __init__(
        self, console: Console, *, verbose: bool = False, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._verbose = verbose
        self._now = now
        self._board = _Board()
        self._start = self._spoke = now()

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._board.start(event.skeleton)
        else:
            self._board.take(event, self._now())

    def tick(self) -> None:
        """Nothing moves."""

    def tell(self, stage: str) -> None:
        for line in self._board.told(stage, self._start, self._now()):
            self._console.print(line, soft_wrap=True)

    def close(self) -> None:
        """Nothing is held back, so there is nothing to end."""


class LineView(SilentView):
    """One line per event, no cursor moves, a heartbeat when nothing else was said."""

    soft_wrap = True

    def __init__(
        self, console: Console, *, verbose: bool = False, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(console, verbose=verbose, now=now)
        self._is_plain = console.color_system is None and not console.is_terminal

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._board.start(event.skeleton)
            self._say(opening(event.skeleton))
            return
        self._board.take(event, self._now())
        line = self._line(event)
        if line is not None:
            self._say(line)
        if isinstance(event, CheckFinished):
            for case in self._board.failed_cases(event.check):
                self._print(case)

    def tick(self) -> None:
        if self._now() - self._spoke < HEARTBEAT or not self._board.running:
            return
        for running in self._board.running.values():
            self._say(Text("  ").append_text(_running_line(running, self._now())))

    def tell(self, stage: str) -> None:
        for line in self._board.told(stage, self._start, self._now()):
            self._say(line)

    def _line(self, event: Event) -> Text | None:
        match event:
            case TargetChanged():
                return _target_line(event)
            case StepStarted():
                return Text(f"step {event.step}", style="bold")
            case CheckStarted() if self._verbose:
                return Text(
                    f"  start    {event.check}  {sentence(self._board.checks[event.check].asked.summary)}"
                )
            case CaseFinished() if self._verbose:
                return Text(f"    {event.case.status.value:<8} {one_line(event.case.id)}")
            case RetryScheduled():
                return _retry_line(event)
            case FaultStarted():
                return self._board.fault_begins(event)
            case FaultEnded():
                return fault_ends(event.fault)
            case CheckFinished():
                return self._board.finished_line(event)
            case ClockMoved():
                return _clock_line(event)
            case Interrupted():
                return Text(f"stopping: {one_line(sentence(event.because))}", style="bold yellow")
            case _:
                return None

    def _say(self, text: Text) -> None:
        minutes, seconds = divmod(int(self._now() - self._start), 60)
        line = Text(f"[{minutes:02}:{seconds:02}] ", style="dim")
        line.append_text(text)
        self._print(line)
        self._spoke = self._now()

    def _print(self, line: Text) -> None:
        """On one line, however long; laying it out costs more than the check it tells of."""
        if self._is_plain and "\t" not in line.plain:
            self._console.file.write(f"{line.plain}\n")
            self._console.file.flush()
        else:
            self._console.print(line, soft_wrap=self.soft_wrap)


class LiveView(LineView):
    """Finished checks scroll above; what is running stays in a small region below."""

    soft_wrap = False
    tell = SilentView.tell

    def __init__(
        self, console: Console, *, verbose: bool = False, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(console, verbose=verbose, now=now)
        self._live = Live(console=console, auto_refresh=False, transient=True, vertical_overflow="ellipsis")

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, RunStarted):
            self._live.start()

    def _line(self, event: Event) -> Text | None:
        line = super()._line(event)
        match event:
            case StepStarted():
                return Text(event.step, style="bold")
            case CheckStarted():
                return None
            case FaultStarted() | FaultEnded() | CheckFinished() if line is not None:
                return Text(" ").append_text(line)
            case _:
                return line

    def _say(self, text: Text) -> None:
        self._console.print(text)

    def tick(self) -> None:
        self._live.update(self._region(), refresh=True)

    def close(self) -> None:
        self._live.stop()

    def _region(self) -> RenderableType:
        now = self._now()
        running = list(self._board.running.values())
        width = self._console.width - 1
        rows: list[Text] = [Text("─" * min(width, 72), style="dim")]
        for item in running[:MOST_ROWS]:
            rows.append(_running_line(item, now))
        if len(running) > MOST_ROWS:
            rows.append(Text(f" and {len(running) - MOST_ROWS} more running", style="dim"))
        elapsed = format_seconds(round(now - self._start))
        rows.append(
            Text(
                f" {self._board.finished}/{len(self._board.checks)} checks  {elapsed}  ctrl-c to stop",
                style="dim",
            )
        )
        for row in rows:
            row.truncate(width, overflow="ellipsis")
        return Group(*rows)


def _running_line(item: _Running, now: float) -> Text:
    taken = now - item.since
    slow = taken > SLOW
    line = Text()
    line.append(" slow " if slow else " run  ", style="yellow" if slow else "cyan")
    line.append(item.check.id, style="bold")
    if item.attempt > 1:
        line.append(f" attempt {item.attempt}", style="yellow")
    if item.done is not None:
        line.append(f"  {item.done:4.0%}")
    if item.passed or item.failed:
        line.append(f"  {item.passed} passed")
        if item.failed:
            line.append(f", {item.failed} failed", style="red")
    line.append(f"  {one_line(item.text or item.check.asked.summary, 80)}")
    line.append(f"  {format_seconds(round(taken))}", style="dim")
    return line


def _clock_line(event: ClockMoved) -> Text:
    return Text(f"warning: {sentence(event.message)}", style="yellow")


def _target_line(event: TargetChanged) -> Text | None:
    target = event.target
    line = Text(f"target {target.id} ")
    match event.state:
        case "ready":
            after = "" if target.ready_after is None else f" after {format_seconds(target.ready_after)}"
            line.append(f"ready{after}", style="green")
            line.append(f" at {target.url}" if target.url else "")
        case "failed" | "died":
            line.append(f"{event.state}: {one_line(target.error)}", style="bold red")
        case _:
            return None
    return line


def fault_ends(fault: FaultResult) -> Text:
    symbol, word, style = WORDS[fault.status]
    line = Text(f"{symbol} {word:<8}", style=style)
    line.append(f" {fault.id}", style="bold")
    line.append(f"  {one_line(sentence(fault.reason) or fault_headline(fault), 160)}")
    return line


def _retry_line(event: RetryScheduled) -> Text:
    return Text(
        f"retry {event.check}: attempt {event.next_number} in {format_seconds(event.wait)}"
        f" because {one_line(sentence(event.because))}",
        style="yellow",
    )

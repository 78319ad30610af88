"""What the plugin in the user's pytest reported: cases as they end, and whether the whole can be trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, decode, fact, some
from phasegate.base.files import open_file
from phasegate.model.cases import as_attempt, lost_since
from phasegate.model.observation import Case, CaseAttempt, CaseStatus
from phasegate.world import Completed, World

EVENT = 256 << 20
"""Bytes of one event; that of the collection has a line with all tests."""
NAMED = 3
"""How many cases or files a message names."""
_BROKEN_OFF = (2, 3, 4)
"""Exit codes: interrupted, an internal error, wrong arguments."""


class PytestReport:
    """One run of pytest as far as it is known.

    `path` is what pytest was given: parts are named from there. Cases of `world.earlier` that passed are
    carried over, so that the total never shrinks.
    """

    def __init__(self, events: Path, path: Path, world: World) -> None:
        self.events = events
        self.events.touch()
        self._path = path
        self._world = world
        self._offset = 0
        self._before = {case.id: case for case in world.earlier}
        self.carried = tuple(case for case in world.earlier if case.status is CaseStatus.PASSED)
        self.root = world.root
        self.versions: Fact | None = None
        self.collected: dict[str, Mapping[str, Any]] = {}
        self.results: dict[str, Case] = {}
        self.genuine_failures = 0
        """Failures that pytest too counts as such."""
        self.uncollected: dict[str, Message] = {}
        self.evidence: list[str] = []
        self.finish: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """What messages call the suite."""
        return self._path.name

    @property
    def selected(self) -> tuple[str, ...]:
        return self._world.cases

    @property
    def deselected(self) -> int | None:
        """Tests that were collected and left out; None when pytest did not live to say."""
        return None if self.finish is None else int(self.finish["deselected"])

    @property
    def share_done(self) -> float | None:
        return len(self.results) / len(self.collected) if self.collected else None

    @property
    def text(self) -> str:
        if not self.collected:
            return "collecting"
        failed = sum(case.status is CaseStatus.FAILED for case in self.results.values())
        text = f"{len(self.results)} of {len(self.collected)}"
        return f"{text}, {failed} failed" if failed else text

    def take_in(self) -> tuple[Case, ...]:
        """Read what the plugin has written since the last time; the cases that ended.

        Errors: ObservationError where something else has written there, or taken its place.
        """
        try:
            return tuple(case for event in self._new_events() if (case := self._take(event)) is not None)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ObservationError(fact(Code.PYTEST_DAMAGED)) from error

    def _new_events(self) -> Iterator[Mapping[str, Any]]:
        with open_file(self.events, fact(Code.PYTEST_REPORTED)) as file:
            file.seek(self._offset)
            while line := file.readline(EVENT):
                if not line.endswith(b"\n"):
                    if len(line) == EVENT:
                        raise ValueError("a line without an end")
                    break  # still being written
                self._offset += len(line)
                yield json.loads(line)

    def _take(self, event: Mapping[str, Any]) -> Case | None:
        match event["type"]:
            case "start":
                self.root = Path(event["root"])
                self.versions = fact(Code.PYTEST_VERSIONS, pytest=event["pytest"], python=event["python"])
            case "collected":
                self.collected.update({item["id"]: item for item in event["items"]})
            case "uncollected":
                self._take_uncollected(event)
            case "left_out" if self._concerns(event["id"]):
                message = event["message"] or {"code": Code.MODULE_SKIPPED}
                return self._record({**event, "status": "skipped", "message": message})
            case "test":
                return self._record(event)
            case "finish":
                self.finish = event
        return None

    def _take_uncollected(self, event: Mapping[str, Any]) -> None:
        # Each worker of pytest-xdist collects, and fails, for itself.
        if event["id"] not in self.uncollected:
            self.uncollected[event["id"]] = decode(event["message"])
            written = self._world.evidence.write(f"{event['id'] or 'collection'}.txt", event["details"])
            self.evidence.append(written)

    def _concerns(self, module: str) -> bool:
        """Whether a module that skipped itself is among the selected cases."""
        cases = self._world.cases
        return not cases or any(case.partition("::")[0] in (module, _stem(module)) for case in cases)

    def _record(self, event: Mapping[str, Any]) -> Case | None:
        id = event["id"]
        self.collected.setdefault(id, event)
        known = self.results.get(id)
        if known is not None and (known.status is CaseStatus.FAILED or event["status"] != "failed"):
            return None  # run more than once (--dist each): the worst result counts
        case = self._case(event)
        self.results[id] = case
        self.genuine_failures += case.status is CaseStatus.FAILED and not event.get("xfail", False)
        return case

    def _case(self, event: Mapping[str, Any]) -> Case:
        case = self._bare(event, CaseStatus(event["status"]), decode(event.get("message", "")))
        details = event.get("details", "")
        evidence = (self._world.evidence.write(f"{case.id}.txt", details),) if details.strip() else ()
        tries = tuple(
            CaseAttempt(status=CaseStatus.FAILED, message=decode(item["message"]), duration=item["duration"])
            for item in event.get("earlier", ())
        )
        return replace(
            case, duration=event.get("duration"), evidence=evidence, earlier=(*case.earlier, *tries)
        )

    def _bare(self, item: Mapping[str, Any], status: CaseStatus, message: Message) -> Case:
        """A case as far as collection tells."""
        id = item["id"]
        module, _, name = id.partition("::")
        file = Path(item.get("file") or self.root / module)
        before = self._before.get(id)
        return Case(
            id=id,
            name=name or f"{module} (module)",
            status=status,
            part=self._part(file, module),
            tags=tuple(item.get("tags", ())),
            message=message,
            file=_relative(file, self._world.root) or str(file),
            line=item.get("line"),
            earlier=() if before is None else (*before.earlier, as_attempt(before)),
        )

    def _part(self, file: Path, module: str) -> str:
        base = self._path if self._path.is_dir() else self._path.parent
        return _stem(_relative(file, base) or _relative(file, base.resolve()) or module)

    def cases(self) -> tuple[Case, ...]:
        """Every case: carried over, seen, and those that should have been seen."""
        cases = {case.id: case for case in self.carried}
        cases.update(self.results)
        for id, item in self.collected.items():
            if id not in cases:
                cases[id] = self._bare(item, CaseStatus.LOST, fact(Code.COLLECTED_ONLY))
        for id, before in self._before.items():
            if id not in cases:
                cases[id] = lost_since(before)
        return tuple(cases.values())


def why_no_observation(report: PytestReport, cases: tuple[Case, ...], completed: Completed) -> Fact | None:
    """Why pytest's run cannot be trusted as an observation; None when it can."""
    if completed.error:
        return fact(Code.NOT_STARTED, what="pytest", why=completed.error)
    if report.uncollected:
        first = next(iter(report.uncollected.values()))
        return fact(
            Code.UNCOLLECTED,
            names=tuple(report.uncollected)[:NAMED],
            n=len(report.uncollected),
            why=first,
        )
    if completed.exit_code is None or completed.exit_code in _BROKEN_OFF:
        return _ended(report, completed)
    if completed.exit_code == 5 or (completed.exit_code == 0 and not cases):
        return None if cases else _nothing_collected(report)
    if report.finish is None or completed.exit_code not in (0, 1):
        return _ended(report, completed)
    lost = [case.id for case in cases if case.status is CaseStatus.LOST]
    if lost:
        return fact(Code.CASES_WITHOUT_RESULT, n=len(lost), total=len(cases), names=some(lost, NAMED))
    if completed.exit_code == 1 and not report.genuine_failures:
        return fact(Code.NO_TEST_FAILED)
    return None


def _nothing_collected(report: PytestReport) -> Fact:
    if report.selected:
        return fact(Code.NO_TEST_NAMED, path=report.name, names=report.selected)
    if report.deselected:
        return fact(Code.ALL_DESELECTED, n=report.deselected)
    return fact(Code.NOTHING_COLLECTED, path=report.name)


def _ended(report: PytestReport, completed: Completed) -> Fact:
    return fact(
        Code.PYTEST_ENDED,
        signal=completed.signal,
        exit_code=completed.exit_code,
        n=len(report.results),
        total=len(report.collected),
        why=_last_words(completed),
    )


def _last_words(completed: Completed) -> str:
    """The last line that speaks of an error, else the last line."""
    text = (completed.stdout + b"\n" + completed.stderr).decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines)[-1][:200] if lines else ""


def _stem(module: str) -> str:
    return module.removesuffix(".py")


def _relative(file: Path, folder: Path) -> str | None:
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else None

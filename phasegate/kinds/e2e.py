"""End-to-end tests: a pytest suite, run in the environment of those who wrote it."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from phasegate.base.facts import Code, Message, fact, joined
from phasegate.base.fields import AnyPath, ProgramName, Text
from phasegate.base.files import is_there
from phasegate.base.interpreter import interpreter
from phasegate.base.marks import Arguments, Demand
from phasegate.base.units import Dimension
from phasegate.kinds.base import CheckParams, Kind, Requirement, stopped_early, watch
from phasegate.model.cases import case_measures, case_measures_by_part
from phasegate.model.measures import Measure, MeasureSpec, Number
from phasegate.model.observation import (
    Case,
    CaseStatus,
    Observation,
)
from phasegate.results.pytest_report import PytestReport, why_no_observation
from phasegate.world import Command, Completed, Progress, World

PLUGIN = Path(__file__).parent / "pytest_plugin"
"""A folder that holds the plugin and nothing else: all of it becomes importable in the user's tests."""
POLL = 0.1
"""Seconds between two looks at what the plugin has written."""
OUTPUT = 4 << 20
"""Bytes of pytest's own output that are kept."""
_NARROWING = frozenset({"-m", "-k", "--deselect", "--ignore", "--ignore-glob", "--reruns", "--only-rerun"})
"""With one of these more, fewer tests run, or a failure is tried again."""
_COUNTS = {
    "passed": "tests that passed",
    "failed": "tests that failed, xfailed ones included",
    "skipped": "tests that were skipped",
    "total": "tests collected, run or not; modules that skip themselves count as one",
}


class E2eParams(CheckParams):
    path: Annotated[AnyPath, Demand.MUST_BE]
    """A test file or a folder of tests."""
    python: ProgramName | None = None
    """The interpreter with pytest: a name on PATH, or a path looked for from the suite's folder upwards. By
    default that of $VIRTUAL_ENV, then of a .venv found in the same way, then phasegate's own."""
    args: Annotated[tuple[Text, ...], Arguments(_NARROWING)] = ()
    """Further arguments for pytest, such as -m, -k, -n: `[-m, "not slow"]`."""
    env: Mapping[str, Text] = Field(default_factory=dict)
    """Variables that are added to the environment, by name."""
    cwd: AnyPath | None = None
    """Where pytest is started; the plan's root unless given."""


class E2e(Kind[E2eParams]):
    name = "e2e"
    Params = E2eParams
    example: ClassVar[Mapping[str, Any]] = {"path": "checks/e2e", "args": ["-m", "not slow"]}
    has_cases = True

    def measures(self, params: E2eParams) -> Mapping[str, MeasureSpec]:
        return {
            "pass_rate": MeasureSpec.census("tests passed of tests collected"),
            **{name: MeasureSpec.amount(about) for name, about in _COUNTS.items()},
            "deselected": MeasureSpec.amount(
                "tests that -k, -m, --case or a plugin left out; not in the total"
            ),
            "duration": MeasureSpec.amount("pytest from start to end", Dimension.TIME),
        }

    def defaults(self, params: E2eParams) -> tuple[str, ...]:
        return ("pass_rate == 100%",)

    def parts(self, params: E2eParams) -> frozenset[str] | None:
        return None

    def requirements(self, params: E2eParams) -> tuple[Requirement, ...]:
        python = interpreter(params.python, params.path, os.environ)
        return (Requirement.of_package("pytest", python),)

    def summary(self, params: E2eParams) -> str:
        return " ".join(["pytest", params.path.name, *params.args])

    async def observe(self, params: E2eParams, world: World) -> Observation:
        with tempfile.TemporaryDirectory(prefix="phasegate-", ignore_cleanup_errors=True) as folder:
            report = PytestReport(Path(folder) / "events.jsonl", params.path, world)
            if report.carried:
                await world.progress(Progress(cases=report.carried))
            stopped, completed = await _run(_command(params, report, Path(folder), world), report, world)
        return _observation(report, world, completed, stopped)


def _command(params: E2eParams, report: PytestReport, folder: Path, world: World) -> Command:
    python = interpreter(params.python, params.path, world.environment)
    around = {**world.environment, **params.env}
    env = {
        **world.target.environment(),
        "PATH": _join_paths(str(Path(python).parent), around.get("PATH", os.defpath)),
        **_virtual_environment(python),
        **params.env,
        "PYTHONPATH": _join_paths(str(PLUGIN), around.get("PYTHONPATH", "")),
        "PHASEGATE_PYTEST": str(_control(report, folder, world)),
    }
    argv = (python, "-m", "pytest", "-p", "phasegate_pytest", *params.args, str(params.path))
    return Command(argv=argv, cwd=params.cwd or world.root, env=env, keep=OUTPUT)


def _control(report: PytestReport, folder: Path, world: World) -> Path:
    """The file that tells the plugin what to do; arguments have a length limit, files have none."""
    urls = {
        key.removeprefix("target.").removesuffix(".url"): url
        for key, url in world.target.values().items()
        if key.endswith(".url")
    }
    control = {
        "events": str(report.events),
        "passed": [case.id for case in report.carried],
        "cases": list(world.cases),
        "targets": urls,
        "default": world.target.environment().get("PHASEGATE_TARGET_URL"),
    }
    file = folder / "control.json"
    file.write_text(json.dumps(control))
    return file


def _join_paths(first: str, rest: str) -> str:
    return os.pathsep.join([first, rest]) if rest else first


def _virtual_environment(python: str) -> dict[str, str]:
    folder = Path(python).parent.parent
    return {"VIRTUAL_ENV": str(folder)} if is_there(folder / "pyvenv.cfg") else {}


async def _run(
    command: Command, report: PytestReport, world: World
) -> tuple[Message | None, Completed | None]:
    """Run pytest and take in what it reports; why it was stopped, or how it ended."""

    def seen() -> Progress:
        return Progress(cases=report.take_in(), done=report.share_done, text=report.text)

    # Ended early, the process group goes; fixtures get the grace to clean up.
    stopped, completed = await watch(world.processes.run(command), world, seen, POLL)
    # What was written while progress was reported, or while pytest was ended.
    if cases := report.take_in():
        await world.progress(Progress(cases=cases))
    return stopped, completed


def _observation(
    report: PytestReport, world: World, completed: Completed | None, stopped: Message | None
) -> Observation:
    cases = report.cases()
    evidence = list(report.evidence)
    if completed is not None and (output := completed.stdout + completed.stderr).strip():
        evidence.append(world.evidence.write("pytest.txt", output))
    numbers: dict[str, Measure] = {
        "deselected": Number(value=report.deselected),
        "duration": Number(value=completed.duration if completed else None, dimension=Dimension.TIME),
    }
    return Observation(
        measures={**case_measures(cases), **numbers},
        parts=case_measures_by_part(cases),
        cases=cases,
        evidence=tuple(evidence),
        notes=tuple(_notes(report, cases, stopped)),
        causes=Counter(case.message for case in cases if case.status is CaseStatus.FAILED),
        error=None if completed is None else why_no_observation(report, cases, completed),
    )


def _notes(report: PytestReport, cases: tuple[Case, ...], stopped: Message | None) -> Iterator[Message]:
    if report.versions is not None:
        yield report.versions
    if stopped is not None:
        lost = sum(case.status is CaseStatus.LOST for case in cases)
        without = fact(Code.CASES_WITHOUT_RESULT, n=lost, total=len(cases))
        yield joined(stopped_early(stopped), without)
    if report.deselected:
        yield fact(Code.DESELECTED, n=report.deselected)
    if report.carried:
        yield fact(Code.CARRIED_OVER, n=len(report.carried))

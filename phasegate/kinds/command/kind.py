"""Commands: any program that says with its exit code, its output or its result files what it found."""

from __future__ import annotations

import asyncio
import shlex
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, fact, joined
from phasegate.base.files import find_files
from phasegate.base.units import Dimension
from phasegate.kinds.base import Kind, Requirement, stopped_early, watch
from phasegate.kinds.command.captures import Captured, captures, contents, cut_text
from phasegate.kinds.command.params import CASES, CommandExpect, CommandParams
from phasegate.model.cases import case_measures, case_measures_by_part, select_cases, with_earlier
from phasegate.model.measures import Measure, MeasureSpec, Number
from phasegate.model.observation import Case, CaseStatus, Observation, census
from phasegate.results.cases import ResultCase, Results
from phasegate.results.formats import FORMATS, ResultFormat
from phasegate.results.junit import Conventions, ResultFiles, parse_junit
from phasegate.world import Command, Completed, Progress, World, left_out_note

KEPT = 16 << 20
"""Bytes of each output stream that are searched; what is beyond them proves nothing."""
SHOWN = 1 << 19
"""Bytes of each that are kept with the record."""
LAST = 3
"""Lines of the end of an output that a failure shows."""
LINE = 300
"""Characters of each of them."""
POLL = 0.25
"""Seconds between two looks at why to stop."""
ADOPTED = 100
"""Files that `evidence` takes in."""
EXPLAINED = 1_000
"""Cases that did not pass whose stack trace and output are kept."""
_EXPECTED = ("exit_code", "output")


@dataclass
class _Seen:
    """What one run of the program left, as it is put together."""

    measures: dict[str, Measure] = field(default_factory=dict)
    parts: dict[str, Mapping[str, Measure]] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    notes: list[Message] = field(default_factory=list)
    absent: dict[tuple[str, str], Message] = field(default_factory=dict)
    errors: list[Message] = field(default_factory=list)


class CommandKind(Kind[CommandParams]):
    name = "command"
    Params = CommandParams
    example: ClassVar[Mapping[str, Any]] = {
        "command": ["make", "test"],
        "results": "build/test-results/*.xml",
        "measures": {"coverage": {"regex": r"TOTAL.*\s(\d+)%", "unit": "%"}},
    }
    has_cases = True

    def measures(self, params: CommandParams) -> Mapping[str, MeasureSpec]:
        found = {
            "exit_code": MeasureSpec.number("what the program returned", lowest=0, highest=255),
            "duration": MeasureSpec.amount("the program from start to end", Dimension.TIME),
        }
        if params.expect is not None:
            found["expectations"] = MeasureSpec.census("expectations that held")
        if params.has_results:
            found["pass_rate"] = MeasureSpec.census("cases passed of cases in the results")
            found |= {name: MeasureSpec.amount(about) for name, about in CASES.items()}
        for name, capture in params.measures.items():
            found[name] = MeasureSpec.number("reported by the program", capture.dimension)
        return found

    def defaults(self, params: CommandParams) -> tuple[str, ...]:
        expected = params.expect.matchers() if params.expect is not None else {}
        return (
            # Expecting an exit code says which one is right.
            *(() if "exit_code" in expected else ("exit_code == 0",)),
            *(("expectations == 100%",) if expected else ()),
            *(("pass_rate == 100%",) if params.has_results else ()),
        )

    def counts(self, measure: str, case: str) -> bool:
        return measure == ("expectations" if case in _EXPECTED else "pass_rate")

    def parts(self, params: CommandParams) -> frozenset[str] | None:
        return None if params.has_results else frozenset()

    def requirements(self, params: CommandParams) -> tuple[Requirement, ...]:
        program = params.command[0]
        # One beside the plan is looked for when it starts: only then is its folder known.
        beside = "/" in program and not program.startswith("/")
        if params.in_ and not beside and "${" not in program:
            return (Requirement(inside=params.in_, tools=(program,)),)
        return (
            ()
            if params.in_ or program == "python" or beside or "${" in program
            else (Requirement(program=program),)
        )

    def summary(self, params: CommandParams) -> str:
        line = f"{params.in_}: {shlex.join(params.command)}" if params.in_ else shlex.join(params.command)
        return line if len(line) <= 80 else f"{line[:77]}..."

    async def observe(self, params: CommandParams, world: World) -> Observation:
        files = await asyncio.to_thread(
            ResultFiles, world.root, (*params.results, *_measure_files(params)), world.clock
        )
        seen = _Seen()
        stopped, completed = await _run(params, world)
        captured = None
        if completed is not None:
            stopped, captured = await _search(params, files, completed, world)
        if completed is None or captured is None:
            seen.notes.append(stopped_early(stopped or ""))
        else:
            _take_in_program(params, world, completed, captured, seen)
            _take_in_captures(params, captured, seen)
            if params.has_results and not completed.error:
                await _take_in_results(await _read(files, params, completed), world, seen)
            await _adopt(params, world, seen)
        if seen.cases:
            await world.progress(Progress(cases=tuple(seen.cases)))
        return Observation(
            measures=seen.measures,
            parts=seen.parts,
            cases=tuple(seen.cases),
            evidence=tuple(seen.evidence),
            notes=tuple(seen.notes),
            absent=seen.absent,
            causes=Counter(case.message for case in seen.cases if case.status is CaseStatus.FAILED),
            error=joined(*seen.errors) if seen.errors else None,
        )


async def _run(params: CommandParams, world: World) -> tuple[Message | None, Completed | None]:
    """How the program ended, or why it was stopped."""
    last = ""

    def on_line(stream: str, line: str) -> None:
        nonlocal last
        last = line.strip()[:120] or last

    if params.in_:
        # Addresses on this machine mean nothing there.
        processes, cwd, env = world.containers.inside(params.in_), Path(), dict(params.env)
    else:
        processes, cwd = world.processes, params.cwd or world.root
        env = {**world.target.environment(), **params.env}
    command = Command(argv=params.command, cwd=cwd, env=env, keep=KEPT)
    return await watch(processes.run(command, on_line=on_line), world, lambda: Progress(text=last), POLL)


async def _search(
    params: CommandParams, files: ResultFiles, completed: Completed, world: World
) -> tuple[Message | None, Captured | None]:
    """What is read of the output, or why that was stopped."""
    # Reading may take long, and others measure in this thread meanwhile.
    read = await asyncio.to_thread(contents, params, files)
    searching = captures(params, completed, read, world.processes)
    return await watch(searching, world, lambda: Progress(text="searching the output"), POLL)


def _take_in_program(
    params: CommandParams, world: World, completed: Completed, captured: Captured, seen: _Seen
) -> None:
    streams = [
        ("stdout.txt", completed.stdout, completed.stdout_left_out),
        ("stderr.txt", completed.stderr, completed.stderr_left_out),
    ]
    if completed.exit_code:
        streams.reverse()  # what a program says of its failure comes first
    for name, content, without in streams:
        if content:
            seen.evidence.append(world.evidence.write(name, _excerpt(content, without)))
    seen.errors += _why_not_observed(params, completed)
    seen.notes += _why_failed(completed)
    seen.measures["exit_code"] = Number(value=completed.exit_code)
    seen.measures["duration"] = Number(value=completed.duration or None, dimension=Dimension.TIME)
    if params.expect is not None and not seen.errors:
        cases = _expectations(params.expect, completed, captured)
        seen.measures["expectations"] = census(cases)
        seen.cases += with_earlier(cases, [case for case in world.earlier if case.id in _EXPECTED])


def _excerpt(content: bytes, without: int) -> bytes:
    """The beginning and the end; `without`: bytes that are left out of the content already."""
    if len(content) <= SHOWN:
        return content
    half = SHOWN // 2
    between = len(content) - 2 * half + (without - len(left_out_note(without)) if without else 0)
    return content[:half] + left_out_note(between) + content[-half:]


def _take_in_captures(params: CommandParams, captured: Captured, seen: _Seen) -> None:
    for name, value in captured.values.items():
        dimension = params.measures[name].dimension
        seen.measures[name] = Number(value=value, dimension=dimension, reported=True)
    seen.absent |= {("", name): why for name, why in captured.absent.items()}
    seen.notes += [fact(Code.NOT_MEASURED, measure=name, why=why) for name, why in captured.absent.items()]


def _why_not_observed(params: CommandParams, completed: Completed) -> list[Message]:
    if completed.error:
        return [completed.error]
    if completed.exit_code is None:
        number = completed.signal or 0
        program = params.command[0]
        return [fact(Code.ENDED_BY_SIGNAL, program=program, signal=number, name=_signal_name(number))]
    return []


def _signal_name(number: int) -> str:
    return next((item.name for item in signal.Signals if item.value == number), "")


def _why_failed(completed: Completed) -> list[Message]:
    """What a program that did not return 0 said at its end."""
    code = completed.exit_code
    if not code:
        return []
    lines = (completed.stderr or completed.stdout).decode(errors="replace").splitlines()
    last = [line.strip()[:LINE] for line in lines if line.strip()][-LAST:]
    stream = "stderr" if completed.stderr else "stdout"
    return [
        fact(Code.EXIT_CODE, exit_code=code, name=_signal_name(code - 128)),
        *([fact(Code.OUTPUT_ENDS, stream=stream, text=last[0])] if last else []),
        *last[1:],
    ]


def _expectations(expect: CommandExpect, completed: Completed, captured: Captured) -> list[Case]:
    cases = []
    for name, matcher in expect.matchers().items():
        failure = captured.failure if name == "output" else matcher.check(completed.exit_code)
        status: CaseStatus = CaseStatus.PASSED
        message: Message = ""
        if name == "output" and captured.unknown:
            status, message = CaseStatus.LOST, captured.unknown
        elif failure is not None:
            status, message = CaseStatus.FAILED, Fact(failure.code, {"what": name, **failure.values})
        cases.append(Case(id=name, name=name, status=status, message=message))
    return cases


def _measure_files(params: CommandParams) -> tuple[str, ...]:
    return tuple(capture.file for capture in params.measures.values() if capture.file is not None)


async def _read(files: ResultFiles, params: CommandParams, completed: Completed) -> Results:
    format = FORMATS[params.format]
    if not params.results:
        return await asyncio.to_thread(_read_output, format, completed)
    reader = format.read
    if params.format == "junit":
        conventions = Conventions(subtests=params.subtests, reruns=params.reruns)
        reader = partial(parse_junit, conventions=conventions)
    try:
        return await asyncio.to_thread(files.read, params.results, reader)
    except asyncio.CancelledError:
        files.stop()  # the program ends only when its threads have
        raise


def _read_output(format: ResultFormat, completed: Completed) -> Results:
    streams = {"stdout": completed.stdout, "stderr": completed.stderr}
    if cut := cut_text(completed, *format.streams):
        return Results(cases=(), problems=(fact(Code.RESULTS_CUT, why=cut),))
    try:
        return format.read(b"\n".join(streams[name] for name in format.streams), "the output")
    except ObservationError as error:
        return Results(cases=(), problems=(error.message,))


async def _take_in_results(read: Results, world: World, seen: _Seen) -> None:
    seen.errors += read.problems
    seen.notes += read.notes
    cases = []
    explained = 0
    for item in read.cases:
        explained += bool(item.details)
        cases.append(_keep_evidence(item, world) if explained <= EXPLAINED else item.case)
        if item.details and not explained % 100:
            await asyncio.sleep(0)  # others measure in this thread meanwhile
    if explained > EXPLAINED:
        seen.notes.append(fact(Code.DETAILS_LEFT_OUT, n=explained, most=EXPLAINED))
    # The program runs as a whole all the same: it decides what it tests.
    chosen = select_cases(cases, world.cases)
    if cases and not chosen:
        seen.errors.append(fact(Code.NO_CASE_IN_FILES, names=world.cases))
    chosen = with_earlier(chosen, [case for case in world.earlier if case.id not in _EXPECTED])
    seen.cases += chosen
    seen.measures.update(case_measures(chosen))
    seen.parts.update(case_measures_by_part(chosen))


def _keep_evidence(item: ResultCase, world: World) -> Case:
    """The case with its stack trace and output kept."""
    if not item.details:
        return item.case
    return replace(item.case, evidence=(world.evidence.write(f"{item.case.id}.txt", item.details),))


async def _adopt(params: CommandParams, world: World, seen: _Seen) -> None:
    for pattern in params.evidence:
        found = await asyncio.to_thread(find_files, world.root, pattern, ADOPTED)
        if not found.total and not found.problems:
            seen.notes.append(fact(Code.NO_EVIDENCE, pattern=pattern))
        if found.total > ADOPTED:
            seen.notes.append(fact(Code.MUCH_EVIDENCE, pattern=pattern, n=found.total, most=ADOPTED))
        problems: list[Message] = list(found.problems)
        for file in found.files:
            try:
                seen.evidence.append(world.evidence.adopt(file))
            except ObservationError as error:
                problems.append(error.message)
            await asyncio.sleep(0)
        seen.notes += [fact(Code.EVIDENCE_LEFT_OUT, why=problem) for problem in problems]

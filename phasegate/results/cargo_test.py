"""The output of `cargo test`: what cargo prints of the programs it starts, and libtest of the tests in them.

Only lines between `running N tests` and the summary are results, and only if both count as many: what tests
print may look like a result, and stands after the results of its program. The programs are told on standard
error and the results on standard output, so they come together by their order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.model.observation import Case, CaseStatus
from phasegate.results.cases import MESSAGE, NAME, ResultCase, Results, bound_details, shorten, unique
from phasegate.results.output_search import readable

UNWRITTEN = 10_000
"""Tests that a program may announce without a result of each."""
SHOWN = 3
"""Problems that are told."""
_PROGRAM = re.compile(r"\s*Running (?:unittests )?(?P<source>\S+) \((?P<path>\S+)\)$")
_DOC_TESTS = re.compile(r"\s*Doc-tests \S+$")
_RUNNING = re.compile(r"running (\d{1,9}) tests?$")
_RESULT = re.compile(
    r"test (?P<name>.+?) \.\.\. (?P<result>ok|FAILED(?: \(.*\))?|ignored(?:, (?P<why>.*))?|bench: .*)"
    r"(?: <[\d.]+s>)?$"
)
_SECTIONS = ("successes:", "failures:")
"""What stands before the output of tests, and `failures:` again before the names of those that failed."""
_SUMMARY = re.compile(
    r"test result: (?:ok|FAILED)\. (\d{1,9}) passed; (\d{1,9}) failed; (\d{1,9}) ignored; "
    r"(\d{1,9}) measured; (\d{1,9}) filtered out\b"
)
_UNBUILT = re.compile(
    r"error: (could not compile `(?P<crate>[^`]+)` \((?P<target>.+?)\))(?P<due> due to \d+)?"
)
_CRASHED = re.compile(
    r"\s*(process didn't exit successfully: `(?P<path>[^`\s]+)[^`]*` \((?!exit (?:status|code): 101\)).*\))$"
)
_STOPPED = re.compile(r"error: (?:doc)?test failed, to rerun pass ")
_WENT_ON = re.compile(r"error: \d+ targets? failed:$")
_OF_DOC = re.compile(r".* \(line \d+\)")


@dataclass
class _Block:
    """What one program printed."""

    announced: int
    results: list[Case] = field(default_factory=list)
    more: int = 0
    """Results beyond those announced."""
    text: list[str] = field(default_factory=list)
    """What stands behind the results."""
    summary: tuple[int, ...] | None = None
    """Passed, failed, ignored, measured and filtered out."""
    sections: bool = False
    """Whether the output of its tests has begun, in which any line may stand."""

    @property
    def whole(self) -> bool:
        return len(self.results) == self.announced

    def counts(self, *statuses: CaseStatus) -> int:
        return sum(case.status in statuses for case in self.results)

    def agrees(self, summary: tuple[int, ...]) -> bool:
        passed, failed, ignored, measured, _ = summary
        return (passed + measured, failed, ignored) == (
            self.counts(CaseStatus.PASSED),
            self.counts(CaseStatus.FAILED),
            self.counts(CaseStatus.SKIPPED),
        )

    def take(self, line: str) -> bool:
        """Whether a line belongs to it."""
        result, summary = _RESULT.match(line), _SUMMARY.match(line)
        if summary is not None:
            found = tuple(map(int, summary.groups()))
            if self.agrees(found) if self.whole else self.sections:
                self.summary = found
        elif self.whole or self.sections or line in _SECTIONS:
            self.more += result is not None and not self.sections
            self.sections |= line in _SECTIONS
            self.text.append(line)
        elif result is not None:
            self.results.append(_case(result))
        return self.sections or result is not None or summary is not None


@dataclass
class _Reading:
    programs: list[tuple[str, str]] = field(default_factory=list)
    """The part that each has in names of cases, and its file."""
    documented: int = 0
    """Crates whose doc tests were run, in one program or more."""
    blocks: list[_Block] = field(default_factory=list)
    unbuilt: list[ResultCase] = field(default_factory=list)
    crashed: dict[str, str] = field(default_factory=dict)
    """What cargo says of programs that ended otherwise than libtest ends them, by their file."""
    stopped: bool = False
    went_on: bool = False

    def take(self, line: str) -> None:
        block = self.blocks[-1] if self.blocks and self.blocks[-1].summary is None else None
        if block is not None and block.take(line):
            return
        if running := _RUNNING.match(line):
            self.blocks.append(_Block(int(running[1])))
        elif program := _PROGRAM.match(line):
            file = program["path"].rpartition("/")[2]
            crate, source = file.rpartition("-")[0] or file, program["source"]
            plain = source == "src/lib.rs" or source.startswith("tests/")
            self.programs.append((shorten(crate if plain else f"{crate} ({source})", NAME), file))
        elif _DOC_TESTS.match(line):
            self.documented += 1
        elif unbuilt := _UNBUILT.match(line):
            self.unbuilt.append(_unbuilt_case(unbuilt))
        elif crashed := _CRASHED.match(line):
            self.crashed[crashed["path"].rpartition("/")[2]] = crashed[1]
        self.stopped |= _STOPPED.match(line) is not None
        self.went_on |= _WENT_ON.match(line) is not None


def read_cargo_test(content: bytes, name: str) -> Results:
    """The cases of `cargo test`, standard error before standard output or both as they came.

    Errors: ObservationError where there is no result, or no case.
    """
    reading = _Reading()
    for line in readable(content).split("\n"):
        reading.take(line.rstrip("\r"))
    if not reading.blocks and not reading.unbuilt:
        raise ObservationError(fact(Code.NO_RESULTS_OF, path=name, tool="cargo test"))
    problems = list(_problems(reading, name))
    cases = [*reading.unbuilt, *_cases(reading)]
    if not cases and not problems:
        raise ObservationError(fact(Code.FILE_WITHOUT_CASE, path=name))
    filtered = sum(block.summary[4] for block in reading.blocks if block.summary is not None)
    notes = (fact(Code.FILTERED_OUT, n=filtered),) if filtered else ()
    return Results(cases=unique(cases), notes=notes, problems=tuple(problems[:SHOWN]))


def _problems(reading: _Reading, name: str) -> Iterator[Fact]:
    started, blocks = len(reading.programs), reading.blocks
    if len(blocks) < started + reading.documented or (len(blocks) > started and not reading.documented):
        yield fact(Code.CARGO_PROGRAMS, path=name, n=started + reading.documented, found=len(blocks))
    elif any(_is_of_doc(block) is (number < started) for number, block in enumerate(blocks)):
        yield fact(Code.CARGO_ORDER, path=name)
    if reading.stopped and not reading.went_on:
        yield fact(Code.CARGO_STOPPED)
    for part, block in _with_parts(reading):
        if block.more or (block.whole and block.summary is None):
            written = len(block.results) + block.more
            yield fact(Code.CARGO_COUNTS, part=part, n=block.announced, written=written)
        elif block.announced - len(block.results) > UNWRITTEN:
            yield fact(Code.CARGO_COUNTS, part=part, n=block.announced, written=len(block.results))
        elif block.summary is not None and block.summary[1] > block.counts(CaseStatus.FAILED):
            failed = block.counts(CaseStatus.FAILED)
            found = fact(Code.COUNTED_OTHERS, n=block.summary[1], written=failed, what="failed")
            yield fact(Code.OF_SUITE, suite=part, why=found)


def _is_of_doc(block: _Block) -> bool | None:
    """None where there is no test to tell it by."""
    return all(_OF_DOC.match(case.name) for case in block.results) if block.results else None


def _with_parts(reading: _Reading) -> Iterator[tuple[str, _Block]]:
    parts = (part for part, _ in reading.programs)
    for block in reading.blocks:
        yield next(parts, "doc"), block


def _cases(reading: _Reading) -> Iterator[ResultCase]:
    for part, block in _with_parts(reading):
        sections = _sections(block)
        for case in block.results:
            yield _finish(case, part, sections.get(case.name, ""))
        missing = min(block.announced - len(block.results), UNWRITTEN)
        for number in range(1, missing + 1):
            lost = Case(id="", name=f"(unwritten {number})", status=CaseStatus.LOST)
            yield _finish(lost, part, "", fact(Code.UNWRITTEN, n=block.announced))
    for part, file in reading.programs:
        if file in reading.crashed:
            failed = Case(id="", name="(program)", status=CaseStatus.FAILED)
            yield _finish(failed, part, "", shorten(reading.crashed[file], MESSAGE))


def _case(match: re.Match[str]) -> Case:
    result = match["result"]
    status, message = CaseStatus.PASSED, ""
    if result.startswith("FAILED"):
        status = CaseStatus.FAILED
    elif result.startswith("ignored"):
        status, message = CaseStatus.SKIPPED, match["why"] or ""
    return Case(id="", name=shorten(match["name"], NAME), status=status, message=shorten(message, MESSAGE))


def _finish(case: Case, part: str, details: str, message: Message = "") -> ResultCase:
    """A case with its id and why it did not pass."""
    message = message or case.message or _why(case.status, details)
    return ResultCase(
        case=Case(
            id=shorten(f"{part}::{case.name}", NAME),
            name=case.name,
            status=case.status,
            part=part,
            message=message,
        ),
        details=bound_details(details) if case.status is not CaseStatus.PASSED else "",
    )


def _why(status: CaseStatus, details: str) -> Message:
    """What a test printed as it failed: the line behind `panicked at`, else the first."""
    if status is CaseStatus.SKIPPED:
        return fact(Code.SKIPPED)
    if status is not CaseStatus.FAILED:
        return ""
    lines = [line.strip() for line in details.splitlines() if line.strip()]
    panic = next((number for number, line in enumerate(lines[:-1]) if " panicked at " in line), -1)
    return shorten(lines[panic + 1], MESSAGE) if lines else fact(Code.WITHOUT_MESSAGE)


def _sections(block: _Block) -> dict[str, str]:
    """What the tests that failed printed, by their names."""
    heads = {f"---- {case.name} stdout ----": case.name for case in block.results}
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    names_at = max((at for at, line in enumerate(block.text) if line == "failures:"), default=0)
    for line in block.text[:names_at]:
        if (name := heads.get(line)) is not None:
            lines = found.setdefault(name, [])
        else:
            lines.append(line)
    return {name: "\n".join(lines).strip() for name, lines in found.items()}


def _unbuilt_case(match: re.Match[str]) -> ResultCase:
    """Errors in the code are the crate's; a compiler that was killed says nothing of it."""
    crate, target = match["crate"], match["target"]
    status = CaseStatus.FAILED if match["due"] else CaseStatus.LOST
    case = Case(id="", name=f"(build of {target})", status=status)
    return _finish(case, shorten(crate, NAME), "", shorten(match[1], MESSAGE))

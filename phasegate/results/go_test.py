"""The output of `go test -json`: one event a line (`go doc test2json`).

A package is held to its end beside its tests: a panic or `os.Exit` ends it before they are done, and what
does not compile has none. A package that was built and ran to its end says `PASS` or `FAIL` in a line that
belongs to no test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact, some
from phasegate.model.observation import Case, CaseStatus
from phasegate.results.cases import MESSAGE, NAME, ResultCase, Results, bound_details, shorten, unique
from phasegate.results.output_search import readable

NAMED = 3
"""Packages that a message names."""
_LONGEST = 1e9
"""Seconds that a test may say it took."""
_ENDS = {"pass": CaseStatus.PASSED, "fail": CaseStatus.FAILED, "skip": CaseStatus.SKIPPED}
_UNBUILT = re.compile(r"FAIL\s+(?P<package>\S+) \[(?P<what>build|setup) failed\]")
"""What was not built; before Go 1.24 the line stands in no event."""
_CACHED = re.compile(r"ok\s+\S+\s+\(cached\)")
_EVENT = re.compile(r'\{"(?:Time|Action|ImportPath)": *"')
"""The beginning of an event, behind what something else wrote into its line."""
_FRAME = re.compile(r"=== |\s*--- (?:PASS|FAIL|SKIP|BENCH): |#|FAIL\b|$")
"""Lines around what a test or the compiler prints."""


@dataclass
class _Package:
    name: str
    cases: list[ResultCase] = field(default_factory=list)
    running: dict[str, list[str]] = field(default_factory=dict)
    """What each test printed that has begun and not ended."""
    output: list[str] = field(default_factory=list)
    """Lines of no test."""
    ended: bool = False
    idle: bool = False
    """It has no test, or none of those asked for."""

    def add(self, name: str, status: CaseStatus, message: Message, output: list[str]) -> None:
        case = Case(
            id=shorten(f"{self.name}::{name}", NAME),
            name=shorten(name, NAME),
            status=status,
            part=self.name,
            message=message,
        )
        details = "" if status is CaseStatus.PASSED else bound_details("".join(output))
        self.cases.append(ResultCase(case=case, details=details))

    def end_test(self, name: str, status: CaseStatus, seconds: float | None) -> None:
        output = self.running.pop(name, [])
        message: Message = ""
        if status is not CaseStatus.PASSED:
            without = fact(Code.SKIPPED) if status is CaseStatus.SKIPPED else fact(Code.WITHOUT_MESSAGE)
            message = _first_words(output) or without
        self.add(name, status, message, output)
        last = self.cases[-1]
        self.cases[-1] = replace(last, case=replace(last.case, duration=seconds))

    def end(self, action: str, build: list[str]) -> None:
        """`build`: what the compiler said of it."""
        self.ended = True
        self.idle = not self.cases and not self.running and action != "fail"
        for test, output in self.running.items():
            if not (action == "pass" and test.startswith("Benchmark")):  # it reports figures, and no end
                self.add(test, CaseStatus.LOST, fact(Code.BEGAN_ONLY), output)
        self.running = {}
        if action == "fail":
            self._fail(build)
        elif any(_CACHED.match(line) for line in self.output):
            # It was another attempt that saw it.
            self.cases = [_without_result(item) for item in self.cases]

    def _fail(self, build: list[str]) -> None:
        unbuilt = next((match for line in self.output if (match := _UNBUILT.match(line))), None)
        if unbuilt is not None or build:
            self.fail_build(unbuilt["what"] if unbuilt else "build", build)
            return
        failed = any(item.case.status is CaseStatus.FAILED for item in self.cases)
        if failed and "FAIL\n" in self.output:
            return
        said = [*self.output, *(line for item in self.cases for line in item.details.splitlines())]
        panic = next((line for line in said if line.startswith(("panic: ", "fatal error: "))), "")
        last = [line.strip() for line in self.output if not re.match(r"PASS$|FAIL\b|ok\s|\s*$", line)]
        why = panic or (last[-1] if last else "")
        message = fact(Code.PACKAGE_FAILED, why=shorten(why.strip(), MESSAGE))
        self.add("(package)", CaseStatus.FAILED, message, self.output)

    def fail_build(self, what: str, build: list[str]) -> None:
        """A setup that failed, such as a module that cannot be had, says nothing of the code."""
        status, code = (
            (CaseStatus.FAILED, Code.NOT_COMPILED) if what == "build" else (CaseStatus.LOST, Code.NOT_SET_UP)
        )
        self.add(f"({what})", status, fact(code, why=_first_words(build)), build)


def _without_result(item: ResultCase) -> ResultCase:
    if item.case.status is not CaseStatus.PASSED:
        return item
    return ResultCase(case=replace(item.case, status=CaseStatus.LOST, message=fact(Code.CACHED)))


@dataclass
class _Reading:
    packages: dict[str, _Package] = field(default_factory=dict)
    builds: dict[str, list[str]] = field(default_factory=dict)
    """What the compiler printed, by what it built."""

    def take(self, event: Mapping[str, Any]) -> None:
        action, test, output = (_text(event, key) for key in ("Action", "Test", "Output"))
        if action == "build-output":
            self.builds.setdefault(_text(event, "ImportPath"), []).append(output)
        if "Package" not in event:
            return
        package = self.package(_text(event, "Package"))
        if action == "output":
            package.running.get(test, package.output).append(output)
        elif action == "run":
            package.running[test] = []
        elif test and action in _ENDS:
            package.end_test(test, _ENDS[action], _seconds(event.get("Elapsed")))
        elif action in _ENDS:
            package.end(action, self.builds.get(_text(event, "FailedBuild"), []))

    def package(self, name: str) -> _Package:
        return self.packages.setdefault(name, _Package(shorten(name, NAME)))


def read_go_test(content: bytes, name: str) -> Results:
    """The cases of `go test -json`: tests and their subtests, and packages that failed beside these.

    Errors: ObservationError where there is no event, or no case.
    """
    reading = _Reading()
    problems: list[Message] = []
    for number, line in enumerate(readable(content).split("\n"), 1):
        if line.startswith("{"):
            event = _event(line)
            if event is None:
                problems.append(fact(Code.LINE_BROKEN, path=name, line=number))
            else:
                reading.take(event)
        elif unbuilt := _UNBUILT.match(line):
            package = reading.package(unbuilt["package"])
            package.ended = True
            package.fail_build(unbuilt["what"], [])
        elif _EVENT.search(line):
            problems.append(fact(Code.LINE_BROKEN, path=name, line=number))
    packages = list(reading.packages.values())
    if not packages:
        raise ObservationError(fact(Code.NO_RESULTS_OF, path=name, tool="go test -json"))
    cases = [item for package in packages for item in _cases_of(package)]
    open_ = [package.name for package in packages if not package.ended]
    if open_:
        problems.append(fact(Code.PACKAGES_OPEN, path=name, n=len(open_), names=some(open_, NAMED)))
    if not cases and not problems:
        raise ObservationError(fact(Code.FILE_WITHOUT_CASE, path=name))
    idle = [package.name for package in packages if package.idle]
    notes = (fact(Code.PACKAGES_IDLE, n=len(idle), names=some(idle, NAMED)),) if idle else ()
    return Results(cases=unique(cases), notes=notes, problems=tuple(problems[:NAMED]))


def _cases_of(package: _Package) -> Iterator[ResultCase]:
    for test, output in package.running.items():
        package.add(test, CaseStatus.LOST, fact(Code.BEGAN_ONLY), output)
    yield from package.cases


def _event(line: str) -> Mapping[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("Action"), str) else None


def _text(event: Mapping[str, Any], key: str) -> str:
    value = event.get(key)
    return value if isinstance(value, str) else ""


def _seconds(value: Any) -> float | None:
    """None for 0, which is below the resolution of 10 ms, and for what is no time."""
    return float(value) if isinstance(value, int | float) and 0 < value < _LONGEST else None


def _first_words(output: list[str]) -> str:
    return next((shorten(line.strip(), MESSAGE) for line in output if not _FRAME.match(line)), "")

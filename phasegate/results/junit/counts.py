"""What a suite counts, held against the cases that are written in it.

Where the counts say more than the cases show, they are believed: tests without a case are lost, failures
and skipped tests without one make the file contradict itself. Where the cases show more, the cases are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from xml.etree.ElementTree import Element

from phasegate.base.facts import Code, Fact, fact
from phasegate.model.observation import Case, CaseStatus
from phasegate.results.cases import ResultCase
from phasegate.results.junit.outcome import (
    BROKEN,
    SuiteTally,
    Written,
    children,
    name_of,
    tag_of,
    whole_number,
)
from phasegate.results.junit.words import Meaning, meaning_of, of_suite

UNWRITTEN = 10_000
"""Tests that a suite may count without showing them."""
_TESTS = ("tests", "total", "testcasecount")
_FAILED = (
    *("failed", "failure", "fail", "fails", "failing", "error", "errored"),
    *("broken", "aborted", "crashed", "timedout", "timeouts"),
)
"""Attributes that may count all that failed, in place of `failures` and `errors`."""
_SKIPPED = (
    *("skipped", "skips", "skip", "ignored", "notrun", "notexecuted", "inconclusive", "pending", "warnings"),
    *("cancelled", "canceled", "todo", "blocked", "untested", "undefined"),
)
"""Attributes that count what has no result; some writers say the same under two of these names."""
_NUMBERS = ("tests", "failures", "errors", "skipped", "disabled")
"""Attributes of which every writer means a number."""
_PYTEST = frozenset({"name", "errors", "failures", "skipped", "tests", "time", "timestamp", "hostname"})


class Counting(Enum):
    """What `tests` counts."""

    TESTS = "tests"
    SUBTESTS = "subtests"
    """The plan says that they are counted."""
    PYTEST = "pytest"
    """It counts subtests and does not write them."""
    CATCH2 = "catch2"
    """It counts assertions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    lost: tuple[ResultCase, ...] = ()
    unproven: Mapping[int, str] = field(default_factory=dict)
    """Which of the direct cases have no result though they look passed, and what is odd of each: `again` or
    `no_time`."""
    notes: tuple[Fact, ...] = ()
    problems: tuple[Fact, ...] = ()


def counting(root: Element, *, subtests: bool) -> Counting:
    """By the marks of the writer in the file, never by the numbers alone."""
    if subtests:
        return Counting.SUBTESTS
    if is_of_pytest(root):
        return Counting.PYTEST
    suites = list(children(root, ("testsuite",)))
    suite = root if tag_of(root) == "testsuite" else suites[0] if len(suites) == 1 else None
    if suite is not None and suite.get("hostname") == "tbd":
        properties = (item for group in children(suite, ("properties",)) for item in group)
        if any(item.get("name") == "random-seed" for item in properties):
            return Counting.CATCH2
    return Counting.TESTS


def is_of_pytest(root: Element) -> bool:
    suites = list(children(root, ("testsuite",)))
    return root.get("name") == "pytest tests" and len(suites) == 1 and set(suites[0].keys()) == _PYTEST


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedSuite:
    """A suite and what is below it, as far as counts go."""

    element: Element
    attributes: Mapping[str, str]
    """Those of the element, by their plain names."""
    path: tuple[str, ...]
    direct: Sequence[Written]
    total: SuiteTally
    """Everything in it, its own failure included."""
    below: SuiteTally
    """Everything in its inner suites."""
    below_counted: int
    """The tests that the inner suites count, or show where they do not count."""
    below_says: bool
    """All of the inner suites count their tests."""

    @property
    def tests(self) -> int | None:
        return next((count for key in _TESTS if (count := self._count(key)) is not None), None)

    @property
    def failed(self) -> int:
        both = sum(self._count(key) or 0 for key in ("failures", "errors"))
        return max(both, *(self._count(key) or 0 for key in _FAILED))

    @property
    def skipped(self) -> int:
        return (self._count("disabled") or 0) + max(self._count(key) or 0 for key in _SKIPPED)

    @property
    def odd(self) -> tuple[Fact, ...]:
        """What stands where a count should and is none; words such as `null` count nothing."""
        found = self.attributes
        written = ((key, found[key]) for key in _NUMBERS if key in found)
        return tuple(
            fact(Code.NO_COUNT, key=key, value=value[:60])
            for key, value in written
            if whole_number(value) is None and any(character.isdigit() for character in value)
        )

    def _count(self, key: str) -> int | None:
        return whole_number(self.attributes.get(key))


def compare(suite: CountedSuite, way: Counting) -> Compared:
    """What the counts of one suite change."""
    total = suite.total
    problems = []
    if suite.failed > total.failing and suite.failed != total.failed_tries:
        problems.append(fact(Code.COUNTED_OTHERS, n=suite.failed, written=total.failing, what="failed"))
    result = _compare_tests(suite, total, way)
    idle = total.idle + total.lost + len(result.lost)
    if suite.skipped > idle:
        problems.append(fact(Code.COUNTED_OTHERS, n=suite.skipped, written=idle, what="skipped"))
    problems += suite.odd
    problems += _statements(suite, idle)
    name = name_of(suite.element, "name")
    return replace(
        result,
        notes=tuple(fact(Code.OF_SUITE, suite=name, why=note) for note in result.notes),
        problems=tuple(
            fact(Code.OF_SUITE, suite=name, why=problem) for problem in (*problems, *result.problems)
        ),
    )


def _statements(suite: CountedSuite, idle: int) -> Iterator[Fact]:
    """What a suite says of itself as a whole, and what it has of it in no case."""
    said: list[tuple[dict[str, str], Meaning]] = [
        ({"key": one.key, "value": one.value[:60]}, one.meaning) for one in of_suite(suite.element.attrib)
    ]
    for child in suite.element:
        tag = tag_of(child)
        if tag in (*BROKEN, "testcase", "testsuite", "testsuites"):
            continue
        said.append(({"tag": tag[:60]}, meaning_of(tag)))
        inner = {tag_of(element) for element in child.iter()}
        if inner.intersection(BROKEN) and "testcase" not in inner:
            yield fact(Code.FAILURES_ELSEWHERE, tag=tag[:60])
    if not suite.total.failed_tries:
        failed = (stated for stated, meaning in said if meaning is Meaning.FAILED)
        yield from (fact(Code.SUITE_STATES, failed=True, **stated) for stated in failed)
    if not idle:
        idling = (stated for stated, meaning in said if meaning is Meaning.NOT_RUN)
        yield from (fact(Code.SUITE_STATES, **stated) for stated in idling)


def _compare_tests(suite: CountedSuite, total: SuiteTally, way: Counting) -> Compared:
    tests, shown = suite.tests, total.written + total.lost
    if tests is None or tests == shown:
        return Compared()
    if tests < shown:
        return _fewer_counted(suite, tests, total)
    if tests == total.tries + total.lost and suite.failed == total.failed_tries:
        return Compared(notes=(_counted(tests, total, what="tries"),))
    missing = tests - shown
    if way is not Counting.TESTS:
        # Of what counts inside a case, only what passed is part of that case.
        missing = max(suite.skipped - total.idle - total.lost, 0)
    found = _counted(tests, total, what=way.value)
    if missing > UNWRITTEN:
        return Compared(problems=(found,))
    return Compared(lost=tuple(_lost_cases(suite, tests, missing)), notes=(found,))


def _counted(tests: int, total: SuiteTally, what: str = "tests", *, left: int = 0) -> Fact:
    """That a suite counts other tests than are written; `left`: how many of these have no result."""
    return fact(Code.COUNTED_TESTS, n=tests, written=total.written, what=what, left=left or None)


def _lost_cases(suite: CountedSuite, tests: int, missing: int) -> list[ResultCase]:
    part = suite.path[-1] if suite.path else ""
    return [
        ResultCase(
            case=Case(
                id=f"{part}::(unwritten {number})" if part else f"(unwritten {number})",
                name=f"(unwritten {number})",
                status=CaseStatus.LOST,
                part=part,
                message=fact(Code.UNWRITTEN, n=tests),
            )
        )
        for number in range(1, missing + 1)
    ]


def _fewer_counted(suite: CountedSuite, tests: int, total: SuiteTally) -> Compared:
    """A case that its suite does not count may not have run (jest-junit writes `test.todo` as if it had)."""
    if suite.below_counted and tests in (len(suite.direct), len(suite.direct) + suite.below_counted):
        return Compared()  # it counts its own tests, or those that the suites in it count
    if not suite.direct and suite.below_says:
        return Compared(notes=(_counted(tests, total),))
    cases = [item.item.case for item in suite.direct]
    passed = [number for number, case in enumerate(cases) if case.status is CaseStatus.PASSED]
    doubtful = len(passed) - max(tests - suite.failed - suite.skipped, 0)
    if doubtful <= 0 and not suite.below.written:
        return Compared(notes=(_counted(tests, total),))
    for why, odd in (("again", _find_rerun_cases(cases)), ("no_time", _without_time(cases))):
        unproven = {number: why for number in passed if number in odd}
        if len(unproven) == doubtful and not suite.below.written:
            return Compared(unproven=unproven, notes=(_counted(tests, total, left=doubtful),))
    return Compared(problems=(_counted(tests, total, "unknown"),))


def _find_rerun_cases(cases: Sequence[Case]) -> set[int]:
    """pytest-rerunfailures writes each try as a case of the same name, and only the last has a result."""
    last = {case.id: number for number, case in enumerate(cases)}
    return {number for number, case in enumerate(cases) if last[case.id] != number}


def _without_time(cases: Sequence[Case]) -> set[int]:
    return {number for number, case in enumerate(cases) if not case.duration}

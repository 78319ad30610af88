"""What a suite counts, held against the cases that are written in it.

Where the counts say more than the cases show, they are believed: tests without a case are lost, failures
and skipped tests without one make the file contradict itself. Where the cases show more, the cases are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from xml.etree.ElementTree import Element

from phasegate.model.observation import Case, CaseStatus
from phasegate.results.junit.outcome import (
    BROKEN,
    JUnitCase,
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

    TESTS = ""
    SUBTESTS = "the others are subtests, as the plan says"
    PYTEST = "the others are subtests, which pytest counts and does not write"
    CATCH2 = "Catch2 counts assertions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    lost: tuple[JUnitCase, ...] = ()
    unproven: Mapping[int, str] = field(default_factory=dict)
    """Which of the direct cases have no result though they look passed, and what is odd of each."""
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


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
    def odd(self) -> tuple[str, ...]:
        """What stands where a count should and is none; words such as `null` count nothing."""
        found = self.attributes
        written = ((key, found[key]) for key in _NUMBERS if key in found)
        return tuple(
            f"{key} is {value[:60]!r}, which is no count"
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
        problems.append(f"says {suite.failed:,} failed, {total.failing:,} are written")
    result = _compare_tests(suite, total, way)
    idle = total.idle + total.lost + len(result.lost)
    if suite.skipped > idle:
        problems.append(f"says {suite.skipped:,} skipped or not run, {idle:,} are written")
    problems += (f"says {one}" for one in suite.odd)
    problems += _statements(suite, idle)
    label = name_of(suite.element, "name") or "a suite without a name"
    return replace(
        result,
        notes=tuple(f"{label} {note}" for note in result.notes),
        problems=tuple(f"contradicts itself: {label} {problem}" for problem in (*problems, *result.problems)),
    )


def _statements(suite: CountedSuite, idle: int) -> Iterator[str]:
    """What a suite says of itself as a whole, and what it has of it in no case."""
    said = [(f"{one.key} is {one.value[:60]!r}", one.meaning) for one in of_suite(suite.element.attrib)]
    for child in suite.element:
        tag = tag_of(child)
        if tag in (*BROKEN, "testcase", "testsuite", "testsuites"):
            continue
        said.append((f"it has <{tag[:60]}>", meaning_of(tag)))
        inner = {tag_of(element) for element in child.iter()}
        if inner.intersection(BROKEN) and "testcase" not in inner:
            yield f"has failures in <{tag[:60]}>, which belong to no test case"
    if not suite.total.failed_tries:
        failed = (words for words, meaning in said if meaning is Meaning.FAILED)
        yield from (f"says that it failed ({words}), 0 failed are written" for words in failed)
    if not idle:
        idling = (words for words, meaning in said if meaning is Meaning.NOT_RUN)
        yield from (f"says that it was not run ({words}), 0 of that are written" for words in idling)


def _compare_tests(suite: CountedSuite, total: SuiteTally, way: Counting) -> Compared:
    tests, shown = suite.tests, total.written + total.lost
    if tests is None or tests == shown:
        return Compared()
    if tests < shown:
        return _fewer_counted(suite, tests, total)
    text = f"says {tests:,} tests, {total.written:,} are written"
    if tests == total.tries + total.lost and suite.failed == total.failed_tries:
        return Compared(notes=(f"{text}: each try counts",))
    missing = tests - shown
    if way is not Counting.TESTS:
        # Of what counts inside a case, only what passed is part of that case.
        missing = max(suite.skipped - total.idle - total.lost, 0)
        text = f"{text}; {way.value}"
    if missing > UNWRITTEN:
        return Compared(problems=(text,))
    return Compared(lost=tuple(_lost_cases(suite, tests, missing)), notes=(text,))


def _lost_cases(suite: CountedSuite, tests: int, missing: int) -> list[JUnitCase]:
    part = suite.path[-1] if suite.path else ""
    return [
        JUnitCase(
            case=Case(
                id=f"{part}::(unwritten {number})" if part else f"(unwritten {number})",
                name=f"(unwritten {number})",
                status=CaseStatus.LOST,
                part=part,
                message=f"counted among the {tests:,} tests of its suite, but not written",
            )
        )
        for number in range(1, missing + 1)
    ]


def _fewer_counted(suite: CountedSuite, tests: int, total: SuiteTally) -> Compared:
    """A case that its suite does not count may not have run (jest-junit writes `test.todo` as if it had)."""
    text = f"says {tests:,} tests, {total.written:,} are written"
    if suite.below_counted and tests in (len(suite.direct), len(suite.direct) + suite.below_counted):
        return Compared()  # it counts its own tests, or those that the suites in it count
    if not suite.direct and suite.below_says:
        return Compared(notes=(text,))
    cases = [item.item.case for item in suite.direct]
    passed = [number for number, case in enumerate(cases) if case.status is CaseStatus.PASSED]
    doubtful = len(passed) - max(tests - suite.failed - suite.skipped, 0)
    if doubtful <= 0 and not suite.below.written:
        return Compared(notes=(text,))
    for why, odd in (("is written again", _find_rerun_cases(cases)), ("took no time", _without_time(cases))):
        unproven = {number: why for number in passed if number in odd}
        if len(unproven) == doubtful and not suite.below.written:
            return Compared(unproven=unproven, notes=(f"{text}; {doubtful:,} of them have no result",))
    return Compared(problems=(f"{text}, and which of them did not run is not known",))


def _find_rerun_cases(cases: Sequence[Case]) -> set[int]:
    """pytest-rerunfailures writes each try as a case of the same name, and only the last has a result."""
    last = {case.id: number for number, case in enumerate(cases)}
    return {number for number, case in enumerate(cases) if last[case.id] != number}


def _without_time(cases: Sequence[Case]) -> set[int]:
    return {number for number, case in enumerate(cases) if not case.duration}

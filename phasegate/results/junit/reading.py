"""JUnit XML of any tool: cases one by one, through suites nested as deep as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree.ElementTree import Element

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, fact
from phasegate.model.cases import as_attempt
from phasegate.model.observation import CaseStatus
from phasegate.results.cases import ResultCase, Results, unique
from phasegate.results.junit.counts import Compared, CountedSuite, Counting, compare, counting, is_of_pytest
from phasegate.results.junit.document import MalformedError, parse_document
from phasegate.results.junit.outcome import (
    SuiteTally,
    Written,
    children,
    name_of,
    own_failure,
    read_case,
    tag_of,
    whole_number,
)
from phasegate.results.junit.words import plain

NESTED = 16
"""Suites around a case that are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """What a plan says of the tool that wrote the file."""

    subtests: bool = False
    """Its counts have subtests in them that it does not write."""
    reruns: bool = False
    """It writes each try of a test that it ran again as a case."""


@dataclass
class _Node:
    element: Element
    path: tuple[str, ...]
    direct: list[Written]
    own: ResultCase | None
    inner: list[_Node] = field(default_factory=list)
    total: SuiteTally = field(default_factory=SuiteTally)
    counted: int = 0
    says: bool = True
    lost: tuple[ResultCase, ...] = ()

    @property
    def cases(self) -> list[ResultCase]:
        mine = [item.item for item in self.direct]
        return [*mine, *([self.own] if self.own else []), *self.lost]


def parse_junit(content: bytes, name: str, conventions: Conventions = Conventions()) -> Results:
    """The cases of one document, ids unique within it.

    Errors: ObservationError naming the file, when it is empty, malformed, no JUnit, or has no case.
    """
    if not content.strip():
        raise ObservationError(of_file(Code.FILE_EMPTY, name))
    try:
        root = parse_document(content)
    except MalformedError as error:
        raise ObservationError(of_file(Code.FILE_MALFORMED, name, why=error.message)) from error
    if tag_of(root) not in ("testsuites", "testsuite"):
        raise ObservationError(of_file(Code.FILE_NO_JUNIT, name, tag=tag_of(root)[:60]))
    nodes = _nodes(root, reruns=conventions.reruns)
    written = sum(1 for node in nodes for _ in children(node.element, ("testcase",)))
    if not any(node.direct or node.own for node in nodes):
        raise ObservationError(of_file(Code.FILE_WITHOUT_CASE, name))
    way = counting(root, subtests=conventions.subtests)
    compared = [_compare(node, way) for node in reversed(nodes)][::-1]
    cases = [case for node in nodes for case in node.cases]
    problems = [
        of_file(Code.FILE_CONTRADICTS, name, why=problem) for item in compared for problem in item.problems
    ]
    hidden = sum(tag_of(element) == "testcase" for element in root.iter()) - written
    if hidden:
        problems.append(of_file(Code.OUTSIDE_SUITES, name, n=hidden))
    notes = [fact(Code.OF_PART, part=name, why=note) for item in compared for note in item.notes]
    return Results(
        cases=unique(cases),
        notes=(*_bound_lines(notes), *_find_repeats(cases, name)),
        problems=_bound_lines(problems),
    )


def of_file(code: Code, name: str, **values: Any) -> Fact:
    """What is wrong with a results file."""
    return fact(Code.RESULTS_FILE, of=fact(code, path=name, **values))


def _nodes(root: Element, *, reruns: bool) -> list[_Node]:
    """Every suite in document order, with the names of the first `NESTED` suites around it and its own."""
    # By hand, since a document may be nested deeper than the interpreter's stack allows.
    found: list[_Node] = []
    waiting: list[tuple[Element, tuple[str, ...], _Node | None]] = [(root, (), None)]
    while waiting:
        element, around, outer = waiting.pop()
        name = name_of(element, "name")
        path = (*around, name) if name and tag_of(element) == "testsuite" and len(around) < NESTED else around
        written = [read_case(case, path) for case in children(element, ("testcase",))]
        if reruns:
            tests = whole_number(element.get("tests"))
            fewer = tests is not None and tests < len(written)
            written = _as_tries(written, silent=fewer and is_of_pytest(root))
        node = _Node(element, path, written, own_failure(element, path))
        found.append(node)
        if outer is not None:
            outer.inner.append(node)
        inner = list(children(element, ("testsuite", "testsuites")))
        waiting.extend((suite, path, node) for suite in reversed(inner))
    return found


def _as_tries(written: Sequence[Written], *, silent: bool) -> list[Written]:
    """Cases of one suite, where one that failed goes on in the next of the same name.

    `silent` where the writer says nothing of a try that was not the last, so that it looks like a pass.
    """
    result: list[Written] = []
    open_at: dict[str, int] = {}
    for item in written:
        id, status = item.item.case.id, item.item.case.status
        before = open_at.pop(id, None)
        if before is not None and status in (CaseStatus.PASSED, CaseStatus.FAILED):
            result[before] = _join_attempts(result[before], item)
        else:
            before = len(result)
            result.append(item)
        if status is CaseStatus.FAILED or (silent and status is CaseStatus.PASSED):
            open_at[id] = before
    return result


def _join_attempts(before: Written, last: Written) -> Written:
    first, case = before.item.case, last.item.case
    attempt = as_attempt(first)
    if first.status is CaseStatus.PASSED:
        attempt = replace(attempt, status=CaseStatus.FAILED, message=fact(Code.RAN_AGAIN))
    earlier = (*first.earlier, attempt, *case.earlier)
    tally = replace(
        SuiteTally.sum((before.tally, last.tally)),
        written=1,
        failing=last.tally.failing,
        idle=last.tally.idle,
    )
    return Written(item=replace(last.item, case=replace(case, earlier=earlier)), tally=tally)


def _compare(node: _Node, way: Counting) -> Compared:
    """Hold the counts of a suite against what is below it; its inner suites must have been compared."""
    below = SuiteTally.sum(inner.total for inner in node.inner)
    own = int(node.own is not None)
    mine = (item.tally for item in node.direct)
    suite = CountedSuite(
        element=node.element,
        attributes={plain(key): value for key, value in node.element.attrib.items()},
        path=node.path,
        direct=node.direct,
        total=SuiteTally.sum((below, SuiteTally(failing=own, failed_tries=own), *mine)),
        below=below,
        below_counted=sum(inner.counted for inner in node.inner),
        below_says=all(inner.says for inner in node.inner),
    )
    compared = compare(suite, way)
    for number, why in compared.unproven.items():
        node.direct[number] = _unproven(node.direct[number], suite.tests or 0, why)
    node.lost = compared.lost
    node.total = SuiteTally.sum((suite.total, SuiteTally(lost=len(node.lost), tries=len(node.lost))))
    node.counted = len(node.direct) + suite.below_counted if suite.tests is None else suite.tests
    node.says = suite.tests is not None or (suite.below_says and not node.direct)
    return compared


def _unproven(written: Written, tests: int, why: str) -> Written:
    message = fact(Code.UNCOUNTED, n=tests, what=why)
    case = replace(written.item.case, status=CaseStatus.LOST, duration=None, message=message)
    return replace(written, item=replace(written.item, case=case))


def _find_repeats(cases: Iterable[ResultCase], name: str) -> Iterator[Fact]:
    """A hint at tests that may have been run again."""
    before: set[str] = set()
    again: set[str] = set()
    for item in cases:
        if item.case.status in (CaseStatus.FAILED, CaseStatus.LOST):
            before.add(item.case.id)
        elif item.case.id in before:
            again.add(item.case.id)
    if again:
        yield fact(Code.MAYBE_RAN_AGAIN, path=name, case=min(again), n=len(again))


def _bound_lines(lines: Sequence[Fact], limit: int = 20) -> tuple[Fact, ...]:
    more = len(lines) - limit
    return (*lines[:limit], fact(Code.MORE_OF_KIND, n=more)) if more > 0 else tuple(lines)

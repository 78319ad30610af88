"""Reading what a program wrote in this attempt, JUnit XML of any tool above all.

There is no standard that writers follow, so nothing is taken from the counts in attributes: cases are counted
one by one, through suites nested as deep as they come. Where a suite's own count says more tests than its
cases show, the others are lost; where it says more failures, the file contradicts itself and is no evidence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from phasegate.errors import ObservationError
from phasegate.model.observation import Case, CaseAttempt, CaseStatus
from phasegate.world import Clock

SIZE_LIMIT = 64 << 20
"""Bytes of one file."""
MESSAGE = 500
"""Characters of a message; the whole of it is in the details."""
UNWRITTEN = 10_000
"""Tests that a suite may count without showing them."""
NESTED = 16
"""Suites around a case that are named."""
DETAILS = 64 * 1024
"""Characters of a stack trace or an output that are kept."""

_CLOCKS_DIFFER = timedelta(seconds=2)
"""File systems are that coarse, and those of other machines that far off."""
_BROKEN = ("failure", "error")
_FLAKY = ("flakyFailure", "flakyError")
_RERUN = ("rerunFailure", "rerunError")
_BAD = frozenset(
    {"fail", "failed", "failure", "error", "errored", "timeout", "timedout", "crashed", "aborted", "broken"}
)
_NOT_RUN = frozenset({"skipped", "notrun", "disabled", "suppressed", "ignored"})


@dataclass(frozen=True, slots=True, kw_only=True)
class JUnitCase:
    case: Case
    details: str = ""
    """Stack trace and output of a case that did not pass; empty for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JUnitFile:
    cases: tuple[JUnitCase, ...]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Why some of several files were not read."""


class ResultFiles:
    """Files that a program is to write: made before it starts, so that what it left alone is told apart.

    What was there before and did not change says nothing about this attempt, and neither does a copy that
    kept the time of an older original. Where the calendar clock was set meanwhile, a file may bear the time
    of either clock.
    """

    def __init__(self, root: Path, patterns: Iterable[str], clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._started = (clock.utc(), clock.wall())
        self._before = {file: _stamp(file) for pattern in patterns for file in matching(root, pattern)}

    def read(self, patterns: Iterable[str]) -> JUnitFile:
        """The cases of all files that match, ids unique over all of them; never an exception."""
        cases: list[JUnitCase] = []
        notes: list[str] = []
        problems: list[str] = []
        for file in dict.fromkeys(self._found(patterns, problems)):
            name = self._name(file)
            try:
                self._refuse_old(file, name)
                one = read_junit(file, name)
            except ObservationError as error:
                problems.append(error.message)
                continue
            cases += unique(one.cases, (item.case.id for item in cases))
            notes += one.notes
        return JUnitFile(cases=tuple(cases), notes=tuple(notes), problems=tuple(problems))

    def text(self, name: str) -> str:
        """The text of one file. Errors: ObservationError when it is missing, too large or too old."""
        file = self._root / name
        content = _content(file, name)
        self._refuse_old(file, name)
        return content.decode(errors="replace")

    def _found(self, patterns: Iterable[str], problems: list[str]) -> Iterator[Path]:
        for pattern in patterns:
            files = matching(self._root, pattern)
            if not files:
                problems.append(f"no results file matches {pattern}")
            yield from files

    def _refuse_old(self, file: Path, name: str) -> None:
        stamp = _stamp(file)
        written = datetime.fromtimestamp(stamp[0] / 1e9, UTC)
        if stamp == self._before.get(file) or self._is_older(written):
            raise ObservationError(
                f"results file {name} is older than this attempt: it was written at "
                f"{written:%Y-%m-%d %H:%M:%S} UTC, and the program did not write it again"
            )

    def _is_older(self, written: datetime) -> bool:
        """Whether a file bears a time that no clock showed since the attempt began, nor a later one."""
        utc, wall = self._started
        if written >= wall - _CLOCKS_DIFFER:
            return False
        # A clock that was set back shows once more what it had shown before.
        now, lasted = self._clock.wall(), self._clock.utc() - utc
        return not now - lasted - _CLOCKS_DIFFER <= written <= now + _CLOCKS_DIFFER

    def _name(self, file: Path) -> str:
        return str(file.relative_to(self._root) if file.is_relative_to(self._root) else file)


def matching(root: Path, pattern: str) -> tuple[Path, ...]:
    """The files that a path or glob stands for, in order; `**` reaches into folders of any depth."""
    if not any(character in pattern for character in "*?["):
        return (root / pattern,) if (root / pattern).exists() else ()
    absolute = Path(pattern)
    start, relative = (
        (Path(absolute.anchor), pattern.lstrip("/")) if absolute.is_absolute() else (root, pattern)
    )
    return tuple(sorted(file for file in start.glob(relative) if file.is_file()))


def _stamp(file: Path) -> tuple[int, int, int, int]:
    """What changes when a file is written: its times, its size, or which file it is."""
    try:
        status = file.stat()
    except OSError:
        return (0, 0, 0, 0)
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def _content(path: Path, name: str) -> bytes:
    try:
        size = path.stat().st_size
        if size > SIZE_LIMIT:
            raise ObservationError(f"results file {name} has {size:,} bytes; at most {SIZE_LIMIT:,} are read")
        return path.read_bytes()
    except OSError as error:
        raise ObservationError(
            f"results file {name} cannot be read: {(error.strerror or str(error)).lower()}"
        ) from error


def read_junit(path: Path, name: str) -> JUnitFile:
    """Read one file; `name` is what messages call it.

    Errors: ObservationError when it is missing, empty, too large, malformed, no JUnit, or has no case.
    """
    return parse_junit(_content(path, name), name)


def parse_junit(content: bytes, name: str) -> JUnitFile:
    """The cases of one document, ids unique within it.

    Errors: ObservationError naming the file, as `read_junit` has it.
    """
    if not content.strip():
        raise ObservationError(f"results file {name} is empty")
    try:
        root = fromstring(content, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ObservationError(f"results file {name} is malformed: {_reason(error)}") from error
    if _tag(root) not in ("testsuites", "testsuite"):
        raise ObservationError(f"results file {name} is no JUnit: its root is <{_tag(root)}>")
    cases: list[JUnitCase] = []
    notes: list[str] = []
    for suite, path in _suites(root):
        mine = [_case(element, path) for element in suite if _tag(element) == "testcase"]
        mine += _own_failure(suite, path)
        _refuse_contradiction(suite, mine, name)
        if unwritten := _unwritten(suite, mine, path, name):
            notes.append(_said(suite, f"{len(mine) + len(unwritten)} tests, {len(mine)} are written", name))
            mine += unwritten
        cases += mine
    if all(item.case.status is CaseStatus.LOST for item in cases):
        raise ObservationError(f"results file {name} has no test case")
    return JUnitFile(cases=unique(cases), notes=tuple(notes))


def unique(cases: Iterable[JUnitCase], known: Iterable[str] = ()) -> tuple[JUnitCase, ...]:
    """Cases with ids of their own: the second `a::b` becomes `a::b [2]`, also where `known` has the first."""
    taken = set(known)
    counts: dict[str, int] = {}
    result: list[JUnitCase] = []
    for item in cases:
        plain = new = item.case.id
        while new in taken:
            counts[plain] = counts.get(plain, 1) + 1
            new = f"{plain} [{counts[plain]}]"
        taken.add(new)
        result.append(item if new == plain else replace(item, case=replace(item.case, id=new)))
    return tuple(result)


def _suites(root: Element) -> Iterator[tuple[Element, tuple[str, ...]]]:
    """Every suite in document order, with the names of the first `NESTED` suites around it and its own."""
    # By hand, since a document may be nested deeper than the interpreter's stack allows.
    waiting: list[tuple[Element, tuple[str, ...]]] = [(root, ())]
    while waiting:
        suite, around = waiting.pop()
        name = (suite.get("name") or "").strip()
        path = (*around, name) if name and _tag(suite) == "testsuite" and len(around) < NESTED else around
        yield suite, path
        inner = [element for element in suite if _tag(element) in ("testsuite", "testsuites")]
        waiting.extend((element, path) for element in reversed(inner))


def _case(element: Element, suites: tuple[str, ...]) -> JUnitCase:
    classname = (element.get("classname") or element.get("class") or "").strip()
    name = (element.get("name") or "").strip() or classname or "without a name"
    part = classname if classname and classname != name else (suites[-1] if suites else "")
    status, message = _status(element)
    case = Case(
        id=f"{part}::{name}" if part else name,
        name=name,
        status=status,
        part=part,
        tags=tuple(suite for suite in dict.fromkeys(suites) if suite != part),
        duration=None if status is CaseStatus.SKIPPED else _seconds(element.get("time")),
        message=message,
        file=element.get("file") or None,
        line=_whole(element.get("line")),
        earlier=_earlier(element, status),
    )
    return JUnitCase(case=case, details="" if status is CaseStatus.PASSED else _details(element))


def _status(element: Element) -> tuple[CaseStatus, str]:
    skipped = next(_children(element, ("skipped",)), None)
    if skipped is not None:
        message = _message(skipped)
        if skipped.get("type") == "pytest.xfail":
            why = f": {message}" if message else ""
            return CaseStatus.FAILED, f"expected failure (xfail) counts as failed{why}"
        # node:test writes a failing todo with both; its author said that it does not count yet.
        return CaseStatus.SKIPPED, message or "skipped"
    broken = list(_children(element, _BROKEN))
    if broken:
        return CaseStatus.FAILED, _message(broken[0]) or f"{_tag(broken[0])} without a message"
    # googletest and ctest say it by attribute.
    marks = {(element.get(key) or "").strip().lower() for key in ("status", "result")}
    if marks & _NOT_RUN:
        return CaseStatus.SKIPPED, "not run"
    if marks & _BAD:
        return CaseStatus.FAILED, "failed without a message"
    return CaseStatus.PASSED, ""


def _earlier(element: Element, status: CaseStatus) -> tuple[CaseAttempt, ...]:
    """Tries that did not decide: flaky ones passed in the end, reruns did not."""
    tags = _FLAKY if status is CaseStatus.PASSED else _RERUN
    return tuple(
        CaseAttempt(status=CaseStatus.FAILED, message=_message(child), duration=_seconds(child.get("time")))
        for child in _children(element, tags)
    )


def _own_failure(suite: Element, path: tuple[str, ...]) -> list[JUnitCase]:
    """A suite that failed as a whole, in its setup for example: a case of its own, or it would vanish."""
    broken = list(_children(suite, _BROKEN))
    if not broken:
        return []
    part = path[-1] if path else ""
    case = Case(
        id=f"{part}::(suite)" if part else "(suite)",
        name="(suite)",
        status=CaseStatus.FAILED,
        part=part,
        message=_message(broken[0]) or "the suite failed without a message",
    )
    return [JUnitCase(case=case, details=_details(suite))]


def _unwritten(suite: Element, cases: list[JUnitCase], path: tuple[str, ...], file: str) -> list[JUnitCase]:
    """Tests that a suite without inner suites counts and does not show (mocha leaves skipped cases out).

    Errors: ObservationError when there are more than anybody could look at.
    """
    tests = _whole(suite.get("tests"))
    if tests is None or tests <= len(cases) or _has_inner(suite):
        return []
    if tests - len(cases) > UNWRITTEN:
        said = _said(suite, f"{tests:,} tests, {len(cases):,} are written")
        raise ObservationError(f"results file {file} contradicts itself: {said}")
    part = path[-1] if path else ""
    message = f"counted among the {tests:,} tests of its suite, but not written"
    return [
        JUnitCase(
            case=Case(
                id=f"{part}::(unwritten {number})" if part else f"(unwritten {number})",
                name=f"(unwritten {number})",
                status=CaseStatus.LOST,
                part=part,
                message=message,
            )
        )
        for number in range(1, tests - len(cases) + 1)
    ]


def _refuse_contradiction(suite: Element, cases: list[JUnitCase], file: str) -> None:
    """Errors: ObservationError when a suite without inner suites counts failures that it does not show."""
    if _has_inner(suite):
        return
    said = sum(_whole(suite.get(key)) or 0 for key in ("failures", "errors"))
    # A skipped todo is counted as failed by some, and a case that failed and then broke in teardown twice.
    shown = sum(item.case.status is not CaseStatus.PASSED or item.case.flaky for item in cases)
    shown += sum(len(list(_children(case, _BROKEN))) > 1 for case in _children(suite, ("testcase",)))
    if said > shown:
        raise ObservationError(
            f"results file {file} contradicts itself: {_said(suite, f'{said} failed, {shown} are written')}"
        )


def _said(suite: Element, what: str, file: str = "") -> str:
    label = f"{suite.get('name') or 'a suite without a name'} says {what}"
    return f"{file}: {label}" if file else label


def _has_inner(suite: Element) -> bool:
    return any(_tag(element) in ("testsuite", "testsuites") for element in suite)


def _details(element: Element) -> str:
    pieces = []
    for child in element:
        tag, text = _tag(child), (child.text or "").strip()
        if tag in (*_BROKEN, *_RERUN, *_FLAKY, "skipped"):
            text = "\n".join(filter(None, [child.get("message", ""), text]))
        elif tag not in ("system-out", "system-err"):
            continue
        if text:
            pieces.append(f"--- {tag}\n{_bounded(text)}\n")
    return "\n".join(pieces)


def _bounded(text: str) -> str:
    if len(text) <= DETAILS:
        return text
    half = DETAILS // 2
    return f"{text[:half]}\n[{len(text) - 2 * half:,} characters left out]\n{text[-half:]}"


def _message(element: Element) -> str:
    written = (element.get("message") or "").strip()
    if not written:
        written = next((line.strip() for line in (element.text or "").splitlines() if line.strip()), "")
    return written if len(written) <= MESSAGE else f"{written[: MESSAGE - 3]}..."


def _children(element: Element, tags: tuple[str, ...]) -> Iterator[Element]:
    return (child for child in element if _tag(child) in tags)


def _tag(element: Element) -> str:
    """The tag without a namespace; comments and processing instructions have none."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _seconds(text: str | None) -> float | None:
    """`0.25`, or `1,234.5` as surefire writes thousands."""
    try:
        seconds = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _whole(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _reason(error: Exception) -> str:
    if isinstance(error, DefusedXmlException):
        return "it declares entities, which are not expanded"
    return str(error)

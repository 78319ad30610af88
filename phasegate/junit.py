"""Reading JUnit XML, whichever tool wrote it.

There is no standard that writers follow, so nothing is taken from the counts in attributes: cases are counted
one by one, through suites nested as deep as they come. Where a suite's own count says more than its cases
show, a note says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from phasegate.errors import ObservationError
from phasegate.model.observation import Case, CaseAttempt, CaseStatus

SIZE_LIMIT = 64 << 20
"""Bytes of one file."""
MESSAGE = 500
"""Characters of a message; the whole of it is in the details."""
DETAILS = 64 * 1024
"""Characters of a stack trace or an output that are kept."""

_BROKEN = ("failure", "error")
_FLAKY = ("flakyFailure", "flakyError")
_RERUN = ("rerunFailure", "rerunError")
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


def read_junit(path: Path, name: str) -> JUnitFile:
    """Read one file; `name` is what messages call it.

    Errors: ObservationError when it is missing, empty, too large, malformed, no JUnit, or has no case.
    """
    try:
        size = path.stat().st_size
        if size > SIZE_LIMIT:
            raise ObservationError(f"results file {name} has {size:,} bytes; at most {SIZE_LIMIT:,} are read")
        content = path.read_bytes()
    except OSError as error:
        raise ObservationError(
            f"results file {name} cannot be read: {(error.strerror or str(error)).lower()}"
        ) from error
    return parse_junit(content, name)


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
        cases += mine
        notes += _doubts(suite, mine, name)
    if not cases:
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
    """Every suite in document order, with the names of the suites around it and its own."""
    # By hand, since a document may be nested deeper than the interpreter's stack allows.
    waiting: list[tuple[Element, tuple[str, ...]]] = [(root, ())]
    while waiting:
        suite, around = waiting.pop()
        name = (suite.get("name") or "").strip()
        path = (*around, name) if name and _tag(suite) == "testsuite" else around
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
    if marks & {"fail", "failed"}:
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


def _doubts(suite: Element, cases: list[JUnitCase], file: str) -> list[str]:
    """Where a suite without inner suites counts more than it shows (mocha leaves skipped cases out)."""
    if any(_tag(element) in ("testsuite", "testsuites") for element in suite):
        return []
    label = suite.get("name") or "a suite without a name"
    notes = []
    tests, bad = _whole(suite.get("tests")), (_whole(suite.get("failures")), _whole(suite.get("errors")))
    if tests is not None and tests > len(cases):
        notes.append(f"{file}: {label} says {tests} tests, {len(cases)} are written")
    failed = sum(item.case.status is not CaseStatus.PASSED or item.case.flaky for item in cases)
    if sum(count or 0 for count in bad) > failed:
        notes.append(f"{file}: {label} says {sum(count or 0 for count in bad)} failed, {failed} are written")
    return notes


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

"""What one `testcase` says: passed only where nothing in it says otherwise.

There is no standard that writers follow, so the list of what means passed is closed, and whatever else stands
in a status or beside it is not a result.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from xml.etree.ElementTree import Element

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Message, fact
from phasegate.model.observation import Case, CaseAttempt, CaseStatus
from phasegate.results.cases import MESSAGE, NAME, ResultCase, bound_details, shorten
from phasegate.results.junit.document import without_terminal_sequences
from phasegate.results.junit.words import Meaning, Statement, of_case

WORD = 60
"""Characters of a word that stands in a message."""
_BREAKS = re.compile(r"[\r\n\t]")
BROKEN = ("failure", "error")
_FLAKY = ("flakyFailure", "flakyError")
_RERUN = ("rerunFailure", "rerunError")
_BESIDE = frozenset({"", "system-out", "system-err", "properties", "property", "attachments", "attachment"})
"""Children that say nothing of the result; comments have no tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteTally:
    """What the counts of a suite may say of the cases in it, by the elements that are written."""

    written: int = 0
    """Cases."""
    lost: int = 0
    """Tests that an inner suite counts and does not write."""
    tries: int = 0
    failing: int = 0
    """Failures and errors that stand."""
    failed_tries: int = 0
    """The same, and those of tries that came before the last."""
    idle: int = 0
    """Skipped, not run, or without a result."""

    @staticmethod
    def sum(tallies: Iterable[SuiteTally]) -> SuiteTally:
        every = tuple(tallies)
        return SuiteTally(
            **{one.name: sum(getattr(tally, one.name) for tally in every) for one in fields(SuiteTally)}
        )


_ONE = SuiteTally(written=1, tries=1)
"""A case in which nothing else stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A case as the file has it."""

    item: ResultCase
    tally: SuiteTally


def read_case(element: Element, suites: tuple[str, ...]) -> Written:
    classname = name_of(element, "classname") or name_of(element, "class")
    name = name_of(element, "name") or classname or "without a name"
    part = classname if classname and classname != name else (suites[-1] if suites else "")
    status, message = _outcome(element)
    case = Case(
        id=f"{part}::{name}" if part else name,
        name=name,
        status=status,
        part=part,
        tags=tuple(suite for suite in dict.fromkeys(suites) if suite != part),
        duration=None if status is CaseStatus.SKIPPED else _seconds(element.get("time")),
        message=message,
        file=name_of(element, "file") or None,
        line=whole_number(element.get("line")),
        earlier=_earlier(element),
    )
    details = "" if status is CaseStatus.PASSED else details_of(element)
    return Written(item=ResultCase(case=case, details=details), tally=_tally(element, case))


def own_failure(suite: Element, path: tuple[str, ...]) -> ResultCase | None:
    """A suite that failed as a whole, in its setup for example: a case of its own, or it would vanish."""
    broken = next(children(suite, BROKEN), None)
    if broken is None:
        return None
    part = path[-1] if path else ""
    case = Case(
        id=f"{part}::(suite)" if part else "(suite)",
        name="(suite)",
        status=CaseStatus.FAILED,
        part=part,
        message=_message(broken) or fact(Code.WITHOUT_MESSAGE, what="suite"),
    )
    return ResultCase(case=case, details=details_of(suite))


def _outcome(element: Element) -> tuple[CaseStatus, Message]:
    said = list(of_case(element.attrib))
    if not said and not len(element):
        return CaseStatus.PASSED, ""
    broken = next(children(element, (*BROKEN, *_RERUN)), None)
    if broken is not None:
        return CaseStatus.FAILED, _message(broken) or fact(Code.WITHOUT_MESSAGE, what=tag_of(broken))
    skipped = next(children(element, ("skipped",)), None)
    why = _message(skipped) if skipped is not None else ""
    if skipped is not None and skipped.get("type") == "pytest.xfail":
        return CaseStatus.FAILED, fact(Code.XFAIL, why=why)
    if any(one.meaning is Meaning.FAILED for one in said):
        return CaseStatus.FAILED, why or fact(Code.WITHOUT_MESSAGE)
    if skipped is not None:
        tried = next(children(element, _FLAKY), None)
        if tried is not None:
            return CaseStatus.FAILED, fact(Code.SKIPPED_AGAIN, why=_message(tried))
        return CaseStatus.SKIPPED, why or fact(Code.SKIPPED)
    for one in said:
        if one.meaning is Meaning.NOT_RUN:
            return CaseStatus.SKIPPED, _stated(Code.NOT_RUN_BY, one)
    return _status_of(element, said)


def _status_of(element: Element, strange: Iterable[Statement]) -> tuple[CaseStatus, Message]:
    for child in element:
        if (tag := tag_of(child)) not in _BESIDE and tag not in _FLAKY:
            return CaseStatus.LOST, fact(Code.NO_RESULT_WITH, tag=shorten(tag, WORD), why=_message(child))
    for one in strange:
        return CaseStatus.LOST, _stated(Code.NO_RESULT_BY, one)
    return CaseStatus.PASSED, ""


def _stated(code: Code, one: Statement) -> Message:
    return fact(code, key=shorten(one.key, WORD), value=shorten(one.value, WORD))


def _earlier(element: Element) -> tuple[CaseAttempt, ...]:
    """Tries that did not decide: flaky ones passed in the end, reruns did not."""
    if not len(element):
        return ()
    return tuple(
        CaseAttempt(status=CaseStatus.FAILED, message=_message(child), duration=_seconds(child.get("time")))
        for child in children(element, (*_FLAKY, *_RERUN))
    )


def _tally(element: Element, case: Case) -> SuiteTally:
    if not len(element) and case.status is CaseStatus.PASSED:
        return _ONE
    failing = sum(1 for _ in children(element, BROKEN))
    skipped = sum(1 for _ in children(element, ("skipped",)))
    if case.status is CaseStatus.FAILED and not failing and not skipped:
        failing = 1  # said by an attribute, or by reruns alone
    if case.status in (CaseStatus.SKIPPED, CaseStatus.LOST):
        skipped = max(skipped, 1)
    return SuiteTally(
        written=1,
        tries=1 + len(case.earlier),
        failing=failing,
        failed_tries=failing + len(case.earlier),
        idle=skipped,
    )


def details_of(element: Element) -> str:
    pieces = []
    for child in element:
        tag, text = tag_of(child), (child.text or "").strip()
        if tag in _BESIDE and tag not in ("system-out", "system-err"):
            continue
        if tag not in ("system-out", "system-err", "testcase", "testsuite", "testsuites"):
            traces = [(inner.text or "").strip() for inner in children(child, ("stackTrace",))]
            text = "\n".join(filter(None, [child.get("message", ""), text, *traces]))
        elif tag.startswith("test"):
            continue
        if text:
            pieces.append(f"--- {shorten(tag, WORD)}\n{bound_details(without_terminal_sequences(text))}\n")
    return "\n".join(pieces)


def _message(element: Element) -> str:
    written = without_terminal_sequences(element.get("message") or "").strip()
    if not written:
        texts = (element.text or "", *(child.text or "" for child in children(element, ("stackTrace",))))
        lines = (without_terminal_sequences(line).strip() for text in texts for line in text.splitlines())
        written = next(filter(None, lines), "")
    return shorten(written, MESSAGE)


def name_of(element: Element, key: str) -> str:
    """An attribute as a name: on one line, and no longer than `NAME`."""
    written = element.get(key)
    if not written:
        return ""
    if not written.isascii() or not written.isprintable():
        written = _BREAKS.sub(" ", without_terminal_sequences(written))
    return shorten(written.strip(), NAME)


def children(element: Element, tags: tuple[str, ...]) -> Iterator[Element]:
    return (child for child in element if tag_of(child) in tags)


def tag_of(element: Element) -> str:
    """The tag without a namespace; comments and processing instructions have none."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _seconds(text: str | None) -> float | None:
    """`0.25`, or `1,234.5` as surefire writes thousands."""
    try:
        seconds = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def whole_number(text: str | None) -> int | None:
    """`3`, `3.0` or `1,234`; None where it is not a number. What has more than 15 digits is 10^15."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]+)(?:\.0*)?", text.strip().replace(",", ""))
    if match is None:
        return None
    digits = match[1].lstrip("0") or "0"
    return int(digits) if len(digits) <= 15 else 10**15

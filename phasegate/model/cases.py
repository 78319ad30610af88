"""Cases of one attempt beside those of the attempt before, and what a set of cases counts to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from phasegate.base.facts import Code, fact
from phasegate.model.measures import Measure, Number
from phasegate.model.observation import Case, CaseAttempt, CaseStatus, by_part, census


def select_cases(cases: Iterable[Case], names: Sequence[str]) -> tuple[Case, ...]:
    """Those with one of the names as their id, name or part; all of them where nothing is named."""
    return tuple(
        case for case in cases if not names or any(name in (case.id, case.name, case.part) for name in names)
    )


def as_attempt(case: Case) -> CaseAttempt:
    """The result of a case as an earlier try of the case to come."""
    return CaseAttempt(status=case.status, message=case.message, duration=case.duration)


def after(case: Case, before: Mapping[str, Case]) -> Case:
    """A case of this attempt with its tries in the attempts before it; `before` is by id."""
    known = before.get(case.id)
    if known is None:
        return case
    return replace(case, earlier=(*known.earlier, as_attempt(known), *case.earlier))


def lost_since(case: Case) -> Case:
    """A case of the attempt before of which this one knows nothing."""
    return replace(
        case,
        status=CaseStatus.LOST,
        message=fact(Code.LOST_SINCE),
        duration=None,
        evidence=(),
        earlier=(*case.earlier, as_attempt(case)),
    )


def with_earlier(cases: Iterable[Case], before: Iterable[Case]) -> tuple[Case, ...]:
    """Cases with their tries in earlier attempts; one that is there no more is lost, not forgotten."""
    known = {case.id: case for case in before}
    found = tuple(after(case, known) for case in cases)
    ids = {case.id for case in found}
    return (*found, *(lost_since(case) for case in known.values() if case.id not in ids))


def case_measures(cases: Iterable[Case]) -> dict[str, Measure]:
    """The measures of a set of cases: `pass_rate`, `passed`, `failed`, `skipped`, `total`."""
    share = census(cases := tuple(cases))
    skipped = sum(case.status is CaseStatus.SKIPPED for case in cases)
    return {
        "pass_rate": share,
        "passed": Number(value=share.passed),
        "failed": Number(value=share.failed),
        "skipped": Number(value=skipped),
        "total": Number(value=share.total),
    }


def case_measures_by_part(cases: Iterable[Case]) -> dict[str, Mapping[str, Measure]]:
    return {part: case_measures(group) for part, group in by_part(cases).items()}

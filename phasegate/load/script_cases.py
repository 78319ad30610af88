"""Cases of a script: what it asserts by itself, beside the requests that were measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from phasegate.model.measures import Measure, MeasureSpec, MeasureType
from phasegate.model.observation import Case, CaseAttempt, CaseStatus, census, census_by_part
from phasegate.units import Dimension

PASS_RATE = MeasureSpec(
    type=MeasureType.CENSUS, dimension=Dimension.SHARE, about="what the script asserts by itself and held"
)


def case(part: str, name: str, status: CaseStatus, message: str = "") -> Case:
    return Case(id=f"{part}: {name}", name=name, status=status, part=part, message=message)


def selected(cases: Iterable[Case], names: tuple[str, ...]) -> tuple[Case, ...]:
    """Cases by id, name or part. The script runs as a whole all the same: it decides what it does."""
    return tuple(
        one for one in cases if not names or any(name in (one.id, one.name, one.part) for name in names)
    )


def with_earlier(cases: tuple[Case, ...], before: tuple[Case, ...]) -> tuple[Case, ...]:
    """Cases with their tries in earlier attempts; one that is there no more is lost, not forgotten."""
    known = {one.id: one for one in before}
    ids = {one.id for one in cases}
    found = [
        replace(one, earlier=(*known[one.id].earlier, _attempt(known[one.id]))) if one.id in known else one
        for one in cases
    ]
    lost = [
        replace(
            one,
            status=CaseStatus.LOST,
            message="was there in the attempt before, but not in this one",
            evidence=(),
            earlier=(*one.earlier, _attempt(one)),
        )
        for one in before
        if one.id not in ids
    ]
    return (*found, *lost)


def pass_rates(cases: tuple[Case, ...]) -> tuple[Mapping[str, Measure], Mapping[str, Mapping[str, Measure]]]:
    """The census of the whole, and of every part."""
    return {"pass_rate": census(cases)}, {
        part: {"pass_rate": share} for part, share in census_by_part(cases).items()
    }


def _attempt(one: Case) -> CaseAttempt:
    return CaseAttempt(status=one.status, message=one.message, duration=one.duration)

"""Cases of a script: what it asserts by itself, beside the requests that were measured."""

from __future__ import annotations

from collections.abc import Mapping

from phasegate.model.measures import Measure, MeasureSpec
from phasegate.model.observation import Case, CaseStatus, census, census_by_part

PASS_RATE = MeasureSpec.census("what the script asserts by itself and held")


def case(part: str, name: str, status: CaseStatus, message: str = "") -> Case:
    return Case(id=f"{part}: {name}", name=name, status=status, part=part, message=message)


def pass_rates(cases: tuple[Case, ...]) -> tuple[Mapping[str, Measure], Mapping[str, Mapping[str, Measure]]]:
    """The census of the whole, and of every part."""
    return {"pass_rate": census(cases)}, {
        part: {"pass_rate": share} for part, share in census_by_part(cases).items()
    }

"""Cases of a script: what it asserts by itself, beside the requests that were measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from phasegate.base.facts import Message
from phasegate.model.cases import select_cases, with_earlier
from phasegate.model.measures import Measure, MeasureSpec
from phasegate.model.observation import Case, CaseStatus, census, census_by_part
from phasegate.world import World

PASS_RATE = MeasureSpec.census("what the script asserts by itself and held")


def case(part: str, name: str, status: CaseStatus, message: Message = "") -> Case:
    return Case(id=f"{part}: {name}", name=name, status=status, part=part, message=message)


def of_attempt(cases: Iterable[Case], world: World) -> tuple[Case, ...]:
    """Those that are asked for, with their tries in earlier attempts."""
    return with_earlier(select_cases(cases, world.cases), select_cases(world.earlier, world.cases))


def pass_rates(
    cases: tuple[Case, ...], measured: Mapping[str, Mapping[str, Measure]]
) -> tuple[Mapping[str, Measure], Mapping[str, Mapping[str, Measure]]]:
    """The census of the whole, and of every part beside what was measured of it."""
    parts: dict[str, Mapping[str, Measure]] = {
        part: {"pass_rate": share} for part, share in census_by_part(cases).items()
    }
    parts |= {part: {**parts.get(part, {}), **found} for part, found in measured.items()}
    return {"pass_rate": census(cases)}, parts

"""An observation that is being made, for kinds with cases beside other measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import field

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.model.cases import select_cases, with_earlier
from phasegate.model.measures import Measure
from phasegate.model.observation import Case, CaseStatus, Observation, census
from phasegate.world import Progress, World


@dataclass(slots=True)
class ObservationDraft:
    """What was seen so far."""

    measures: dict[str, Measure] = field(default_factory=dict)
    parts: dict[str, dict[str, Measure]] = field(default_factory=dict)
    absent: dict[tuple[str, str], Message] = field(default_factory=dict)
    """Why a measure of a part (empty: of the whole) is not there."""
    cases: list[Case] = field(default_factory=list)

    def case(self, id: str, status: CaseStatus, message: Message = "") -> None:
        self.cases.append(Case(id=id, name=id, status=status, message=message))

    async def observation(self, world: World, censuses: Mapping[str, str]) -> Observation:
        """The cases that are asked for, with their tries before, and the measures.

        `censuses`: measures that count cases, each with what the ids of its cases begin with.
        Errors: ObservationError where cases are named and none of them is there.
        """
        cases = with_earlier(select_cases(self.cases, world.cases), world.earlier)
        if world.cases and not cases:
            raise ObservationError(fact(Code.NO_CASE_NAMED, names=world.cases))
        if cases:
            await world.progress(Progress(cases=cases))
        for measure, prefix in censuses.items():
            counted = [case for case in cases if case.id.startswith(prefix)]
            if counted:
                self.measures[measure] = census(counted)
        failed = (case.message for case in cases if case.status is CaseStatus.FAILED)
        return Observation(
            measures=self.measures,
            parts=self.parts,
            cases=cases,
            absent=self.absent,
            causes=Counter(failed),
        )

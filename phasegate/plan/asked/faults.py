"""What is to be done to the target on purpose, and what is asked of it meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import Position
from phasegate.base.units import format_seconds
from phasegate.model.faults import PlanFault
from phasegate.model.measures import MeasureSpec
from phasegate.plan.asked.part import Part
from phasegate.plan.written.faults import ProbeParams


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An act on the target, with what is asked of it meanwhile."""

    asked: PlanFault
    probe: Part
    missing_secrets: tuple[str, ...] = ()
    """Secrets that its probe uses and that are not set."""
    measures: Mapping[str, MeasureSpec]
    at: Position | None = None

    @property
    def id(self) -> str:
        return self.asked.id

    @property
    def asks(self) -> ProbeParams:
        """The probe as validated at load, addresses in it still stand-ins."""
        return cast("ProbeParams", self.probe.params)

    def asking(self, values: Mapping[str, str]) -> ProbeParams:
        """The probe with the target's addresses. Errors: ObservationError."""
        return cast("ProbeParams", self.probe.bind(values))

    @property
    def summary(self) -> str:
        """`kill nodejs at 5 s for 3 s`."""
        asked = self.asked
        lasting = f" for {format_seconds(asked.lasting)}" if asked.lasting else ""
        what = f"{asked.act} {', '.join(asked.targets)}{asked.version}"
        return f"{what} at {format_seconds(asked.due)}{lasting}"

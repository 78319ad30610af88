"""Parameters of the kind `monitoring`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from phasegate.base.fields import Closed, Text, Texts
from phasegate.base.marks import Demand
from phasegate.base.problems import Location
from phasegate.inspection.finding import Rule
from phasegate.inspection.rules import COMMON
from phasegate.kinds.inspection import InspectionParams
from phasegate.kinds.monitoring.rules import RULES
from phasegate.kinds.monitoring.slos import Kind


class SloWritten(Closed):
    """A service level objective that must have its rules."""

    name: Text
    """Its name; a rule with a label of this value is of it."""
    kind: Kind
    """What it is about: `availability` or `latency`."""
    service: Text
    """The service: a word of the names or labels of its rules, or of the series that they use."""


class MonitoringParams(InspectionParams):
    constant: Annotated[Texts, Demand.LET_THROUGH] = ("Watchdog",)
    """Alerts that always fire, to show that alerting works."""
    slos: Annotated[tuple[SloWritten, ...], Demand.MUST_BE] = ()
    """SLOs that must have a recording rule and alerts on a fast and a slow burn, beside those that `files`
    have in OpenSLO."""
    tools: Annotated[tuple[Literal["promtool"], ...], Demand.MUST_BE] = ()
    """Programs that look at the files as well: `promtool`. One that is not there leaves its part not
    verified."""

    rules: ClassVar[tuple[Rule, ...]] = (*COMMON, *RULES)

    def problems(self) -> Iterator[tuple[Location, str]]:
        names = [slo.name for slo in self.slos]
        for number, slo in enumerate(self.slos):
            if names.index(slo.name) < number:
                yield ("slos", number, "name"), f"another SLO is named {slo.name!r}"
        yield from super().problems()

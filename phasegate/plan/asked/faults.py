"""What is to be done to the target on purpose, and what is asked of it meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import Position
from phasegate.base.facts import Code, Fact, fact
from phasegate.base.units import format_seconds
from phasegate.model.faults import Act
from phasegate.model.measures import MeasureSpec
from phasegate.plan.asked.part import Part
from phasegate.plan.written.faults import ProbeParams


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One act on one entry of the target, during one check of its step."""

    id: str
    act: Act
    target: str
    """The id of a process, or of a service in containers."""
    check: str
    """The check during which it is done."""
    due: float
    """Seconds from the start of that check."""
    lasting: float | None = None
    """Seconds until it is undone, from when it was done; None where the act is over when it is done."""
    image: str = ""
    """The other image, for `replace`."""
    probe: Part
    title: str = ""
    missing_secrets: tuple[str, ...] = ()
    """Secrets that its probe uses and that are not set."""
    measures: Mapping[str, MeasureSpec]
    at: Position | None = None

    @property
    def source(self) -> str:
        return f"{self.at.file}:{self.at.line}" if self.at else ""

    @property
    def end(self) -> float:
        """Seconds from the start of the check when it is undone, if it is done in no time."""
        return self.due + (self.lasting or 0.0)

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
        lasting = f" for {format_seconds(self.lasting)}" if self.lasting else ""
        image = f" by {self.image}" if self.image else ""
        return f"{self.act} {self.target}{image} at {format_seconds(self.due)}{lasting}"

    @property
    def asked(self) -> Fact:
        """`GET /health every 50 ms`."""
        asks = self.asks
        return fact(Code.ASKED_EVERY, method=asks.method, url=asks.url, every=float(asks.every))

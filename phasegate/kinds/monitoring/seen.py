"""What rules looked at, and what they found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import field

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Message
from phasegate.base.tree import TreePath
from phasegate.inspection.finding import Finding, Looked, Rule
from phasegate.kinds.monitoring.sources import Source

Details = Sequence[Message | int]
"""What belongs in the sentence of a rule."""
_LONGEST = 300
"""Characters of what belongs in a sentence."""


@dataclass(slots=True)
class Seen:
    findings: list[Finding] = field(default_factory=list)
    looked: Counter[Rule] = field(default_factory=Counter)
    unproven: dict[str, Message] = field(default_factory=dict)

    def look(
        self,
        rule: Rule,
        source: Source,
        at: TreePath | int | None,
        place: str = "",
        *,
        wrong: Details | None = None,
    ) -> None:
        """Count one look, at a path of the source or a line of its file; `wrong` is what belongs in the
        sentence of the rule, and None where all is well."""
        self.looked[rule] += 1
        if wrong is None:
            return
        self.findings.append(
            Finding(
                rule=rule.id,
                severity=rule.severity,
                family=rule.family,
                file=source.file,
                line=source.line(at) if isinstance(at, tuple) else at,
                place="/".join(part for part in (source.name, place) if part)[:_LONGEST],
                details=tuple(one[:_LONGEST] if isinstance(one, str) else one for one in wrong),
            )
        )

    def everything(self) -> dict[str, Looked]:
        """What each rule looked at."""
        return {
            rule.id: Looked(n=n, of=_OF[rule.family], family=rule.family) for rule, n in self.looked.items()
        }


_OF = {
    "files": "file",
    "rules": "rule",
    "tests": "unit test",
    "alerts": "alert",
    "routing": "item",
    "prometheus": "configuration",
    "loki": "configuration",
    "dashboards": "item",
    "slos": "SLO",
}

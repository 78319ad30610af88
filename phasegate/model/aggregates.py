"""What the checks of a step, or of the whole run, come to: the measures of `step/<id>` and `run`, by name.

Everything is counted in items. The cases of a check are its items; a check without cases is one item itself.
It is one beside its cases too where those do not show how it ended: when it was not run or errored, when it
failed or is unproven and no case did or is, and when it passed only when tried again and no case tells so.
"""

from __future__ import annotations

from collections.abc import Mapping

from phasegate.base.units import Dimension
from phasegate.model.measures import MeasureSpec

FLAKY_RATE = "flaky_rate"
CHECKS = "checks"
"""How many blocking checks of a kind were observed to their end; judged for `gate.require` only."""
BESIDE = frozenset({FLAKY_RATE, CHECKS})
"""Measures that say how something was seen and nothing of what: alone they prove nothing."""
SHOWN = frozenset({"pass_rate", "passed"})
"""Aggregates of a step or the run that can say that something passed; the others hold where nothing did."""
TOTAL = "total"
WHOLE = frozenset({TOTAL, "passed"})
"""Counts that speak of a whole suite, and so of nothing where only some of its cases were asked for."""


AGGREGATES: Mapping[str, MeasureSpec] = {
    "pass_rate": MeasureSpec.census("items passed of all items"),
    "passed": MeasureSpec.amount("items that passed"),
    "failed": MeasureSpec.amount("items that failed"),
    "errored": MeasureSpec.amount("checks that were errored"),
    "skipped": MeasureSpec.amount(
        "items without a result: skipped or lost cases, checks not run or unproven"
    ),
    "total": MeasureSpec.amount("all items"),
    FLAKY_RATE: MeasureSpec.census("items that passed, but not at once, of the items that passed"),
    "duration": MeasureSpec.amount("from start to end", Dimension.TIME),
}

"""What `validate`, `plan` and a run without a baseline say of criteria that are held against one."""

from __future__ import annotations

from phasegate.base.errors import Problem
from phasegate.base.facts import Code, fact
from phasegate.plan.asked.plan import Plan


def without_baseline(plan: Plan) -> tuple[Problem, ...]:
    """A warning for each criterion that stays unproven as long as no baseline is given."""
    return tuple(
        Problem(
            message=fact(Code.UNPROVEN_WITHOUT_BASELINE, criterion=criterion.id),
            help="add --baseline DIR, the folder of a run that passed",
            at=criterion.at,
            warning=True,
        )
        for criterion in plan.criteria
        if criterion.relative
    )

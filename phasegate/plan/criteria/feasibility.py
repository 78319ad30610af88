"""Criteria that can never be met, whatever the target does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from phasegate.base.facts import Code, Fact, fact
from phasegate.gate.bounds import Bounds
from phasegate.gate.verdict import confidence_for
from phasegate.gate.vetting import feasible
from phasegate.model.criterion import PlanCriterion
from phasegate.model.measures import MeasureSpec
from phasegate.plan.asked.part import Part
from phasegate.plan.asked.plan import Check


class Feasibility:
    """Remembers what it found: exact bounds cost time, and large plans ask the same hundreds of times."""

    def __init__(self) -> None:
        self._found: dict[tuple[Any, ...], Fact | None] = {}
        self._by_name: dict[str, tuple[Check, dict[str, Part]]] = {}
        self._counted: dict[tuple[int, str], int | None] = {}

    def warning(self, made: PlanCriterion, check: Check, spec: MeasureSpec) -> Fact | None:
        """Why a criterion on a check can never be met; None when it can, or when that is not known."""
        parts = self._parts(made, check)
        return self._too_few(made, check, parts, spec) or _too_short(made, check, parts)

    def _parts(self, made: PlanCriterion, check: Check) -> Sequence[Part]:
        """The parts that a criterion is about."""
        name = made.criterion.part
        if not check.each or not name:
            return check.parts
        if check.id not in self._by_name:
            self._by_name[check.id] = check, {part.name: part for part in check.parts}
        known, by_name = self._by_name[check.id]
        if known is not check:  # two checks of one id, which is an error of its own
            by_name = {part.name: part for part in check.parts}
        return (by_name[name],) if name in by_name else ()

    def _too_few(
        self, made: PlanCriterion, check: Check, parts: Sequence[Part], spec: MeasureSpec
    ) -> Fact | None:
        criterion = made.criterion
        unknown = bool(check.asked.during) or not _is_whole(criterion.part, check, parts)
        samples = None if unknown else self._samples(criterion.part, check, parts)
        confidence = confidence_for(made.confidence, check.asked.chances)
        if samples is None or confidence is None or criterion.share_to_show(spec.type) is None:
            return None
        bounds = Bounds(confidence=confidence, always_valid=check.asked.until_decided)
        key = (criterion.value_text, criterion.required, spec.type, samples, bounds)
        if key not in self._found:
            self._found[key] = feasible(criterion, spec, samples, bounds)
        return self._found[key]

    def _samples(self, name: str, check: Check, parts: Sequence[Part]) -> int | None:
        key = id(check), name
        if key not in self._counted:
            counts = [check.kind.samples(part.params) for part in parts]
            self._counted[key] = None if None in counts else sum(count or 0 for count in counts)
        return self._counted[key]


def _too_short(made: PlanCriterion, check: Check, parts: Sequence[Part]) -> Fact | None:
    if made.over is None or check.asked.during:
        return None
    lasting = [check.kind.duration(part.params) for part in parts]
    longest = None if None in lasting else max(one or 0.0 for one in lasting)
    if longest is None or longest >= made.over:
        return None
    return fact(Code.CAN_NEVER_SPAN, check=check.id, span=float(longest), over=float(made.over))


def _is_whole(name: str, check: Check, parts: Sequence[Part]) -> bool:
    """Whether the samples of a part are known: of the whole, and of the entries of `each`."""
    return not name or (check.each and bool(parts))

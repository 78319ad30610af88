"""Waivers: what may fail for now, decided by people, in the open and until a day.

A waiver turns a criterion that is *not met* or *unproven* into *waived*, never into met. It covers criteria
by id, or cases. Covered cases that did not pass are left out of the census that a criterion speaks of: where
it holds without them and did not with them, it is waived, and what is left is evidence. Where nothing but
covered cases is left, nothing is proven. Figures stay what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, Message, fact, joined
from phasegate.gate.verdict import GateDecision
from phasegate.model.judgement import CriterionVerdict, Judgement
from phasegate.model.observation import Case, CaseStatus, belongs
from phasegate.model.result import (
    CriterionResult,
    RunResult,
    Verdict,
    WaivedCriterion,
    WaiverResult,
    WaiverState,
)
from phasegate.model.waiver import Waiver

_OPEN = (CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN)


Again = Callable[[CriterionResult, Sequence[Case]], Judgement | None]
"""A criterion judged again without some cases; None where its measure is not a census of cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What waivers made of a run."""

    criteria: tuple[CriterionResult, ...]
    waivers: tuple[WaiverResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """What a waiver covers among the cases that were seen."""

    cases: tuple[tuple[str, Case], ...] = ()
    """(check, case), passed ones included."""
    too_wide: Fact | None = None
    unmatched: tuple[str, ...] = ()
    """Of what it names, in its words, what no case answers to."""


def record(waiver: Waiver, state: WaiverState | None = None) -> WaiverResult:
    """A waiver as the record has it; before anything was judged it is expired or unused."""
    message: Message = ""
    if waiver.expired:
        message = fact(Code.COVERS_NOTHING, why=waiver.term)
        state = WaiverState.EXPIRED
    return WaiverResult(asked=waiver, state=state or WaiverState.UNUSED, message=message)


def apply(
    waivers: Iterable[Waiver],
    judged: Sequence[CriterionResult],
    cases: Mapping[str, Sequence[Case]],
    again: Again,
) -> Applied:
    """Hold waivers against judged criteria; `cases` are those of the deciding attempts, by check.

    Shape: criteria in the order of `judged`, waivers in theirs; one that changed nothing says why.
    """
    waivers = tuple(waivers)
    reaches = {waiver.id: _reach(waiver, cases) for waiver in waivers if not waiver.expired}
    active = [waiver for waiver in waivers if waiver.id in reaches and not reaches[waiver.id].too_wide]
    covered: dict[str, dict[str, tuple[Case, list[str]]]] = {}
    for waiver in active:
        for check, case in reaches[waiver.id].cases:
            if case.status is not CaseStatus.PASSED:
                covered.setdefault(check, {}).setdefault(case.id, (case, []))[1].append(waiver.id)
    direct: dict[str, list[str]] = {}
    for waiver in active:
        for criterion in waiver.criteria:
            direct.setdefault(criterion, []).append(waiver.id)
    held = [_hold(item, covered.get(item.subject, {}), direct.get(item.id, ()), again) for item in judged]
    return Applied(
        criteria=tuple(one.criterion for one in held),
        waivers=tuple(_as_applied(waiver, reaches.get(waiver.id), held) for waiver in waivers),
    )


def without_waivers(criterion: CriterionResult) -> CriterionResult:
    """The criterion with its real verdict."""
    return replace(criterion, waived=None)


def decide_with_waivers(
    criteria: Sequence[CriterionResult],
    waivers: Sequence[WaiverResult],
    decide: Callable[[Sequence[CriterionResult]], GateDecision],
) -> tuple[GateDecision, Verdict | None]:
    """The gate's decision, and its verdict without waivers where any of them changed a criterion.

    The reason then says both.
    """
    decision = decide(criteria)
    used = sum(waiver.state is WaiverState.USED for waiver in waivers)
    if not used:
        return decision, None
    unwaived = decide([without_waivers(item) for item in criteria]).verdict
    beside = fact(Code.WITH_WAIVERS, waivers=used, unwaived=unwaived.value)
    return replace(decision, reason=joined(decision.reason, beside)), unwaived


def warnings_of(waivers: Iterable[WaiverResult]) -> tuple[Message, ...]:
    """What should be looked at of waivers once a run is over; expired ones are said before it."""
    return tuple(
        fact(Code.OF_WAIVER, waiver=waiver.id, why=waiver.message)
        for waiver in waivers
        if waiver.message and waiver.state is not WaiverState.EXPIRED
    )


def in_doubt(waivers: Iterable[WaiverResult], state: WaiverState, run: RunResult) -> Iterator[Fact]:
    """Waivers in a state that they would not be in by the calendar clock as it was set during the run."""
    first = run.started.date()
    then = (run.started + timedelta(seconds=run.clock_moved - run.suspended)).date()
    for waiver in waivers:
        expires = waiver.asked.expires
        if waiver.state is state and (expires < first) is not (expires < then):
            yield fact(
                Code.WAIVER_IN_DOUBT,
                waiver=waiver.id,
                expired=expires < first,
                at=first.isoformat(),
                since=then.isoformat(),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A criterion with waivers held against it."""

    criterion: CriterionResult
    in_vain: tuple[str, ...] = ()
    """Waivers without whose cases it does not hold either."""


def _hold(
    item: CriterionResult,
    covered: Mapping[str, tuple[Case, list[str]]],
    direct: Sequence[str],
    again: Again,
) -> _Held:
    """One criterion with waivers: the cases first, as the narrower cover."""
    if item.verdict not in _OPEN:
        return _Held(criterion=item)
    concerned = [(case, by) for case, by in covered.values() if belongs(case, item.part)]
    judged = again(item, [case for case, _ in concerned]) if concerned else None
    by = tuple(dict.fromkeys(id for _, ids in concerned for id in ids))
    names = tuple(case.id for case, _ in concerned)
    if judged is not None and judged.verdict is CriterionVerdict.MET:
        return _held(item, WaivedCriterion(verdict=CriterionVerdict.WAIVED, by=by, cases=names, rest=judged))
    if direct:
        return _held(item, WaivedCriterion(verdict=CriterionVerdict.WAIVED, by=tuple(direct)))
    if judged is None:
        return _Held(criterion=item)
    if judged.verdict is CriterionVerdict.UNPROVEN and judged.n == 0:
        return _held(item, WaivedCriterion(verdict=CriterionVerdict.UNPROVEN, by=by, cases=names))
    return _Held(criterion=item, in_vain=by)


def _held(item: CriterionResult, waived: WaivedCriterion) -> _Held:
    return _Held(criterion=replace(item, waived=waived))


def _reach(waiver: Waiver, cases: Mapping[str, Sequence[Case]]) -> _Reach:
    found: dict[tuple[str, str], Case] = {}
    unmatched: list[str] = []
    for check, id in waiver.cases:
        named = [case for case in cases.get(check, ()) if case.id == id]
        found.update({(check, case.id): case for case in named})
        if not named:
            unmatched.append(f"{check}/{id}")
    for pattern in waiver.patterns:
        named = [case for case in cases.get(pattern.check, ()) if pattern.matches(case.id)]
        if len(named) > pattern.most:
            shown = f"{pattern.check}/{pattern.glob}"
            return _Reach(too_wide=fact(Code.WAIVER_TOO_WIDE, pattern=shown, n=len(named), most=pattern.most))
        found.update({(pattern.check, case.id): case for case in named})
        if not named:
            unmatched.append(f"{pattern.check}/{pattern.glob}")
    return _Reach(
        cases=tuple((check, case) for (check, _), case in found.items()), unmatched=tuple(unmatched)
    )


def _as_applied(waiver: Waiver, reach: _Reach | None, held: Sequence[_Held]) -> WaiverResult:
    if reach is None:
        return record(waiver)
    if reach.too_wide:
        return replace(record(waiver, WaiverState.TOO_WIDE), message=reach.too_wide)
    changed = [
        one.criterion.id for one in held if one.criterion.waived and waiver.id in one.criterion.waived.by
    ]
    in_vain = [one.criterion.id for one in held if waiver.id in one.in_vain]
    missed = fact(Code.NO_CASE_CALLED, names=reach.unmatched) if reach.unmatched else None
    if changed:
        state, message = WaiverState.USED, joined(missed)
    elif in_vain:
        state, message = WaiverState.NOT_ENOUGH, fact(Code.HOLDS_NOT_EITHER, names=tuple(in_vain))
    else:
        state, message = WaiverState.UNUSED, joined(fact(Code.NOTHING_NEEDED_IT), missed)
    return replace(
        record(waiver, state),
        criteria=tuple(id for id in changed if id in waiver.criteria),
        cases=tuple(
            f"{check}/{case.id}" for check, case in reach.cases if case.status is not CaseStatus.PASSED
        ),
        message=message,
    )

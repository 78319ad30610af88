"""Records of earlier runs as baselines: only a PASS, and only where its checks had the same parameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from phasegate.base.errors import UsageError
from phasegate.base.facts import Code, Fact
from phasegate.base.files import digest_regular, is_there, read_regular
from phasegate.gate.rejudging import rejudge
from phasegate.gate.settling import contradiction
from phasegate.model.codec import result_from_json
from phasegate.model.criterion import Level, PlanCriterion
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Measure
from phasegate.model.result import (
    AttemptStatus,
    BaselineRecord,
    CheckResult,
    CriterionResult,
    RunResult,
    Verdict,
)
from phasegate.plan.asked.plan import Check, Plan
from phasegate.record.journal import EVENTS, RESULT
from phasegate.record.reading import fold_events, refuse_impossible
from phasegate.render.sentences import sentence

NOT_A_PASS = "only a PASS run is a baseline"


def read_baselines(folders: Sequence[Path], plan: Plan) -> tuple[BaselineRecord, ...]:
    """What the runs in these folders measured where the plan's criteria look, in the order given.

    Errors: UsageError naming every folder that is not a baseline for this plan, and why.
    """
    records: list[BaselineRecord] = []
    refused: list[str] = []
    for folder in folders:
        try:
            with refuse_impossible(folder):
                record = _read(folder, plan)
            if twice := next((one.path for one in records if one.run == record.run), None):
                raise UsageError(f"it is the same run as {twice}")
        except UsageError as error:
            refused.append(f"--baseline {folder}: {sentence(error.message)}")
        else:
            records.append(record)
    if refused:
        raise UsageError("; ".join(refused), help="name the folder of a run that passed with the same checks")
    return tuple(records)


def _read(folder: Path, plan: Plan) -> BaselineRecord:
    """Errors: UsageError that does not name the folder's flag."""
    file, result = _result(folder)
    if result.verdict is not Verdict.PASS:
        reason = result.reason
        contradicts = isinstance(reason, Fact) and reason.code is Code.CONTRADICTS_ITSELF
        why = f" ({sentence(reason)})" if contradicts else ""
        raise UsageError(f"its verdict is {result.verdict}{why}; {NOT_A_PASS}")
    checks = {check.id: check for check in result.checks()}
    asked = [criterion for criterion in plan.criteria if criterion.relative]
    differing = dict.fromkeys(
        _difference(plan.check(criterion.check), checks.get(criterion.check))
        for criterion in asked
        if criterion.check is not None
    )
    if differences := [one for one in differing if one]:
        raise UsageError("; ".join(differences))
    watched = {criterion.check for criterion in asked}
    if waived := [one.id for one in result.criteria if one.subject in watched and _was_waived(one)]:
        raise UsageError(f"it passed by waivers: {', '.join(waived)} did not hold")
    measures = {criterion.id: _measure(criterion, checks) for criterion in asked}
    return BaselineRecord(
        path=_shown(folder),
        run=result.run,
        file=file,
        sha256=digest_regular(folder / file)[0],
        started=result.started,
        measures={id: measure for id, measure in measures.items() if measure is not None},
    )


def _result(folder: Path) -> tuple[str, RunResult]:
    """The file that a record is known by, and the result, held against the events where they are there."""
    events, whole = folder / EVENTS, folder / RESULT
    folded = None
    if is_there(events) or not is_there(whole):
        folded = fold_events(folder)
    if not is_there(whole):
        assert folded is not None
        return EVENTS, folded
    try:
        result = result_from_json(read_regular(whole))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not a result of this format"
        raise UsageError(f"its {RESULT} cannot be read: {why}") from None
    if folded is not None and _evidence_of(folded) != _evidence_of(result):
        raise UsageError(f"its {RESULT} is not what its {EVENTS} adds up to; {NOT_A_PASS}")
    if found := contradiction(result) or next(iter(rejudge(result).contradictions), None):
        raise UsageError(f"its {RESULT} contradicts itself: {sentence(found)}; {NOT_A_PASS}")
    return RESULT, result


def _was_waived(criterion: CriterionResult) -> bool:
    return criterion.level is Level.BLOCK and criterion.verdict is CriterionVerdict.WAIVED


def _evidence_of(result: RunResult) -> tuple[object, ...]:
    """What makes a result a baseline."""
    attempts = tuple(
        (check.id, check.asked.kind, check.asked.sha256, check.attempts) for check in result.checks()
    )
    return result.run, result.verdict, result.criteria, attempts


def _difference(check: Check, found: CheckResult | None) -> str:
    """Why a check of the baseline is another one than the plan's; empty when it is the same."""
    if found is None:
        return f"it has no check {check.id!r}"
    if found.asked.kind != check.kind.name:
        return (
            f"its check {check.id!r} is of kind {found.asked.kind}, and the plan's of kind {check.kind.name}"
        )
    if not found.asked.sha256:
        return f"its record does not say with which parameters check {check.id!r} was run"
    if found.asked.sha256 != check.asked.sha256:
        return f"its check {check.id!r} had other parameters, or the files that it names were others"
    return ""


def _measure(criterion: PlanCriterion, checks: dict[str, CheckResult]) -> Measure | None:
    check = checks[criterion.check or ""]
    if check.last is None or check.last.status is AttemptStatus.ERRORED:
        return None
    parsed = criterion.criterion
    measures = check.seen.parts.get(parsed.part, {}) if parsed.part else check.seen.measures
    return measures.get(parsed.measure)


def _shown(folder: Path) -> str:
    """The folder as given; where it is a link such as `latest`, what that leads to now."""
    real = folder.resolve()
    if folder.absolute() == real or folder.name == real.name:
        return str(folder)
    return str(folder.parent / real.name) if folder.parent.resolve() == real.parent else str(real)

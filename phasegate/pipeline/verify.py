"""Verifying a record: is it as the run left it, does it say what its measures say, and is it approved?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ExitCode, UsageError
from phasegate.base.facts import Message
from phasegate.base.files import digest_regular, is_file
from phasegate.gate.approval import exit_code, signatures
from phasegate.gate.rejudging import rejudge
from phasegate.model.approval import Signatures, Standing, Weight
from phasegate.model.result import PlanRecord, RunResult, Verdict
from phasegate.record.journal import EVENTS, RESULT, NoBeginningError
from phasegate.record.reading import Recorded, evidence_problems, read_record, refuse_impossible
from phasegate.record.signoff import SIGN_OFFS, SignOffFile, read_sign_offs
from phasegate.render.approvals import minute, role_text, sign_off_text
from phasegate.render.sentences import sentence


class Mark(StrEnum):
    OK = "ok"
    NOTE = "note"
    WAITING = "waiting"
    """Something that is still missing."""
    CLOSED = "closed"
    """The gate is shut: FAIL, or a rejection."""
    CHANGED = "changed"
    """The record is not as the run left it."""


@dataclass(frozen=True, slots=True)
class Finding:
    mark: Mark
    about: str
    """`result`, `evidence`, `criteria`, `verdict`, `plan` or `sign-off`."""
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    run: RunResult | None
    """None when the events cannot be read."""
    sha256: str = ""
    """Of `result.json`."""
    signatures: Signatures
    findings: tuple[Finding, ...]
    exit_code: int


def verify(folder: Path, *, now: datetime, sha256: str = "") -> Verified:
    """Everything that can be said of a record at a moment; nothing is written.

    `sha256`: what `result.json` had when somebody took note of it, kept where the record is not.

    Errors: UsageError when the folder holds no record at all, or a hash is none; RecordError when sign-offs
    cannot be read.
    """
    wanted = sha256.strip().lower()
    if sha256 and not re.fullmatch("[0-9a-f]{64}", wanted):
        raise UsageError(f"--sha256 {sha256[:100]!r} is not an SHA-256", help="it has 64 hexadecimal digits")
    if not any(is_file(folder / name) for name in (EVENTS, RESULT)):
        raise UsageError(f"no record in {folder}", help="name the folder that a run wrote")
    try:
        with refuse_impossible(folder):
            return _verify(folder, now, wanted)
    except NoBeginningError:
        if not is_file(folder / RESULT):
            raise
        lost = Finding(Mark.CHANGED, "events", f"{EVENTS} has no first event, and there is a {RESULT}")
    except UsageError as error:
        lost = Finding(Mark.CHANGED, "events", error.message)
    return Verified(run=None, signatures=Signatures(), findings=(lost,), exit_code=ExitCode.FAIL)


def _verify(folder: Path, now: datetime, wanted: str) -> Verified:
    """Errors: UsageError when the events cannot be read."""
    record = read_record(folder)
    file = read_sign_offs(folder)
    signed = signatures(record.run, file.sign_offs, record.result_sha256, now=now)
    findings = (
        *_result(record),
        _digest_finding(record, wanted),
        *_evidence(folder, record.run),
        *_criteria(record.run),
        *_plan(record.run.plan),
        *_sign_offs(folder, file, signed),
        _verdict(record.run),
        *_roles(signed),
        *_clock(record.run, now),
    )
    sound = all(finding.mark is not Mark.CHANGED for finding in findings)
    code = int(exit_code(record.run, signed.roles, sound=sound))
    return Verified(
        run=record.run,
        sha256=record.result_sha256,
        signatures=signed,
        findings=findings,
        exit_code=code,
    )


def _result(record: Recorded) -> Iterator[Finding]:
    if record.run.finished is None and not record.data:
        yield Finding(Mark.NOTE, "result", f"no {RESULT}, as the run did not end")
    elif record.changed:
        yield Finding(Mark.CHANGED, "result", record.changed)
    else:
        yield Finding(
            Mark.OK, "result", f"{RESULT} says what the events add up to, SHA-256 {record.result_sha256}"
        )


def _digest_finding(record: Recorded, wanted: str) -> Finding:
    if not wanted:
        message = (
            "the record was held against itself, which finds accidents, not forgers: keep the SHA-256"
            " elsewhere, and give it with --sha256"
        )
        return Finding(Mark.NOTE, "result", message)
    if wanted == record.result_sha256:
        return Finding(Mark.OK, "result", f"{RESULT} has the SHA-256 that was given")
    return Finding(
        Mark.CHANGED, "result", f"{RESULT} has SHA-256 {record.result_sha256}, and {wanted} was given"
    )


def _evidence(folder: Path, run: RunResult) -> Iterator[Finding]:
    if run.finished is None:
        yield Finding(Mark.NOTE, "evidence", "files were not listed, as the run did not end")
        return
    problems = tuple(evidence_problems(folder, run.evidence))
    for problem in problems:
        yield Finding(Mark.CHANGED, "evidence", problem)
    if not problems:
        files = f"{len(run.evidence):,} {'file' if len(run.evidence) == 1 else 'files'}"
        yield Finding(Mark.OK, "evidence", f"{files}, as listed")


def _criteria(run: RunResult) -> Iterator[Finding]:
    if run.finished is None:
        yield Finding(Mark.NOTE, "criteria", "not judged again, as the run did not end")
        return
    again = rejudge(run)
    for contradiction in again.contradictions:
        yield Finding(Mark.CHANGED, "criteria", sentence(contradiction))
    if not again.contradictions:
        yield Finding(
            Mark.OK,
            "criteria",
            f"{again.judged:,} of {len(run.criteria):,} judged again on their measures, as recorded",
        )
    if again.left_out:
        yield Finding(
            Mark.NOTE,
            "criteria",
            f"not judged again, for lack of measures in the record: {', '.join(again.left_out)}",
        )


def _plan(plan: PlanRecord) -> Iterator[Finding]:
    """The plan may have moved on, so whatever is found is only worth a note."""
    path = Path(plan.path)
    try:
        same = digest_regular(path)[0] == plan.sha256
    except (OSError, ValueError):
        same = False
    if not is_file(path):
        yield Finding(Mark.NOTE, "plan", f"{plan.path} is not here to compare with")
        return
    if same:
        yield Finding(Mark.OK, "plan", f"{plan.path} is the plan that was run")
    else:
        yield Finding(Mark.NOTE, "plan", f"{plan.path} has changed since the run")


_MARKS = {
    Weight.COUNTS: Mark.OK,
    Weight.SUPERSEDED: Mark.NOTE,
    Weight.LATE: Mark.NOTE,
    Weight.EARLY: Mark.CHANGED,
    Weight.FOREIGN: Mark.CHANGED,
    Weight.STRANGER: Mark.CHANGED,
    Weight.OWN: Mark.CHANGED,
}


def _sign_offs(folder: Path, file: SignOffFile, signed: Signatures) -> Iterator[Finding]:
    for place in file.broken:
        yield Finding(Mark.CHANGED, "sign-off", f"{place} is not a sign-off")
    if file.cut:
        yield Finding(
            Mark.NOTE, "sign-off", f"the last line of {folder / SIGN_OFFS} was cut off and is left out"
        )
    for one in signed.sign_offs:
        yield Finding(_MARKS[one.weight], "sign-off", sign_off_text(one))


def _verdict(run: RunResult) -> Finding:
    marks = {Verdict.PASS: Mark.OK, Verdict.FAIL: Mark.CLOSED, Verdict.INCONCLUSIVE: Mark.WAITING}
    return Finding(marks[run.verdict], "verdict", f"{run.verdict}: {sentence(run.reason)}")


def _roles(signed: Signatures) -> Iterator[Finding]:
    marks = {
        Standing.APPROVED: Mark.OK,
        Standing.AWAITED: Mark.WAITING,
        Standing.EXPIRED: Mark.WAITING,
        Standing.REJECTED: Mark.CLOSED,
    }
    for role in signed.roles:
        yield Finding(marks[role.standing], "approval", role_text(role))
    if not signed.roles:
        yield Finding(Mark.NOTE, "approval", "the plan asks nobody to approve")


def _clock(run: RunResult, now: datetime) -> Iterator[Finding]:
    """What the standing of the roles takes for granted of the calendar clock."""
    if not run.approvals or run.ended is None:
        return
    if run.clock_moved:
        message = (
            "the calendar clock moved during the run; sign-offs are held against its end by the clock as it"
            f" stood then, {minute(run.ended)}"
        )
        yield Finding(Mark.NOTE, "approval", message)
    if now < run.ended:
        message = (
            f"the clock of this machine says {minute(now)}, before the end of the run, {minute(run.ended)}:"
            " whether there is time left is not known"
        )
        yield Finding(Mark.NOTE, "approval", message)

"""Verifying a record: is it as the run left it, does it say what its measures say, and is it approved?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from phasegate.errors import ExitCode, UsageError
from phasegate.files import digest_regular, is_file
from phasegate.gate.approval import exit_code, signatures
from phasegate.gate.rejudging import rejudge
from phasegate.model.approval import Signatures, Standing, Weight
from phasegate.model.result import PlanRecord, RunResult, Verdict
from phasegate.record.journal import EVENTS, RESULT, NoBeginningError
from phasegate.record.reading import Recorded, evidence_problems, held_to_be_a_record, read_record
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    mark: Mark
    about: str
    """`result`, `evidence`, `criteria`, `verdict`, `plan` or `sign-off`."""
    message: str


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
        raise UsageError(f"--sha256 {sha256[:100]!r} is no SHA-256", help="it has 64 hexadecimal digits")
    if not any(is_file(folder / name) for name in (EVENTS, RESULT)):
        raise UsageError(f"no record in {folder}", help="name the folder that a run wrote")
    try:
        with held_to_be_a_record(folder):
            return _verified(folder, now, wanted)
    except NoBeginningError:
        if not is_file(folder / RESULT):
            raise
        message = f"{EVENTS} has no first event, and there is a {RESULT}"
        lost = Finding(mark=Mark.CHANGED, about="events", message=message)
    except UsageError as error:
        lost = Finding(mark=Mark.CHANGED, about="events", message=error.message)
    return Verified(run=None, signatures=Signatures(), findings=(lost,), exit_code=ExitCode.FAIL)


def _verified(folder: Path, now: datetime, wanted: str) -> Verified:
    """Errors: UsageError when the events cannot be read."""
    record = read_record(folder)
    file = read_sign_offs(folder)
    signed = signatures(record.run, file.sign_offs, record.result_sha256, now=now)
    findings = (
        *_result(record),
        _kept(record, wanted),
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
        yield Finding(mark=Mark.NOTE, about="result", message=f"no {RESULT}, as the run did not end")
    elif record.changed:
        yield Finding(mark=Mark.CHANGED, about="result", message=record.changed)
    else:
        message = f"{RESULT} says what the events add up to, SHA-256 {record.result_sha256}"
        yield Finding(mark=Mark.OK, about="result", message=message)


def _kept(record: Recorded, wanted: str) -> Finding:
    if not wanted:
        message = (
            "the record was held against itself, which finds accidents, not forgers: keep the SHA-256"
            " elsewhere, and give it with --sha256"
        )
        return Finding(mark=Mark.NOTE, about="result", message=message)
    if wanted == record.result_sha256:
        return Finding(mark=Mark.OK, about="result", message=f"{RESULT} has the SHA-256 that was given")
    message = f"{RESULT} has SHA-256 {record.result_sha256}, and {wanted} was given"
    return Finding(mark=Mark.CHANGED, about="result", message=message)


def _evidence(folder: Path, run: RunResult) -> Iterator[Finding]:
    if run.finished is None:
        message = "files were not listed, as the run did not end"
        yield Finding(mark=Mark.NOTE, about="evidence", message=message)
        return
    problems = tuple(evidence_problems(folder, run.evidence))
    for problem in problems:
        yield Finding(mark=Mark.CHANGED, about="evidence", message=problem)
    if not problems:
        files = f"{len(run.evidence):,} {'file' if len(run.evidence) == 1 else 'files'}"
        yield Finding(mark=Mark.OK, about="evidence", message=f"{files}, as listed")


def _criteria(run: RunResult) -> Iterator[Finding]:
    if run.finished is None:
        yield Finding(mark=Mark.NOTE, about="criteria", message="not judged again, as the run did not end")
        return
    again = rejudge(run)
    for contradiction in again.contradictions:
        yield Finding(mark=Mark.CHANGED, about="criteria", message=sentence(contradiction))
    if not again.contradictions:
        message = f"{again.judged:,} of {len(run.criteria):,} judged again on their measures, as recorded"
        yield Finding(mark=Mark.OK, about="criteria", message=message)
    if again.left_out:
        message = f"not judged again, for lack of measures in the record: {', '.join(again.left_out)}"
        yield Finding(mark=Mark.NOTE, about="criteria", message=message)


def _plan(plan: PlanRecord) -> Iterator[Finding]:
    """The plan may have moved on, so whatever is found is only worth a note."""
    path = Path(plan.path)
    try:
        same = digest_regular(path)[0] == plan.sha256
    except (OSError, ValueError):
        same = False
    if not is_file(path):
        yield Finding(mark=Mark.NOTE, about="plan", message=f"{plan.path} is not here to compare with")
        return
    if same:
        yield Finding(mark=Mark.OK, about="plan", message=f"{plan.path} is the plan that was run")
    else:
        yield Finding(mark=Mark.NOTE, about="plan", message=f"{plan.path} has changed since the run")


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
        yield Finding(mark=Mark.CHANGED, about="sign-off", message=f"{place} is no sign-off")
    if file.cut:
        message = f"the last line of {folder / SIGN_OFFS} was cut off and is left out"
        yield Finding(mark=Mark.NOTE, about="sign-off", message=message)
    for one in signed.sign_offs:
        yield Finding(mark=_MARKS[one.weight], about="sign-off", message=sign_off_text(one))


def _verdict(run: RunResult) -> Finding:
    marks = {Verdict.PASS: Mark.OK, Verdict.FAIL: Mark.CLOSED, Verdict.INCONCLUSIVE: Mark.WAITING}
    return Finding(mark=marks[run.verdict], about="verdict", message=f"{run.verdict}: {sentence(run.reason)}")


def _roles(signed: Signatures) -> Iterator[Finding]:
    marks = {
        Standing.APPROVED: Mark.OK,
        Standing.AWAITED: Mark.WAITING,
        Standing.EXPIRED: Mark.WAITING,
        Standing.REJECTED: Mark.CLOSED,
    }
    for role in signed.roles:
        yield Finding(mark=marks[role.standing], about="approval", message=role_text(role))
    if not signed.roles:
        yield Finding(mark=Mark.NOTE, about="approval", message="the plan asks nobody to approve")


def _clock(run: RunResult, now: datetime) -> Iterator[Finding]:
    """What the standing of the roles takes for granted of the calendar clock."""
    if not run.approvals or run.ended is None:
        return
    if run.clock_moved:
        message = (
            "the calendar clock moved during the run; sign-offs are held against its end by the clock as it"
            f" stood then, {minute(run.ended)}"
        )
        yield Finding(mark=Mark.NOTE, about="approval", message=message)
    if now < run.ended:
        message = (
            f"the clock of this machine says {minute(now)}, before the end of the run, {minute(run.ended)}:"
            " whether there is time left is not known"
        )
        yield Finding(mark=Mark.NOTE, about="approval", message=message)

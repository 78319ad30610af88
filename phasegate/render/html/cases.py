"""All cases of a run for the report's table: what did not pass first, the rest for the script to show."""

from __future__ import annotations

import json
from collections import Counter

from phasegate.base.dataclass import dataclass
from phasegate.base.units import format_seconds
from phasegate.model.observation import Case, CaseStatus
from phasegate.model.result import CheckResult, RunResult
from phasegate.render import badges
from phasegate.render.badges import Badge
from phasegate.render.hostile import show
from phasegate.render.html.folding import pack
from phasegate.render.waivers import find_waived_cases

MOST_ROWS = 200
"""Rows that are there without JavaScript."""
LONGEST_ID = 300
COMPRESS_FROM = 1_000_000
"""Bytes of JSON from which it is packed; browsers unpack it in a few milliseconds."""

_ORDER = {CaseStatus.FAILED: 0, CaseStatus.LOST: 1, CaseStatus.SKIPPED: 2, CaseStatus.PASSED: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    check: CheckResult
    case: Case
    badge: Badge
    waivers: tuple[str, ...] = ()
    """Ids of those that cover it."""

    @property
    def id(self) -> str:
        return show(self.case.id, LONGEST_ID)

    @property
    def duration(self) -> str:
        return "" if self.case.duration is None else format_seconds(self.case.duration)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTable:
    rows: tuple[CaseRow, ...]
    """All of them: failed, lost, skipped, flaky, passed."""
    counts: tuple[tuple[Badge, int], ...]
    """How many look how, none left out."""
    payload: str
    """The rows as JSON for the script; empty when the page already has all of them."""
    packed: bool
    """Whether the payload is gzip in base64."""

    @property
    def first(self) -> tuple[CaseRow, ...]:
        return self.rows[:MOST_ROWS]

    @property
    def sentence(self) -> str:
        """`9,800 passed, 200 failed`."""
        return ", ".join(f"{count:,} {badge.word}" for badge, count in self.counts)


def case_table(run: RunResult) -> CaseTable:
    waived = find_waived_cases(run)
    rows = [
        CaseRow(
            check=check,
            case=case,
            badge=badges.of_case(case, waived=bool(by := waived.of(check, case))),
            waivers=by,
        )
        for check in run.checks()
        for case in check.seen.cases
    ]
    rows.sort(key=lambda row: 3 if row.case.earlier and row.case.flaky else _ORDER[row.case.status])
    counted = Counter(row.badge for row in rows)
    known = (*badges.CASE.values(), *badges.WAIVED_CASE.values(), badges.FLAKY)
    payload, packed = _payload(rows) if len(rows) > MOST_ROWS else ("", False)
    return CaseTable(
        rows=tuple(rows),
        counts=tuple((badge, counted[badge]) for badge in known if counted[badge]),
        payload=payload,
        packed=packed,
    )


def _payload(rows: list[CaseRow]) -> tuple[str, bool]:
    """Columns: badge number, check number, id, duration; names of badges and checks once."""
    looks = list(dict.fromkeys(row.badge for row in rows))
    checks = list(dict.fromkeys(row.check.id for row in rows))
    look_number = {look: number for number, look in enumerate(looks)}
    check_number = {check: number for number, check in enumerate(checks)}
    columns = {
        "badges": [[look.symbol, look.word, look.tone] for look in looks],
        "checks": checks,
        "badge": [look_number[row.badge] for row in rows],
        "check": [check_number[row.check.id] for row in rows],
        "id": [row.id for row in rows],
        "duration": [row.duration for row in rows],
    }
    text = script_json(columns)
    if len(text) < COMPRESS_FROM:
        return text, False
    return pack(text), True


def script_json(value: object) -> str:
    """JSON that cannot end the script element it stands in; ASCII only."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

"""Approvals and sign-offs in the reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from phasegate.gate.approval import signatures
from phasegate.model.approval import Approval, Choice, SignOff
from phasegate.model.codec import result_from_json, result_to_json
from phasegate.model.result import RunResult
from phasegate.render import json, junit
from phasegate.render.approvals import signers
from phasegate.render.html import document
from phasegate.render.standing import standing
from tests.samples import HOSTILE, crashed_run, passing_run

SHA = "ab" * 32


def asking(run: RunResult | None = None) -> RunResult:
    approvals = (Approval(role="release manager", within=5 * 86_400.0), Approval(role="QA lead"))
    return replace(run or passing_run(), approvals=approvals)


def signed(*decided: tuple[str, str, Choice, float], reason: str = "seen") -> RunResult:
    """The run with sign-offs of (name, role, decision, days after its end)."""
    run = asking()
    assert run.finished is not None
    sign_offs = [
        SignOff(
            at=run.finished + timedelta(days=days),
            by=by,
            role=role,
            decision=decision,
            reason=reason,
            result_sha256=SHA,
            run=run.run,
            tool_version="0.1.0",
        )
        for by, role, decision, days in decided
    ]
    return replace(run, signatures=signatures(run, sign_offs, SHA))


def line(run: RunResult) -> tuple[str, str]:
    found = next(item for item in standing(run) if item.label == "Sign-off")
    assert found.anchor == "sign-off"
    return found.tone, found.text


def test_what_is_awaited_stands_beside_the_verdict_of_every_format() -> None:
    tone, text = line(asking())
    assert text == "awaiting release manager (until 21 Jul 2025 09:32 UTC); awaiting QA lead"
    assert tone == "warn"
    assert text in document.render(asking())
    assert f'name="phasegate.sign-off" value="{text}"' in junit.render(asking())


def test_a_run_without_an_end_has_no_time_to_approve() -> None:
    assert line(asking(crashed_run()))[1] == "awaiting release manager; awaiting QA lead"


def test_decisions_stand_in_the_place_of_what_was_awaited_and_what_keeps_the_gate_shut_comes_first() -> None:
    run = signed(
        ("Ann", "release manager", Choice.APPROVE, 1), ("Bo", "QA lead", Choice.REJECT, 2), reason="no"
    )
    assert line(run) == (
        "fail",
        (
            "rejected by Bo as QA lead, 18 Jul 2025 09:32 UTC: no;"
            " approved by Ann as release manager, 17 Jul 2025 09:32 UTC"
        ),
    )
    run = signed(("Ann", "release manager", Choice.APPROVE, 1), ("Bo", "QA lead", Choice.APPROVE, 2))
    assert line(run)[0] == "pass"


def test_an_approval_that_came_too_late_is_said_to() -> None:
    run = signed(("Ann", "release manager", Choice.APPROVE, 6))
    tone, text = line(run)
    assert tone == "warn"
    assert text.startswith(
        "the approval by Ann as release manager came too late, 22 Jul 2025 09:32 UTC (until"
    )


def test_rows_are_those_asked_then_the_owner_and_one_more() -> None:
    run = signed(("Ann", "release manager", Choice.APPROVE, 1), reason="all seen")
    rows = list(signers(run))
    assert [(row.role, row.name, row.decision, row.note) for row in rows[:2]] == [
        ("release manager", "Ann", "approved", "all seen"),
        ("QA lead", "", "", ""),
    ]
    assert [row.role for row in rows[-2:]] == ["Owner of the phase", ""]
    assert [row.role for row in signers(passing_run())] == ["Approver", "Owner of the phase", ""]


def test_every_decision_is_kept_and_shown() -> None:
    page = document.render(
        signed(("Ann", "release manager", Choice.REJECT, 1), ("Ann", "release manager", Choice.APPROVE, 2))
    )
    assert "Decisions on this record" in page
    assert "superseded by a later one" in page
    assert "Decisions on this record" not in document.render(asking())


def test_what_people_write_does_no_harm_in_a_page() -> None:
    page = document.render(signed((HOSTILE, "QA lead", Choice.REJECT, 1), reason=HOSTILE))
    assert "<script>alert(1)" not in page
    assert "onerror=alert" not in page.replace("onerror=alert(2)&gt;", "")


def test_sign_offs_are_no_part_of_the_result_they_sign() -> None:
    run = signed(("Ann", "release manager", Choice.APPROVE, 1))
    assert json.render(run) == json.render(asking())
    assert "signatures" not in result_to_json(run)
    assert result_from_json(json.render(run).encode()).approvals == run.approvals

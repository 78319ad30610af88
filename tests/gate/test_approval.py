"""Whether a run is approved, by what people decided and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest

from phasegate.gate.approval import exit_code, signatures
from phasegate.model.approval import Approval, Choice, RoleStanding, SignOff, Standing, Weight
from phasegate.model.result import PolicyRecord, RunResult, Verdict
from tests.samples import failing_run, inconclusive_run, passing_run

APPROVE, REJECT = Choice.APPROVE, Choice.REJECT
SHA = "ab" * 32
HOUR = 3600.0


def run() -> RunResult:
    asked = (Approval(role="release manager", within=HOUR), Approval(role="QA lead"))
    return replace(passing_run(), approvals=asked)


def end(hours: float) -> datetime:
    finished = run().finished
    assert finished is not None
    return finished + timedelta(hours=hours)


def sign_off(decision: Choice, hours: float = 0.5, role: str = "release manager", **changes: str) -> SignOff:
    one = SignOff(
        at=end(hours),
        by="Ann",
        role=role,
        decision=decision,
        reason="so",
        result_sha256=SHA,
        run=run().run,
        tool_version="0.1.0",
    )
    return replace(one, **changes)  # type: ignore[arg-type]


def manager(*sign_offs: SignOff, now: datetime | None = None) -> RoleStanding:
    return signatures(run(), sign_offs, SHA, now=now).roles[0]


def weights(*sign_offs: SignOff) -> list[Weight]:
    return [one.weight for one in signatures(run(), sign_offs, SHA).sign_offs]


def test_every_role_is_awaited_before_anybody_has_signed() -> None:
    roles = signatures(run(), (), SHA).roles
    assert [(role.role, role.standing, role.until) for role in roles] == [
        ("release manager", Standing.AWAITED, end(1)),
        ("QA lead", Standing.AWAITED, None),
    ]


@pytest.mark.parametrize(
    ("sign_offs", "standing", "counted"),
    [
        ([sign_off(APPROVE)], Standing.APPROVED, [Weight.COUNTS]),
        ([sign_off(APPROVE, 1.0)], Standing.APPROVED, [Weight.COUNTS]),
        ([sign_off(APPROVE, 1.001)], Standing.EXPIRED, [Weight.LATE]),
        ([sign_off(REJECT)], Standing.REJECTED, [Weight.COUNTS]),
        ([sign_off(REJECT, 99.0)], Standing.REJECTED, [Weight.COUNTS]),
        (
            [sign_off(REJECT), sign_off(APPROVE, 0.6)],
            Standing.APPROVED,
            [Weight.SUPERSEDED, Weight.COUNTS],
        ),
        (
            [sign_off(APPROVE), sign_off(REJECT, 2.0)],
            Standing.REJECTED,
            [Weight.SUPERSEDED, Weight.COUNTS],
        ),
        # What comes too late leaves what stood before, whatever that was.
        ([sign_off(REJECT), sign_off(APPROVE, 2.0)], Standing.REJECTED, [Weight.COUNTS, Weight.LATE]),
        ([sign_off(APPROVE), sign_off(APPROVE, 2.0)], Standing.APPROVED, [Weight.COUNTS, Weight.LATE]),
        ([sign_off(APPROVE, result_sha256="cd" * 32)], Standing.AWAITED, [Weight.FOREIGN]),
        ([sign_off(APPROVE, run="another")], Standing.AWAITED, [Weight.FOREIGN]),
        ([sign_off(APPROVE, -0.1)], Standing.AWAITED, [Weight.EARLY]),
        ([sign_off(APPROVE, role="the cat")], Standing.AWAITED, [Weight.STRANGER]),
        ([sign_off(APPROVE, role="QA lead")], Standing.AWAITED, [Weight.COUNTS]),
    ],
)
def test_the_last_decision_that_counts_stands(
    sign_offs: list[SignOff], standing: Standing, counted: list[Weight]
) -> None:
    assert (manager(*sign_offs).standing, weights(*sign_offs)) == (standing, counted)


def test_the_owner_cannot_approve_where_the_policy_asks_for_another_person() -> None:
    policy = PolicyRecord(name="p", path="p.yaml", sha256="", distinct_approver=True)
    own = replace(run(), policy=policy, people=replace(run().people, owner="ann"))
    for decision, weight in ((APPROVE, Weight.OWN), (REJECT, Weight.COUNTS)):
        assert signatures(own, [sign_off(decision)], SHA).sign_offs[0].weight is weight
    free = replace(own, policy=replace(policy, distinct_approver=False))
    assert signatures(free, [sign_off(APPROVE)], SHA).sign_offs[0].weight is Weight.COUNTS


def test_time_is_over_only_where_the_time_is_known() -> None:
    assert manager(now=end(0.9)).standing is Standing.AWAITED
    assert manager(now=end(1.1)).standing is Standing.EXPIRED
    assert manager(sign_off(APPROVE), now=end(500)).standing is Standing.APPROVED
    assert signatures(run(), (), SHA, now=end(500)).roles[1].standing is Standing.AWAITED


def test_a_run_without_an_end_cannot_be_approved() -> None:
    unfinished = replace(run(), finished=None)
    found = signatures(unfinished, [sign_off(APPROVE)], SHA)
    assert found.roles[0].standing is Standing.AWAITED
    assert found.sign_offs[0].weight is Weight.EARLY


def test_only_a_sound_pass_that_everybody_approved_exits_with_0() -> None:
    runs = (passing_run(), failing_run(), inconclusive_run())
    for one, first, second, sound in product(runs, Standing, Standing, (True, False)):
        roles = [RoleStanding(role="a", standing=first), RoleStanding(role="b", standing=second)]
        good = one.verdict is Verdict.PASS and sound and {first, second} == {Standing.APPROVED}
        assert (exit_code(one, roles, sound=sound) == 0) is good


@pytest.mark.parametrize(
    ("one", "standing", "sound", "code"),
    [
        (passing_run(), Standing.AWAITED, True, 3),
        (passing_run(), Standing.EXPIRED, True, 3),
        (passing_run(), Standing.REJECTED, True, 1),
        (passing_run(), Standing.APPROVED, False, 1),
        (failing_run(), Standing.APPROVED, True, 1),
        (inconclusive_run(), Standing.APPROVED, True, 3),
        (replace(inconclusive_run(), exit_code=75), Standing.APPROVED, True, 75),
        (replace(inconclusive_run(), exit_code=75), Standing.REJECTED, True, 1),
        (replace(inconclusive_run(), exit_code=0), Standing.APPROVED, True, 3),
    ],
)
def test_exit_code_says_what_is_missing(one: RunResult, standing: Standing, sound: bool, code: int) -> None:
    assert exit_code(one, [RoleStanding(role="a", standing=standing)], sound=sound) == code


def test_nobody_asked_is_nobody_missing() -> None:
    assert exit_code(passing_run(), (), sound=True) == 0

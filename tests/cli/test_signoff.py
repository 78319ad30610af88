"""`phasegate signoff` on the command line: what is refused, and that nothing is written then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

PLAN = """\
phasegate: 1
phase: try
title: Try it
steps: [{id: a, checks: [{id: fine, kind: command, command: [python, -c, ""]}]}]
"""
ASKING = PLAN + "gate: {approvals: [{role: release manager, within: 5d}, {role: QA lead}]}\n"
ANN = ("--by", "Ann", "--role", "release manager", "--decision", "approve", "--reason", "ready")


@pytest.fixture
def recorded(phasegate: CommandLine, tmp_path: Path) -> CommandLine:
    """A command line beside a run in `out`."""
    (tmp_path / "plan.yaml").write_text(ASKING)
    assert phasegate("run", "plan.yaml", "-o", "out")[0] == 0
    return phasegate


def test_a_decision_is_bound_to_the_result(recorded: CommandLine, tmp_path: Path) -> None:
    code, out, err = recorded("signoff", "out", *ANN)
    assert (code, out) == (0, "")
    assert "Ann approved as release manager" in err
    assert "awaiting QA lead" in err
    line = json.loads((tmp_path / "out" / "signoffs.jsonl").read_text())
    run = json.loads((tmp_path / "out" / "result.json").read_text())["run"]
    assert set(line) == {
        "at", "by", "decision", "reason", "result_sha256", "role", "run", "schema", "tool_version"
    }  # fmt: skip
    assert (line["run"], line["schema"], line["at"][-1]) == (run, "phasegate.signoff/1", "Z")
    assert recorded("verify", "out")[0] == 3


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"--role": "release maneger"}, "did you mean 'release manager'?"),
        ({"--role": "the cat"}, "known roles: release manager, QA lead"),
        ({"--by": "  "}, "--by is empty"),
        ({"--reason": "\n"}, "--reason is empty"),
        ({"--decision": "perhaps"}, "'perhaps' is not one of 'approve', 'reject'"),
        ({"--by": None}, "missing option '--by'"),
    ],
    ids=str,
)
def test_what_is_refused_writes_nothing(
    changed: dict[str, str | None], says: str, recorded: CommandLine, tmp_path: Path
) -> None:
    flags = dict(zip(ANN[::2], ANN[1::2], strict=True)) | changed
    given = [word for pair in flags.items() if pair[1] is not None for word in pair]
    code, _, err = recorded("signoff", "out", *map(str, given))
    assert code == 2
    assert says in err
    assert not (tmp_path / "out" / "signoffs.jsonl").exists()


def test_a_changed_result_cannot_be_signed(recorded: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "out" / "result.json"
    path.write_text(path.read_text().replace('"exit_code": 0', '"exit_code": 1'))
    code, _, err = recorded("signoff", "out", *ANN)
    assert code == 2
    assert "result.json was changed: exit_code is 1, and the events in events.jsonl give 0" in err
    path.unlink()
    assert recorded("signoff", "out", *ANN)[0] == 2
    assert not (tmp_path / "out" / "signoffs.jsonl").exists()


def test_a_run_that_did_not_end_cannot_be_signed(recorded: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "out" / "events.jsonl"
    path.write_text(path.read_text()[:-20])
    recorded("report", "out")
    code, _, err = recorded("signoff", "out", *ANN)
    assert code == 2
    assert "did not end: the record ends before the run did" in err


def test_a_clock_before_the_end_of_the_run_is_no_clock(recorded: CommandLine, tmp_path: Path) -> None:
    for name in ("events.jsonl", "result.json"):
        path = tmp_path / "out" / name
        finished = json.loads((tmp_path / "out" / "result.json").read_text())["finished"]
        path.write_text(path.read_text().replace(finished, "2999-01-01T00:00:00Z"))
    recorded("report", "out")
    code, _, err = recorded("signoff", "out", *ANN)
    assert code == 2
    assert "the run ended 2999-01-01 00:00:00 UTC" in err


def test_a_plan_that_asks_nobody_takes_no_decision(phasegate: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    phasegate("run", "plan.yaml", "-o", "out")
    code, _, err = phasegate("signoff", "out", *ANN)
    assert code == 2
    assert "asks for no approval" in err


def test_the_owner_cannot_approve_where_the_policy_asks_for_another_person(
    phasegate: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "plan.yaml").write_text(ASKING + "owner: Ann\napprover: Bo\n")
    (tmp_path / "policy.yaml").write_text("policy: 1\ntitle: releases\ndistinct_approver: true\n")
    assert phasegate("run", "plan.yaml", "-o", "out", "--policy", "policy.yaml")[0] == 0
    code, _, err = phasegate("signoff", "out", *ANN)
    assert code == 2
    assert "'Ann' owns the plan, and the policy 'releases' asks for another person to approve" in err
    assert not (tmp_path / "out" / "signoffs.jsonl").exists()
    assert phasegate("signoff", "out", "--by", "Bo", *ANN[2:])[0] == 0


@pytest.mark.parametrize("command", [("signoff", "nowhere", *ANN), ("verify", "nowhere")])
def test_without_a_record_there_is_nothing_to_do(command: tuple[str, ...], phasegate: CommandLine) -> None:
    code, out, err = phasegate(*command)
    assert (code, out) == (2, "")
    assert "no record" in err


def test_what_people_write_is_shown_on_one_harmless_line(recorded: CommandLine) -> None:
    flags = ("--role", "QA lead", "--decision", "reject")
    recorded("signoff", "out", "--by", "A\x1b[31mn", "--reason", "two\nlines", *flags)
    code, _, err = recorded("verify", "out")
    assert code == 1
    assert "\x1b[31m" not in err
    assert "two lines" in err


def test_verify_says_the_last_line_only_when_asked(recorded: CommandLine) -> None:
    code, out, err = recorded("verify", "out", "-q")
    assert (code, out) == (3, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("not verified  try: awaiting release manager (until ")

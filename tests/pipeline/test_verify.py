"""Verifying: the table of `docs/verdicts.md` through the real commands, on the records of real runs."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from phasegate.cli.app import run_command_line
from tests.rules import rules

PLAN = """\
phasegate: 1
phase: try
title: Try it
variables: {within: 1h, least: 10}
steps:
  - id: a
    checks:
      - id: fine
        kind: command
        command: [python, -c, "print('n 12')"]
        measures: {n: {regex: 'n (\\d+)'}}
      - {id: other, kind: command, command: [python, -c, ""]}
    criteria: ["fine.n >= ${least}"]
gate:
  approvals: [{role: release manager, within: "${within}"}, {role: QA lead}]
"""
MANAGER, LEAD = "release manager", "QA lead"
SIGNED = ("--by", "Ann", "--reason", "looked at it")
SIGN_OFFS = "signoffs.jsonl"
RUNS: dict[str, tuple[str, ...]] = {
    "pass": (),
    "soon": ("--set", "within=1ms"),
    "fail": ("--set", "least=13"),
    "narrow": ("--check", "fine"),
    "free": (),
}


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a record for each of `RUNS`."""
    folder = tmp_path_factory.mktemp("records")
    for name, flags in RUNS.items():
        plan = folder / f"{name}.yaml"
        plan.write_text(PLAN.partition("\ngate:")[0] + "\n" if name == "free" else PLAN, encoding="utf-8")
        run_command_line(["run", str(plan), "-o", str(folder / name), "-q", *flags])
    return folder


class Record:
    """A copy of a record to do things to."""

    def __init__(self, records: Path, place: Path) -> None:
        self.records = records
        self.path = place / "record"

    def of(self, name: str) -> Record:
        shutil.copytree(self.records / name, self.path)
        return self

    def sign(self, decision: str, *roles: str) -> int:
        codes = [
            run_command_line(["signoff", str(self.path), *SIGNED, "--role", role, "--decision", decision])
            for role in roles or (MANAGER, LEAD)
        ]
        return max(codes)

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        path = self.path / name
        before = path.read_text(encoding="utf-8")
        assert change(before) != before
        path.write_text(change(before), encoding="utf-8")

    def evidence(self) -> Path:
        return next(path for path in (self.path / "evidence").rglob("*") if path.is_file())

    @property
    def sign_offs(self) -> Path:
        return self.path / SIGN_OFFS


@pytest.fixture
def record(records: Path, tmp_path: Path) -> Record:
    return Record(records, tmp_path)


def verified(record: Record, capfd: pytest.CaptureFixture[str]) -> tuple[int, dict, str]:
    capfd.readouterr()
    code = run_command_line(["verify", str(record.path), "--json"])
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    data = json.loads(out)
    assert data["exit_code"] == code
    return code, data, err


def approved(record: Record) -> Record:
    assert record.of("pass").sign("approve") == 0
    return record


def rejected_late(record: Record) -> None:
    assert record.of("soon").sign("reject", MANAGER) == 0


def changed_result(record: Record) -> None:
    approved(record).edit("result.json", lambda text: text.replace('"value": 12.0,', '"value": 14.0,'))


def changed_evidence(record: Record) -> None:
    path = approved(record).evidence()
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def lost_evidence(record: Record) -> None:
    approved(record).evidence().unlink()


def more_evidence(record: Record) -> None:
    (approved(record).path / "evidence" / "new.txt").write_text("mine")


def forged(record: Record) -> None:
    """A FAIL turned into a PASS by somebody who knows the files, and signed."""
    record.of("fail")
    for before, after in (
        ('"verdict":"not_met"', '"verdict":"met"'),
        ('"verdict":"FAIL","exit_code":1', '"verdict":"PASS","exit_code":0'),
    ):
        record.edit("events.jsonl", lambda text, one=before, other=after: text.replace(one, other))
    assert run_command_line(["report", str(record.path)]) == 0
    assert record.sign("approve") == 0


def of_another_run(record: Record) -> None:
    approved(record)
    line = record.sign_offs.read_text(encoding="utf-8").splitlines()[0]
    run = json.loads(line)["run"]
    with record.sign_offs.open("a", encoding="utf-8") as file:
        file.write(line.replace(run, "20200101T000000Z-abcdef") + "\n")


def broken_line(record: Record) -> None:
    approved(record).edit(SIGN_OFFS, lambda text: text.replace('"by"', '"bye"', 1))


def cut_line(record: Record) -> None:
    record.of("pass").sign("approve", MANAGER)
    record.edit(SIGN_OFFS, lambda text: text[:-20])


def without_end(record: Record) -> None:
    record.of("pass").edit("events.jsonl", lambda text: text[: text.rindex('{"event":"RunFinished"')])
    assert run_command_line(["report", str(record.path)]) == 3


SITUATIONS: dict[str, Callable[[Record], object]] = {
    "PASS, and the plan asks nobody to approve": lambda record: record.of("free"),
    "PASS, and every role has approved": approved,
    "PASS, and nobody has signed": lambda record: record.of("pass"),
    "PASS, and one role of two has approved": lambda record: record.of("pass").sign("approve", LEAD),
    "PASS, and the time to approve is over": lambda record: record.of("soon").sign("approve", LEAD),
    "PASS, and the approval came too late": lambda record: record.of("soon").sign("approve"),
    "PASS, and a role has rejected": lambda record: record.of("pass").sign("reject", LEAD),
    "PASS, and a role rejected too late to approve": rejected_late,
    "a role rejected, then approved": lambda record: (
        record.of("pass").sign("reject", LEAD),
        record.sign("approve"),
    ),
    "a role approved, then rejected": lambda record: approved(record).sign("reject", LEAD),
    "FAIL, and every role has approved": lambda record: record.of("fail").sign("approve"),
    "INCONCLUSIVE, and every role has approved": lambda record: record.of("narrow").sign("approve"),
    "INCONCLUSIVE, and a role has rejected": lambda record: record.of("narrow").sign("reject", LEAD),
    "`result.json` was changed after every role had approved": changed_result,
    "a file of evidence was changed after every role had approved": changed_evidence,
    "a file of evidence is gone": lost_evidence,
    "a file lies in `evidence/` that the record does not list": more_evidence,
    "a FAIL was made a PASS in events and result, and every role has approved": forged,
    "a sign-off is for another run": of_another_run,
    "a line of `signoffs.jsonl` is broken": broken_line,
    "the last line of `signoffs.jsonl` was cut off, and nobody else has signed": cut_line,
    "the run did not end": without_end,
}


@pytest.mark.parametrize("rule", rules("signoff"), ids=str)
def test_verify_decides_by_the_table_of_the_docs(rule, record, capfd) -> None:
    SITUATIONS[rule.situation](record)
    code, data, _ = verified(record, capfd)
    assert (data["verdict"], code) == (rule.verdict, rule.exit_code)


def test_the_table_of_the_docs_has_every_situation() -> None:
    assert {rule.situation for rule in rules("signoff")} == set(SITUATIONS)


SAYS: dict[Callable[[Record], object], str] = {
    changed_result: "observed.value.value is 14.0, and the events in events.jsonl give 12.0",
    changed_evidence: "was changed: its SHA-256 is not that of the record",
    lost_evidence: " is gone",
    more_evidence: "evidence/new.txt is not in the record",
    forged: "fine.n is met in the record, but its measures make it not met",
    of_another_run: "does not count: it is for another result.json",
    broken_line: "signoffs.jsonl:1 is not a sign-off",
    cut_line: "was cut off and is left out",
    without_end: "the record ends before the run did",
}


@pytest.mark.parametrize("situation", SAYS, ids=lambda situation: situation.__name__)
def test_what_is_wrong_is_named(situation, record, capfd) -> None:
    situation(record)
    _, data, err = verified(record, capfd)
    assert SAYS[situation] in err
    assert any(SAYS[situation] in finding["message"] for finding in data["findings"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: "not json", "is not a result of this format"),
        (lambda text: "[" * 100_000, "is not a result of this format"),
        (lambda text: text.replace('"phase": "try"', '"phase": "try", "note": "fine"'), "note is"),
        (lambda text: text.replace('"level": "block"', '"level": "warn"', 1), "level is"),
        (lambda text: text.replace('"value": 12.0', '"value": 13.0'), "value is"),
    ],
    ids=["text", "deep", "more", "less", "measure"],
)
def test_any_change_of_the_result_is_found(change, says, record, capfd) -> None:
    approved(record).edit("result.json", change)
    code, _, err = verified(record, capfd)
    assert code == 1
    assert says in err


def test_a_result_that_an_older_version_wrote_is_no_changed_one(record, capfd) -> None:
    record.of("pass")
    data = json.loads((record.path / "result.json").read_text(encoding="utf-8"))
    del data["criteria"][0]["asked"]["over"], data["warnings"]
    (record.path / "result.json").write_text(json.dumps(data), encoding="utf-8")
    assert record.sign("approve") == 0
    assert verified(record, capfd)[0] == 0


def test_reports_leave_alone_what_was_signed(record, capfd) -> None:
    test_a_result_that_an_older_version_wrote_is_no_changed_one(record, capfd)
    assert run_command_line(["report", str(record.path)]) == 0
    assert verified(record, capfd)[0] == 0
    page = (record.path / "report.html").read_text(encoding="utf-8")
    assert "approved by Ann as release manager" in page
    assert "looked at it" in page


def test_events_alone_still_give_the_reports(record, tmp_path) -> None:
    approved(record)
    for path in list(record.path.iterdir()):
        if path.name not in ("events.jsonl", SIGN_OFFS):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert run_command_line(["report", str(record.path)]) == 0
    assert "approved by Ann" in (record.path / "report.html").read_text(encoding="utf-8")


def test_evidence_behind_a_link_is_not_evidence(record, tmp_path, capfd) -> None:
    path = approved(record).evidence()
    elsewhere = tmp_path / "elsewhere"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)
    code, _, err = verified(record, capfd)
    assert code == 1
    assert "is reached through a link" in err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: "nonsense\n" + text, "events.jsonl:1: not an event"),
        (lambda text: "", "has no first event"),
        (lambda text: text.replace('"check":"fine"', '"check":"stranger"'), "stranger"),
    ],
)
def test_events_that_cannot_be_read_are_a_changed_record(change, says, record, capfd) -> None:
    record.of("pass").edit("events.jsonl", change)
    code, data, err = verified(record, capfd)
    assert (code, data["verdict"]) == (1, None)
    assert says in err


def test_a_plan_that_moved_on_is_only_noted(records, record, capfd) -> None:
    approved(record)
    plan = records / "pass.yaml"
    before = plan.read_text(encoding="utf-8")
    try:
        plan.write_text(before + "\n# changed\n", encoding="utf-8")
        code, _, err = verified(record, capfd)
        assert "pass.yaml has changed since the run" in err
        plan.unlink()
        assert (verified(record, capfd)[0], code) == (0, 0)
    finally:
        plan.write_text(before, encoding="utf-8")


def test_a_run_ends_as_before_whoever_is_asked(records) -> None:
    with_, without = (
        json.loads((records / name / "result.json").read_text(encoding="utf-8")) for name in ("pass", "free")
    )
    assert [with_[key] for key in ("verdict", "exit_code", "reason")] == [
        without[key] for key in ("verdict", "exit_code", "reason")
    ]
    assert 'name="phasegate.sign-off" value="awaiting release manager (until' in (
        records / "pass" / "junit.xml"
    ).read_text(encoding="utf-8")


def test_a_hash_that_was_kept_finds_a_record_that_was_written_anew(
    records: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = str(records / "free")
    kept = hashlib.sha256((records / "free" / "result.json").read_bytes()).hexdigest()
    assert run_command_line(["verify", folder, "--sha256", kept.upper()]) == 0
    assert "has the SHA-256 that was given" in capfd.readouterr().err
    assert run_command_line(["verify", folder]) == 0
    assert "finds accidents, not forgers" in capfd.readouterr().err
    assert run_command_line(["verify", folder, "--sha256", "0" * 64]) == 1
    assert f"has SHA-256 {kept}, and {'0' * 64} was given" in capfd.readouterr().err
    assert run_command_line(["verify", folder, "--sha256", "abc"]) == 2

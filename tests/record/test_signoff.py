"""`signoffs.jsonl`: one whole line for each decision, whatever happens beside it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from phasegate.base.errors import RecordError, UsageError
from phasegate.model.approval import Choice, SignOff
from phasegate.record.signoff import SIGN_OFFS, append_sign_off, read_sign_offs
from tests.telling import raises

ONE = SignOff(
    at=datetime(2026, 11, 30, 10, tzinfo=UTC),
    by="Ann",
    role="release manager",
    decision=Choice.APPROVE,
    reason="all\ngood, really: ü",
    result_sha256="ab" * 32,
    run="r",
    tool_version="0.1.0",
)


def test_a_decision_comes_back_as_it_was_given(tmp_path: Path) -> None:
    append_sign_off(tmp_path, ONE)
    append_sign_off(tmp_path, replace(ONE, by="Bo"))
    found = read_sign_offs(tmp_path)
    assert found.sign_offs == (ONE, replace(ONE, by="Bo"))
    lines = (tmp_path / SIGN_OFFS).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["schema"] for line in lines] == ["phasegate.signoff/1"] * 2


def test_no_file_is_no_decision(tmp_path: Path) -> None:
    assert read_sign_offs(tmp_path).sign_offs == ()


def test_people_may_sign_at_the_same_time(tmp_path: Path) -> None:
    names = [f"person {number} {'x' * 5000}" for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: append_sign_off(tmp_path, replace(ONE, by=name)), names))
    found = read_sign_offs(tmp_path)
    assert sorted(one.by for one in found.sign_offs) == sorted(names)
    assert not found.broken


def test_half_a_line_at_the_end_is_left_out_and_gives_way_to_the_next(tmp_path: Path) -> None:
    append_sign_off(tmp_path, ONE)
    path = tmp_path / SIGN_OFFS
    path.write_bytes(path.read_bytes() + b'{"at":"2026-11-30T10:00:00Z","by":"Bo')
    found = read_sign_offs(tmp_path)
    assert (found.sign_offs, found.cut, found.broken) == ((ONE,), True, ())
    append_sign_off(tmp_path, replace(ONE, by="Cy"))
    after = read_sign_offs(tmp_path)
    assert ([one.by for one in after.sign_offs], after.cut, after.broken) == (["Ann", "Cy"], False, ())


def test_a_whole_line_counts_without_its_end(tmp_path: Path) -> None:
    append_sign_off(tmp_path, replace(ONE, decision=Choice.REJECT))
    path = tmp_path / SIGN_OFFS
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert read_sign_offs(tmp_path).sign_offs[0].decision is Choice.REJECT
    append_sign_off(tmp_path, ONE)
    assert [one.decision.value for one in read_sign_offs(tmp_path).sign_offs] == ["reject", "approve"]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"\xff\x00",
        b"[" * 100_000,
        b'{"schema": "phasegate.signoff/1"}',
        (
            b'{"at":"2026-11-30T10:00:00Z","by":"B","role":"r","decision":"maybe","reason":"x",'
            b'"result_sha256":"","run":"r","tool_version":"0"}'
        ),
        (
            b'{"at":"2026-11-30T10:00:00","by":"B","role":"r","decision":"approve","reason":"x",'
            b'"result_sha256":"","run":"r","tool_version":"0"}'
        ),
        (
            b'{"at":"2026-11-30T10:00:00Z","by":"B","role":"r","decision":"approve","reason":"x",'
            b'"result_sha256":"","run":"r","tool_version":"0","schema":"phasegate.signoff/9"}'
        ),
    ],
    ids=["empty", "list", "bytes", "deep", "lacking", "decision", "zone", "schema"],
)
def test_a_broken_line_in_the_middle_is_named_and_nothing_is_added_to_it(tmp_path: Path, line: bytes) -> None:
    append_sign_off(tmp_path, ONE)
    path = tmp_path / SIGN_OFFS
    whole = path.read_bytes()
    path.write_bytes(whole + line + b"\n" + whole)
    found = read_sign_offs(tmp_path)
    assert found.broken == (f"{path}:2",)
    assert len(found.sign_offs) == 2
    before = path.read_bytes()
    with pytest.raises(UsageError, match=":2 is not a sign-off"):
        append_sign_off(tmp_path, ONE)
    assert path.read_bytes() == before


def test_bytes_that_are_no_text_are_written_out(tmp_path: Path) -> None:
    append_sign_off(tmp_path, replace(ONE, by="A\udcffn"))
    assert read_sign_offs(tmp_path).sign_offs[0].by == "A\\udcffn"


def test_a_file_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / SIGN_OFFS).mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        read_sign_offs(tmp_path)
    with raises(RecordError, match="cannot write"):
        append_sign_off(tmp_path, ONE)


def test_a_decision_goes_through_no_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("")
    (tmp_path / SIGN_OFFS).symlink_to(victim)
    with raises(RecordError, match="cannot write"):
        append_sign_off(tmp_path, ONE)
    assert victim.read_text() == ""

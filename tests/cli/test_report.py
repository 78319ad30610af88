from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from phasegate.record.journal import EVENTS
from tests.cli.conftest import CommandLine

PLAN = """\
phasegate: 1
phase: try
title: Try it
steps: [{id: a, checks: [{id: fine, kind: command, command: [python, -c, ""]}]}]
"""


@pytest.fixture
def recorded(phasegate: CommandLine, tmp_path: Path) -> CommandLine:
    """A command line beside the events of a run in `alone`."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    assert phasegate("run", "plan.yaml", "-o", "out")[0] == 0
    (tmp_path / "alone").mkdir()
    shutil.copy(tmp_path / "out" / EVENTS, tmp_path / "alone")
    return phasegate


def test_every_report_comes_back_from_the_events_alone(recorded: CommandLine, tmp_path: Path) -> None:
    code, out, err = recorded("report", "alone")
    assert (code, out) == (0, "")
    assert "report  alone/report.html   result  alone/result.json" in err
    for name in ("result.json", "junit.xml", "report.html"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_only_the_report_that_is_asked_for_is_rendered(recorded: CommandLine, tmp_path: Path) -> None:
    code, out, _ = recorded("report", "alone", "--report", "json=-", "-q")
    assert code == 0
    assert json.loads(out)["verdict"] == "PASS"
    assert [path.name for path in (tmp_path / "alone").iterdir()] == [EVENTS]


def test_a_record_that_was_cut_off_is_inconclusive(recorded: CommandLine, tmp_path: Path) -> None:
    events = tmp_path / "alone" / EVENTS
    events.write_bytes(events.read_bytes()[:-20])
    code, out, _ = recorded("report", "alone", "--report", "json=-")
    result = json.loads(out)
    assert code == result["exit_code"] == 3
    assert result["verdict"] == "INCONCLUSIVE"
    assert result["reason"] == {"code": "cut_short"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no record at"),
        (b"", "has no first event"),
        (b'{"event":"RunStarted"', "has no first event"),
        (b"\x00\xff\n", "events.jsonl:1: not an event"),
        (b"[]\n", "events.jsonl:1: not an event"),
        (b"[" * 100_000 + b"\n", "events.jsonl:1: not an event"),
        (
            b'{"event":"StepStarted","at":"2026-01-01T00:00:00Z","step":"a"}\n',
            "begins with the start of a run",
        ),
    ],
)
def test_what_is_no_record_is_wrong_usage(
    phasegate: CommandLine, tmp_path: Path, content: bytes | None, says: str
) -> None:
    (tmp_path / "folder").mkdir()
    if content is not None:
        (tmp_path / "folder" / EVENTS).write_bytes(content)
    code, out, err = phasegate("report", "folder")
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_an_event_of_another_run_is_named(recorded: CommandLine, tmp_path: Path) -> None:
    with (tmp_path / "alone" / EVENTS).open("a") as file:
        file.write('{"event":"CheckStarted","at":"2026-01-01T00:00:00Z","check":"stranger"}\n')
    code, _, err = recorded("report", "alone")
    assert code == 2
    assert "stranger" in err

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import RecordError, UsageError
from phasegate.model.events import AttemptFinished, CaseFinished, CheckStarted, Event, Progressed, RunStarted
from phasegate.model.judgement import Decided, Decision
from phasegate.model.measures import Share
from phasegate.model.observation import Case, CaseStatus, Observation, Series
from phasegate.model.result import AttemptResult, AttemptStatus, WaiverResult
from phasegate.model.waiver import Waiver
from phasegate.record.journal import EVENTS, Journal, read_events, write_report
from phasegate.record.redaction import Redactor
from tests.samples import passing_run
from tests.telling import raises

AT = datetime(2026, 1, 15, tzinfo=UTC)
START = RunStarted(at=AT, skeleton=passing_run())


def journal(folder: Path, *secrets: str) -> Journal:
    return Journal(folder, Redactor(secrets))


def test_events_come_back_as_they_were_written(tmp_path: Path) -> None:
    written: list[Event] = [START, CheckStarted(at=AT, check="alive")]
    book = journal(tmp_path)
    assert [book.write(event) for event in written] == written
    book.close()
    assert list(read_events(tmp_path)) == written


def test_each_event_is_on_disk_when_write_returns(tmp_path: Path) -> None:
    book = journal(tmp_path)
    book.write(START)
    assert list(read_events(tmp_path)) == [START]
    book.close()


def test_progress_is_passed_on_and_not_kept(tmp_path: Path) -> None:
    book = journal(tmp_path, "hunter2-hunter2")
    book.write(START)
    passed_on = book.write(Progressed(at=AT, check="alive", text="sent hunter2-hunter2"))
    book.close()
    assert passed_on == Progressed(at=AT, check="alive", text="sent [redacted]")
    assert len(list(read_events(tmp_path))) == 1


def test_what_listeners_get_is_redacted_as_what_is_written(tmp_path: Path) -> None:
    book = journal(tmp_path, "hunter2-hunter2")
    told = book.write(replace(START, skeleton=replace(START.skeleton, title="of hunter2-hunter2")))
    book.close()
    assert isinstance(told, RunStarted)
    assert told.skeleton.title == "of [redacted]"
    assert b"hunter2" not in (tmp_path / EVENTS).read_bytes()


def test_half_a_line_at_the_end_is_left_out(tmp_path: Path) -> None:
    book = journal(tmp_path)
    book.write(START)
    book.close()
    with (tmp_path / EVENTS).open("ab") as file:
        file.write(b'{"event":"CheckStarted","at":"20')
    assert list(read_events(tmp_path)) == [START]


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    book = journal(tmp_path)
    book.write(START)
    book.close()
    with (tmp_path / EVENTS).open("ab") as file:
        file.write(b"half\n" + json.dumps({"event": "Nothing"}).encode() + b"\n")
    with pytest.raises(UsageError, match=r"events\.jsonl:2: not an event"):
        list(read_events(tmp_path))


def test_a_second_run_in_a_folder_is_refused(tmp_path: Path) -> None:
    journal(tmp_path).close()
    with pytest.raises(UsageError, match="holds a run already"):
        journal(tmp_path)


def test_a_folder_that_is_gone_is_told_once_begun(tmp_path: Path) -> None:
    with raises(RecordError, match=r"cannot write events\.jsonl: no such file"):
        journal(tmp_path / "gone")


def test_a_disk_that_takes_no_more_is_told_once_and_events_are_passed_on(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    book = journal(tmp_path)
    book._file.close()
    with Path("/dev/full").open("wb", buffering=0) as full:
        book._file = full
        with raises(RecordError, match="no space left on device"):
            book.write(START)
        assert book.write(START) == START


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    write_report(place, b"first", named=False)
    write_report(place, b"second", named=False)
    assert place.read_bytes() == b"second"
    with raises(RecordError, match=r"cannot write .*nowhere"):
        write_report(tmp_path / "nowhere/report.html", b"third", named=False)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_report(pipe, b"report", named=True)
    assert os.read(reader, 100) == b"report"
    os.close(reader)
    assert pipe.is_fifo()


@given(
    st.lists(
        st.sampled_from(("plain", "of hunter2-hunter2", "cookie: a=b", "x@y", "http://host/")), max_size=6
    )
)
def test_events_written_together_are_redacted_as_one_by_one(texts: list[str]) -> None:
    events: list[Event] = [
        CaseFinished(at=AT, check="alive", attempt=1, case=Case(id=text, name=text, status=CaseStatus.FAILED))
        for text in texts
    ]
    for secrets in ((), ("hunter2-hunter2",)):
        with TemporaryDirectory() as one, TemporaryDirectory() as other:
            together, alone = journal(Path(one), *secrets), journal(Path(other), *secrets)
            redacted, lines = together.redact(events)
            together.append(lines)
            assert redacted == [alone.write(event) for event in events]
            assert (Path(one) / EVENTS).read_bytes() == (Path(other) / EVENTS).read_bytes()
            together.close()
            alone.close()


@pytest.mark.parametrize("name", ["cookie", "Set-Cookie", "authorization", "proxy-authorization"])
def test_names_of_headers_may_name_what_a_run_has(tmp_path: Path, name: str) -> None:
    share = Share(passed=1, total=1, sample=False)
    seen = Observation(
        measures={name: share},
        parts={name: {name: share}},
        cases=(Case(id=name, name=name, status=CaseStatus.PASSED, tags=(name,), part=name),),
        causes={name: 1},
        absent={(name, name): "gone"},
        timeline=(Series(name=name, unit="s", points=((0.0, 1.0),)),),
        decisions={name: Decision(outcome=Decided.MET, n=1, right=1, at=1.0)},
    )
    attempt = AttemptResult(number=1, status=AttemptStatus.PASSED, started=AT, duration=1.0, observation=seen)
    waiver = Waiver(
        id=name,
        criteria=(name,),
        cases=((name, "a case"),),
        owner="a",
        approver="b",
        reason="c",
        ticket="d",
        expires=date(2026, 1, 20),
        days_left=5,
    )
    written: list[Event] = [
        replace(START, skeleton=replace(START.skeleton, waivers=(WaiverResult(asked=waiver),))),
        AttemptFinished(at=AT, check=name, attempt=attempt),
    ]
    book = journal(tmp_path, "hunter2-hunter2")
    assert [book.write(event) for event in written] == written
    book.close()
    assert list(read_events(tmp_path)) == written


def test_variables_named_as_headers_are_hidden(tmp_path: Path) -> None:
    variables = {"cookie": "a=b", "all": [["Authorization", "Bearer x"]], "more": {"Set-Cookie": {"a": "b"}}}
    book = journal(tmp_path)
    told = book.write(replace(START, skeleton=replace(START.skeleton, variables=variables)))
    book.close()
    assert isinstance(told, RunStarted)
    assert told.skeleton.variables == {
        "cookie": "[redacted]",
        "all": [["Authorization", "[redacted]"]],
        "more": {"Set-Cookie": "[redacted]"},
    }

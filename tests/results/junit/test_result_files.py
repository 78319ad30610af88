"""Results are those of this attempt, of files that can be read, within limits that are said."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phasegate.base.errors import ObservationError
from phasegate.model.observation import CaseStatus
from phasegate.results.junit import Conventions, ResultFiles, parse_junit, result_files
from phasegate.runner.clock import RunClock
from tests.telling import in_english, raises

ONE = "<testsuite tests='1'><testcase name='a'/></testsuite>"


def results(root: Path, *patterns: str) -> ResultFiles:
    return ResultFiles(root, patterns, RunClock())


def test_one_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    seen = results(tmp_path, "*.xml")
    (tmp_path / "a.xml").write_text(ONE)
    (tmp_path / "b.xml").write_text("<!DOCTYPE testsuite><testsuite/>")
    os.mkfifo(tmp_path / "c.xml")
    (tmp_path / "d.xml").write_text(ONE)
    read = in_english(seen.read(["*.xml"]))
    assert [item.case.id for item in read.cases] == ["a", "a [2]"]
    assert read.problems == (
        "results file c.xml is a FIFO (named pipe), no file",
        "results file b.xml is malformed: a DTD, which is not read; it can make a small file fill memory",
    )


@pytest.mark.parametrize("seconds", [-(2**40), 0])
def test_file_with_an_impossible_time_is_old(tmp_path: Path, seconds: int) -> None:
    seen = results(tmp_path, "a.xml")
    (tmp_path / "a.xml").write_text(ONE)
    try:
        os.utime(tmp_path / "a.xml", (seconds, seconds))
    except OSError:
        pytest.skip("the file system does not take such a time")
    assert "was written at 1970-01-01" in in_english(seen.read(["a.xml"])).problems[0]


def test_file_from_the_far_future_was_written_in_this_attempt(tmp_path: Path) -> None:
    seen = results(tmp_path, "a.xml")
    (tmp_path / "a.xml").write_text(ONE)
    os.utime(tmp_path / "a.xml", (2**33, 2**33))
    assert in_english(seen.read(["a.xml"])).problems == ()
    machine = Machine()
    machine.ahead = (datetime(2242, 3, 17, tzinfo=UTC) - START).total_seconds()
    old = ResultFiles(tmp_path, ["b.xml"], machine.clock())
    assert "is older than this attempt" in in_english(old.read(["a.xml"])).problems[0]


def test_limits_of_files_bytes_and_cases_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = results(tmp_path, "*.xml")
    for number in range(5):
        (tmp_path / f"{number}.xml").write_text(ONE)
    monkeypatch.setattr(result_files, "FILES", 4)
    assert in_english(seen.read(["*.xml"])).problems == ("5 results files match *.xml; at most 4 are read",)
    monkeypatch.setattr(result_files, "FILES", 5)
    monkeypatch.setattr(result_files, "CASES", 1)
    read = in_english(seen.read(["*.xml"]))
    assert len(read.cases) == 2
    assert read.problems[0].endswith("or 1 cases; 2.xml and others were not read")


def test_reading_that_is_told_to_stop_stops_and_says_so(tmp_path: Path) -> None:
    seen = results(tmp_path, "*.xml")
    (tmp_path / "a.xml").write_text(ONE)
    seen.stop()
    assert in_english(seen.read(["*.xml"])).problems == (
        "a.xml and others were not read, since the check was ended",
    )


def test_conventions_reach_every_file(tmp_path: Path) -> None:
    seen = results(tmp_path, "a.xml")
    text = "<testsuite tests='5'><testcase name='a'><failure/></testcase><testcase name='a'/></testsuite>"
    (tmp_path / "a.xml").write_text(text)
    conventions = Conventions(subtests=True, reruns=True)
    (case,) = in_english(seen.read(["a.xml"], partial(parse_junit, conventions=conventions))).cases
    assert (case.case.status, case.case.flaky) == (CaseStatus.PASSED, True)


def test_text_is_read_of_a_file_of_the_folder_only(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    seen = results(root)
    (tmp_path / "secret").write_text("42")
    (root / "a").symlink_to(tmp_path / "secret")
    os.mkfifo(root / "b")
    (root / "c[1]").write_text("42")
    for name, why in (("a", "leads out"), ("b", "FIFO"), ("gone", "no such file"), (".", "is a directory")):
        with raises(ObservationError, match=why):
            seen.text(name)
    assert seen.text("c[1]") == "42"


def test_name_that_cannot_be_printed_is_told_all_the_same(tmp_path: Path) -> None:
    seen = results(tmp_path, "*.xml")
    (tmp_path / os.fsdecode(b"\xff\n.xml")).write_text("")
    assert in_english(seen.read(["*.xml"])).problems == ("results file \\xff\\n.xml is empty",)


START = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Machine:
    """A clock that is set by `ahead` while seconds pass."""

    def __init__(self) -> None:
        self.passed = self.ahead = 0.0

    @property
    def wall(self) -> datetime:
        return START + timedelta(seconds=self.passed + self.ahead)

    def clock(self) -> RunClock:
        return RunClock(monotonic=lambda: self.passed, wall=lambda: self.wall, suspended=lambda: 0.0)


def write(file: Path, at: datetime) -> None:
    file.write_text(ONE)
    os.utime(file, (at.timestamp(), at.timestamp()))


@given(jump=st.floats(-1e7, 1e7), before=st.floats(0, 600), after=st.floats(0, 600), there=st.booleans())
def test_what_an_attempt_wrote_is_its_own_however_the_clock_was_set(
    tmp_path_factory: pytest.TempPathFactory, jump: float, before: float, after: float, there: bool
) -> None:
    folder, machine = tmp_path_factory.mktemp("own"), Machine()
    if there:
        write(folder / "out.xml", START + timedelta(days=1))
    files = ResultFiles(folder, ["*.xml"], machine.clock())
    machine.passed += before
    write(folder / "early.xml", machine.wall)
    machine.ahead += jump
    write(folder / "out.xml", machine.wall)
    machine.passed += after
    write(folder / "late.xml", machine.wall)
    assert in_english(files.read(["*.xml"])).problems == ()


@given(
    jump=st.floats(-1e7, 1e7),
    lasts=st.floats(0, 600),
    age=st.floats(700, 1e7),
    copied=st.booleans(),
)
def test_what_was_there_before_is_old_however_the_clock_was_set(
    tmp_path_factory: pytest.TempPathFactory, jump: float, lasts: float, age: float, copied: bool
) -> None:
    # What the clock shows once more, set back that far, is not to be told from a new file.
    assume(not copied or abs(jump + age) > 1300)
    folder, machine = tmp_path_factory.mktemp("old"), Machine()
    dated = START - timedelta(seconds=age)
    write(folder / ("original" if copied else "out.xml"), dated)
    files = ResultFiles(folder, ["*.xml"], machine.clock())
    machine.passed += lasts
    machine.ahead += jump
    if copied:
        write(folder / "out.xml", dated)
    (problem,) = in_english(files.read(["*.xml"])).problems
    assert "older than this attempt" in problem

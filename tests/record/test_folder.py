from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from phasegate.base.errors import UsageError
from phasegate.record.folder import make_folder
from phasegate.record.journal import write_report

AT = datetime(2026, 1, 15, 9, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_default_is_named_by_phase_and_time(here: Path) -> None:
    assert make_folder(None, "shop", AT) == here / "reports/shop-20260115T093112Z"


def test_runs_of_the_same_second_get_folders_of_their_own(here: Path) -> None:
    made = [make_folder(None, "shop", AT).name for _ in range(3)]
    assert made == ["shop-20260115T093112Z", "shop-20260115T093112Z-2", "shop-20260115T093112Z-3"]
    assert (here / "reports/latest").readlink() == Path(made[-1])


def test_a_folder_of_the_users_named_latest_is_left_alone(here: Path) -> None:
    (here / "reports/latest").mkdir(parents=True)
    make_folder(None, "shop", AT)
    assert not (here / "reports/latest").is_symlink()


def test_a_named_folder_is_made_with_its_parents_and_not_linked(here: Path) -> None:
    assert make_folder(Path("a/b"), "shop", AT) == here / "a/b"
    assert not (here / "reports").exists()


def test_a_folder_with_other_files_is_taken(here: Path) -> None:
    (here / "notes.txt").write_text("mine")
    assert make_folder(Path(), "shop", AT) == here


@pytest.mark.parametrize("ours", ["events.jsonl", "result.json", "evidence"])
def test_a_folder_with_something_of_a_run_is_refused(here: Path, ours: str) -> None:
    (here / ours).symlink_to("nowhere")
    with pytest.raises(UsageError, match=f"holds a run already: {ours} is there"):
        make_folder(Path(), "shop", AT)


@pytest.mark.parametrize("wanted", ["file", "file/below", "n" * 300])
def test_what_cannot_be_a_folder_is_wrong_usage(here: Path, wanted: str) -> None:
    (here / "file").write_text("")
    with pytest.raises(UsageError, match="cannot make the output folder"):
        make_folder(Path(wanted), "shop", AT)


def test_a_file_where_the_default_goes_is_wrong_usage(here: Path) -> None:
    (here / "reports").write_text("")
    with pytest.raises(UsageError, match="reports"):
        make_folder(None, "shop", AT)


@pytest.mark.parametrize("name", ["report.html", "result.json", "junit.xml"])
def test_links_under_names_that_could_be_guessed_lead_nothing_out_of_the_record(
    tmp_path: Path, name: str
) -> None:
    out, victim = tmp_path / "out", tmp_path / "victim"
    out.mkdir()
    victim.write_text("precious")
    for guess in (name, f".{name}.part", f".{name}.tmp", f"{name}.{os.getpid()}"):
        (out / guess).symlink_to(victim)
    write_report(out / name, b"report", named=False)
    assert victim.read_text() == "precious"
    assert (out / name).read_bytes() == b"report"
    assert not (out / name).is_symlink()

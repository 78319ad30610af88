"""A record held against itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from phasegate.model.result import EvidenceFile
from phasegate.record.reading import evidence_problems


def listed(path: str, content: bytes = b"seen") -> EvidenceFile:
    return EvidenceFile(path=path, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "evidence" / "check" / "1").mkdir(parents=True)
    (tmp_path / "evidence" / "check" / "1" / "a.txt").write_bytes(b"seen")
    return tmp_path


def test_files_as_listed_are_no_problem(folder: Path) -> None:
    assert list(evidence_problems(folder, (listed("evidence/check/1/a.txt"),))) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"seem", "its SHA-256 is not that"), (b"seen more", "9 bytes, and the record has 4"), (b"", "0 bytes")],
)
def test_a_changed_file_is_named(folder: Path, content: bytes, says: str) -> None:
    (folder / "evidence" / "check" / "1" / "a.txt").write_bytes(content)
    (problem,) = evidence_problems(folder, (listed("evidence/check/1/a.txt"),))
    assert problem.startswith("evidence/check/1/a.txt was changed: ")
    assert says in problem


@pytest.mark.parametrize("path", ["/etc/passwd", "evidence/../../secret", "result.json", "evidence/a\0b"])
def test_a_record_leads_nowhere_else(folder: Path, path: str) -> None:
    problems = list(evidence_problems(folder, (listed(path),)))
    assert len(problems) == 2
    assert problems[1] == "evidence/check/1/a.txt is not in the record"


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (folder / "evidence" / "check").rename(elsewhere)
    (folder / "evidence" / "check").symlink_to(elsewhere)
    problems = list(evidence_problems(folder, (listed("evidence/check/1/a.txt"),)))
    assert problems == [
        "evidence/check/1/a.txt is reached through a link, and was a file",
        "evidence/check is not in the record",
    ]


def test_a_folder_in_the_place_of_a_file_is_named(folder: Path) -> None:
    path = folder / "evidence" / "check" / "1" / "a.txt"
    path.unlink()
    path.mkdir()
    assert list(evidence_problems(folder, (listed("evidence/check/1/a.txt"),))) == [
        "evidence/check/1/a.txt is not a file any more"
    ]


def test_without_evidence_nothing_is_missing(tmp_path: Path) -> None:
    assert list(evidence_problems(tmp_path, ())) == []

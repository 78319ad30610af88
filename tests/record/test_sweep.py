"""The folder of the evidence holds in the end only what can be kept, whatever programs left in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.record.evidence import EvidenceStore
from phasegate.record.names import LONGEST_NAME
from phasegate.record.redaction import Redactor
from phasegate.record.sweep import Sweep, remove_tree
from phasegate.render.sentences import sentence

SECRET = "hunter2-hunter2"


def swept(folder: Path, limit: int = 100) -> tuple[list[str], list[str]]:
    notes: list[str] = []
    sweep = Sweep(folder, Redactor([SECRET]), known=(), notes=notes, limit=limit)
    return sorted(path.relative_to(folder).as_posix() for path in sweep.files()), notes


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    folder = tmp_path / "evidence" / "unit" / "1"
    folder.mkdir(parents=True)
    return folder


def store_of(attempt: Path) -> EvidenceStore:
    return EvidenceStore(attempt.parents[2], Redactor([SECRET]), file_limit=10_000)


NAMES = st.binary(min_size=1, max_size=255).filter(
    lambda name: not {0, ord("/")} & set(name) and name not in (b".", b"..")
)


@given(st.lists(NAMES, min_size=1, max_size=5, unique=True), st.booleans())
def test_any_name_can_be_told_in_the_record(
    tmp_path_factory: pytest.TempPathFactory, names: list[bytes], secret: bool
) -> None:
    attempt = tmp_path_factory.mktemp("run") / "evidence" / "unit" / "1"
    attempt.mkdir(parents=True)
    added = [SECRET.encode()[: 255 - 1] + b"-" + name[:200] for name in names] if secret else names
    for name in set(added):
        Path(os.fsdecode(os.fsencode(attempt) + b"/" + name)).write_text(SECRET)
    store = store_of(attempt)
    entries = store.inventory()
    assert len(entries) == len(set(added))
    for entry in entries:
        assert entry.path.isprintable()
        assert SECRET not in entry.path
        entry.path.encode()
        assert (store.run_folder / entry.path).read_bytes() == b"[redacted]"
    assert store.problems == []


def test_secret_in_the_name_of_a_folder_is_redacted(attempt: Path) -> None:
    (attempt / f"of-{SECRET}").mkdir()
    (attempt / f"of-{SECRET}" / "f").write_text("x")
    assert [entry.path for entry in store_of(attempt).inventory()] == ["evidence/unit/1/of-[redacted]/f"]


def test_adopted_file_has_its_safe_name_at_once(attempt: Path) -> None:
    store = store_of(attempt)
    folder = store.folder("unit", 1)
    (attempt / f"a\n{SECRET}").write_text("x")
    shown = folder.adopt(attempt / f"a\n{SECRET}")
    assert [entry.path for entry in store.inventory()] == [shown] == ["evidence/unit/1/a-[redacted]"]


def test_long_name_that_can_be_printed_stays(attempt: Path) -> None:
    (attempt / ("x" * 255)).write_text("x")
    (entry,) = store_of(attempt).inventory()
    assert len(Path(entry.path).name) == 255 > LONGEST_NAME


def test_sparse_file_of_a_terabyte_is_read_at_its_ends_only(attempt: Path) -> None:
    with (attempt / "big").open("wb") as file:
        file.write(b"begin" + SECRET.encode())
        file.truncate(1 << 40)
        file.seek((1 << 40) - 3 - len(SECRET))
        file.write(SECRET.encode() + b"end")
    (entry,) = store_of(attempt).inventory()
    content = (attempt / "big").read_bytes()
    assert entry.bytes == len(content) <= 10_000
    assert content.startswith(b"begin[redacted]")
    assert content.endswith(b"[redacted]end")
    assert b"bytes left out here" in content


@given(st.integers(0, 40_000), st.integers(0, len(SECRET)))
def test_secret_at_the_border_of_what_is_left_out_is_redacted(
    tmp_path_factory: pytest.TempPathFactory, shift: int, moved: int
) -> None:
    attempt = tmp_path_factory.mktemp("run") / "evidence" / "unit" / "1"
    attempt.mkdir(parents=True)
    size = 1_000_000
    kept = 10_000 // 2 - 100
    content = bytearray(b"x" * size)
    for at in (kept - moved, size - kept - moved, size - kept - 32_768 - shift, shift):
        content[at : at + len(SECRET)] = SECRET.encode()
    (attempt / "big").write_bytes(content)
    store_of(attempt).inventory()
    left = (attempt / "big").read_bytes()
    assert len(left) <= 10_000
    for piece in (SECRET[:9], SECRET[-9:]):
        assert piece.encode() not in left


def test_file_that_still_grows_is_read_as_far_as_it_went(attempt: Path, tmp_path: Path) -> None:
    store = store_of(attempt)
    source = tmp_path / "log"
    source.write_bytes(b"x" * 1_000)
    plain = store.redactor.stream

    def growing() -> object:
        with source.open("ab") as file:
            file.write(b"y" * 5_000_000)
        return plain()

    store.redactor.stream = growing  # type: ignore[method-assign, assignment]
    shown = store.folder("unit", 1).adopt(source)
    assert (store.run_folder / shown).read_bytes() == b"x" * 1_000


def test_file_that_changed_after_it_was_taken_in_is_redacted_again(attempt: Path) -> None:
    store = store_of(attempt)
    shown = store.folder("unit", 1).write("a.txt", "a")
    (store.run_folder / shown).write_text(f"later {SECRET}")
    store.inventory()
    assert (store.run_folder / shown).read_text() == "later [redacted]"


def test_name_that_phasegate_would_use_meanwhile_is_of_no_use_to_a_program(attempt: Path) -> None:
    os.mkfifo(attempt / ".a.txt.part")
    (attempt / "a.txt").write_text(SECRET)
    (entry,) = store_of(attempt).inventory()
    assert entry.path == "evidence/unit/1/a.txt"


def test_more_files_than_are_kept_are_removed_and_said(attempt: Path) -> None:
    for number in range(250):
        (attempt / f"{number:03}").write_text("x")
    found, notes = swept(attempt.parents[1])
    assert found == [f"unit/1/{number:03}" for number in range(100)]
    assert list(map(sentence, notes)) == [
        "programs left more evidence than 100 files and folders, 32 inside each other: 150 were removed"
    ]
    assert len(list(attempt.iterdir())) == 100


def test_files_of_phasegate_itself_are_all_kept(attempt: Path) -> None:
    store = store_of(attempt)
    folder = store.folder("unit", 1)
    mine = [folder.write(f"{number:03}", "x") for number in range(30)]
    (attempt / "000-a-program").write_text("x")
    known = {store.run_folder / shown for shown in mine}
    found = list(Sweep(store.path, Redactor(), known=known, notes=[], limit=0).files())
    assert set(found) == known


def test_links_and_special_files_are_removed_and_said(attempt: Path) -> None:
    (attempt / "a").symlink_to("/etc/passwd")
    (attempt / "b").symlink_to("/etc")
    os.mkfifo(attempt / "c")
    found, notes = swept(attempt.parents[1])
    assert found == []
    assert list(map(sentence, notes)) == ["3 links or special files in the evidence were removed"]
    assert Path("/etc/passwd").exists()


def test_folders_inside_each_other_without_end_are_removed(attempt: Path) -> None:
    (attempt / "a.txt").write_text("x")
    here = Path.cwd()
    os.chdir(attempt)
    try:
        for _ in range(3_000):
            Path("d").mkdir()
            os.chdir("d")
        Path("f").write_text("x")
    finally:
        os.chdir(here)
    found, notes = swept(attempt.parents[1])
    assert found == ["unit/1/a.txt"]
    assert "32 inside each other: 1 were removed" in sentence(notes[0])


def test_tree_is_removed_and_what_links_lead_to_stays(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "f").write_text("x")
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "link").symlink_to(tmp_path / "kept")
    (tree / "a" / "b" / "f").write_text("x")
    (tree / "a" / "b").chmod(0)
    remove_tree(tree)
    assert not tree.exists()
    assert (tmp_path / "kept" / "f").exists()


def test_folder_that_its_program_closed_is_looked_into(attempt: Path) -> None:
    (attempt / "p").mkdir()
    (attempt / "p" / "f").write_text(SECRET)
    (attempt / "p").chmod(0)
    assert [entry.path for entry in store_of(attempt).inventory()] == ["evidence/unit/1/p/f"]


def test_folder_of_an_attempt_that_its_program_removed_is_made_again(attempt: Path) -> None:
    folder = store_of(attempt).folder("unit", 1)
    folder.path.rmdir()
    assert folder.write("a.txt", "a") == "evidence/unit/1/a.txt"

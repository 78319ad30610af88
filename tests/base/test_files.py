"""Whatever a program leaves where a file is looked for, looking and reading come to an end."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base import files
from phasegate.base.errors import ObservationError
from phasegate.base.files import find_files, open_file, printable, read_file, refuse_way_out
from phasegate.render.sentences import sentence
from tests.telling import raises


def names(root: Path, pattern: str, limit: int = 100) -> list[str]:
    return [file.relative_to(root).as_posix() for file in find_files(root, pattern, limit).files]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.xml", "b.txt", "x/a.xml", "x/y/a.xml", "x/y/c.xml", ".hidden/a.xml", "x[1]/a.xml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a.xml", ["a.xml"]),
        ("*.xml", ["a.xml"]),
        ("?.txt", ["b.txt"]),
        ("[ab].*", ["a.xml", "b.txt"]),
        ("x/*/a.xml", ["x/y/a.xml"]),
        ("x/**/a.xml", ["x/a.xml", "x/y/a.xml"]),
        ("**/y/*.xml", ["x/y/a.xml", "x/y/c.xml"]),
        ("**/**/c.xml", ["x/y/c.xml"]),
        ("x/**", ["x/a.xml", "x/y/a.xml", "x/y/c.xml"]),
        ("*/a.xml", [".hidden/a.xml", "x/a.xml", "x[1]/a.xml"]),
        ("x[[]1]/a.xml", ["x[1]/a.xml"]),
        ("*/gone/a.xml", []),
        ("gone/*.xml", []),
        ("gone.xml", []),
        ("a.xml/*", []),
    ],
)
def test_pattern_finds_files_in_order(tree: Path, pattern: str, found: list[str]) -> None:
    assert names(tree, pattern) == found
    assert names(tree, str(tree / pattern)) == found
    assert find_files(tree, pattern, 100).problems == ()


def test_more_files_than_asked_for_are_counted(tree: Path) -> None:
    found = find_files(tree, "x/**/*.xml", 2)
    assert [file.name for file in found.files] == ["a.xml", "a.xml"]
    assert found.total == 3


def test_search_through_too_many_names_ends_and_says_so(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "NAMES", 3)
    assert "the search ended after 3 names" in sentence(find_files(tree, "**/*.xml", 100).problems[0])


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path has 107 bytes at most
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


LEFT: dict[str, tuple[Callable[[Path], object], str]] = {
    "FIFO": (os.mkfifo, "is a FIFO (named pipe), no file"),
    "socket": (_socket, "is a socket, no file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is a device, no file"),
    "terminal": (lambda path: path.symlink_to("/dev/ptmx"), "is a device, no file"),
    "link to nothing": (lambda path: path.symlink_to("gone"), "cannot be read: no such file"),
    "link to itself": (lambda path: path.symlink_to(path.name), "cannot be read: too many"),
    "link out": (lambda path: path.symlink_to("/etc/passwd"), "is a link that leads out of the folder"),
    "folder": (Path.mkdir, "is a folder, no file"),
    "sparse file": (_sparse, "has 1,099,511,627,776 bytes; at most 1,000 are read"),
}


@given(st.lists(st.sampled_from(sorted(LEFT)), min_size=1, max_size=4))
def test_nothing_that_is_no_file_holds_the_search_or_the_reading_up(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("left")
    (folder / "right.xml").write_text("right")
    for number, kind in enumerate(kinds):
        LEFT[kind][0](folder / f"{number}.xml")
    found = find_files(folder, "*.xml", 100)
    large = sum(kind == "sparse file" for kind in kinds)
    unsaid = sum(kind == "folder" for kind in kinds)
    assert len(found.files) == 1 + large
    assert len(found.problems) == len(kinds) - large - unsaid
    for number, kind in enumerate(kinds):
        one = find_files(folder, f"{number}.xml", 100)
        why = LEFT[kind][1]
        if one.files:
            with pytest.raises(ObservationError) as caught:
                read_file(one.files[0], "it", 1_000)
            assert why in sentence(caught.value.message)
        else:
            assert why in sentence(one.problems[0])


@pytest.mark.parametrize("kind", ["FIFO", "socket", "device", "terminal", "folder", "link to nothing"])
def test_only_a_regular_file_is_opened(tmp_path: Path, kind: str) -> None:
    LEFT[kind][0](tmp_path / "x")
    with raises(ObservationError, match=r"^it (is|cannot)"):
        open_file(tmp_path / "x", "it")


def test_link_counts_below_the_root_and_below_what_the_pattern_names(tmp_path: Path) -> None:
    root, cache = tmp_path / "root", tmp_path / "cache"
    for folder in (root / "build", cache / "logs"):
        folder.mkdir(parents=True)
    (root / "build/a.xml").write_text("a")
    (cache / "logs/b.xml").write_text("b")
    (root / "latest.xml").symlink_to("build/a.xml")
    (root / "testlogs").symlink_to(cache)
    (root / "build/out.xml").symlink_to(cache / "logs/b.xml")
    (root / "build/away").symlink_to(cache / "logs")
    assert names(root, "latest.xml") == ["latest.xml"]
    assert names(root, "testlogs/**/*.xml") == ["testlogs/logs/b.xml"]
    assert names(root, "build/*.xml") == ["build/a.xml"]
    assert names(root, "build/*/b.xml") == []
    assert names(root, "build/**/*.xml") == ["build/a.xml"]
    assert "leads out" in sentence(find_files(root, "build/out.xml", 1).problems[0])
    refuse_way_out(root / "latest.xml", root, "it")
    with raises(ObservationError, match="leads out of the folder"):
        refuse_way_out(root / "build/out.xml", root, "it")


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").symlink_to(tmp_path)
    (tmp_path / "c.xml").write_text("c")
    assert names(tmp_path, "**/*.xml") == ["c.xml"]


def test_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 100)
    plain = files.os.fstat

    def growing(handle: int) -> os.stat_result:
        status = plain(handle)
        with path.open("ab") as file:
            file.write(b"x" * 1_000_000)
        return status

    monkeypatch.setattr(files.os, "fstat", growing)
    with raises(ObservationError, match="changed while it was read"):
        read_file(path, "it", 1 << 30)


@given(st.binary(min_size=1, max_size=255))
def test_any_name_is_told_on_one_line_of_valid_text(name: bytes) -> None:
    shown = printable(os.fsdecode(name))
    assert shown.isprintable()
    shown.encode()
